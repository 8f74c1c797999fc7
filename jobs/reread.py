"""Payloads are read again after a mapping was mended: a little at a time, while nothing waits, from where it stands.

Each step writes what it found together with how far it has come, so a process that is killed costs one step. Contacts
get one event each with what the mended mapping makes of them; it goes through the inbox like everything else and is
quiet (app/contacts/rereading.py). Nothing is asked of the tool.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import structlog
from msgspec import Struct, field
from msgspec.structs import replace

from adapters.contract import Unreadable
from adapters.snapshot import events_of
from app.contacts.event import Event, EventType, Identity, event_id
from app.contacts.identity import CONTACT, EMAIL, EXTERNAL, PHONE
from app.contacts.own_events import READ_LATER
from app.contacts.rereading import Reading, as_if, correction
from app.runtime import Runtime
from app.store import captured, inbox, log, people, rereads
from app.store.captured import Request
from app.store.connections import Connection
from app.store.engine import Conflict
from app.store.rereads import FINISHED, STOPPED, Known, Reread
from jobs.reading import parsed, stamp
from mappings.listening import Listening
from mappings.mapping import FieldMapping

logger = structlog.get_logger("baton.reread")

STEP_SECONDS = 2.0
REQUESTS, READS, CONTACTS = 100, 1_000, 50  # looked at in one transaction
# What a mapping finds in a payload beside fields. Anything else that is not in the log was left out on purpose
_SIGNALS = frozenset((
    EventType.STAGE_CHANGED, EventType.SALES_VERDICT, EventType.EMAIL_UNSUBSCRIBED, EventType.EMAIL_REPLIED,
    EventType.MEETING_BOOKED,
))  # fmt: skip
_SAY_WHO = frozenset((EMAIL, PHONE, EXTERNAL))


def go_on(runtime: Runtime) -> bool:
    """Read on where something is to be read again, for two seconds; whether there was anything to do."""
    until = time.monotonic() + STEP_SECONDS
    with runtime.database.read() as conn:
        reread = rereads.oldest_open(conn)
    found = reread is not None
    while reread is not None:
        reread = _step(runtime, reread)
        if time.monotonic() >= until:
            break
    return found


def connections_of(runtime: Runtime, name: str) -> list[Connection]:
    """The connections that go by a mapping that is in force."""
    book = runtime.rulebook()
    return [
        one
        for one in runtime.connections().values()
        if runtime.adapter(one).mapping and book.mapping_for(one).name == name
    ]


def _step(runtime: Runtime, reread: Reread) -> Reread | None:
    """One transaction's worth; what to go on with, or None where it is over."""
    mine = connections_of(runtime, reread.name)
    mapping = runtime.rulebook().mapping_for(mine[0]) if mine else None
    if mapping is None or mapping.version != reread.version:
        _end(runtime, reread, STOPPED, "another version of the mapping came into force; read again with that")
        return None
    try:
        for step in (_read_requests, _read_reads, _correct):
            after = step(runtime, reread, mine, mapping)
            if after is not None:
                return after
    except Conflict:  # a contact was merged meanwhile, or the reread was stopped: look again with the next tick
        return None
    _end(runtime, reread, FINISHED)
    return None


def _end(runtime: Runtime, reread: Reread, status: str, reason: str = "") -> None:
    with runtime.database.write() as conn:
        rereads.end(conn, reread.id, status, runtime.clock(), reason)
    logger.info("reread", id=reread.id, status=status, seen=reread.seen, contacts=reread.contacts)


# --- what is read in payloads


class Found(Struct):
    """What a mapping reads in some payloads, held against what was read before."""

    readings: dict[str, Reading] = field(default_factory=dict)
    news: list[Event] = field(default_factory=list)
    failed: int = 0
    differing: int = 0  # payloads that say something else now


def _read_requests(
    runtime: Runtime, reread: Reread, mine: Sequence[Connection], mapping: FieldMapping
) -> Reread | None:
    with runtime.database.read() as conn:
        ids = rereads.next_requests(conn, reread, [one.id for one in mine], REQUESTS)
        asked = captured.several(conn, ids)
    if not ids:
        return None
    found = compare(runtime, mapping, asked, reread.vendor)
    upto = asked[-1].row.id if asked else ids[-1]  # fewer where they are large
    return _write(runtime, reread, replace(reread, last_request=upto, seen=reread.seen + len(asked)), found)


def compare(runtime: Runtime, mapping: FieldMapping, requests: Sequence[Request], vendor: str = "") -> Found:
    """What a mapping reads in requests that is something else than what is known of them. With ``vendor``, only in
    those that hold that field. Nothing is changed."""
    found, read = Found(), []
    for request in requests:
        try:
            events = list(_parsed(runtime, mapping, request, vendor))
        except Unreadable:
            found.failed += 1
            continue
        stamp(events, request.row)
        if events:
            read.append(events)
    every = [event for events in read for event in events]
    apart = {event.id: _apart(event) for event in every if event.type in _SIGNALS}
    with runtime.database.read() as conn:
        known = rereads.known(conn, {*(event.id for event in every), *(one.id for one in apart.values())})
        before = rereads.read_so_far(conn, known.keys())
    for events in read:
        if any(event.id in known for event in events):  # else erased since, or read when Baton named events otherwise
            differs = _hold_against(events, known, before, mapping, found)
            news = [_news(event, known, mapping) for event in _unseen(events, known, apart)]
            found.news += news
            found.differing += bool(differs or news)
    return found


