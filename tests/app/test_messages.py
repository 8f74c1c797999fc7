"""Messages as programs and admins look at them: what could be better, and what one would say to anybody.

Catalogue: J4 (render as), J5 (lint), J3 (completeness).
"""

from html import unescape
from pathlib import Path

import pytest
from click.testing import CliRunner

from app import cli
from app.rules.policy import default_documents
from app.runtime import Runtime
from tests.app.doors import Api
from tests.app.screens import Browser, fill, new_app
from tests.feeding import contact, drain, form, visit
from tests.jobs.test_deliver import publish
from tests.rules.test_composing import CONTENT, TRIGGER
from tests.telling import told_once

ANN = "ann@acme.example"


def tell(runtime: Runtime) -> None:
    """Ann, of whom something is known, and Bob, of whom little is."""
    agreed = {"newsletter": "yes", "visitor_id": "ann".ljust(16, "x")}
    form(runtime, "contact", email=ANN, first_name="Ann", company="Acme", phone="+12025550123", **agreed)
    visit(runtime, "ann", "/pricing")
    form(runtime, "newsletter", email="bob@shop.example")
    drain(runtime)


@pytest.fixture
def known(sqlite_runtime: Runtime) -> Runtime:
    told_once(sqlite_runtime, tell)
    return sqlite_runtime


@pytest.fixture
def api(known: Runtime) -> Api:
    return Api(known)


def test_messages_are_listed_with_what_sends_them_and_what_could_be_better(api: Api, known: Runtime) -> None:
    items = {one["id"]: one for one in api.get("/messages")["items"]}
    assert set(items) == set(known.rulebook().policies.content.messages)
    assert [one["id"] for one in items["pricing_follow_up"]["triggers"]] == ["pricing_follow_up"]
    assert items["pricing_follow_up"]["sequences"] == []
    assert items["welcome"]["triggers"] == []
    assert items["welcome"]["sequences"] == [{"id": "welcome", "label": "Welcome"}]
    assert items["abandoned_checkout"]["channels"] == ["email", "sms", "push"]
    assert all(one["findings"] == [] for one in items.values())


def test_what_could_be_better_is_named_with_its_place(api: Api, known: Runtime) -> None:
    messages = [{"id": "m", "label": "M", "subject": "x" * 60, "blocks": [{"text": "Hi."}]}]
    publish(known, "triggers", triggers=[])
    publish(known, "sequences", sequences=[])
    publish(known, "content", messages=messages)
    found = {one["place"]: one["level"] for one in api.get("/messages/m")["findings"]}
    assert found == {"message m, subject": "error", "message m, preview": "warning", "message m": "warning"}


def test_message_is_rendered_as_a_real_contact_with_the_event_that_it_follows(api: Api, known: Runtime) -> None:
    ann = contact(known, email=ANN)["id"]
    (found,) = api.get(f"/messages/pricing_follow_up/render?contact={ann}")["items"]
    assert found["contact_id"] == ann
    assert found["suits"]
    assert found["follows"]["type"] == "page.viewed"
    assert found["rendered"]["body_text"].startswith("Hi Ann,")
    assert found["blocks"][0] == {"block": "greeting", "variant": 1, "reason": "for everybody", "generic": False}
    assert {gate["name"]: gate["passed"] for gate in found["gates"]}["reachable"]


def test_message_of_a_sequence_follows_the_event_that_lets_people_in(api: Api, known: Runtime) -> None:
    ann = contact(known, email=ANN)["id"]
    (found,) = api.get(f"/messages/welcome/render?contact={ann}")["items"]
    assert found["follows"]["type"] == "form.submitted"


def test_message_is_rendered_as_the_emptiest_contact_and_as_nobody_at_all(api: Api, known: Runtime) -> None:
    bob = contact(known, email="bob@shop.example")["id"]
    emptiest, nobody = api.get("/messages/pricing_follow_up/render?contact=emptiest")["items"]
    assert (emptiest["contact_id"], nobody["contact_id"]) == (bob, None)
    for one in (emptiest, nobody):
        assert one["rendered"]["body_text"].startswith("Hi there,")
        assert "first_name" in one["fell_back"]
    failed = [gate for gate in nobody["gates"] if not gate["passed"]]
    assert failed[0]["detail"] == "no e-mail address is known"


def test_who_would_read_nothing_of_their_own_is_told(api: Api) -> None:
    _, nobody = api.get("/messages/interest_nurture/render?contact=emptiest")["items"]
    assert not nobody["suits"]
    assert nobody["reason"] == "“More on what you care about” needs what is not known: interest"
    assert nobody["missing"] == ["interest"]


