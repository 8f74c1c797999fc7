"""The stored payloads of a span, read by the mapping in force and by one that is rehearsed: what differs is kept beside
the rehearsal, event by event, and nothing else is. Nothing is asked of a tool."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from adapters.contract import Unreadable
from adapters.snapshot import events_of
from app.contacts.event import Event, event_id
from app.contacts.identity import keys_of
from app.contacts.recast import Recast, recast
from app.rules.difference import Payloads
from app.rules.policy import Document
from app.runtime import Rulebook, Runtime
from app.store import captured, people, recasts, rereads
from app.store.captured import Request
from app.store.connections import Connection
from app.store.rehearsals import Progress, Rehearsal
from app.store.rereads import Known
from jobs.reading import parsed, stamp
from mappings.listening import Listening
from mappings.mapping import FieldMapping, Mapped

DRAFT = "draft"
REQUESTS, READS = 100, 1_000  # looked at in one step


class Drafted(Struct, frozen=True):
    """A connection with the mapping that it goes by, and the one that is rehearsed."""

    connection: Connection
    now: FieldMapping
    draft: FieldMapping


def drafts_of(documents: Iterable[Document]) -> dict[str, FieldMapping]:
    """name → the mapping, of those documents that are mappings."""
    return {one.name: FieldMapping(one.model, f"{one.name}@{DRAFT}") for one in documents if one.kind == "mapping"}


def drafted(runtime: Runtime, rulebook: Rulebook, drafts: Mapping[str, FieldMapping]) -> dict[int, Drafted]:
    """The connections that would go by these drafts, by id."""
    after = replace(rulebook, mappings={**rulebook.mappings, **drafts})
    found = {}
    for one in runtime.connections().values():
        if runtime.adapter(one).mapping and (draft := after.mapping_for(one)) in drafts.values():
            found[one.id] = Drafted(one, rulebook.mapping_for(one), draft)
    return found


class Found(Struct):
    """What a step came to: how far it is, and events that differ, with whose they are."""

    progress: Progress
    recasts: list[tuple[str, int, Recast]]


def begin(runtime: Runtime, about: Mapping[int, Drafted], rehearsal: Rehearsal, progress: Progress) -> Progress:
    """Where to begin, and how many payloads there are; as it was where that is known already."""
    if progress.last_request or progress.last_event or not about:
        return progress
    with runtime.database.read() as conn:
        request, event = recasts.before_span(conn, rehearsal.since)
        count = recasts.count_payloads(conn, about, request, rehearsal.since, rehearsal.until)
    return replace(progress, payloads=count, last_request=request, last_event=event)


def step(
    runtime: Runtime, about: Mapping[int, Drafted], rehearsal: Rehearsal, progress: Progress, counts: Payloads
) -> Found | None:
    """Read some more, and count it; None where all has been read."""
    reading = _Reading(runtime, about, rehearsal, counts)
    found = reading.requests(progress) or reading.reads(progress)
    if found is not None and rehearsal.every > 1:
        found.recasts = [one for one in found.recasts if one[1] % rehearsal.every == 0]
    return found


class _Read(Struct):
    """A payload as one mapping reads it: events by id, and what their fields were made of."""

    events: dict[str, Event]
    mapped: Sequence[Mapped]
    lost: bool = False

    @property
    def held(self) -> bool:
        return any(one.held for one in self.mapped)


class _Reading:
    def __init__(self, runtime: Runtime, about: Mapping[int, Drafted], rehearsal: Rehearsal, counts: Payloads) -> None:
        self.runtime, self.about, self.rehearsal, self.counts = runtime, about, rehearsal, counts

    # --- requests

    def requests(self, progress: Progress) -> Found | None:
        since, until = self.rehearsal.since, self.rehearsal.until
        with self.runtime.database.read() as conn:
            ids = recasts.next_payloads(conn, self.about, progress.last_request, since, until, REQUESTS)
            asked = captured.several(conn, ids)
        if not ids:
            return None
        pairs = [(self._by(one, "now"), self._by(one, "draft")) for one in asked]
        last = asked[-1].row.id if asked else ids[-1]  # fewer where they are large
        after = replace(progress, last_request=last, payloads_read=progress.payloads_read + len(asked))
        return Found(after, self._differing(pairs))

    def _by(self, request: Request, side: str) -> _Read:
        one = self.about[request.row.connection_id]
        listening = Listening(one.now if side == "now" else one.draft)
        adapter = self.runtime.adapter(one.connection)
        try:
            made = parsed(adapter, one.connection, listening, request.row)
            events = [event for event in made if isinstance(event, Event)]
        except Unreadable:
            return _Read({}, [], lost=True)
        stamp(events, request.row)
        lost = bool(listening.heard) and all(mapped.skip for _, mapped in listening.heard)
        return _Read({event.id: event for event in events}, [mapped for _, mapped in listening.heard], lost)

    # --- contacts as they were read from the tool

    def reads(self, progress: Progress) -> Found | None:
        """What the tool told of them stands in the log."""
        with self.runtime.database.read() as conn:
            known, upto = rereads.next_reads(conn, progress.last_event, self.about, READS)
        if upto is None:
            return None
        span = self.rehearsal
        mine = [one for one in known if span.since <= one.event.received_at < span.until]
        pairs = [(self._as_read(one, "now"), self._as_read(one, "draft")) for one in mine]
        return Found(replace(progress, last_event=upto), self._differing(pairs))

    def _as_read(self, known: Known, side: str) -> _Read:
        one = self.about[known.event.connection_id]
        mapping = one.now if side == "now" else one.draft
        base = replace(
            known.event, fields={}, authority={}, properties={"source": "read"}, mapping=mapping.version, id=""
        )
        person = base.source_key.split("|")[1] if "|" in base.source_key else ""
        mapped = mapping.inbound(base.told)
        events = {}
        for event in events_of(mapped, base, person):
            event.connection_id, event.received_at = known.event.connection_id, known.event.received_at
            event.id = event_id(event.connection_id, event.source_key)
            events[event.id] = event
        return _Read(events, [mapped], lost=bool(mapped.skip))

    # --- held against each other

    def _differing(self, pairs: Sequence[tuple[_Read, _Read]]) -> list[tuple[str, int, Recast]]:
        """Count payloads; the events in them that differ, with whose they are."""
        every = {name for pair in pairs for side in pair for name in side.events}
        with self.runtime.database.read() as conn:
            known = rereads.known(conn, every)
            differing = [list(_recasts(now, draft, known)) for now, draft in pairs]
            drafts = [one.draft for some in differing for _, one in some if one.draft is not None]
            owners = people.owners(conn, {key for event in drafts for key in keys_of(event).own})
        found = []
        for (now, draft), some in zip(pairs, differing, strict=True):
            self._count(now, draft)
            self.counts.otherwise += bool(some)
            about = [(name, _home(name, one, known, owners), one) for name, one in some]
            self.counts.elsewho += any(home is None or _named(one, owners) - {home} for _, home, one in about)
            found += [(name, home, one) for name, home, one in about if home is not None]
        return found

    def _count(self, now: _Read, draft: _Read) -> None:
        counts = self.counts
        counts.read += 1
        counts.held_now += now.held
        counts.held_draft += draft.held
        counts.lost_now += now.lost
        counts.lost_draft += draft.lost


def _recasts(now: _Read, draft: _Read, known: Mapping[str, Known]) -> Iterable[tuple[str, Recast]]:
    for name in {**now.events, **draft.events}:
        logged = known.get(name)
        made = recast(logged.event if logged else None, now.events.get(name), draft.events.get(name))
        if made is not None:
            yield name, made


def _named(one: Recast, owners: Mapping[str, int]) -> set[int]:
    """Whom an event names under the draft."""
    keys = keys_of(one.draft).own if one.draft is not None else ()
    return {owners[key] for key in keys if key in owners}


def _home(name: str, one: Recast, known: Mapping[str, Known], owners: Mapping[str, int]) -> int | None:
    """Whose an event is: as the log says, else of what it came with, else of whom it names; None: of nobody."""
    if name in known:
        return known[name].contact_id
    assert one.draft is not None  # what only the mapping in force reads stands in the log
    base = known.get(event_id(one.draft.connection_id, one.draft.source_key.rpartition("#")[0]))
    if base is not None and base.contact_id is not None:
        return base.contact_id
    return min(_named(one, owners), default=None)
