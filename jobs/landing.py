"""What came of calls: each delivery is closed, waits again or goes to a person, and what is known now is noted.

Whether something may be sent again after its answer was lost depends on the vendor: where it takes an action only
once, yes; where one can look whether it is there, after looking; otherwise a person decides.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct, field
from sqlalchemy import Connection as Conn

from adapters.contract import Again, Delivery, Done, Outcome, Push, Refused, RetryLater, Underway, Unknown
from adapters.http import Exchange
from app.contacts.action import Alert, CreateNote, CreateTask, SendMessage, Subscribe, Suppress, Unsubscribe
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import alias_key
from app.contacts.own_events import ALERT_FAILED
from app.rules.clock import ESCALATE
from app.rules.route import SUPPRESSED, consent_property
from app.runtime import Runtime
from app.store import budgets, claims, connections, deliveries, echoes, handoffs, inbox, people, shadows
from app.store.calls import Call, keep_attempts, keep_calls
from app.store.claims import Claimed, End
from app.store.connections import Connection
from app.store.inbox import Arrival
from app.store.lanes import Lease
from app.store.polls import POLL
from jobs.breaker import Breaker
from jobs.delays import growing
from jobs.echoing import record_of, written, written_by
from jobs.places import needs_place, not_sent

log = structlog.get_logger("baton.deliver")

LOOK_AGAIN = timedelta(seconds=15)  # a lost call may still be under way at the vendor
PATIENCE = timedelta(hours=48)
MAX_DELAY = 3600.0
FIRST_DELAY = 2.0
FAILURES = 3  # after so many tries a handoff is told in another way, while this one goes on
THROTTLED_SECONDS = 10.0  # how long to wait after a 429 that does not say


class Work(Struct):
    """One call: deliveries of one kind and group, and what came of it."""

    push: Push
    items: list[tuple[Claimed, Delivery]]
    outcomes: list[Outcome] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    refusal: str = ""
    late: bool = False  # the lease ran out on the way, which says nothing about the vendor
    start_at: float = 0.0  # by time.monotonic(): when the vendor's limits let it begin

    @property
    def ids(self) -> list[int]:
        """The deliveries in it."""
        return [one.id for one, _ in self.items]


class Landed(Struct, frozen=True):
    """A delivery of a call, and what came of it."""

    claimed: Claimed
    delivery: Delivery
    outcome: Outcome
    push: Push
    call_id: int | None  # the last HTTP call that was made for it

    @property
    def vendor_id(self) -> str:
        """The contact's id at the vendor, if it said so."""
        return self.outcome.vendor_id if isinstance(self.outcome, Done) else ""