def test_message_is_rendered_by_another_of_its_channels(api: Api, known: Runtime) -> None:
    ann = contact(known, email=ANN)["id"]
    (found,) = api.get(f"/messages/abandoned_checkout/render?contact={ann}&channel=sms")["items"]
    assert found["rendered"]["body_text"].startswith("Your basket is still here. Go on: https://")
    assert found["rendered"]["body_html"] == ""
    assert {gate["name"]: gate["detail"] for gate in found["gates"]}[
        "consent"
    ] == "no consent for sms marketing is on record"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/messages/none", 404, "there is no such message"),
        ("/messages/none/render?contact=1", 404, "there is no such message"),
        ("/messages/welcome/render", 400, 'contact is an id, or "emptiest"'),
        ("/messages/welcome/render?contact=ann", 400, "contact is an id"),
        ("/messages/welcome/render?contact=999", 404, "there is no such contact"),
        ("/messages/welcome/render?contact=1&channel=sms", 400, "channel is one of email"),
    ],
)
def test_what_does_not_exist_is_told(api: Api, path: str, status: int, said: str) -> None:
    assert said in api.get(path, status)["error"]


def test_emptiest_is_nobody_where_there_are_no_contacts(sqlite_runtime: Runtime) -> None:
    (nobody,) = Api(sqlite_runtime).get("/messages/welcome/render?contact=emptiest")["items"]
    assert nobody["contact_id"] is None


# --- screens


@pytest.fixture
def admin(sqlite_runtime: Runtime) -> Browser:
    fill(sqlite_runtime)
    return Browser(new_app(sqlite_runtime), "admin")


def test_screen_shows_the_message_the_variants_and_whether_it_may_be_sent(admin: Browser) -> None:
    page = admin.read("/admin/messages/pricing_follow_up?contact=ann@acme.example")
    assert "Which plan fits?" in page
    assert "Hi Ann," in page
    assert "Sent when: Looked at the pricing page." in page
    assert "Is not in conversation with sales" in page


def test_screens_name_the_sequences_that_send_a_message(admin: Browser) -> None:
    assert "Part of the sequence Welcome." in admin.read("/admin/messages/welcome")
    page = admin.read("/admin/messages")
    assert "Part of the sequence Welcome." in page
    assert "No trigger and no sequence sends it." not in page


def test_messages_whose_texts_stand_in_the_tool_are_named_too(admin: Browser) -> None:
    page = admin.read("/admin/messages")
    elsewhere = page[page.index("With texts of the tool") :]
    assert "Download follow-up" in elsewhere
    assert "Sent when: Downloaded something." in elsewhere
    assert "Welcome" not in elsewhere


def test_preview_cannot_run_or_open_anything(admin: Browser) -> None:
    page = admin.read("/admin/messages/welcome?contact=eve@hostile.example")
    assert page.count('sandbox="allow-same-origin" srcdoc="') == 2
    assert "<script>alert" not in page


def test_whom_nobody_knows_is_told(admin: Browser) -> None:
    page = admin.read("/admin/messages/welcome?contact=nobody@nowhere.example")
    assert "Nobody goes by “nobody@nowhere.example”." in page
    assert admin.get("/admin/messages/none").status_code == 404


def test_list_says_that_the_shipped_texts_go_to_nobody_real(admin: Browser) -> None:
    page = unescape(admin.read("/admin/messages"))
    link = '<a href="/admin/policies/content/content/">Rules, Messages</a>'
    assert f"The content's site is still https://www.example.com: publish it with your own under {link}." in page


# --- command line


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(cli.main, ["policy", *arguments])
    return found.exit_code, found.output


def test_content_file_is_linted(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTENT)
    (tmp_path / "shipped.yaml").write_text(default_documents()["content"].text)
    code, said = run("lint", str(tmp_path / "c.yaml"))
    assert code == 0
    assert "warning: message receipt" not in said, "a receipt may say the same to everybody"
    assert "warning: message nurture: same body but for tokens; give a block variants" in said
    assert run("lint", str(tmp_path / "shipped.yaml")) == (0, "9 messages, 0 things could be better\n")


def test_files_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CONTENT)
    (tmp_path / "t.yaml").write_text(TRIGGER.format(content="nurtur", more=""))
    code, said = run("validate", str(tmp_path / "c.yaml"), str(tmp_path / "t.yaml"))
    assert code == 1
    assert 'names the content "nurtur", which is not one of its messages; did you mean "nurture"?' in said
    assert run("lint", str(tmp_path / "t.yaml"))[1] == (
        f"Error: {tmp_path}/t.yaml: only content can be looked through; its kind is triggers\n"
    )
