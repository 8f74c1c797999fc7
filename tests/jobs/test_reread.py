"""Payloads are read again after a mapping was mended: contacts are as if it had been right from the start, and nobody
is told of old news.

Catalogue: A10 (replay after a mapping is mended), C7 (provenance).
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from app import drafts
from app.mapping import rereading
from app.runtime import Runtime
from app.store import erasures, rereads, tables
from app.store.engine import Conflict
from app.store.rereads import Reread
from jobs import reread, sweep
from mappings.mapping import shipped_text
from mappings.writing import put_row, rows_of
from tests.conftest import NOW, Clock
from tests.feeding import arrive, contact, contacts, drain, form, hubspot, klaviyo, notice, rows

ANN = "ann@acme.example"
ADMIN = "ada@example.com"


def mend(runtime: Runtime, *changes: tuple[int | None, dict[str, Any]], name: str = "hubspot") -> None:
    """Publish the mapping with these rows, each at its place or at the end, a moment later."""
    assert isinstance(runtime.clock, Clock)
    runtime.clock.advance(seconds=1)
    with runtime.database.read() as conn:
        text = drafts.in_force_text(conn, "mapping", name)
    for number, row in changes:
        text = put_row(text, len(rows_of(text)) if number is None else number, row)
    draft = drafts.save(runtime, ADMIN, "mapping", name, text, 0)
    drafts.publish(runtime, ADMIN, "mapping", name, draft.revision, "mended")


def again(runtime: Runtime, name: str = "hubspot", days: int = 7, **more: Any) -> Reread:
    """Read again until it is over, and take in what comes of it."""
    number = rereading.begin(runtime, ADMIN, name, days, **more)
    while reread.go_on(runtime):
        pass
    drain(runtime)
    with runtime.database.read() as conn:
        found = rereads.find(conn, number)
    assert found is not None
    return found


def number_of(field: str) -> int:
    return next(at for at, row in enumerate(rows_of(shipped_text("hubspot"))) if row["contact"] == field)


ROLE = (None, {"contact": "job_title", "vendor": "role_title"})


@pytest.fixture
def told(runtime: Runtime, clock: Clock) -> Runtime:
    """Ann's job came under a new name three days ago and yesterday."""
    hubspot(runtime)
    clock.advance(days=-3)
    for name, value in (("email", ANN), ("role_title", "Head of Sales"), ("hs_stage", "in talks")):
        arrive(runtime, "hubspot", [notice(clock.now, 7, name=name, value=value)], at=clock.now)
    drain(runtime)
    clock.advance(days=2, hours=1)
    arrive(runtime, "hubspot", [notice(clock.now, 7, name="role_title", value="Chief")], at=clock.now)
    drain(runtime)
    clock.now = NOW
    return runtime


def test_contacts_get_the_values_that_were_missed_each_as_of_when_it_was_said(told: Runtime, clock: Clock) -> None:
    assert "job_title" not in contact(told, hubspot="7")["fields"]
    mend(told, ROLE)
    assert rereading.preview(told, "hubspot", 7).differing == 2
    done = again(told)
    assert (done.status, done.total, done.seen, done.differing, done.contacts) == ("done", 4, 4, 2, 1)
    shown = contact(told, hubspot="7")
    assert shown["fields"]["job_title"] == "Chief"
    said = shown["provenance"]["job_title"]
    assert (said["connection"], said["mapping"]) == ("hubspot", "hubspot@1")
    assert said["at"] == NOW - timedelta(hours=23)


def test_reading_again_twice_changes_nothing_more(told: Runtime) -> None:
    mend(told, ROLE)
    again(told)
    before = rows(told, "contacts", "state"), len(rows(told, "events"))
    done = again(told)
    assert (done.differing, done.contacts) == (0, 0)
    assert (rows(told, "contacts", "state"), len(rows(told, "events"))) == before