class Landing:
    """Records what came of one lane's calls, under the number of its lease."""

    def __init__(
        self, runtime: Runtime, connection: Connection, lease: Lease, breaker: Breaker, note: Callable[[], None]
    ) -> None:
        self.runtime, self.connection, self.lease, self.breaker = runtime, connection, lease, breaker
        self.database = runtime.database
        self.adapter = runtime.adapter(connection)
        self._note = note  # called when something was put in the inbox

    def record(self, works: Sequence[Work]) -> None:
        now = self.runtime.clock()
        with self.database.write() as conn:
            living = people.living(conn, _met_people(works))  # contacts first and then their deliveries, as everywhere
            calls = self._keep_calls(conn, works)
            events = [event for work in works if work.refusal for event in self._stop(conn, work, now)]
            landed = self._landed(conn, [work for work in works if not work.refusal], calls)
            ends = [self._end(one, now) for one in landed]
            claims.close(conn, ends)
            keep_attempts(conn, [_attempt(one, now) for one in landed])
            self._learn(conn, landed, now)
            events += self._meet(conn, [one for one in landed if _is_met(one.delivery, one.outcome)], living, now)
            events += [event for one in landed for event in self._facts(conn, one, now)]
            events += _given_up(conn, [(one.claimed, end) for one, end in zip(landed, ends, strict=True)], now)
            found = [self._found(one, now) for one in landed if isinstance(one.outcome, Done) and one.outcome.found]
            inbox.accept(conn, found)
            if events:
                inbox.note(conn, events, now)
        for work in works:
            self._heed(work)
        if events or found:
            self._note()

    def _keep_calls(self, conn: Conn, works: Sequence[Work]) -> dict[int, int]:
        """Keep the HTTP calls; by id() of the work, the last one's id."""
        made = [(id(work), exchange) for work in works for exchange in work.exchanges]
        calls = [Call(**msgspec.structs.asdict(exchange)) for _, exchange in made]
        ids = keep_calls(conn, self.connection.id, calls)
        return {work: call_id for (work, _), call_id in zip(made, ids, strict=True)}

    def _landed(self, conn: Conn, works: Sequence[Work], calls: Mapping[int, int]) -> list[Landed]:
        """What came of each delivery, of those that are still this lane's."""
        ours = claims.still_ours(conn, [one for work in works for one in work.ids], self.lease.fence)
        return [
            Landed(one, delivery, outcome, work.push, calls.get(id(work)))
            for work in works
            for (one, delivery), outcome in zip(work.items, work.outcomes, strict=True)
            if one.id in ours
        ]

    def _end(self, landed: Landed, now: datetime) -> End:
        """How a delivery ended, or that it waits again."""
        one = landed.claimed
        match landed.outcome:
            case Done(note=said, vendor_id=vendor_id):
                result = msgspec.json.encode({"vendor_id": vendor_id, "note": said}).decode()
                return End(id=one.id, status=deliveries.SENT, reason=said or None, result=result)
            case Refused(reason=reason):
                return End(id=one.id, status=deliveries.DEAD, reason=reason)
            case RetryLater(reason=reason, after=after):
                return self._again(landed, reason, after, now)
            case Underway(ticket=ticket, reason=reason, after=after):
                return self._again(landed, reason, after, now, ticket)
            case Unknown(reason=reason):
                return self._unknown(landed, reason, now)

    def _again(self, landed: Landed, reason: str, after: float | None, now: datetime, ticket: str = "") -> End:
        """Another try later: when the vendor said, else ever later; at the end of patience it goes to a person. A try
        that was to ask with a ticket and failed keeps it."""
        one, attempt = landed.claimed, landed.delivery.attempt
        ticket = ticket or landed.delivery.ticket
        if now - one.created_at > PATIENCE:
            return End(id=one.id, status=deliveries.DEAD, reason=f"given up after {attempt} tries: {reason}")
        # By the database's clock, which is asked when it is due: one machine's may be minutes off
        delay = backoff(attempt) if after is None else after
        result = claims.kept_ticket(ticket) if ticket else None
        return End(id=one.id, status=deliveries.PENDING, reason=reason, result=result, wait_seconds=delay)

    def _unknown(self, landed: Landed, reason: str, now: datetime) -> End:
        """Nobody knows whether it was done: sent again where the vendor takes it once, else looked up, else left."""
        push = landed.push
        if push.again is Again.SAFE:
            return self._again(landed, reason, None, now)
        if push.again is Again.LOOK and push.find is not None:
            wait = LOOK_AGAIN.total_seconds()
            return End(id=landed.claimed.id, status=deliveries.UNKNOWN, wait_seconds=wait)
        reason = f"{reason}; nobody can tell whether it was done"
        return End(id=landed.claimed.id, status=deliveries.UNKNOWN, reason=reason)

    def _facts(self, conn: Conn, landed: Landed, now: datetime) -> list[Event]:
        """What is known now that the vendor has it."""
        one, delivery, outcome = landed.claimed, landed.delivery, landed.outcome
        if not isinstance(outcome, Done):
            hopeless = isinstance(outcome, Refused) or delivery.attempt >= FAILURES
            return [self._failed(one, now)] if hopeless and self._was_to_tell(conn, one) else []
        action = delivery.action
        if one.handoff_key and isinstance(action, Alert):
            handoffs.told(conn, one.handoff_key, now, action.step, action.to)
        elif one.handoff_key and isinstance(action, CreateTask | CreateNote):
            handoffs.told(conn, one.handoff_key, now)
        return [self._sent(one, action, now)] if isinstance(action, SendMessage) else []

    def _was_to_tell(self, conn: Conn, one: Claimed) -> bool:
        """Whether this was to tell people of a handoff that nobody has taken, and no other way has told them."""
        return (
            one.handoff_key is not None
            and isinstance(one.action, Alert)
            and one.action.step != ESCALATE
            and handoffs.is_untold(conn, one.contact_id, one.handoff_key)
        )

    def _failed(self, one: Claimed, now: datetime) -> Event:
        return Event(
            type=ALERT_FAILED,
            occurred_at=now,
            source_key=f"alert failed|{one.key}",
            identities=(Identity("contact", str(one.contact_id)),),
            properties={"handoff": one.handoff_key, "tool": self.connection.name},
        )

    def _learn(self, conn: Conn, landed: Sequence[Landed], now: datetime) -> None:
        """Keep what the tool holds now."""
        learned: list[tuple[str, int, dict[str, Any]]] = []
        expected: list[tuple[str, Mapping[str, Any]]] = []
        for one in landed:
            if not isinstance(one.outcome, Done):
                continue
            told, known_as = _told(one, one.outcome, now), one.delivery.to.vendor_id
            vendor_id = one.outcome.vendor_id or known_as
            if told or vendor_id != known_as:
                named = ("contact", vendor_id) if vendor_id else ("email", one.delivery.to.email)
                learned.append((shadows.ref_of(*named), one.claimed.contact_id, told))
                expected.append((shadows.ref_of(*named), _unexpected(one, shadows.ref_of(*named))))
        known = shadows.load(conn, self.connection.id, {ref for ref, _, _ in learned})
        for ref, contact_id, told in learned:
            shadow = known.setdefault(ref, shadows.Shadow(self.connection.id, ref))
            shadow.contact_id, shadow.written_at = contact_id, now
            shadow.learn(told, now)
        shadows.save(conn, self.database, list(known.values()))
        if self.adapter.mapping and expected:
            reads = self.runtime.rulebook().mapping_for(self.connection).sources
            heard = [one for ref, told in expected for one in written(self.connection.id, ref, told, reads)]
            echoes.expect(conn, self.database, heard, now)

    def _meet(self, conn: Conn, met: Sequence[Landed], living: Collection[int], now: datetime) -> list[Event]:
        """Learn the vendor's ids for contacts. Where an id is another contact's by now the two are the same person,
        which is worked out where events are taken in."""
        keys = [alias_key(self._name(one.vendor_id), self.connection.id) for one in met]
        found = {
            key: (self._name(one.vendor_id), self.connection.id, one.claimed.contact_id)
            for key, one in zip(keys, met, strict=True)
            if one.claimed.contact_id in living
        }
        owners = people.adopt(conn, self.database, found, now)
        return [
            self._met(one.claimed, one.vendor_id, now)
            for key, one in zip(keys, met, strict=True)
            if owners.get(key) != one.claimed.contact_id
        ]

    def _found(self, one: Landed, now: datetime) -> Arrival:
        """What a tool was asked for, as what it says of itself."""
        assert isinstance(one.outcome, Done)
        return Arrival(connection_id=self.connection.id, kind=POLL, received_at=now, body=one.outcome.found)

    def _name(self, vendor_id: str) -> Identity:
        return Identity(self.adapter.contact_ref, vendor_id)

    def _met(self, one: Claimed, vendor_id: str, now: datetime) -> Event:
        return Event(
            type=EventType.CONTACT_UPDATED,
            occurred_at=now,
            source_key=f"met|{self.connection.id}|{vendor_id}|{one.contact_id}",
            identities=(Identity("contact", str(one.contact_id)), self._name(vendor_id)),
            properties={"source": "answer", "tool": self.connection.name},
            connection_id=self.connection.id,
        )

    def _sent(self, one: Claimed, action: SendMessage, now: datetime) -> Event:
        return Event(
            type=EventType.MESSAGE_SENT,
            occurred_at=now,
            source_key=f"sent|{one.key}",
            identities=(Identity("contact", str(one.contact_id)),),
            properties={
                "message": action.message,
                "rule": action.rule,
                "channel": action.channel,
                "purpose": action.purpose,
                "decision": one.place,
                "connection": self.connection.id,
                "tool": self.connection.name,
            },
        )

    def _stop(self, conn: Conn, work: Work, now: datetime) -> list[Event]:
        """The credentials are refused: nothing is lost, and nothing leaves until an admin has mended them."""
        for one, _ in work.items:
            claims.finish(
                conn, one.id, self.lease.fence, status=deliveries.PENDING, reason=work.refusal, attempts=one.attempts
            )
        reason = f"{self.adapter.title} refuses our credentials: {work.refusal}"
        connections.set_status(conn, self.connection.id, connections.BROKEN, reason, now)
        log.error("connection_broken", connection=self.connection.name, reason=work.refusal)
        return [self._failed(one, now) for one, _ in work.items if self._was_to_tell(conn, one)]

    def _heed(self, work: Work) -> None:
        """Slow down where the vendor says so, and stop hammering one that only fails."""
        if work.refusal:
            self.runtime.forget()
            return
        waits = [
            outcome.after or THROTTLED_SECONDS
            for outcome in work.outcomes
            if isinstance(outcome, RetryLater) and outcome.reason.startswith("429")
        ]
        if waits:
            budgets.hold_back(self.database, self.connection.id, work.push.limits, max(waits))
        elif not work.late:
            self.breaker.heard(all(isinstance(outcome, Done | Refused | Underway) for outcome in work.outcomes))


