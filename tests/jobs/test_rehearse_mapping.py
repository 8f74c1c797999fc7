"""A drafted mapping is rehearsed: stored payloads are read by it, and what would have come of that is said. Nothing is
sent or changed.

Catalogue: N2 (a draft mapping, and which fields change), D5.
"""

import socket
from datetime import timedelta
from typing import Any

import pytest

from app import drafts
from app import rehearsal as asking
from app.rules.difference import LESS, MORE, OTHER, Filled
from app.rules.policy import DEFAULTS
from app.runtime import Runtime
from app.setup import add_connection
from app.store import erasures, rehearsals
from app.store.rehearsals import RUNNING, Rehearsal
from jobs import recasting, rehearse
from mappings.mapping import shipped_text
from mappings.writing import put_row, remove_row, rows_of
from tests.conftest import NOW, Clock
from tests.feeding import arrive, contact, drain, form, hubspot, klaviyo, notice, rows
from tests.jobs.test_rehearse import StopsAfter, changes, found, of, rehearsed, state_of

ANN, BEN = "ann@acme.example", "ben@acme.example"


def drafted(*changed: tuple[int | None, dict[str, Any]], text: str | None = None) -> str:
    """The shipped mapping with these rows, each at its place or at the end."""
    text = text or shipped_text("hubspot")
    for number, row in changed:
        text = put_row(text, len(rows_of(text)) if number is None else number, row)
    return text


def number_of(field: str) -> int:
    return next(at for at, row in enumerate(rows_of(shipped_text("hubspot"))) if row["contact"] == field)


def ask(runtime: Runtime, *texts: str, days: float = 7, **more: Any) -> int:
    labeled = [(f"text {number}", text) for number, text in enumerate(texts)]
    return asking.ask(runtime, "test", labeled, runtime.clock() - timedelta(days=days), **more)


ROLE = (None, {"contact": "job_title", "vendor": "role_title"})


@pytest.fixture
def told(runtime: Runtime, clock: Clock) -> Runtime:
    """Ann's job came under a name that no row reads, three days ago and yesterday; Ben's company did as it should."""
    hubspot(runtime)
    klaviyo(runtime, api_key="k")
    clock.advance(days=-3)
    for name, value in (("email", ANN), ("role_title", "Head of Sales"), ("hs_stage", "in talks")):
        arrive(runtime, "hubspot", [notice(clock.now, 7, name=name, value=value)], at=clock.now)
    for name, value in (("email", BEN), ("company", "Acme")):
        arrive(runtime, "hubspot", [notice(clock.now, 8, name=name, value=value)], at=clock.now)
    drain(runtime)
    clock.advance(days=2, hours=1)
    arrive(runtime, "hubspot", [notice(clock.now, 7, name="role_title", value="Chief")], at=clock.now)
    drain(runtime)
    clock.now = NOW
    return runtime


def id_of(runtime: Runtime, email: str) -> int:
    number: int = contact(runtime, email=email)["id"]
    return number


def test_a_mapping_that_is_in_force_differs_from_itself_in_nothing(told: Runtime) -> None:
    done = rehearsed(told, ask(told, shipped_text("hubspot")))
    assert (done.payloads, done.payloads_read, done.tally.payloads.read) == (6, 6, 6)
    assert (done.tally.payloads.otherwise, done.tally.differing, done.kept) == (0, 0, 0)
    assert done.tally.ours["email"] == Filled(now=2, draft=2)


def test_fields_that_a_draft_would_have_filled_are_counted_and_shown_contact_by_contact(told: Runtime) -> None:
    done = rehearsed(told, ask(told, drafted(ROLE)))
    assert done.tally.payloads.otherwise == 2
    assert done.tally.ours["job_title"] == Filled(draft=1, more=1)
    assert done.tally.differing == 1
    (change,) = changes(told, done.id, effect="field")
    assert (change.contact_id, change.change.rule, change.change.side) == (id_of(told, ANN), "job_title", MORE)
    assert change.change.now is None
    assert change.change.draft is not None
    assert (change.change.draft.summary, change.change.draft.policy) == ("Chief", "hubspot@draft")
    assert change.change.draft.at == NOW - timedelta(hours=23)


