"""All policies as files on the screens: taken away, looked at, brought back as drafts. Catalogue: N9."""

import io
import re
import zipfile
from html import unescape
from typing import Any

import pytest

from app import drafts as acts
from app import policy_files
from app.runtime import Runtime
from app.store import drafts
from mappings.document import InvalidDocument
from tests.app.screens import SITE, Browser, new_app

HERE = "/admin/policies/"


@pytest.fixture
def admin(sqlite_runtime: Runtime) -> Browser:
    return Browser(new_app(sqlite_runtime), "admin")


def in_force(runtime: Runtime) -> dict[str, str]:
    with runtime.database.read() as conn:
        return policy_files.as_files(policy_files.in_force(conn))


def upload(admin: Browser, *files: tuple[str, bytes]) -> Any:
    sent = [(io.BytesIO(body), name) for name, body in files]
    return admin.client.post(f"{HERE}upload", base_url=SITE, data={"csrf_token": admin.token(HERE), "file": sent})


def fields(page: str) -> dict[str, str]:
    """What the page's form would send."""
    texts = re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', page, re.S)
    known = dict(re.findall(r'<input type="hidden" name="(revision\d+)" value="(\d+)"', page))
    return known | {name: unescape(text) for name, text in texts}


def draft(runtime: Runtime, kind: str) -> drafts.Draft | None:
    with runtime.database.read() as conn:
        return drafts.find(conn, kind, kind)


def test_everything_is_taken_away_and_brings_nothing_new_back(sqlite_runtime: Runtime, admin: Browser) -> None:
    assert "Download all" in admin.read(HERE)
    body = admin.get(f"{HERE}all.zip").data
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert {one: archive.read(one).decode() for one in archive.namelist()} == in_force(sqlite_runtime)
    assert "in force already" in upload(admin, ("all.zip", body)).text
    assert admin.get(f"{HERE}all.zip").data == body, "the same policies make the same archive"


def test_what_files_change_is_seen_before_it_becomes_drafts(sqlite_runtime: Runtime, admin: Browser) -> None:
    files = in_force(sqlite_runtime)
    files["handoff.yaml"] = files["handoff.yaml"].replace("value: 50", "value: 61")
    files["scoring.yaml"] += "# <ours>\n"
    page = upload(admin, ("all.zip", policy_files.pack(files))).text
    assert page.count(" as a draft</label>") == 2
    assert "61" in page
    assert draft(sqlite_runtime, "handoff") is None, "looking keeps nothing"
    said = admin.says(admin.post(f"{HERE}drafts", {**fields(page), "take": ["1", "2"]}))
    assert "Kept as drafts: Handoffs to sales and Scoring" in said
    again = upload(admin, ("all.zip", policy_files.pack(files))).text
    assert "The draft says just this already" in again
    assert "Keep what is ticked" not in again
    for kind in ("handoff", "scoring"):
        kept = draft(sqlite_runtime, kind)
        assert kept is not None
        assert kept.body == files[f"{kind}.yaml"]


def test_a_draft_that_somebody_writes_meanwhile_stays(sqlite_runtime: Runtime, admin: Browser) -> None:
    text = in_force(sqlite_runtime)["scoring.yaml"]
    seen = fields(upload(admin, ("scoring.yaml", f"{text}# mine\n".encode())).text)
    theirs = acts.save(sqlite_runtime, "Ben", "scoring", "scoring", f"{text}# theirs\n", 0)
    assert "somebody has changed since" in admin.says(admin.post(f"{HERE}drafts", {**seen, "take": "1"}))
    assert draft(sqlite_runtime, "scoring") == theirs
    page = upload(admin, ("scoring.yaml", f"{text}# mine\n".encode())).text
    assert "There is a draft by Ben" in page
    assert "checked" not in page, "nobody's draft is replaced unasked"
    assert "Kept" in admin.says(admin.post(f"{HERE}drafts", {**fields(page), "take": "1"}))
    assert "nothing was ticked" in admin.says(admin.post(f"{HERE}drafts"))


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.yaml", b"kind: nonsense\n", "a.yaml: kind is"),
        ("a.yaml", b"\xff\xfe", "not a text in UTF-8"),
        ("a.zip", b"PK\x03\x04 and no more", "cannot be opened"),
        ("a.zip", policy_files.pack({"readme.txt": "no"}), "There is no YAML file"),
        ("a.zip", policy_files.pack({"a.yaml": "x" * (policy_files.MOST_BYTES + 1)}), "more than 2 MiB"),
    ],
)
def test_what_cannot_be_read_is_said(admin: Browser, name: str, body: bytes, said: str) -> None:
    answer = upload(admin, (name, body))
    assert answer.status_code == 400
    assert said in unescape(answer.text)
    assert "Nothing was kept" in answer.text


def test_all_files_together_have_a_limit() -> None:
    with pytest.raises(InvalidDocument, match="send fewer"):
        policy_files.unpack([(f"{number}.yaml", b"#" * 1024 * 1024) for number in range(3)])


def test_only_admins_bring_files_in(sqlite_runtime: Runtime) -> None:
    marketer = Browser(new_app(sqlite_runtime), "marketer")
    page = marketer.read(HERE)
    assert "Download all" in page
    assert "Files to bring in" not in page
    assert marketer.post(f"{HERE}drafts").status_code == 403