def _unseen(events: Iterable[Event], known: Mapping[str, Known], apart: Mapping[str, Event]) -> Iterator[Event]:
    """The things that happened of which the log does not know."""
    for event in events:
        if event.type not in _SIGNALS or (event.id in known and known[event.id].event.type == event.type):
            continue
        if event.id not in known:
            yield event
        elif apart[event.id].id not in known:  # the log has it as something that said nothing
            yield apart[event.id]


def _parsed(runtime: Runtime, mapping: FieldMapping, request: Request, vendor: str) -> Iterator[Event]:
    """The events in a request; none where it does not hold the field that was asked for."""
    connection = runtime.connections().get(request.row.connection_id)
    if connection is None:
        return
    listening = Listening(mapping)
    events = [
        one for one in parsed(runtime.adapter(connection), connection, listening, request.row) if isinstance(one, Event)
    ]
    if not vendor or any(vendor in properties for properties, _ in listening.heard):
        yield from events


def _hold_against(
    read: Sequence[Event],
    known: Mapping[str, Known],
    before: Mapping[str, Reading],
    mapping: FieldMapping,
    found: Found,
) -> bool:
    differing = False
    for event in read:
        told = known.get(event.id)
        if told is None or told.contact_id is None:
            continue
        last = before.get(event.id)
        fields = _plain(event.fields)
        new = tuple(one for one in event.identities if one.kind in _SAY_WHO and one not in told.event.identities)
        if fields != (last.fields if last else told.event.fields) or set(new) - set(last.identities if last else ()):
            found.readings[event.id] = Reading(mapping.version, fields, new, told.contact_id)
            differing = True
    return differing


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields as the log holds them."""
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(fields))
    return made


def _apart(event: Event) -> Event:
    """A signal as an event beside the one that stands in the log under its name."""
    key = f"{event.source_key}#{event.type}"
    return replace(event, source_key=key, id=event_id(event.connection_id, key))


def _news(event: Event, known: Mapping[str, Known], mapping: FieldMapping) -> Event:
    """Something that happened and that nobody saw: it is applied as of when it happened, and answered by nothing."""
    base = known.get(event_id(event.connection_id, event.source_key.rpartition("#")[0]))
    who = event.identities
    if base is not None and base.contact_id is not None:
        who = (Identity(CONTACT, str(base.contact_id)), *who)
    return replace(
        event, identities=who, properties={**event.properties, READ_LATER: mapping.version}, fields={}, told={}
    )


def _read_reads(runtime: Runtime, reread: Reread, mine: Sequence[Connection], mapping: FieldMapping) -> Reread | None:
    """Contacts as they were read from the tool: what it told of them stands in the log."""
    with runtime.database.read() as conn:
        reads, upto = rereads.next_reads(conn, reread.last_event, [one.id for one in mine], READS)
        before = rereads.read_so_far(conn, [one.event.id for one in reads])
    if upto is None:
        return None
    found = Found()
    for one in reads:
        if reread.vendor and reread.vendor not in one.event.told:
            continue
        base = replace(one.event, fields={}, properties={"source": "read"}, mapping=mapping.version)
        person = one.event.source_key.split("|")[1] if "|" in one.event.source_key else ""
        made = [event for event in events_of(mapping.inbound(base.told), base, person) if event.id == base.id]
        found.differing += _hold_against(made, {one.event.id: one}, before, mapping, found)
    return _write(runtime, reread, replace(reread, last_event=upto), found)


def _write(runtime: Runtime, before: Reread, after: Reread, found: Found) -> Reread:
    after = replace(
        after,
        failed=before.failed + found.failed,
        differing=before.differing + found.differing,
        news=before.news + len(found.news),
    )
    with runtime.database.write() as conn:
        if not rereads.advance(conn, before, after):
            raise Conflict("it was stopped")
        rereads.keep(conn, runtime.database, before.id, found.readings)
        by_connection: dict[int, list[Event]] = {}
        for event in found.news:
            by_connection.setdefault(event.connection_id, []).append(event)
        for connection_id, events in by_connection.items():
            inbox.note(conn, events, runtime.clock(), connection_id)
    return after


# --- what becomes of contacts


def _correct(runtime: Runtime, reread: Reread, mine: Sequence[Connection], mapping: FieldMapping) -> Reread | None:
    now = runtime.clock()
    with runtime.database.read() as conn:
        ids = rereads.next_contacts(conn, reread, CONTACTS)
        if not ids:
            return None
        homes = set(people.survivors(conn, ids).values())
        stored = people.load(conn, homes)
        known_by = people.known_by(conn, homes)
        readings = rereads.of_contacts(conn, homes)
        histories = log.histories(conn, homes)
    events = []
    for contact_id, one in stored.items():
        if one.state.erased_at is not None:
            continue
        history, names = histories[contact_id], {identity for identity, _ in known_by[contact_id]}
        found = [readings[event.id] for event in history if event.id in readings]
        event = correction(
            contact_id,
            one.state.fields,
            as_if(history, readings),
            (identity for reading in found for identity in reading.identities if identity not in names),
            mapping=mapping.version,
            source_key=f"read again|{reread.id}|{contact_id}",
            now=now,
        )
        if event is not None:
            events.append(event)
    after = replace(reread, last_contact=ids[-1], contacts=reread.contacts + len(events))
    with runtime.database.write() as conn:
        if not rereads.advance(conn, reread, after):
            raise Conflict("it was stopped")
        if events:
            inbox.note(conn, events, now)
    return after