def test_what_other_tools_would_be_told_is_held_against_what_they_are_told_now(told: Runtime) -> None:
    form(told, "newsletter", email=ANN, newsletter="yes", at=NOW)
    drain(told)
    told.clock.advance(minutes=1)  # type: ignore[attr-defined]
    done = rehearsed(told, ask(told, drafted(ROLE)))
    assert done.tally.told["klaviyo: title"].more == 1
    (change,) = changes(told, done.id, effect="told", rule="klaviyo: title")
    assert change.change.draft is not None
    assert change.change.draft.summary == "Chief"


def test_a_row_that_is_taken_out_leaves_its_field_empty(told: Runtime) -> None:
    done = rehearsed(told, ask(told, remove_row(shipped_text("hubspot"), number_of("company"))))
    assert done.tally.ours["company"] == Filled(now=1, less=1)
    (change,) = changes(told, done.id, effect="field")
    assert (change.contact_id, change.change.side) == (id_of(told, BEN), LESS)


def test_another_value_is_held_against_the_one_that_there_is(told: Runtime) -> None:
    row = {"contact": "company", "vendor": "company", "transform": ["upper"]}
    done = rehearsed(told, ask(told, drafted((number_of("company"), row))))
    (change,) = changes(told, done.id, effect="field")
    assert change.change.side == OTHER
    assert change.change.now is not None
    assert change.change.draft is not None
    assert (change.change.now.summary, change.change.draft.summary) == ("Acme", "ACME")


def test_only_what_came_within_the_span_is_read_by_the_draft(told: Runtime) -> None:
    done = rehearsed(told, ask(told, drafted(ROLE), days=1.5))
    assert done.payloads_read == 1
    assert done.tally.ours["job_title"].more == 1
    nothing = rehearsed(told, ask(told, drafted(ROLE), days=0.5))
    assert (nothing.payloads_read, nothing.tally.differing) == (0, 0)


def test_points_stages_and_what_follows_are_decided_by_what_the_draft_reads(told: Runtime, clock: Clock) -> None:
    stage = {"contact": "lifecycle_stage", "vendor": "hs_stage", "values": {"in talks": "sql"}}
    done = rehearsed(told, ask(told, drafted(ROLE, (None, stage))))
    assert (done.tally.scores.higher, done.tally.scores.lower) == (1, 0)
    (change,) = changes(told, done.id, effect="stage")
    assert (change.contact_id, change.change.side) == (id_of(told, ANN), MORE)
    assert of(done, "stage").really == of(done, "stage").now == 0
    assert of(done, "segment entered").more == 1


def test_values_without_a_place_and_payloads_of_which_nothing_comes_are_counted(told: Runtime) -> None:
    row = {"contact": "company", "vendor": "company", "values": {"Beta": "Beta"}}
    skips = {"contact": "job_title", "vendor": "role_title", "blank": "skip"}
    arrive(told, "hubspot", [notice(NOW, 7, name="role_title", value="")], at=NOW)
    drain(told)
    told.clock.advance(minutes=1)  # type: ignore[attr-defined]
    counted = rehearsed(told, ask(told, drafted((number_of("company"), row), (None, skips)))).tally.payloads
    assert (counted.held_now, counted.held_draft) == (0, 1)
    assert (counted.lost_now, counted.lost_draft) == (0, 1)


def test_a_parked_request_that_the_draft_can_read_is_among_what_would_have_happened(
    told: Runtime, clock: Clock
) -> None:
    add_connection(told, "make", "make", {"source_token": "t"})
    arrive(told, "make", {"lead": {"mail": BEN, "job": "Chief of Staff"}})
    arrive(told, "make", {"lead": {"mail": "new@acme.example"}})
    drain(told)
    assert len(rows(told, "inbox", "id", status="parked")) == 2
    clock.advance(minutes=1)
    text = "kind: mapping\nname: make\nfields:\n- {contact: email, vendor: lead.mail}\n"
    text += "- {contact: job_title, vendor: lead.job}\n"
    done = rehearsed(told, ask(told, text))
    assert done.tally.ours["job_title"].more == 1
    (change,) = changes(told, done.id, effect="field", rule="job_title")
    assert change.contact_id == id_of(told, BEN)
    counted = done.tally.payloads
    assert (counted.lost_now, counted.lost_draft, counted.elsewho) == (2, 0, 1)