def test_newer_word_stays_also_when_it_reaches_us_later(told: Runtime, clock: Clock) -> None:
    mend(told, ROLE)
    form(told, email=ANN, job_title="Founder", at=NOW)
    drain(told)
    again(told)
    assert contact(told, email=ANN)["fields"]["job_title"] == "Founder"


def test_word_that_reaches_us_late_is_held_against_when_values_were_said(told: Runtime, clock: Clock) -> None:
    mend(told, ROLE)
    clock.advance(minutes=5)
    again(told)
    yesterday = clock.now.replace(hour=18, day=21)
    arrive(told, "hubspot", [notice(yesterday, 7, name="jobtitle", value="Founder")])
    earlier = clock.now.replace(hour=1, day=20)
    arrive(told, "hubspot", [notice(earlier, 7, name="jobtitle", value="Clerk")])
    drain(told)
    assert contact(told, hubspot="7")["fields"]["job_title"] == "Founder"


def test_what_was_read_wrongly_is_taken_back(told: Runtime) -> None:
    mend(told, (None, {"contact": "company", "vendor": "role_title"}))
    again(told)
    assert contact(told, hubspot="7")["fields"]["company"] == "Chief"
    mend(told, (len(rows_of(shipped_text("hubspot"))), ROLE[1]))
    again(told)
    fields = contact(told, hubspot="7")["fields"]
    assert ("company" in fields, fields["job_title"]) == (False, "Chief")


def test_what_was_read_again_goes_with_the_events_of_whoever_is_erased(told: Runtime) -> None:
    mend(told, ROLE)
    again(told)
    assert len(rows(told, "readings")) == 2
    with told.database.write() as conn:
        erasures.drop_events(conn, [row.seq for row in rows(told, "events", "seq")])
    assert not rows(told, "readings")
    assert again(told).differing == 0, "nothing comes back of it"


