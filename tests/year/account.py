"""What a year came to, held against what Baton promises. Each function names what was wrong; nothing is right."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import msgspec

from app.contacts.contact import Contact
from app.rules.passing import is_due
from app.runtime import Runtime
from tests.feeding import rows
from tests.year.world import STEP, Message, Person, World

QUIET_FROM, QUIET_UNTIL = time(21), time(8)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CAPS = ((3, 7 * DAY), (2, DAY))  # what the most active get at most
# After how long a silence how many messages may come in which time, and which ones; () are all
LADDER = ((180 * DAY, 0, DAY, ()), (90 * DAY, 1, 14 * DAY, ("Re-engagement",)), (30 * DAY, 1, 7 * DAY, ()))
# How far apart those of one name are at least, give or take a night that one of them waited through
APART = {
    "Welcome": 400 * DAY,
    "Pricing follow-up": 30 * DAY,
    "Product follow-up": 30 * DAY,
    "Download follow-up": 7 * DAY,
    "Re-engagement": 180 * DAY,
}
NIGHT = timedelta(hours=12)
# The shipped sequences, the one with the highest priority first: how far apart somebody comes in, and its messages
SEQUENCES = {
    "post_purchase": (30 * DAY, ("Education start", "Education habit", "Education more")),
    "welcome": (400 * DAY, ("Welcome",)),
    "re_engagement": (180 * DAY, ("Re-engagement",)),
    "interest_nurture": (90 * DAY, ("Interest nurture",)),
}
PATIENCE = 14 * DAY  # so long re-engagement waits for an answer, and has the person for itself
_contact = msgspec.json.Decoder(Contact).decode
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
    return [*found, *_late(world), *_endless(world), *_out_of_place(world), *_unfinished(world)]


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
    yield from _too_often(message, person)
    yield from _against_their_silence(message, person)
    if message.name.startswith("Education") and not any(at - 30 * DAY <= day <= at for day in person.orders):
        yield "their last order is more than 30 days ago"
    if message.name == "Abandoned checkout":
        begun = person.checkouts[message.said["order"]]
        if any(begun < day < at for day in person.orders):
            yield "they had ordered"
    if not QUIET_UNTIL <= at.astimezone(person.zone).time() < QUIET_FROM:
        yield f"it was {at.astimezone(person.zone):%H:%M} there"
    said = json.dumps(message.said, ensure_ascii=False)
    yield from (f"it holds {sign}" for sign in RAW if sign in said)


def _too_often(message: Message, person: Person) -> Iterator[str]:
    """Over all messages, by how long they had been silent, and by the message's own name."""
    at = message.at
    silent = at - max((sign for sign in person.signs if sign <= at), default=at)
    caps = list(CAPS)
    for silence, most, span, names in LADDER:
        if silent > silence:
            caps.append((most, span))
            if names and message.name not in names:
                yield f"they had been silent for {silent.days} days"
            break
    for most, span in caps:
        # Days are counted on the wall: once a year one has 23 hours
        lately = sum(at - span + HOUR < other.at <= at for other in person.got)
        if lately > most:
            yield f"the {lately}th within {span.days} days, {silent.days} days after they were heard of"
    apart = APART.get(message.name, timedelta()) - NIGHT
    if any(other.name == message.name and timedelta() < at - other.at < apart for other in person.got):
        yield f"they had got the same less than {apart.days + 1} days before"


def _against_their_silence(message: Message, person: Person) -> Iterator[str]:
    """While they are asked whether to go on, and after they gave no answer."""
    at = message.at
    asked = max((one.at for one in person.got if one.name == "Re-engagement" and one.at < at), default=None)
    if asked is None or any(asked < sign <= at for sign in person.signs):
        return
    if any(asked < begun <= at and begun < asked + PATIENCE for begun, _ in person.talks.values()):
        return  # a conversation ended it
    yield f"they were asked on {asked} whether to go on, and had not answered"


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
    # What comes due after the last look before the outage would have rung at the first one within it
    begun, ended = world.outage[0] - STEP, world.outage[1]
    rung = rows(world.runtime, "events", "occurred_at", "received_at", "contact_id", "body", type="timer.due")
    names = Counter((row.contact_id, json.loads(row.body)["properties"]["timer"], row.occurred_at) for row in rung)
    for (contact_id, name, at), times in names.items():
        if times > 1:
            yield f"contact {contact_id}: the timer {name} of {at} rang {times} times"
    for row in rung:
        soon = (ended if begun < row.occurred_at < ended else row.occurred_at) + STEP
        if not row.occurred_at <= row.received_at <= soon:
            yield f"contact {row.contact_id}: a timer of {row.occurred_at} rang at {row.received_at}"
    for row in rows(world.runtime, "timers", "contact_id", "key", "due_at"):
        if row.due_at <= world.clock() - STEP:
            yield f"contact {row.contact_id}: the timer {row.key} of {row.due_at} has not rung"
    for row in rows(world.runtime, "contacts", "id", "state"):
        if is_due(_contact(row.state), world.clock() - STEP):
            yield f"contact {row.id}: something was due, and nobody looked"


