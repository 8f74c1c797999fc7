"""After rules for scores have been published all contacts are scored anew, in a process of its own behind everything
else: by their ids, some at a time, each batch in one transaction with how far it has come.

Each contact's state says by which rules it is scored, so that nothing is done twice, and nothing is lost, whoever is
killed when. A contact that something happened to meanwhile is left to the next look at the batch. What is published
before the end begins the walk anew; those who are scored by it already are passed over.
"""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import Connection as Conn

from app.contacts.contact import Contact
from app.rules.decide import Policies
from app.rules.rescore import is_behind
from app.rules.score import total
from app.runtime import Runtime
from app.settings import Settings
from app.store import checkpoints, decided, inbox, lanes, people, recounts
from app.store.checkpoints import Checkpoint
from app.store.engine import Conflict, is_unavailable
from app.store.lanes import Lease
from app.store.people import Stored
from app.store.recounts import Recount
from jobs import aside
from jobs.histories import read_histories
from jobs.queue import RESCORE
from jobs.rescoring import Counted, Rescoring
from jobs.targets import targets_of

log = structlog.get_logger("baton.rescore")

LANE = "scores"
AT_ONCE = 200
INBOX_PATIENCE = timedelta(seconds=2)  # what waits longer there goes first
LOOK_SECONDS = 0.25
_END = datetime(9000, 1, 1, tzinfo=UTC)


def prepare(runtime: Runtime) -> None:
    """Note of an installation without contacts that there is nobody to be scored anew."""
    now, by = runtime.clock(), runtime.rulebook().policies.scored_by
    with runtime.database.read() as conn:
        known = recounts.read(conn)
        if (known is not None and known.by == by) or people.after(conn, 0, 1):
            return
    with runtime.database.write() as conn:
        recounts.write(conn, runtime.database, Recount(by, began_at=now, ended_at=now), now)


def look(runtime: Runtime) -> None:
    """Start the process that scores anew, where rules were published since and nobody works on it."""
    policies = runtime.rulebook().policies
    with runtime.database.read() as conn:
        known, is_free = recounts.read(conn), lanes.is_free(conn, LANE)
    if known is None or known.by != policies.scored_by:
        # At the next look: until then others may not have heard of it, and count what they meet by the older rules
        _begin(runtime, policies)
    elif known.ended_at is None and is_free:
        start(runtime)


def _begin(runtime: Runtime, policies: Policies) -> None:
    now = runtime.clock()
    with runtime.database.write() as conn:
        recounts.write(conn, runtime.database, Recount(policies.scored_by, now), now)


def start(runtime: Runtime) -> None:
    """Start the process, unless it runs."""
    aside.start(runtime.database, RESCORE)


def run(settings: Settings) -> None:
    """Score in this process, until everybody is scored by the rules in force."""
    aside.run(settings, "scores", work)


def work(runtime: Runtime, holder: str, stopping: threading.Event | None = None) -> int:
    """Score everybody by the rules in force; how many got another score. Only one worker does, wherever it is."""
    lease = lanes.take(runtime.database, LANE, holder)
    if lease is None:
        return 0
    policies = runtime.rulebook().policies
    with runtime.database.read() as conn:
        known = recounts.read(conn)
    if known is None or known.by != policies.scored_by:
        _begin(runtime, policies)
    walk = _Walk(runtime, lease, policies.scored_by, stopping or threading.Event())
    try:
        while walk.step():
            pass
    except Conflict as error:
        log.warning("lease_lost", lane=LANE, reason=str(error)[:200])
    finally:
        lanes.give_back(runtime.database, lease)
    return walk.changed


class _Made(Struct, frozen=True):
    """A contact as it was read, with its state scored anew, and its state in the past that is to be kept."""

    stored: Stored
    counted: Counted
    past: Contact | None


