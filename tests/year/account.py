"""What a year came to, held against what Baton promises. Each function names what was wrong; nothing is right."""

import json
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

from app.runtime import Runtime
from tests.feeding import rows
from tests.year.world import STEP, Message, Person, World

QUIET_FROM, QUIET_UNTIL = time(21), time(8)
CAPS = ((3, timedelta(days=7)), (2, timedelta(days=1)))  # what the most active get at most
HOUR = timedelta(hours=1)
RAW = ("{{", "{%", "[FIRST", "None", "<b>")


def wrongs(world: World) -> list[str]:
    """Everything that should not have happened."""
    handed = _handed(world.runtime)
    found = [
        f"{person.email} on {message.at}: {message.name}: {wrong}"
        for person in world.people
        for message in person.got
        for wrong in _wrong_with(message, person, handed.get(person.email, []))
    ]
    return [*found, *_late(world), *_endless(world), *_unfinished(world)]


def _wrong_with(message: Message, person: Person, handed: list[datetime]) -> Iterator[str]:
    at = message.at
    if not person.agrees(at):
        yield "they had not agreed"
    if person.unreachable_since is not None and person.unreachable_since <= at:
        yield "their mailbox does not exist"
    if talk := person.talk_at(at):
        yield f"they were in conversation ({talk})"
    if any(opened <= at for opened in handed):
        yield "sales had them, and had not judged"
    for most, span in CAPS:
        # Days are counted on the wall: once a year one has 23 hours
        lately = sum(at - span + HOUR < other.at <= at for other in person.got)
        if lately > most:
            yield f"the {lately}th within {span.days} days"
    if message.name.startswith("Education") and not any(at - timedelta(days=30) <= day <= at for day in person.orders):
        yield "their last order is more than 30 days ago"
    if not QUIET_UNTIL <= at.astimezone(person.zone).time() < QUIET_FROM:
        yield f"it was {at.astimezone(person.zone):%H:%M} there"
    said = json.dumps(message.said, ensure_ascii=False)
    yield from (f"it holds {sign}" for sign in RAW if sign in said)


def _handed(runtime: Runtime) -> dict[str, list[datetime]]:
    """Address → when the contact was handed to sales, which never judges anybody in this world."""
    emails = {row.id: row.email for row in rows(runtime, "contacts", "id", "email")}
    found: dict[str, list[datetime]] = {}
    for row in rows(runtime, "handoffs", "contact_id", "opened_at", "status"):
        if row.status in ("open", "claimed"):
            found.setdefault(emails[row.contact_id], []).append(row.opened_at)
    return found


def _late(world: World) -> Iterator[str]:
    """Timers that rang early, late, or not at all."""
    begun, ended = world.outage
    for row in rows(world.runtime, "events", "occurred_at", "received_at", "contact_id", type="timer.due"):
        soon = (ended if begun <= row.occurred_at < ended else row.occurred_at) + STEP
        if not row.occurred_at <= row.received_at <= soon:
            yield f"contact {row.contact_id}: a timer of {row.occurred_at} rang at {row.received_at}"
    for row in rows(world.runtime, "timers", "contact_id", "key", "due_at"):
        if row.due_at <= world.clock() - STEP:
            yield f"contact {row.contact_id}: the timer {row.key} of {row.due_at} has not rung"


def _endless(world: World) -> Iterator[str]:
    """Enrolments without one end within their longest time."""
    longest = {one.id: one.document for one in world.runtime.rulebook().policies.sequences.newest.by_id.values()}
    for row in rows(world.runtime, "enrolments", "contact_id", "sequence", "entered_at", "ended_at", "exit"):
        by = row.entered_at + timedelta(days=longest[row.sequence].max_days) + STEP
        if (row.ended_at is None) != (row.exit is None):
            yield f"contact {row.contact_id} left {row.sequence} at {row.ended_at} for the reason {row.exit}"
        if (row.ended_at or world.clock()) > by:
            yield f"contact {row.contact_id} is in {row.sequence} longer than {longest[row.sequence].max_days} days"


def _unfinished(world: World) -> Iterator[str]:
    for row in rows(world.runtime, "inbox", "id", "status", "reason"):
        if row.status != "done":
            yield f"inbox {row.id} is {row.status}: {row.reason}"
    for row in rows(world.runtime, "deliveries", "id", "status", "reason"):
        if row.status not in ("sent", "withheld", "pending"):
            yield f"delivery {row.id} is {row.status}: {row.reason}"


def summary(world: World) -> dict[str, Any]:
    """What has to be the same wherever the same year is lived through."""
    emails = {row.id: row.email for row in rows(world.runtime, "contacts", "id", "email")}
    decided = rows(world.runtime, "decisions", "contact_id", "rule", "outcome", "summary", "at")
    ended = rows(world.runtime, "enrolments", "contact_id", "sequence", "entered_at", "ended_at", "exit")
    return {
        "enrolments": sorted((emails[r.contact_id] or "", r.sequence, r.entered_at, r.exit or "") for r in ended),
        "messages": sorted((person.number, m.at, m.name) for person in world.people for m in person.got),
        "decisions": sorted((emails[r.contact_id] or "", r.at, r.rule, r.outcome, r.summary) for r in decided),
    }
