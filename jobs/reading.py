"""From stored requests to events: the adapter reads each, and what has to be asked of the vendor is asked, in batches.

Nothing here holds a transaction: a vendor may take its time. What a vendor cannot tell now lets the row wait; what
cannot be read at all is parked with its reason, item by item where a request holds several.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct, field

from adapters.contract import (
    Adapter,
    BadItem,
    ConnectionRefused,
    Parsed,
    Record,
    RetryLater,
    Unknown,
    Unreadable,
    WebhookRequest,
)
from adapters.http import recording
from adapters.outcomes import outcome_of
from app.contacts.event import Event, EventType, Identity, Ref, event_id
from app.contacts.times import EPOCH
from app.runtime import Runtime
from app.store import budgets, shadows
from app.store.connections import Connection
from app.store.imports import IMPORT
from app.store.inbox import NOTED, InboxRow
from app.store.polls import POLL
from jobs import snapshots
from mappings.listening import Listening
from mappings.mapping import FieldMapping

log = structlog.get_logger("baton.ingest")

FUTURE = timedelta(minutes=5)
LINKS_HOLD = timedelta(minutes=10)  # how long we believe which contacts a deal or thread is about
READ_HOLDS = timedelta(days=30)  # how long a contact counts as read; what changes comes by webhook
GIVE_UP = timedelta(hours=24)
MAX_IDENTITIES, MAX_IDENTITY = 1_000, 500  # of one event; characters
MIN_SECRET = 8  # characters; what is shorter is a word
_GONE = frozenset((EventType.CONTACT_DELETED, EventType.CONTACT_ERASED))

_decode_own = msgspec.json.Decoder(list[Event]).decode


class Reading(Struct):
    """A row as it was read. ``parked`` or ``wait`` say why there are no events (yet)."""

    row: InboxRow
    events: list[Event] = field(default_factory=list)
    bad: list[BadItem] = field(default_factory=list)
    parked: str = ""
    wait: str = ""


def read_rows(runtime: Runtime, rows: Sequence[InboxRow]) -> list[Reading]:
    """Read rows into events, with everything that has to be known before it is clear whom they are about."""
    connections = runtime.connections()
    readings = [_read(runtime, row, connections.get(row.connection_id)) for row in rows]
    by_connection: dict[int, list[Reading]] = {}
    for reading in readings:
        if reading.events and reading.row.kind != NOTED:
            by_connection.setdefault(reading.row.connection_id, []).append(reading)
    for connection_id, same in by_connection.items():
        _leave_out_old(runtime, connections[connection_id], same)
        _complete(runtime, connections[connection_id], same)
    return readings


def _leave_out_old(runtime: Runtime, connection: Connection, readings: Sequence[Reading]) -> None:
    """Take what polling shows as no event where it is no news."""
    polled = [reading for reading in readings if reading.row.kind in (POLL, IMPORT)]
    if polled:
        adapter, mapping = runtime.adapter(connection), runtime.rulebook().mapping_for(connection)
        with runtime.database.read() as conn:
            for reading in polled:
                reading.events = snapshots.news(conn, connection.id, adapter, mapping, reading.events)


def _read(runtime: Runtime, row: InboxRow, connection: Connection | None) -> Reading:
    reading = Reading(row)
    if row.kind == NOTED:
        try:
            reading.events = _decode_own(row.body)
        except msgspec.MsgspecError:
            return Reading(row, parked="an event of Baton's own that this version does not understand")
        stamp(reading.events, row)
        return reading
    if connection is None:
        reading.parked = "its connection was removed"
        return reading
    adapter = runtime.adapter(connection)
    mapping = runtime.rulebook().mapping_for(connection)
    listening = Listening(mapping) if adapter.mapping else None
    parse = parser_of(adapter, row)
    if parse is None:
        reading.parked = f"{adapter.title} has nothing named {row.route!r} any more that could be read"
        return reading
    try:
        for item in parse(request_of(row, connection), listening or mapping):
            if isinstance(item, BadItem):
                reading.bad.append(item)
            else:
                reading.events.append(item)
        if listening is not None:
            runtime.tally.add(connection.id, listening.heard, _unread(reading.events))
    except Unreadable as error:
        return Reading(row, parked=str(error))
    except Exception as error:  # our bug: it is shown, parked and can be replayed once it is mended
        log.exception("unreadable", inbox=row.id, connection=connection.name)
        return Reading(row, parked=f"Baton stumbled over this request ({type(error).__name__}); please report it")
    stamp(reading.events, row)
    for event in reading.events:
        if len(event.identities) > MAX_IDENTITIES:
            return Reading(row, parked=f"an event about more than {MAX_IDENTITIES} identities")
        if any(len(identity.value) > MAX_IDENTITY for identity in event.identities):
            return Reading(row, parked=f"an identity of more than {MAX_IDENTITY} characters")
    return reading


def parsed(adapter: Adapter, connection: Connection, mapping: FieldMapping, row: InboxRow) -> Iterator[Event | BadItem]:
    """What a stored request holds, once more, as a mapping reads it. Raises Unreadable, also where Baton stumbles over
    it: that is our bug, and no reason to stop over all the others."""
    parse = parser_of(adapter, row)
    if parse is None:
        raise Unreadable("there is nothing any more that could read this")
    try:
        yield from parse(request_of(row, connection), mapping)
    except Unreadable:
        raise
    except Exception as error:
        log.exception("unreadable", inbox=row.id, connection=connection.name)
        raise Unreadable(f"Baton stumbled over this request ({type(error).__name__})") from error


def parser_of(adapter: Adapter, row: InboxRow) -> Callable[[WebhookRequest, FieldMapping], Parsed] | None:
    """What reads a row, or None: what was polled is read by its stream."""
    if row.kind not in (POLL, IMPORT) or not adapter.streams:
        return adapter.parse
    stream = adapter.stream(row.route)
    return None if stream is None else stream.parse


def _unread(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """The answers of forms that no row has read."""
    for event in events:
        rest = event.properties.get("custom")
        if event.type == EventType.FORM_SUBMITTED and isinstance(rest, dict):
            yield rest


def request_of(row: InboxRow, connection: Connection) -> WebhookRequest:
    """A stored request as its adapter takes it."""
    return WebhookRequest(
        method="POST",
        url=row.url,
        headers=row.headers,
        body=row.body,
        received_at=row.received_at,
        connection_id=row.connection_id,
        route=row.route,
        settings=connection.settings,
    )


def stamp(events: Iterable[Event], row: InboxRow) -> None:
    """Say of events when they reached us and which connection they came by, with their ids."""
    latest = row.received_at + FUTURE
    for event in events:
        event.received_at = row.received_at
        if row.kind != NOTED:
            event.connection_id = row.connection_id
        if row.kind == IMPORT:
            event.quiet = True
        if not event.id:
            event.id = event_id(event.connection_id, event.source_key)
        if not EPOCH <= event.occurred_at <= latest:
            # A clock that runs ahead must not make everything after it look late, and one that was never set says
            # nothing at all
            event.properties["claimed_at"] = event.occurred_at.isoformat()
            event.occurred_at = row.received_at


# --- what has to be asked of the vendor


def _complete(runtime: Runtime, connection: Connection, readings: Sequence[Reading]) -> None:
    """Find out whom events are about: contacts behind deals and threads, then who the contacts are."""
    adapter = runtime.adapter(connection)
    if adapter.lookup is None or not connection.sends or runtime.client(connection) is None:
        for reading in readings:
            reading.events = [event for event in reading.events for event in _spread(event, {}, adapter)]
        return
    links = _links(runtime, connection, readings)
    for reading in readings:
        if not reading.wait:
            reading.events = [one for event in reading.events for one in _spread(event, links, adapter)]
    _read_contacts(runtime, connection, adapter, readings)


def _links(runtime: Runtime, connection: Connection, readings: Sequence[Reading]) -> dict[Ref, tuple[Identity, ...]]:
    """Which contacts each deal, meeting or thread is about: as read lately, else as the vendor says now."""
    wanted = {ref for reading in readings for event in reading.events for ref in event.refs}
    if not wanted:
        return {}
    with runtime.database.read() as conn:
        fresh = shadows.fresh_refs(conn, connection.id, wanted, runtime.clock() - LINKS_HOLD)
    known = {ref: tuple(contacts) for ref, contacts in fresh.items()}
    missing = [ref for ref in wanted if ref not in known]
    found, problem, asked = _ask(runtime, connection, missing)
    _remember(runtime, connection, missing if asked else [], found)
    known |= {ref: record.contacts for ref, record in found.items()}
    if problem:
        lacking = set(missing) - set(found)
        for reading in readings:
            if any(ref in lacking for event in reading.events for ref in event.refs):
                reading.wait = problem
    return known


def _spread(event: Event, links: Mapping[Ref, tuple[Identity, ...]], adapter: Adapter) -> list[Event]:
    """The event once for each contact that it is about."""
    if not event.refs:
        return [event]
    contacts = list(dict.fromkeys(contact for ref in event.refs for contact in links.get(ref, ())))
    if not contacts:
        return [event]
    copies = []
    for contact in contacts:
        copy = msgspec.structs.replace(
            event, identities=(*event.identities, contact), properties=dict(event.properties)
        )
        if len(contacts) > 1:
            copy.id = event_id(event.connection_id, f"{event.source_key}|{contact.kind}:{contact.value}")
        copies.append(copy)
    return copies


def _read_contacts(runtime: Runtime, connection: Connection, adapter: Adapter, readings: Sequence[Reading]) -> None:
    """Read the contacts that this vendor names only by id and that were not read before."""
    # Who was polled just now need not be asked for
    events = [event for reading in readings for event in reading.events if snapshots.is_snapshot(event)]
    shown = {event.identity(adapter.contact_ref) for event in events if event.type == EventType.CONTACT_UPDATED}
    named: dict[str, dict[int, Reading]] = {}
    for reading in readings:
        for event in reading.events:
            if event.type not in _GONE:
                for identity in event.identities:
                    if identity.kind == adapter.contact_ref and identity.value not in shown:
                        named.setdefault(identity.value, {})[reading.row.id] = reading
    if not named:
        return
    refs = [Ref("contact", value) for value in named]
    with runtime.database.read() as conn:
        fresh = shadows.fresh_refs(conn, connection.id, refs, runtime.clock() - READ_HOLDS)
        missing = [ref for ref in refs if ref not in fresh]
        before = shadows.load(conn, connection.id, [shadows.ref_of(*ref) for ref in missing])
    found, problem, asked = _ask(runtime, connection, missing)
    mapping = runtime.rulebook().mapping_for(connection)
    for ref in missing:
        record = found.get(ref)
        if record is not None:
            if (known := before.get(shadows.ref_of(*ref))) is not None:
                record = msgspec.structs.replace(record, events=snapshots.news_of(record.events, known, mapping))
            _introduce(record, ref, list(named[ref.value].values()), adapter)
        elif problem:
            for reading in named[ref.value].values():
                reading.wait = problem
    if asked:
        # Also what the vendor does not know: it is not asked for again with every event
        _remember(runtime, connection, [ref for ref in missing if ref not in found], {})


def _introduce(record: Record, ref: Ref, readings: Sequence[Reading], adapter: Adapter) -> None:
    """Put what was read before the events that made us read, and tell those who the contact is."""
    me = Identity(adapter.contact_ref, ref.value)
    others = [identity for identity in record.identities if identity != me]
    for reading in readings:
        for event in reading.events:
            if me in event.identities:
                event.identities += tuple(one for one in others if one not in event.identities)
    first = readings[0]
    read = [
        msgspec.structs.replace(event, properties={**event.properties, "read_as": ref.value}) for event in record.events
    ]
    for event in read:
        event.connection_id, event.received_at = first.row.connection_id, first.row.received_at
        event.id = event_id(event.connection_id, event.source_key)
    first.events[:0] = read


def _ask(runtime: Runtime, connection: Connection, refs: Sequence[Ref]) -> tuple[dict[Ref, Record], str, bool]:
    """What the vendor answers; why events have to wait, if it could not be asked now; and whether it has answered."""
    if not refs:
        return {}, "", False
    adapter = runtime.adapter(connection)
    assert adapter.lookup is not None
    now = runtime.clock()
    mapping = runtime.rulebook().mapping_for(connection)
    limits = [limit.of(connection.settings) for limit in adapter.limits if limit.name in adapter.read_limits]
    with recording() as calls:
        try:
            with runtime.database.write() as conn:
                wait = budgets.reserve(conn, runtime.database, connection.id, limits, calls=1 + len(refs) // 100)
            time.sleep(min(wait, 10.0))
            listening = Listening(mapping)
            found = dict(adapter.lookup(runtime.client(connection), list(refs), listening, now))
            runtime.tally.add(connection.id, listening.heard)
            return found, "", True
        except Exception as error:
            try:
                outcome = outcome_of(error)
            except ConnectionRefused as refusal:
                # Without credentials nothing can be read, but what came in is still true
                log.warning("read_refused", connection=connection.name, error=type(refusal).__name__)
                return {}, "", False
            # Not with the vendor's words: they may repeat what they were told, addresses and credentials too
            status = calls[-1].status if calls else None
            log.warning("read_failed", connection=connection.name, error=type(error).__name__, status=status)
            if isinstance(outcome, RetryLater) and outcome.after:
                budgets.hold_back(runtime.database, connection.id, adapter.read_limits, outcome.after)
            reason = outcome.reason if isinstance(outcome, RetryLater | Unknown) else str(outcome)
            for value in connection.settings.values():
                reason = reason.replace(value, "…") if len(value) >= MIN_SECRET else reason
            return {}, f"{adapter.title} cannot be read now: {reason}", False


def _remember(runtime: Runtime, connection: Connection, asked: Sequence[Ref], found: Mapping[Ref, Record]) -> None:
    """Keep that these were read, with the contacts they are about."""
    now = runtime.clock()
    learned = [
        shadows.Shadow(
            connection.id, shadows.ref_of(*ref), contacts=list(found[ref].contacts) if ref in found else [], read_at=now
        )
        for ref in asked
    ]
    if learned:
        with runtime.database.write() as conn:
            shadows.save(conn, runtime.database, learned)


def wait_until(reading: Reading, now: datetime) -> datetime | None:
    """When to try a waiting row again; None when it has waited long enough and goes on with what is known."""
    waited = now - reading.row.received_at
    if waited > GIVE_UP:
        return None
    return now + min(timedelta(minutes=15), max(timedelta(seconds=2), waited / 2))