def _unexpected(landed: Landed, ref: str) -> Mapping[str, Any]:
    """What the tool says that it holds now and that was not expected to come back before the call."""
    assert isinstance(landed.outcome, Done)
    before = written_by(landed.delivery.action) if record_of(landed.delivery) == ref else {}
    return {name: value for name, value in landed.outcome.told.items() if name not in before or before[name] != value}


def _given_up(conn: Conn, ended: Iterable[tuple[Claimed, End]], now: datetime) -> list[Event]:
    """Notes on messages that have not left and will not."""
    dead = [(one, end) for one, end in ended if end.status == deliveries.DEAD and needs_place(one.action)]
    doubtful = deliveries.may_have_left(conn, [one.id for one, _ in dead])
    return [
        not_sent(one.place, one.contact_id, one.action, end.reason or "", now)
        for one, end in dead
        if needs_place(one.action) and one.id not in doubtful
    ]


def backoff(attempt: int) -> float:
    """Seconds before the next try: about 2, 8, 32, … up to an hour."""
    return growing(attempt, FIRST_DELAY, 4.0, MAX_DELAY)


def _is_met(delivery: Delivery, outcome: Outcome) -> bool:
    """Whether the vendor told us its id for the contact."""
    return isinstance(outcome, Done) and outcome.vendor_id not in ("", delivery.to.vendor_id)