def test_a_mapping_and_rules_are_rehearsed_together(told: Runtime) -> None:
    alone = rehearsed(told, ask(told, drafted(ROLE)))
    assert alone.tally.scores.over_draft == 0
    text = (DEFAULTS / "scoring.yaml").read_text(encoding="utf-8")
    text = text.replace("threshold: 50", "threshold: 5").replace("rearm_below: 40", "rearm_below: 1")
    both = rehearsed(told, ask(told, drafted(ROLE), text))
    only = rehearsed(told, ask(told, text))
    assert both.tally.scores.over_draft > only.tally.scores.over_draft
    assert both.tally.ours["job_title"].more == 1


def test_the_mapping_of_one_connection_is_held_against_what_that_goes_by_now(told: Runtime) -> None:
    own = drafted(ROLE).replace("name: hubspot", "name: hubspot.hubspot")
    assert rehearsed(told, ask(told, own)).tally.ours["job_title"].more == 1
    with pytest.raises(asking.NotRehearsed, match="no connection goes by"):
        ask(told, shipped_text("mailchimp"))


def test_it_sends_nothing_and_changes_nothing(told: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a rehearsal speaks to nobody")

    if not told.database.is_sqlite:
        pytest.skip("a database behind a socket is spoken to")
    form(told, "newsletter", email=ANN, newsletter="yes", at=NOW)
    drain(told)
    told.clock.advance(minutes=1)  # type: ignore[attr-defined]
    asked = ask(told, drafted(ROLE))
    before = state_of(told)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket.socket, "connect_ex", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    assert rehearsed(told, asked).tally.differing
    assert state_of(told) == before
    assert before["deliveries"]


def test_one_that_was_stopped_while_it_read_payloads_goes_on_and_comes_to_the_same(
    told: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rehearsed(told, ask(told, drafted(ROLE)))
    again = ask(told, drafted(ROLE))
    monkeypatch.setattr(recasting, "REQUESTS", 2)
    monkeypatch.setattr(rehearse, "STEP_SECONDS", 0.0)
    rehearse.work(told, "first", StopsAfter(2))
    half = found(told, again)
    assert (half.status, half.payloads, half.payloads_read, half.seen) == (RUNNING, 6, 4, 0)
    done = rehearsed(told, again)
    assert done.tally == whole.tally
    assert [one.change for one in changes(told, again)] == [one.change for one in changes(told, whole.id)]


def test_what_was_read_goes_with_the_rehearsal_and_with_whoever_is_erased(told: Runtime) -> None:
    done = rehearsed(told, ask(told, drafted(ROLE)))
    assert len(rows(told, "rehearsal_events")) == 2
    with told.database.write() as conn:
        erasures.drop_person(conn, id_of(told, ANN), NOW)
    assert rows(told, "rehearsal_events") == []
    rehearsed(told, ask(told, drafted(ROLE)))
    with told.database.write() as conn:
        for number in (done.id, done.id + 1):
            rehearsals.drop(conn, number)
    assert rows(told, "rehearsal_events") == []


def test_what_is_published_meanwhile_changes_nothing(told: Runtime, clock: Clock) -> None:
    asked = ask(told, drafted(ROLE))
    draft = drafts.save(told, "ann", "mapping", "hubspot", drafted(ROLE), 0)
    drafts.publish(told, "ann", "mapping", "hubspot", draft.revision, "mended")
    done: Rehearsal = rehearsed(told, asked)
    assert done.tally.ours["job_title"] == Filled(draft=1, more=1)


def test_a_form_says_another_answer(told: Runtime, clock: Clock) -> None:
    form(told, email=ANN, company="Beta", at=NOW)
    drain(told)
    clock.advance(minutes=1)
    text = shipped_text("forms").replace("{contact: company, vendor: company}", "{contact: industry, vendor: company}")
    done = rehearsed(told, ask(told, text.replace("  - {contact: industry, vendor: industry}\n", "")))
    assert {name for name, count in done.tally.ours.items() if count.differing} == {"company", "industry"}
