"""From events to state: resolve, fold, decide and route a batch of rows, and write it all with the claim on them.

One unit of work. What it reads is locked (PostgreSQL) or checked again when it writes (SQLite); if somebody else was
first it is done again from the start. Each step is in the order of DESIGN's one way through the house.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection as Conn

from adapters.snapshot import held_in
from app.contacts.contact import Contact
from app.contacts.event import Event, EventType, Identity, Position, position
from app.contacts.identity import EMAIL, GLOBAL_KINDS, Keys, alias_key, keys_of
from app.contacts.resolve import Pair, Person, Resolution, Sighting, anchor, owner_at, pair_of, resolve
from app.contacts.times import EPOCH
from app.rules.decide import step
from app.rules.rescore import is_behind
from app.runtime import Rulebook, Runtime
from app.store import checkpoints, conflicts, erasures, handoffs, inbox, log, merges, notes, people, polls, segments
from app.store.checkpoints import Checkpoint
from app.store.engine import Conflict, Unit
from app.store.imports import IMPORT
from app.store.inbox import NOTED, Settled
from app.store.people import Stored
from jobs import skipping
from jobs.echoing import Echoes, Told
from jobs.kept_out import KeptOut
from jobs.planning import Planner
from jobs.reading import Reading
from jobs.rescoring import Rescoring
from jobs.told import ToldHandoffs
from jobs.unit import CHECKPOINT_EVERY, Incoming, Work

logger = structlog.get_logger("baton.ingest")

# A browser or phone that more people than this were identified with (a kiosk, a site that sends the same id for
# everybody) says nothing about the next one. Whose its visits were would else be worked out anew for all of them.
CROWD = 50
PARTED_LATELY = timedelta(minutes=10)  # far longer than a batch takes, and than clocks of machines differ


def settle(runtime: Runtime, claim: int, readings: Sequence[Reading]) -> int:
    """Bring rows to their end; how many events were new. Raises Conflict when it has to be done again."""
    rulebook, now = runtime.rulebook(), runtime.clock()
    incoming = [Incoming(event, keys_of(event), reading.row) for reading in readings for event in reading.events]
    with runtime.database.unit() as unit:
        batch = Batch(runtime, rulebook, unit, now)
        batch.take(incoming)
        batch.fold()
        batch.plan()
        with unit.writer() as conn:
            batch.write(conn)
            counts, new = Counter(one.row.id for one in incoming), Counter(one.row.id for one in batch.new)
            for reading in readings:
                if reading.row.kind == IMPORT:
                    skipping.account(conn, reading, new[reading.row.id])
                    continue
                for item in reading.bad:
                    inbox.park_item(conn, reading.row, item.body, item.reason)
            inbox.settle(
                conn, claim, [Settled(reading.row.id, counts[reading.row.id], reading.parked) for reading in readings]
            )
            batch.kept_out.blank(conn, batch.new)
    return len(batch.new)


class Batch:
    """The unit of work, step by step."""

    def __init__(self, runtime: Runtime, rulebook: Rulebook, unit: Unit, now: datetime) -> None:
        self.runtime, self.rulebook, self.unit, self.now = runtime, rulebook, unit, now
        self.database = runtime.database
        self.new: list[Incoming] = []
        self.resolution = Resolution()
        self.apart: frozenset[Pair] = frozenset()  # who was parted by a person, of those who meet in this batch
        self.sightings: dict[str, list[Sighting]] = {}  # as read
        self.echoes = Echoes()
        self.owners: dict[str, Person] = {}  # as read
        self.work: dict[Person, Work] = {}
        self.moved: dict[str, Person] = {}
        self.merged: dict[Person, Person] = {}  # where contacts that are merged in this batch go
        self.told = ToldHandoffs()
        self.noted: list[Event] = []  # to be taken in after this batch
        self.planner = Planner(runtime, rulebook, now)
        self.kept_out = KeptOut()

    # --- whom it is about

    def take(self, incoming: Sequence[Incoming]) -> None:
        """Drop repeats, find out whose the rest is, and load those contacts."""
        with self.unit.reader() as conn:
            seen = log.known(conn, {one.event.id for one in incoming})
            for one in incoming:
                if one.event.id not in seen:
                    seen.add(one.event.id)
                    self.new.append(one)
            self.echoes.swallow(conn, [one.event for one in self.new], self._told_by, self.now)
            self.sightings = people.sightings(conn, {key for one in self.new for key in one.keys.shared})
            crowded = {key for key, rows in self.sightings.items() if len(rows) > CROWD}
            for one in self.new:
                if crowded and one.keys.own:
                    one.keys = Keys(one.keys.own, tuple(key for key in one.keys.shared if key not in crowded))
            own = {key for one in self.new for key in one.keys.own}
            self.owners = people.owners(conn, own)
            self.new = self.kept_out.part(conn, self.runtime.vault, self.new, self.owners, self.sightings.keys())
            named = [one for one in self.new if one.keys.own or one.keys.shared]
            self._resolve(conn, named)
            for one, person in zip(named, self.resolution.people, strict=True):
                one.person = person
                if self.apart:
                    self._take_off(one)
            touched = {person for person in self.resolution.people if person > 0}
            touched |= {person for edge in self.resolution.merges for person in (edge.winner, edge.loser) if person > 0}
            touched |= {s.person for key in self.resolution.rehome for s in self.sightings.get(key, ()) if s.person > 0}
            loaded = people.load(conn, touched, lock=True)
            self._look_twice(conn, own, loaded)
            self._group(loaded)
            self._rehome(conn, loaded)
            self._load_histories(conn)
            self._rescore(conn)

    def _told_by(self, connection_id: int) -> Told | None:
        connection = self.runtime.connections().get(connection_id)
        if connection is None or not self.runtime.adapter(connection).mapping:
            return None
        return self.rulebook.mapping_for(connection), connection.kind

    def _resolve(self, conn: Conn, named: Sequence[Incoming]) -> None:
        """Find out whom each event is about. Who was parted by a person is asked for only where somebody would become
        one with somebody, or events would change hands."""
        items = [(one.event, one.keys) for one in named]
        self.resolution = found = resolve(items, self.owners, self.sightings)
        if not found.merges and not found.rehome:
            return
        met = {*self.owners.values(), *(person for _, person in found.sightings)}
        met |= {person for edge in found.merges for person in (edge.winner, edge.loser)}
        self.apart = merges.apart(conn, met)
        if self.apart:
            self.resolution = resolve(items, self.owners, self.sightings, self.apart)

    def _take_off(self, one: Incoming) -> None:
        """Take an address off an event that belongs to somebody whom a person has parted from whom it is about: a tool
        that still has the two as one must not let them share it."""
        theirs = {
            identity
            for identity in one.event.identities
            if identity.kind == EMAIL
            and self.owners.get(alias_key(identity, 0), one.person) != one.person
            and pair_of(self.owners[alias_key(identity, 0)], one.person or 0) in self.apart
        }
        if theirs:
            one.event.identities = tuple(identity for identity in one.event.identities if identity not in theirs)
            one.event.properties["not_theirs"] = len(theirs)  # whose it is has no business in this one's log
            if one.event.fields.get(EMAIL) in {identity.value for identity in theirs}:
                del one.event.fields[EMAIL]

    def _look_twice(self, conn: Conn, own: Collection[str], loaded: Mapping[int, Stored]) -> None:
        """Whose identities are was read before their contacts were locked; meanwhile somebody may have been parted from
        one of these. Raises Conflict where it is otherwise by now."""
        lately = self.now - PARTED_LATELY
        if not any(one.parted_at is not None and one.parted_at > lately for one in loaded.values()):
            return
        if people.owners(conn, own) != self.owners or people.sightings(conn, self.sightings) != self.sightings:
            raise Conflict("two contacts were parted in the meantime")

    def again(self, conn: Conn, stored: Mapping[int, Stored], begin: Mapping[int, Position | None]) -> None:
        """Take contacts whose histories are to be folded again, each from a position on; None: from its beginning."""
        for person, one in stored.items():
            self.work[person] = Work.of(one)
            self.work[person].refold(begin[person] or Position(EPOCH, 0, ""))
        self._load_histories(conn)

    def _group(self, loaded: dict[int, Stored]) -> None:
        into = {edge.loser: edge.winner for edge in self.resolution.merges}
        for loser in into:
            home = loser
            while home in into:
                home = into[home]
            self.merged[loser] = home
        for person in {*self.resolution.people, *loaded} - set(into):
            self.work[person] = Work.of(loaded.get(person))
        for one in self.new:
            if one.person is not None:
                self.work[one.person].events.append(one.event)
        for edge in self.resolution.merges:
            # Before the younger of the two histories begins, nothing changes
            starts = [
                stored.state.first_seen_at
                for stored in (loaded.get(edge.winner), loaded.get(edge.loser))
                if stored is not None and stored.state.first_seen_at is not None
            ]
            self.work[self.merged[edge.loser]].refold(Position(max(starts, default=EPOCH), 0, ""))
        for work in self.work.values():
            work.group()

    def _rehome(self, conn: Conn, loaded: dict[int, Stored]) -> None:
        """Give events that are known by a browser or phone alone to whom it belonged then."""
        for key in sorted(self.resolution.rehome):
            rows = [s for (name, _), s in self.resolution.sightings.items() if name == key]
            owners = {s.person for s in rows if s.person > 0}
            histories = log.histories(conn, [person for person in owners if person in loaded])
            for holder, events in histories.items():
                for event in events:
                    keys = keys_of(event)
                    if keys.own or not keys.shared or anchor(keys) != key:
                        continue
                    owner = owner_at(rows, event.occurred_at)
                    if owner is not None and owner != holder and pair_of(holder, owner) not in self.apart:
                        self.moved[event.id] = owner
                        for person in (holder, owner):
                            if person in self.work:
                                self.work[person].refold(position(event))

    def _load_histories(self, conn: Conn) -> None:
        """The past of those who have to be folded again, with what merges and moves bring to them."""
        again = {person for person, work in self.work.items() if work.refold_from is not None}
        if not again:
            return
        for person in again:
            if self.work[person].events:  # what is new is decided in any case
                self.work[person].refold(position(self.work[person].events[0]))
        starts = self._starts(conn, again)
        sources = {person for person in again if person > 0} | self.merged.keys()
        histories = log.histories(conn, sources - starts.keys()) | checkpoints.since(conn, starts.keys())
        for person, events in histories.items():
            begin = starts[person].newest if person in starts else None
            for event in events:
                if begin is None or position(event) > begin:
                    home = self.moved.get(event.id, person)
                    self.work[self.merged.get(home, home)].events.append(event)
        for person in again:
            work = self.work[person]
            work.state, work.checkpoint, work.stale = starts.get(person) or Contact(), None, person not in starts
            work.events.sort(key=position)
        self.told = ToldHandoffs(handoffs.known_to_sales(conn, sources))
        self.told.place({person: self.work[person] for person in again}, self.merged, self.moved)

    def _starts(self, conn: Conn, again: Collection[Person]) -> dict[Person, Contact]:
        """The states to fold from, of those whose checkpoint lies before all that has changed. What sales was told of
        an open handoff is a fact beside the log, so those who have one are folded from their beginning."""
        stored = [person for person in again if (was := self.work[person].stored) and was.state.open_handoff is None]
        found: dict[Person, Contact] = {}
        for person, state in checkpoints.load(conn, stored).items():
            since = self.work[person].refold_from
            current = not is_behind(state, self.rulebook.policies)
            if current and state.newest is not None and since is not None and state.newest < since:
                state.wanted, state.timers = {}, {}  # what is so by now is not known to it
                found[person] = state
        return found

    def _rescore(self, conn: Conn) -> None:
        """Score those by the rules now in force who are not yet: what happens is judged by points of one kind. Those
        whose history is folded again are in any case."""
        behind = [
            person
            for person, work in self.work.items()
            if work.events and work.refold_from is None and person > 0 and is_behind(work.state, self.rulebook.policies)
        ]
        if not behind:
            return
        rescoring = Rescoring(self.rulebook.policies, self.planner.targets)
        rescoring.look(conn, [self.work[person].state for person in behind])
        for person, history in log.histories(conn, behind).items():
            work = self.work[person]
            at = min(self.now, work.events[0].occurred_at)
            try:
                counted = rescoring.count(person, work.state, sorted(history, key=position), at)
            except Exception:  # what happens is taken in all the same
                logger.exception("rescore_failed", contact=person)
                if work.stored is not None:
                    work.state = work.stored.as_stored()  # it may have got half of it
                continue
            work.checkpoint = None  # as stored it has the older points
            if counted.decision is not None:
                work.decisions.append(counted.decision)
            if counted.event is not None:
                self.noted.append(counted.event)

    # --- what follows

    def fold(self) -> None:
        """Fold and decide, each contact's events in the order in which they occurred."""
        policies = self.rulebook.policies
        for work in self.work.values():
            if work.refold_from is None:
                for event in work.events:
                    if made := step(work.state, event, policies):
                        work.decisions += made
                continue
            late = bisect_left(work.events, work.refold_from, key=position)
            for event in work.events[:late]:
                step(work.state, event, policies)
                self.told.recall(work.state, event)
            if late >= CHECKPOINT_EVERY:
                work.keep_checkpoint()
            for event in work.events[late:]:
                work.decisions += step(work.state, event, policies)
                self.told.recall(work.state, event, work.decisions)

    def plan(self) -> None:
        """Route decisions and differences to deliveries."""
        new = [(one.event, one.person) for one in self.new if one.person is not None]
        with self.unit.reader() as conn:
            self.planner.look(conn, self.work, new, self.resolution.new_aliases, self.merged, self.told)
        self.planner.plan()

    # --- all of it, at once

    def write(self, conn: Conn) -> None:
        """Write everything that came of the batch."""
        ids = self._save_people(conn)
        self.kept_out.write(conn, self.now)
        self._note_erased(conn, ids)
        log.append(
            conn,
            [
                log.Entry(one.event, ids.get(one.person, one.person) if one.person is not None else None, one.row.id)
                for one in self.new
            ],
        )
        log.move(conn, {event_id: ids.get(person, person) for event_id, person in self.moved.items()})
        self.planner.write(conn, ids)
        self._keep_checkpoints(conn, ids)
        self.echoes.write(conn)
        self._count_held(conn)
        if self.noted:
            inbox.note(conn, self.noted, self.now)
        # Last, for all who bring something in have these rows in common
        came = Counter((one.event.connection_id, one.row.kind) for one in self.new if one.row.kind != NOTED)
        polls.count(conn, self.database, came, self.now)

    def _note_erased(self, conn: Conn, ids: Mapping[Person, int]) -> None:
        """Have those forgotten everywhere whom a tool has erased."""
        for one in self.new:
            if one.event.type != EventType.CONTACT_ERASED or one.person is None:
                continue
            home = self.merged.get(one.person, one.person)
            connection = self.runtime.connections().get(one.event.connection_id)
            who = connection.name if connection is not None else "baton"
            erasures.ask(conn, ids.get(home, home), who, self.now, told_by=one.event.connection_id)

    def _keep_checkpoints(self, conn: Conn, ids: Mapping[Person, int]) -> None:
        kept: dict[int, Checkpoint] = {}
        gone: list[int] = []
        for person, work in self.work.items():
            if not work.is_touched:
                continue
            if work.checkpoint is not None and work.state.erased_at is None:
                kept[ids.get(person, person)] = work.checkpoint
            elif person > 0 and (work.stale or work.state.erased_at is not None):
                gone.append(person)
        checkpoints.drop(conn, gone)
        checkpoints.keep(conn, self.database, kept)

    def _save_people(self, conn: Conn) -> dict[Person, int]:
        """Contacts and their identities; the ids that new ones got."""
        fresh = [person for person in self.work if person < 0]
        created = people.create(conn, [self._saved(person) for person in fresh], self.now)
        ids = dict(zip(fresh, created, strict=True))
        seen: dict[str, list[tuple[Identity, Sighting]]] = {}
        for (key, person), sighting in self.resolution.sightings.items():
            row = Sighting(ids.get(person, person), sighting.first_at, sighting.last_at)
            seen.setdefault(key, []).append((_identity_of(key)[0], row))
        people.set_sightings(conn, seen, self.sightings)
        merges.merge(conn, self.database, self.resolution.merges, self.now)
        changed = [person for person, work in self.work.items() if person > 0 and work.is_touched]
        people.save(conn, [self._saved(person) for person in changed], self.now)
        named = {
            key: (*_identity_of(key), ids.get(person, person)) for key, person in self.resolution.new_aliases.items()
        }
        people.add_aliases(conn, named, self.now)
        inside = {ids.get(person, person): work.state.segments for person, work in self.work.items() if work.is_moved}
        segments.replace(conn, inside)
        disputed = {ids.get(one, one): work.state.disputes for one, work in self.work.items() if work.is_disputed}
        conflicts.replace(conn, disputed)
        return ids

    def _saved(self, person: Person) -> people.Person:
        work = self.work[person]
        version = work.stored.version if work.stored else 0
        return people.Person(id=person, version=version, state=work.state, score=self.planner.score(work.state))

    def _count_held(self, conn: Conn) -> None:
        held: Counter[tuple[int, str, str, str]] = Counter(
            (one.event.connection_id, value.vendor, value.value[:200], value.reason)
            for one in self.new
            if "held" in one.event.properties
            for value in held_in(one.event)
        )
        notes.count_held(conn, self.database, held, self.now)


def _identity_of(key: str) -> tuple[Identity, int | None]:
    """The identity, and the connection that uses it, that an alias key stands for."""
    kind, _, rest = key.partition(":")
    if kind in GLOBAL_KINDS:
        return Identity(kind, rest), None
    connection, _, value = rest.partition(":")
    return Identity(kind, value), int(connection)