def _met_people(works: Iterable[Work]) -> set[int]:
    pairs = [
        (one, delivery, outcome)
        for work in works
        for (one, delivery), outcome in zip(work.items, work.outcomes, strict=False)
    ]
    return {one.contact_id for one, delivery, outcome in pairs if _is_met(delivery, outcome)}


def _told(landed: Landed, outcome: Done, now: datetime) -> dict[str, Any]:
    """What the tool was told of a contact, and so holds."""
    told, action = dict(outcome.told), landed.delivery.action
    if isinstance(action, Unsubscribe):
        told[consent_property(action.channel, action.purpose)] = f"withdrawn {(action.at or now).isoformat()}"
    elif isinstance(action, Subscribe):
        told[consent_property(action.channel, action.purpose)] = f"granted {action.grant.at.isoformat()}"
    elif isinstance(action, Suppress):
        told[SUPPRESSED] = landed.delivery.to.email
    return told


def _attempt(landed: Landed, now: datetime) -> dict[str, Any]:
    outcome = landed.outcome
    said = outcome.note if isinstance(outcome, Done) else outcome.reason
    return {
        "delivery_id": landed.claimed.id,
        "call_id": landed.call_id,
        "at": now,
        "outcome": type(outcome).__name__.lower(),
        "reason": said[:500],
    }
