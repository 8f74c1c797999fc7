"""The audit log: every write is in it, and people find in it who changed what."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from app.api.operation import OPERATIONS
from app.rules.policy import default_documents, read_document
from app.runtime import Runtime
from app.store import access, audited, notes, policies, tables
from tests.app.screens import HOSTILE, PASSWORD, Browser, fill, new_app
from tests.conftest import Clock
from tests.feeding import rows
from tests.sequences_story import review_of

# A form for every route that changes something, in an order in which each can be done; ``{…}`` are ids of the story
HANDOFF = default_documents()["handoff"].text + "# a line more\n"
SCORING = default_documents()["scoring"].text + "# a line more\n"
WRITES: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    ("pause", "/admin/connections/hubspot/pause", {"reason": "tidying"}),
    ("resume", "/admin/connections/hubspot/resume", {}),
    ("check", "/admin/connections/hubspot/check", {}),
    ("connect_add", "/admin/connect/klaviyo", {"name": "shop", "set-api_key": "pk_a-key-of-ours"}),
    ("connection_change", "/admin/connections/shop/settings", {"set-list": "abc"}),
    ("pause_all", "/admin/pause", {"reason": "tidying"}),
    ("resume_all", "/admin/resume", {}),
    ("replay", "/admin/inbox/{parked}/replay", {}),
    ("replay_several", "/admin/inbox/replay", {"id": "{read}"}),
    ("retry", "/admin/deliveries/{dead}/retry", {}),
    ("retry_several", "/admin/deliveries/retry", {"all": "yes", "connection": "hubspot"}),
    ("claim", "/admin/handoffs/{handoff}/claim", {}),
    ("judge", "/admin/handoffs/{handoff}/verdict", {"verdict": "won"}),
    ("sequences_pause", "/admin/sequences/pause", {"reason": "tidying"}),
    ("sequences_resume", "/admin/sequences/resume", {}),
    ("sequence_pause", "/admin/sequences/guide_follow_up/pause", {"reason": "tidying"}),
    ("sequence_resume", "/admin/sequences/guide_follow_up/resume", {}),
    ("sequence_moved", "/admin/sequences/guide_follow_up/move", {"to": "welcome", "version": "sequences@2"}),
    ("contact_enters", "/admin/contacts/{eve}/sequences", {"sequence": "post_purchase"}),
    ("contact_stops", "/admin/contacts/{inside}/sequences/guide_follow_up/stop", {}),
    ("review_answer", "/admin/reviews/{review}", {"answer": "hand_over"}),
    ("conflict_settle", "/admin/conflicts/{conflict}/settle", {"value": "Bonn"}),
    ("merge_undo", "/admin/merges/{merge}/undo", {"reason": "two people"}),
    ("merge_rejoin", "/admin/merges/{merge}/rejoin", {}),
    ("user_invite", "/admin/users", {"email": "new@team.example", "role": "viewer"}),
    ("user_role", "/admin/users/{user}/role", {"role": "sales"}),
    ("user_name", "/admin/users/{user}/name", {"name": "Vic"}),
    ("user_end_sessions", "/admin/users/{user}/end-sessions", {}),
    ("user_reset", "/admin/users/{user}/reset", {}),
    ("user_shut_out", "/admin/users/{user}/shut-out", {}),
    ("user_let_in", "/admin/users/{user}/let-in", {}),
    ("token_create", "/admin/tokens", {"name": "made", "scope": "read"}),
    ("token_revoke", "/admin/tokens/revoke", {"name": "made"}),
    (
        "mapping_row_change",
        "/admin/mappings/hubspot/row",
        {"contact": "city", "vendor": "town", "direction": "in", "blank": "keep"},
    ),
    ("mapping_row_remove", "/admin/mappings/hubspot/remove", {"row": "1", "over": "yes"}),
    ("mapping_own", "/admin/mappings/forms/own", {}),
    ("mapping_again_begin", "/admin/mappings/forms/again", {"days": "7"}),
    ("mapping_again_stop", "/admin/mappings/forms/again/stop", {"reread": "1"}),
    ("policy_save", "/admin/policies/scoring/scoring/", {"body": SCORING, "base": "1"}),
    ("policies_kept", "/admin/policies/drafts", {"take": "1", "text1": HANDOFF}),
    ("import_begin", "/admin/import/{import}/begin", {"column0": "email"}),
    ("import_stop", "/admin/import/{import}/stop", {}),
    ("policy_discard", "/admin/policies/scoring/scoring/discard", {"revision": "1"}),
    ("policy_save", "/admin/policies/scoring/scoring/", {"body": SCORING, "base": "1"}),
    ("rehearsal_ask", "/admin/rehearsals/", {"draft": "scoring/scoring", "span": "7"}),
    ("rehearsal_again", "/admin/rehearsals/{rehearsal}/again", {}),
    ("rehearsal_cancel", "/admin/rehearsals/{asked}/cancel", {}),
    ("policy_published", "/admin/policies/scoring/scoring/publish", {"revision": "3", "note": "why not"}),
    ("erase_contact", "/admin/contacts/{eve}/erase", {"typed": "eve@hostile.example"}),
    ("erase_named", "/admin/erasures", {"who": "nobody@nowhere.example", "sure": "yes"}),
    ("let_in", "/admin/erasures/let-in", {"who": "nobody@nowhere.example"}),
    ("erased_by_hand", "/admin/erasures/{erasure}/by-hand", {"connection": "hubspot"}),
    (
        "policy_rolled_back",
        "/admin/policies/scoring/scoring/roll-back",
        {"version": "1", "in_force": "2", "note": "no"},
    ),
)
# Those that need a visitor of their own, a file, a tool that answers, or to have seen what they do;
# `tests/app/test_accounts.py`, `test_imports.py`, `tests/jobs/test_send_test.py` and the test below go through them
BY_THEMSELVES = {"sign_in", "sign_out", "password", "invitation_accept", "mapping_send"}
BY_THEMSELVES |= {"import_upload", "import_connection", "policies_upload"}


def entries(runtime: Runtime) -> int:
    with runtime.database.read() as conn:
        return conn.execute(select(func.count()).select_from(tables.audit)).scalar_one()


def test_every_route_that_changes_something_is_in_the_audit_log(sqlite_runtime: Runtime) -> None:
    ids = fill(sqlite_runtime)
    inside = rows(sqlite_runtime, "enrolments", "contact_id", sequence="guide_follow_up", exit=None)[0].contact_id
    ids = {**ids, "inside": inside, "review": review_of(sqlite_runtime), "asked": ids["rehearsal"] + 1}
    app = new_app(sqlite_runtime)
    admin = Browser(app, "admin")
    changing = {
        rule.endpoint.removeprefix("admin.")
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("admin.") and "POST" in (rule.methods or ())
    }
    assert changing == {route for route, _, _ in WRITES} | BY_THEMSELVES, (
        "a route that changes something belongs into WRITES"
    )
    for route, path, fields in WRITES:
        before = entries(sqlite_runtime)
        filled = {name: _with_ids(value, ids) for name, value in fields.items()}
        answer = admin.post(_with_ids(path, ids), filled, on="/admin/account")
        assert answer.status_code in (200, 303), f"{route}: {answer.status} {answer.get_data(as_text=True)[-600:]}"
        assert entries(sqlite_runtime) > before, f"{route} leaves nothing in the audit log"
    unnamed = {row.what for row in rows(sqlite_runtime, "audit", "what")} - _named()
    assert not unnamed, "they have no name in app/admin/words/changes.py"


def _with_ids(text: str, ids: Mapping[str, int]) -> str:
    for name, row_id in ids.items():
        text = text.replace(f"{{{name}}}", str(row_id))
    return text


def _named() -> set[str]:
    from app.admin import words

    assert {name.partition(".")[0] for name in words.CHANGES} <= words.CHANGE_SUBJECTS.keys()
    return set(words.CHANGES)


def test_coming_and_going_is_in_it_too(sqlite_runtime: Runtime) -> None:
    with sqlite_runtime.database.write() as conn:
        access.create_user(conn, "ann@team.example", "Ann", "admin", PASSWORD, sqlite_runtime.clock())
    browser = Browser(new_app(sqlite_runtime))
    browser.post("/admin/login", {"email": "ann@team.example", "password": PASSWORD}, on="/admin/login")
    browser.post("/admin/account/password", {"old": PASSWORD, "new": "another sentence of mine"}, on="/admin/account")
    browser.post("/admin/logout")
    said = [(row.who, row.what) for row in rows(sqlite_runtime, "audit", "who", "what")]
    assert said == [("ann@team.example", f"user.{what}") for what in ("sign_in", "password", "sign_out")]


def test_every_operation_that_changes_something_asks_for_more_than_looking() -> None:
    # They are sent a text, and tell what is wrong with it or what it would do
    only_looks = {"/policies/validate", "/mappings/{connection}/preview", "/mappings/{connection}/effect"}
    changing = [one for one in OPERATIONS if one.method != "GET" and one.path not in only_looks]
    assert {one.needs for one in changing} <= {access.WORK, access.MANAGE}


# --- finding something in it


@pytest.fixture
def told(runtime: Runtime, clock: Clock) -> Runtime:
    """Sixty entries of two people, a day apart each."""
    with runtime.database.write() as conn:
        for number in range(60):
            who = ("ann@team.example", "token crm")[number % 2]
            what = ("inbox.replay", "user.role", "connection.paused")[number % 3]
            at = clock.now - timedelta(days=60 - number)
            notes.write_audit(conn, who, what, f"thing {number % 4}", at, before="viewer", after="admin")
    return runtime


def found(runtime: Runtime, **asked: Any) -> list[int]:
    """The ids of all entries that are found, page by page."""
    ids, before = list[int](), None
    while True:
        with runtime.database.read() as conn:
            turn = audited.page(conn, 7, before, **asked)
        ids += [row["id"] for row in turn.rows]
        if turn.older is None:
            return ids
        before = turn.older


def test_pages_hold_every_entry_once(told: Runtime) -> None:
    assert found(told) == list(range(60, 0, -1))


def test_entries_are_found_by_person_thing_subject_and_time(told: Runtime, clock: Clock) -> None:
    assert found(told, who="token crm") == list(range(60, 0, -2))
    assert found(told, on="thing 3") == list(range(60, 0, -4))
    assert found(told, subject="user") == [one for one in range(60, 0, -1) if one % 3 == 2]
    since, until = clock.now - timedelta(days=10), clock.now - timedelta(days=5)
    assert found(told, since=since, until=until) == [55, 54, 53, 52, 51]
    assert found(told, who="token crm", subject="user", since=since) == [56]
    assert found(told, who="nobody") == found(told, since=clock.now) == []


def test_the_screen_filters_and_leads_to_what_was_changed(sqlite_runtime: Runtime, clock: Clock) -> None:
    ids = fill(sqlite_runtime)
    with sqlite_runtime.database.write() as conn:
        notes.write_audit(conn, "ann@team.example", "inbox.replay", str(ids["parked"]), clock.now)
        notes.write_audit(conn, "ann@team.example", "user.role", "bea@team.example", clock.now, "", "sales", "admin")
    marketer = Browser(new_app(sqlite_runtime), "marketer")
    page = marketer.read("/admin/audit?who=ann@team.example")
    assert f'href="/admin/inbox/{ids["parked"]}"' in page
    assert "Had requests read again" in page
    assert "sales</s> → admin" in page
    assert "Paused a connection" not in page
    assert "Paused a connection" in marketer.read("/admin/audit?subject=connection")
    assert "Nothing was changed here" in marketer.read("/admin/audit?last=2020-01-01")
    today = f"{clock.now:%Y-%m-%d}"
    assert "Gave a user another role" in marketer.read(f"/admin/audit?first={today}&last={today}")
    assert HOSTILE not in marketer.read("/admin/audit")


def test_a_publication_shows_which_lines_it_changed(sqlite_runtime: Runtime, clock: Clock) -> None:
    text = default_documents()["scoring"].text
    changed = text.replace("version", "version", 1) + "# a line more\n"
    with sqlite_runtime.database.write() as conn:
        number = policies.publish(conn, read_document(changed, "scoring"), "ann", "why not", clock.now)
        notes.write_audit(conn, "ann", "policy.publish", f"scoring@{number}", clock.now, "why not")
    (entry,) = rows(sqlite_runtime, "audit", "id")
    page = unescape(Browser(new_app(sqlite_runtime), "admin").read(f"/admin/audit/{entry.id}"))
    assert '<span class="new">+ # a line more</span>' in page
    assert 'class="gone"' not in page


def test_nobody_but_those_who_work_with_it_may_look(sqlite_runtime: Runtime) -> None:
    app: Flask = new_app(sqlite_runtime)
    assert [Browser(app, role).get("/admin/audit").status_code for role in ("viewer", "sales", "marketer")] == [
        403, 403, 200,
    ]  # fmt: skip
