"""What came of calls: each delivery is closed, waits again or goes to a person, and what is known now is noted.

Whether something may be sent again after its answer was lost depends on the vendor: where it takes an action only
once, yes; where one can look whether it is there, after looking; otherwise a person decides.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from msgspec import Struct, field
from sqlalchemy import Connection as Conn

from adapters.contract import Again, Delivery, Done, Outcome, Push, Refused, RetryLater, Unknown
from adapters.http import Exchange
from app.contacts.action import Alert, CreateNote, CreateTask, SendMessage, Subscribe, Suppress, Unsubscribe
from app.contacts.event import Event, EventType, Identity
from app.contacts.fold import ALERT_FAILED
from app.rules.clock import ESCALATE
from app.rules.route import SUPPRESSED, consent_property
from app.runtime import Runtime
from app.store import budgets, connections, deliveries, handoffs, inbox, shadows
from app.store.connections import Connection
from app.store.deliveries import Call, Claimed
from app.store.engine import db_in
from app.store.lanes import Lease
from jobs.breaker import Breaker

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
    asked: bool = True  # False: the lease ran out before anything was sent
    start_at: float = 0.0  # by time.monotonic(): when the vendor's limits let it begin

    @property
    def ids(self) -> list[int]:
        """The deliveries in it."""
        return [one.id for one, _ in self.items]


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
        events: list[Event] = []
        with self.database.write() as conn:
            for work in works:
                last_call = self._keep_calls(conn, work)
                if work.refusal:
                    self._stop(conn, work, now)
                    events += [self._failed(one, now) for one, _ in work.items if self._was_to_tell(conn, one)]
                    continue
                tries = []
                for (one, delivery), outcome in zip(work.items, work.outcomes, strict=True):
                    if self._close(conn, one, delivery, outcome, work.push, now):
                        events += self._facts(conn, one, delivery, outcome, now)
                        tries.append(_attempt(one, outcome, last_call, now))
                deliveries.keep_attempts(conn, tries)
            if events:
                inbox.note(conn, events, now)
        for work in works:
            self._heed(work)
        if events:
            self._note()

    def _keep_calls(self, conn: Conn, work: Work) -> int | None:
        calls = [Call(**msgspec.structs.asdict(exchange)) for exchange in work.exchanges]
        ids = deliveries.keep_calls(conn, self.connection.id, calls)
        return ids[-1] if ids else None

    def _close(self, conn: Conn, one: Claimed, delivery: Delivery, outcome: Outcome, push: Push, now: datetime) -> bool:
        """Write how a delivery ended, or that it waits again; False when this lane's lease was over by then."""
        end: dict[str, Any]
        match outcome:
            case Done(note=said, vendor_id=vendor_id):
                result = msgspec.json.encode({"vendor_id": vendor_id, "note": said}).decode()
                end = {"status": deliveries.SENT, "reason": said or None, "result": result}
            case Refused(reason=reason):
                end = {"status": deliveries.DEAD, "reason": reason}
            case RetryLater(reason=reason, after=after):
                end = self._again(one, delivery, reason, after, now)
            case Unknown(reason=reason):
                end = self._unknown(one, delivery, reason, push, now)
        return deliveries.finish(conn, one.id, self.lease.fence, **end)

    def _again(
        self, one: Claimed, delivery: Delivery, reason: str, after: float | None, now: datetime
    ) -> dict[str, Any]:
        """Another try later: when the vendor said, else ever later; at the end of patience it goes to a person."""
        if now - one.created_at > PATIENCE:
            return {"status": deliveries.DEAD, "reason": f"given up after {delivery.attempt} tries: {reason}"}
        delay = backoff(delivery.attempt) if after is None else after
        # By the database's clock, which is asked when it is due: one machine's may be minutes off
        return {"status": deliveries.PENDING, "reason": reason, "not_before": db_in(delay)}

    def _unknown(self, one: Claimed, delivery: Delivery, reason: str, push: Push, now: datetime) -> dict[str, Any]:
        """Nobody knows whether it was done: sent again where the vendor takes it once, else looked up, else left."""
        if push.again is Again.SAFE:
            return self._again(one, delivery, reason, None, now)
        if push.again is Again.LOOK and push.find is not None:
            return {"status": deliveries.UNKNOWN, "reason": None, "not_before": db_in(LOOK_AGAIN.total_seconds())}
        return {"status": deliveries.UNKNOWN, "reason": f"{reason}; nobody can tell whether it was done"}

    def _facts(self, conn: Conn, one: Claimed, delivery: Delivery, outcome: Outcome, now: datetime) -> list[Event]:
        """What is known now that the vendor has it."""
        if not isinstance(outcome, Done):
            hopeless = isinstance(outcome, Refused) or delivery.attempt >= FAILURES
            return [self._failed(one, now)] if hopeless and self._was_to_tell(conn, one) else []
        self._learn(conn, one, delivery, outcome, now)
        action = delivery.action
        if one.handoff_key and isinstance(action, Alert):
            handoffs.told(conn, one.handoff_key, now, action.step, action.to)
        elif one.handoff_key and isinstance(action, CreateTask | CreateNote):
            handoffs.told(conn, one.handoff_key, now)
        events = []
        if outcome.vendor_id and outcome.vendor_id != delivery.to.vendor_id:
            events.append(self._met(one, delivery, outcome.vendor_id, now))
        if isinstance(action, SendMessage):
            events.append(self._sent(one, action, now))
        return events

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

    def _learn(self, conn: Conn, one: Claimed, delivery: Delivery, outcome: Done, now: datetime) -> None:
        told = dict(outcome.told)
        action = delivery.action
        if isinstance(action, Unsubscribe):
            told[consent_property(action.channel, action.purpose)] = f"withdrawn {(action.at or now).isoformat()}"
        elif isinstance(action, Subscribe):
            told[consent_property(action.channel, action.purpose)] = f"granted {action.grant.at.isoformat()}"
        elif isinstance(action, Suppress):
            told[SUPPRESSED] = delivery.to.email
        vendor_id = outcome.vendor_id or delivery.to.vendor_id
        if not told and vendor_id == delivery.to.vendor_id:
            return
        ref = shadows.ref_of("contact", vendor_id) if vendor_id else shadows.ref_of("email", delivery.to.email)
        shadow = shadows.load(conn, self.connection.id, {ref}).get(ref) or shadows.Shadow(self.connection.id, ref)
        shadow.contact_id, shadow.written_at = one.contact_id, now
        shadow.learn(told, now)
        shadows.save(conn, self.database, [shadow])

    def _met(self, one: Claimed, delivery: Delivery, vendor_id: str, now: datetime) -> Event:
        """The vendor told us its id for the contact; should it belong to another contact of ours, they are the same."""
        return Event(
            type=EventType.CONTACT_UPDATED,
            occurred_at=now,
            source_key=f"met|{self.connection.id}|{vendor_id}|{one.contact_id}",
            identities=(Identity("contact", str(one.contact_id)), Identity(self.adapter.contact_ref, vendor_id)),
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
                "connection": self.connection.id,
                "tool": self.connection.name,
            },
        )

    def _stop(self, conn: Conn, work: Work, now: datetime) -> None:
        """The credentials are refused: nothing is lost, and nothing leaves until an admin has mended them."""
        for one, _ in work.items:
            deliveries.finish(
                conn, one.id, self.lease.fence, status=deliveries.PENDING, reason=work.refusal, attempts=one.attempts
            )
        reason = f"{self.adapter.title} refuses our credentials: {work.refusal}"
        connections.set_status(conn, self.connection.id, connections.BROKEN, reason, now)
        log.error("connection_broken", connection=self.connection.name, reason=work.refusal)

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
        elif work.asked:  # what was never sent says nothing about the vendor
            self.breaker.heard(all(isinstance(outcome, Done | Refused) for outcome in work.outcomes))


def backoff(attempt: int) -> float:
    """Seconds before the next try: 2, 8, 32, … up to an hour; up to a fifth longer, so that not all come at once."""
    delay = min(MAX_DELAY, FIRST_DELAY * 4.0 ** (min(max(1, attempt), 20) - 1))
    return delay * (1 + random.random() / 5)  # noqa: S311  no secret


def _attempt(one: Claimed, outcome: Outcome, call_id: int | None, now: datetime) -> dict[str, Any]:
    said = outcome.note if isinstance(outcome, Done) else outcome.reason
    return {
        "delivery_id": one.id,
        "call_id": call_id,
        "at": now,
        "outcome": type(outcome).__name__.lower(),
        "reason": said[:500],
    }