def _endless(world: World) -> Iterator[str]:
    """Enrolments without one end within their longest time."""
    longest = {one.id: one.document for one in world.runtime.rulebook().policies.sequences.newest.by_id.values()}
    for row in rows(world.runtime, "enrolments", "contact_id", "sequence", "entered_at", "ended_at", "exit"):
        by = row.entered_at + timedelta(days=longest[row.sequence].max_days) + STEP
        if (row.ended_at is None) != (row.exit is None):
            yield f"contact {row.contact_id} left {row.sequence} at {row.ended_at} for the reason {row.exit}"
        if (row.ended_at or world.clock()) > by:
            yield f"contact {row.contact_id} is in {row.sequence} longer than {longest[row.sequence].max_days} days"


def _out_of_place(world: World) -> Iterator[str]:
    """Ways through sequences that went on when they were over, began again too soon, or did not wait for their turn."""
    emails = {row.id: row.email for row in rows(world.runtime, "contacts", "id", "email")}
    runs = rows(world.runtime, "enrolments", "contact_id", "sequence", "entered_at", "ended_at")
    by_person: dict[Person, list[Any]] = {}
    for run in runs:
        by_person.setdefault(world.by_email[emails[run.contact_id]], []).append(run)
    for person, mine in by_person.items():
        for run in mine:
            yield from (f"{person.email} stayed in {run.sequence}: {why}" for why in _over(run, person, world.clock()))
            gap = SEQUENCES[run.sequence][0]
            if any(
                one.sequence == run.sequence and timedelta() < run.entered_at - one.entered_at < gap for one in mine
            ):
                yield f"{person.email} came into {run.sequence} again on {run.entered_at}"
        yield from _out_of_turn(person, mine, world.clock())


def _over(run: Any, person: Person, now: datetime) -> Iterator[str]:
    """What happened while somebody was in a sequence that should have let them out."""
    noes = [at for at, yes in person.agreed if not yes]
    ends = {"they said no": noes, "they talked with sales": [begun for begun, _ in person.talks.values()]}
    ends["their mailbox was gone"] = [person.unreachable_since] if person.unreachable_since else []
    if run.sequence != "post_purchase":
        ends["they had bought"] = person.orders
    for why, moments in ends.items():
        if any(run.entered_at < at < (run.ended_at or now) for at in moments):
            yield why


def _out_of_turn(person: Person, mine: list[Any], now: datetime) -> Iterator[str]:
    order = list(SEQUENCES)
    for message in person.got:
        number = next((number for number, (_, names) in enumerate(SEQUENCES.values()) if message.name in names), 0)
        for run in mine:
            # What was to leave in the morning still does where another begins in the night
            began, lasts = run.entered_at < message.at - NIGHT, message.at < (run.ended_at or now)
            if run.sequence in order[:number] and began and lasts:
                yield f"{person.email} on {message.at}: {message.name}: {run.sequence} goes first"


def _unfinished(world: World) -> Iterator[str]:
    for row in rows(world.runtime, "inbox", "id", "status", "reason"):
        if row.status != "done":
            yield f"inbox {row.id} is {row.status}: {row.reason}"
    for row in rows(world.runtime, "deliveries", "id", "status", "reason"):
        if row.status not in ("sent", "withheld", "pending"):
            yield f"delivery {row.id} is {row.status}: {row.reason}"


def limits(world: World) -> set[str]:
    """The gates that were, at least once, all that kept a message back: without them it would have been sent."""
    found = set()
    for row in rows(world.runtime, "decisions", "what", "outcome", "gates"):
        failed = {gate["name"] for gate in json.loads(row.gates) if not gate["passed"]}
        if row.what == "message" and row.outcome == "withheld" and len(failed) == 1:
            found |= failed
    return found


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
