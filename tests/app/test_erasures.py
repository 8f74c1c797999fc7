"""Erasing people by API, screens and command line, and disclosing what is kept about them. Catalogue: N8."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.runtime import Runtime
from tests.app.doors import Api
from tests.app.screens import Browser, new_app
from tests.conftest import KEY
from tests.feeding import contact, contacts, drain, form, rows

ANN, BOB = "ann@acme.example", "bob@globex.example"


@pytest.fixture
def known(sqlite_runtime: Runtime) -> Runtime:
    form(sqlite_runtime, "trial", email=ANN, first_name="Ann")
    form(sqlite_runtime, "trial", email=BOB, first_name="Bob")
    drain(sqlite_runtime)
    return sqlite_runtime


def test_an_address_is_erased_by_api_only_when_that_is_meant(known: Runtime) -> None:
    api = Api(known)
    assert "cannot be undone" in api.post("/erasures", 400, who=ANN)["error"]
    assert contact(known, email=ANN)

    made = api.post("/erasures", 202, who=ANN.upper(), confirm=True)

    assert contacts(known, email=ANN) == []
    assert contact(known, email=BOB)
    (listed,) = api.walk("/erasures", 1)
    assert listed["id"] == made["id"]
    assert listed["asked_by"] == "token tests"
    assert api.get(f"/contacts/{made['contact_id']}")["erased_at"]
    assert ANN not in json.dumps(listed)
    assert "is no e-mail address" in api.post("/erasures", 400, who="ann", confirm=True)["error"]


def test_a_contact_is_erased_by_its_number(known: Runtime) -> None:
    api, ann = Api(known), contact(known, email=ANN)["id"]
    api.post(f"/contacts/{ann}/erase", 400)
    api.post(f"/contacts/{ann}/erase", 202, confirm=True)
    assert contacts(known, email=ANN) == []
    api.post("/contacts/99/erase", 404, confirm=True)
    api.post("/erasures/let-in", 400, who=BOB)
    api.post("/erasures/let-in", 200, who=ANN)


def test_on_the_screen_the_name_has_to_be_typed(known: Runtime) -> None:
    admin, ann = Browser(new_app(known), "admin"), contact(known, email=ANN)["id"]
    page = f"/admin/contacts/{ann}"
    assert "If they ask for their data" in admin.read(page)

    admin.post(f"{page}/erase", {"typed": BOB}, on=page)
    assert "what you typed is not" in admin.read(page)
    assert contact(known, email=ANN)

    answer = admin.post(f"{page}/erase", {"typed": ANN}, on=page)
    assert answer.status_code == 303
    assert "Forgotten here" in admin.read(answer.location)
    assert contacts(known, email=ANN) == []
    assert "Erasure 1" in admin.read("/admin/erasures")
    assert "If they ask" not in admin.read(page)


def test_everything_that_is_kept_about_somebody_is_disclosed(known: Runtime) -> None:
    ann = contact(known, email=ANN)["id"]
    found = Api(known).get(f"/contacts/{ann}/export")
    assert found["contact"]["email"] == ANN
    assert [one["type"] for one in found["events"]] == ["form.submitted"]
    assert {one["contact_id"] for one in found["decisions"]} == {ann}
    (request,) = found["requests"]
    assert json.loads(request["body"])["first_name"] == "Ann"
    assert BOB not in json.dumps(found)

    admin = Browser(new_app(known), "admin")
    answer = admin.get(f"/admin/contacts/{ann}/everything.json")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="contact-{ann}.json"'
    assert answer.json == found
    said = [(row.who, row.on) for row in rows(known, "audit", "who", "what", "on") if row.what == "contact.export"]
    assert said == [("token tests", str(ann)), ("admin@team.example", str(ann))]


def test_who_else_bears_the_name_is_not_disclosed(known: Runtime) -> None:
    for email in (ANN, "other-ann@acme.example"):
        form(known, "trial", email=email, first_name="Ann", last_name="Lee")
    drain(known)
    ann = contact(known, email=ANN)
    assert [one["email"] for one in ann["possible_duplicates"]] == ["other-ann@acme.example"]
    found = Api(known).get(f"/contacts/{ann['id']}/export")
    assert found["contact"]["name"] == "Ann Lee"
    assert {one["value"] for one in found["contact"]["aliases"]} == {ANN}
    assert "other-ann" not in json.dumps(found)


def test_the_command_line_does_the_same(known: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", known.settings.database_url)
    monkeypatch.setenv("BATON_HOME", str(tmp_path))
    monkeypatch.setenv("BATON_SECRET_KEY", KEY)

    def baton(*said: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, said)
        assert done.exit_code == code, done.output
        return done.output

    assert json.loads(baton("subject-access", ANN))["contact"]["email"] == ANN
    assert "nobody goes by it" in baton("subject-access", "nobody@nowhere.example", code=1)
    assert "is no e-mail address" in baton("erase", "ann", "--yes", code=1)
    assert "Forgotten here (erasure 1)" in baton("erase", ANN, "--yes")
    assert contacts(known, email=ANN) == []
    assert "contact 1  " in baton("erasure", "list")
    kept = tmp_path / "kept-out.json"
    baton("erasure", "export", str(kept))
    assert ANN not in kept.read_text()
    assert "0 were here again" in baton("erasure", "again", str(kept))
    assert "let in again" in baton("erasure", "let-in", ANN)
    assert "nobody of this name" in baton("erasure", "let-in", ANN, code=1)