class _Walk:
    """From the contact with the lowest id to that with the highest, as far as this process gets."""

    def __init__(self, runtime: Runtime, lease: Lease, by: str, stopping: threading.Event) -> None:
        self.runtime, self.database, self.lease, self.by = runtime, runtime.database, lease, by
        self.stopping = stopping
        self.kept = lanes.Kept(runtime.database, lease)
        self.changed = 0

    def step(self) -> bool:
        """Score the next few contacts; False when there are no more, when other rules were published meanwhile, or when
        this process is to stop."""
        if not self._may_go_on():
            return False
        rulebook, now = self.runtime.rulebook(), self.runtime.clock()
        policies = rulebook.policies
        with self.database.read() as conn:
            recount = recounts.read(conn)
            if recount is None or recount.by != self.by or policies.scored_by != self.by or recount.ended_at:
                return False
            found = people.after(conn, recount.last, AT_ONCE)
            behind = [one for one in found if is_behind(one.state, policies)]
            rescoring = Rescoring(policies, targets_of(self.runtime, rulebook))
            rescoring.look(conn, [one.state for one in behind])
            past = checkpoints.load(conn, [one.id for one in behind])
        made, failed = self._count(rescoring, behind, past, now)
        ended = None if len(found) == AT_ONCE else now
        moved = msgspec.structs.replace(
            recount,
            last=found[-1].id if found else recount.last,
            seen=recount.seen + len(found),
            failed=recount.failed + failed,
            ended_at=ended,
        )
        self._save(made, recount, moved, policies, now)
        return True

    def _may_go_on(self) -> bool:
        """Wait until nothing waits in the inbox that came in from outside; False once this process is to stop."""
        while not self.stopping.is_set():
            self.kept.keep()
            with self.database.read() as conn:
                oldest = inbox.oldest_ready(conn)
            if oldest is None or self.runtime.clock() - oldest < INBOX_PATIENCE:
                return True
            self.stopping.wait(LOOK_SECONDS)
        return False

    def _count(
        self, rescoring: Rescoring, some: Sequence[Stored], past: dict[int, Contact], now: datetime
    ) -> tuple[list[_Made], int]:
        """Score these; over how many Baton stumbled. They are parted from the others by halving."""
        try:
            return self._counted(rescoring, some, past, now), 0
        except Exception as error:
            if is_unavailable(error) or isinstance(error, Conflict):
                raise
            if len(some) == 1:
                log.exception("rescore_failed", contact=some[0].id)
                return [], 1
        half = len(some) // 2
        with self.database.read() as conn:  # they are changed in place, so from the beginning
            again = people.load(conn, [one.id for one in some])
            past = checkpoints.load(conn, list(again))
        fresh = [again[one.id] for one in some if one.id in again and again[one.id].version == one.version]
        first = self._count(rescoring, fresh[:half], past, now)
        second = self._count(rescoring, fresh[half:], past, now)
        return first[0] + second[0], first[1] + second[1]

    def _counted(
        self, rescoring: Rescoring, some: Sequence[Stored], past: dict[int, Contact], now: datetime
    ) -> list[_Made]:
        by_id = {one.id: one for one in some}
        made = []
        for contact_id, history in read_histories(self.database, list(by_id), _END, self.kept.keep):
            one, then = by_id[contact_id], past.get(contact_id)
            counted = rescoring.count(contact_id, one.state, history, now, then)
            made.append(_Made(one, counted, then if counted.past else None))
        return made

    def _save(self, made: Sequence[_Made], recount: Recount, moved: Recount, policies: Policies, now: datetime) -> None:
        """Write what came of a batch. Those to whom something happened meanwhile are left out, and then the batch is
        looked at once more."""
        with self.database.write(lasting=False) as conn:
            lanes.hold(conn, self.lease)
            versions = people.versions(conn, [one.stored.id for one in made])
            ours = [one for one in made if versions.get(one.stored.id) == one.stored.version]
            self._save_people(conn, ours, policies, now)
            tally = msgspec.structs.replace(
                moved if len(ours) == len(made) else recount,
                changed=recount.changed + sum(one.counted.found.changed for one in ours),
                rose=recount.rose + sum(one.counted.found.rose for one in ours),
                fell=recount.fell + sum(one.counted.found.fell for one in ours),
            )
            recounts.write(conn, self.database, tally, now)
        self.changed += tally.changed - recount.changed
        if tally.ended_at is not None:
            log.info("rescored", by=tally.by, contacts=tally.seen, changed=tally.changed)

    def _save_people(self, conn: Conn, made: Sequence[_Made], policies: Policies, now: datetime) -> None:
        people.save(
            conn,
            [
                people.Person(
                    id=one.stored.id,
                    version=one.stored.version,
                    state=one.stored.state,
                    score=total(one.stored.state.score, policies.scoring.read, now),
                )
                for one in made
            ],
            now,
        )
        said = [(one.stored.id, one.counted.decision) for one in made if one.counted.decision is not None]
        decided.record(conn, said, now)
        kept = {one.stored.id: _checkpoint(state) for one in made if (state := _from_where(one)) is not None}
        checkpoints.keep(conn, self.database, kept)
        events = [one.counted.event for one in made if one.counted.event is not None]
        if events:
            inbox.note(conn, events, now)


def _from_where(made: _Made) -> Contact | None:
    """The state that later events may be folded from. Who is kept back has one in any case: by the whole history the
    person would not be."""
    state = made.stored.state
    if made.past is None and made.counted.decision is not None and state.open_handoff is None:
        return state
    return made.past


def _checkpoint(state: Contact) -> Checkpoint:
    assert state.newest is not None
    return Checkpoint(state.newest.occurred_at, msgspec.json.encode(state).decode())