def test_who_is_erased_while_it_is_read_leaves_nothing_in_what_was_read(
    told: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend(told, ROLE)
    keep = rereads.keep

    def after_erasing(conn: Connection, *args: Any) -> None:
        if told.database.is_sqlite:
            erasures.drop_events(conn, [row.seq for row in conn.execute(select(tables.events.c.seq))])
        else:
            with told.database.write() as other:
                erasures.drop_events(other, [row.seq for row in other.execute(select(tables.events.c.seq))])
        keep(conn, *args)

    monkeypatch.setattr(rereads, "keep", after_erasing)
    again(told)
    assert rows(told, "readings") == []


def test_rolling_back_and_reading_again_is_as_if_nothing_had_been_changed(told: Runtime, clock: Clock) -> None:
    before = contact(told, hubspot="7")["fields"]
    mend(told, ROLE)
    again(told)
    clock.advance(seconds=1)
    draft = drafts.save(told, ADMIN, "mapping", "hubspot", shipped_text("hubspot"), 0)
    drafts.publish(told, ADMIN, "mapping", "hubspot", draft.revision, "as shipped")
    again(told)
    assert contact(told, hubspot="7")["fields"] == before


def test_nobody_is_told_of_old_news(told: Runtime, clock: Clock) -> None:
    klaviyo(told, api_key="pk")
    title = next(
        rule for rule in told.rulebook().documents["scoring"].rules if not rule.on and "job_title" in str(rule.when)
    )
    before = {row.id for row in rows(told, "deliveries", "id", "kind") if row.kind != "upsert_contact"}
    mend(told, ROLE, (None, {"contact": "lifecycle_stage", "vendor": "hs_stage", "values": {"in talks": "sql"}}))
    done = again(told)
    shown = contact(told, hubspot="7")
    assert done.news == 1
    assert shown["lifecycle_stage"] == "sql"
    assert any(one.rule == title.id for one in shown["score"].contributions)
    assert {row.id for row in rows(told, "deliveries", "id", "kind") if row.kind != "upsert_contact"} == before
    assert not rows(told, "handoffs")
    assert again(told).news == 0, "it is in the log by now"


def test_it_goes_on_where_it_was_killed(told: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS", "READS", "CONTACTS"):
        monkeypatch.setattr(reread, name, 1)
    mend(told, ROLE)
    number = rereading.begin(told, ADMIN, "hubspot", 7)
    steps = 0
    while True:
        with told.database.read() as conn:
            found = rereads.find(conn, number)
        assert found is not None
        if not found.is_open:
            break
        reread._step(told, found)
        if found.seen < 4:
            with pytest.raises(Conflict):  # what another process that had stood at the same place would write
                reread._write(told, found, found, reread.Found())
        steps += 1
    drain(told)
    assert steps > 6
    assert (found.seen, found.contacts, contact(told, hubspot="7")["fields"]["job_title"]) == (4, 1, "Chief")


def test_the_sweep_does_it_while_nothing_else_waits(told: Runtime) -> None:
    mend(told, ROLE)
    rereading.begin(told, ADMIN, "hubspot", 7)
    sweep.tick(told, lambda *queues: None, "test")
    drain(told)
    assert contact(told, hubspot="7")["fields"]["job_title"] == "Chief"


def test_another_version_ends_it(told: Runtime) -> None:
    mend(told, ROLE)
    number = rereading.begin(told, ADMIN, "hubspot", 7)
    mend(told, (None, {"contact": "company", "vendor": "odd"}))
    reread.go_on(told)
    with told.database.read() as conn:
        found = rereads.find(conn, number)
    assert found is not None
    assert (found.status, "another version" in found.reason) == ("stopped", True)


def test_only_payloads_with_a_field_and_of_the_span(told: Runtime) -> None:
    mend(told, ROLE, (None, {"contact": "company", "vendor": "hs_stage"}))
    done = again(told, days=1)
    assert (done.total, contact(told, hubspot="7")["fields"].get("company")) == (1, None)
    again(told, vendor="role_title")
    assert "company" not in contact(told, hubspot="7")["fields"]
    again(told, vendor="hs_stage")
    assert contact(told, hubspot="7")["fields"]["company"] == "in talks"


def test_requests_that_could_not_be_read_are_taken_in_with_the_others(runtime: Runtime) -> None:
    hubspot(runtime)
    arrive(runtime, "hubspot", {"properties": {"mail2": ANN, "budget": "9000"}})
    arrive(runtime, "hubspot", {"properties": {"email": "ben@acme.example", "budget": "5000"}})
    form(runtime, email="cy@acme.example", budget="1000")
    drain(runtime)
    assert not contacts(runtime, email=ANN)
    email = number_of("email")
    row = rows_of(shipped_text("hubspot"))[email]
    budget = {"contact": "custom.budget", "vendor": "budget"}
    mend(runtime, (email, {**row, "direction": "in", "vendor": ["mail2", "email"]}), (None, budget))
    assert rereading.preview(runtime, "hubspot", 7).parked == 1
    again(runtime, parked=True)
    for address, said in ((ANN, "9000"), ("ben@acme.example", "5000"), ("cy@acme.example", None)):
        assert contact(runtime, email=address)["fields"].get("custom.budget") == said


def test_address_that_a_row_comes_to_read_makes_one_person_of_two(told: Runtime) -> None:
    form(told, email="ann@private.example", first_name="Ann")
    arrive(told, "hubspot", {"vid": 7, "properties": {"mail2": "ann@private.example"}})
    drain(told)
    assert len({one["id"] for one in (contact(told, hubspot="7"), contact(told, email="ann@private.example"))}) == 2
    email = number_of("email")
    row = rows_of(shipped_text("hubspot"))[email]
    mend(told, (email, {**row, "direction": "in", "vendor": ["mail2", "email"]}))
    again(told)
    assert contact(told, hubspot="7")["id"] == contact(told, email="ann@private.example")["id"]
