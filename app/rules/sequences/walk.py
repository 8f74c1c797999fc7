"""Walking somebody through a sequence's steps: what each does, what holds it up, and how it ends. Pure."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from app.contacts.action import Alert, JoinList
from app.contacts.contact import Contact, Enrolment, Sunset
from app.contacts.engagement import last_sign
from app.contacts.event import Event, EventType
from app.contacts.own_events import OF_SEQUENCES
from app.contacts.zone import zone_of
from app.rules.composing import excerpt, uses
from app.rules.condition import Facts
from app.rules.condition_words import explain
from app.rules.decision import Decision, Gate, Outcome, ReviewPlan, key_of
from app.rules.event_words import event_names
from app.rules.hours import DAY, personal_hour
from app.rules.sending import checks, frees_at, leaves_at, only_capped, prepared, reserve, wait_words
from app.rules.sequences.exits import WORDS
from app.rules.sequences.policy import ExitReason, Flow
from app.rules.sequences.program import Act, Branch, Exit, Jump, Op, Send, Split, Wait, sends, words
from app.rules.sequences.steps import WaitDocument
from app.rules.sequences.turns import rank

if TYPE_CHECKING:
    from app.rules.decide import Policies

MAX_EXITS = 50
TRANSACTIONAL = "transactional"
_A_MOMENT = timedelta(minutes=1)
# An hour that a day does not have, because clocks are changed, is the next day's
_HOUR_WITHIN = 2 * DAY
_EXHAUSTED = (ExitReason.COMPLETED, ExitReason.OVER_TIME)


def rule_of(sequence: str) -> str:
    """What a sequence is called as the rule of decisions and messages; triggers have names of their own."""
    return f"sequence:{sequence}"


class Walk:
    """One moment of one contact's sequences, and what is decided in it."""

    def __init__(self, contact: Contact, at: datetime, policies: "Policies", event_id: str) -> None:
        self.contact, self.at, self.policies, self.event_id = contact, at, policies, event_id
        self.sequences = policies.sequences
        self.decisions: list[Decision] = []

    def flow(self, run: Enrolment) -> Flow | None:
        """The sequence in the version that somebody is pinned to, or None where it is in force no more."""
        if run.sequence not in self.sequences.at(self.at).by_id:
            return None
        return self.sequences.pinned(run.version, run.sequence)

    # --- in and out

    def begin(self, flow: Flow, event: Event, gates: list[Gate]) -> Enrolment:
        """Let the person in; the first step is due at once."""
        document = flow.document
        run = Enrolment(
            key=key_of("run", flow.id, event.id),
            sequence=flow.id,
            version=flow.version,
            event=event.id,
            entered_at=self.at,
            ends_at=self.at + flow.longest,
            since=self.at,
            priority=document.priority,
            owns=document.owns,
            hard_stop=document.hard_stop,
            sends=competes(flow),
            due_at=self.at,
            on=event.type,
            properties=excerpt(event.properties, self._used(flow)),
        )
        self.contact.enrolments[flow.id] = run
        self.contact.kept_out.pop(flow.id, None)
        why = f"let in by {event.actor}" if event.type in OF_SEQUENCES else event_names([event.type])
        self.say(run, "enrolment", key_of("entered", run.key), f"Entered “{flow.label}”: {why}", gates)
        return run

    def _used(self, flow: Flow) -> list[str]:
        """The properties of the event somebody comes in by that the sequence's messages may use."""
        contents = (op.document.content for op in sends(flow.ops))
        return [*flow.said, *(name for one in contents for name in uses(self.policies.content, one))]

    def refuse(self, flow: Flow, event: Event, gates: list[Gate], why: str) -> None:
        """Say why somebody is not let in."""
        self.decisions.append(
            Decision(
                key=key_of("run", flow.id, event.id),
                rule=rule_of(flow.id),
                policy=flow.version,
                what="enrolment",
                outcome=Outcome.WITHHELD,
                summary=f"Not entered “{flow.label}”: {why}",
                event_id=event.id,
                at=self.at,
                gates=tuple(gates),
            )
        )

    def end(self, run: Enrolment, reason: ExitReason, detail: str = "") -> None:
        """Let the person out, with the reason; who waited for this sequence has their turn."""
        flow = self.sequences.pinned(run.version, run.sequence)
        self._note_ignored(run)
        del self.contact.enrolments[run.sequence]
        run.ended_at, run.exit, run.due_at, run.waiting, run.held_by = self.at, str(reason), None, "", ""
        run.paused, run.resume_at = False, None
        if reason is not ExitReason.OVER_TIME:  # only then somebody may let the person go on
            run.properties = {}
        self.contact.exits.pop(run.sequence, None)
        self.contact.exits[run.sequence] = run
        if len(self.contact.exits) > MAX_EXITS:
            oldest = min(self.contact.exits.values(), key=lambda one: (one.ended_at or one.since, one.sequence))
            del self.contact.exits[oldest.sequence]
        label = flow.label if flow else run.sequence
        said = f"Left “{label}”: {WORDS[reason]}" + (f" ({detail})" if detail else "")
        decision = self.say(run, "enrolment", key_of("ended", run.key), said)
        decision.ended = msgspec.structs.replace(run, exposed=dict(run.exposed))
        if reason in _EXHAUSTED and flow is not None and _is_reviewed(flow, reason):
            decision.review = ReviewPlan(
                key=run.key,
                sequence=run.sequence,
                version=run.version,
                reason=str(reason),
                worst=run.ignored,
                segments=sorted(self.contact.segments),
                opened_at=self.at,
            )
        self.free(run)

    def free(self, gone: Enrolment) -> None:
        """Let those go on who waited for this sequence, if it is not in their way any more."""
        for other in self.contact.enrolments.values():
            if other.waiting == "turn" and other.held_by == gone.sequence:
                other.waiting, other.held_by, other.due_at = "", "", self.at

    # --- on

    def go_on(self, run: Enrolment) -> None:
        """Do what is due for somebody by now."""
        flow = self.flow(run)
        if flow is None:
            return self.end(run, ExitReason.WITHDRAWN)
        if run.hard_stop and self.at >= run.ends_at:
            return self.end(run, ExitReason.OVER_TIME, f"{flow.document.max_days:g} days")
        if self._stands_still(run, flow):
            return None
        if self.at >= run.ends_at and not self._lengthen(run):
            return self.end(run, ExitReason.OVER_TIME, f"{flow.document.max_days:g} days")
        if run.due_at is not None and run.due_at <= self.at:
            self._step(run, flow)
        return None

    def _stands_still(self, run: Enrolment, flow: Flow) -> bool:
        pause = self.sequences.pauses.at(run.sequence, self.at)
        if pause is None:
            run.paused, run.resume_at = False, None
            return False
        if not run.paused:
            self.say(
                run,
                "pause",
                key_of("paused", run.key, pause.since),
                f"“{flow.label}” is paused: it goes on later",
                held=True,
            )
            self.free(run)
        run.paused, run.resume_at = True, pause.until
        return True

    def _lengthen(self, run: Enrolment) -> bool:
        """Add what the sequence stood still to its longest time; whether that gives it more."""
        paused = self.sequences.pauses.between(run.sequence, run.counted or run.entered_at, self.at)
        run.ends_at, run.counted = run.ends_at + paused, self.at
        return bool(paused)

    def _step(self, run: Enrolment, flow: Flow) -> None:
        """Take steps until one takes time, or the last is done."""
        if run.waiting in ("time", "event") and not self._waited(run, flow):
            return None
        run.waiting, run.due_at = "", None
        while run.op < len(flow.ops):
            op = flow.ops[run.op]
            if run.step != op.step:
                run.step, run.since = op.step, self.at
            match op:
                case Wait():
                    return self._wait(run, op, flow)
                case Send():
                    if not self._send(run, op, flow):
                        return None
                case Branch():
                    self._branch(run, op, flow)
                case Split():
                    self._split(run, op, flow)
                case Act():
                    self._act(run, op, flow)
                    run.op += 1
                case Jump(to=to):
                    run.op = to
                case Exit(reason=reason):
                    return self.end(run, ExitReason(reason))
        self.end(run, ExitReason.COMPLETED)
        return None

    def _waited(self, run: Enrolment, flow: Flow) -> bool:
        """What comes of a wait whose time is over; False where the person is let out."""
        op = flow.ops[run.op]
        if (
            run.waiting == "event"
            and isinstance(op, Wait)
            and op.document.for_ is not None
            and op.document.for_.otherwise == "exit"
        ):
            self.end(run, ExitReason.COMPLETED, f"no {' or '.join(op.types)} in {op.document.for_.at_most_days:g} days")
            return False
        run.op += 1
        return True

    # --- one step

    def _wait(self, run: Enrolment, op: Wait, flow: Flow) -> None:
        if op.document.for_ is not None:
            run.waiting, run.due_at = "event", self.at + timedelta(days=op.document.for_.at_most_days)
        else:
            run.waiting, run.due_at = "time", self._until(op.document, flow)

    def _until(self, wait: WaitDocument, flow: Flow) -> datetime:
        at = self.at + wait.least
        zone = zone_of(self.contact, flow.zone)
        own = personal_hour(self.contact.hours, zone, at) if wait.personal_hour else None
        hour = wait.until_hour if own is None else own
        return at if hour is None else flow.anytime.at_hour(at, hour, zone, _HOUR_WITHIN)

    def _send(self, run: Enrolment, op: Send, flow: Flow) -> bool:
        """Send a message or say why not; False where the person waits at this step."""
        if (first := self._who_goes_first(run, flow)) is not None:
            self._wait_for_turn(run, op, flow, first)
            return False
        cause = self._cause(run)
        message = op.action(rule_of(flow.id), cause)
        message.run, message.per = run.key, op.step
        key = key_of("message", run.key, run.version, op.step)
        gates = prepared(self.contact, message, cause, self.policies, self.at, key)
        leaves = leaves_at(self.contact, message, self.policies, self.at)
        message.until = min(run.ends_at, leaves + timedelta(hours=flow.document.too_old_hours))
        blocked = [gate for gate in gates if not gate.passed]
        capped, does = only_capped(blocked), f"“{message.message}” by {message.channel}"
        free = frees_at(self.contact, message, self.policies, self.at) if capped else None
        if free is not None and op.document.on_cap == "hold":
            run.waiting, run.due_at = "cap", max(free, self.at + _A_MOMENT)
            said = f"{does}: held until {run.due_at:%Y-%m-%d %H:%M} UTC: {blocked[0].detail}"
            self.say(run, "message", key_of("held", run.key, op.step, self.at), said, gates, held=True)
            return False
        said = blocked[0].detail if blocked else f"{flow.label}, step {op.step}"
        advances = capped and op.document.on_cap == "advance"
        decision = self.say(run, "message", key, f"{does}: {said}", gates, held=bool(blocked))
        decision.send, decision.through = message, op.document.through
        if not blocked:
            self._note_sent(run, op)
            reserve(self.contact, key, message, leaves)
            if words_of_wait := wait_words(self.contact, self.policies, self.at, leaves):
                decision.leaves_at = leaves
                decision.summary += f"; {words_of_wait}"
        run.op += 1
        if advances and run.op < len(flow.ops) and isinstance(flow.ops[run.op], Wait):
            run.op += 1  # nothing was sent that would have to be waited on
        return True

    def _cause(self, run: Enrolment) -> Event:
        return Event(
            type=run.on or EventType.TIMER_DUE,
            occurred_at=self.at,
            received_at=self.at,
            source_key="",
            id=run.event,
            properties=run.properties,
        )

    def _note_sent(self, run: Enrolment, op: Op) -> None:
        self._note_ignored(run)
        run.sent, run.last, run.last_at = run.sent + 1, op.step, self.at

    def _note_ignored(self, run: Enrolment) -> None:
        """Whether the person gave no sign after the last message."""
        sign = last_sign(self.contact)
        if run.last_at is not None and (sign is None or sign <= run.last_at):
            run.ignored = run.last

    def _who_goes_first(self, run: Enrolment, flow: Flow) -> Enrolment | None:
        if flow.document.purpose == TRANSACTIONAL:
            return None
        mine = rank(run)
        rivals = [one for one in self.contact.enrolments.values() if one.sends and not one.paused and rank(one) < mine]
        return min(rivals, key=rank, default=None)

    def _wait_for_turn(self, run: Enrolment, op: Op, flow: Flow, first: Enrolment) -> None:
        run.waiting, run.held_by, run.due_at = "turn", first.sequence, None
        other = self.flow(first)
        label = other.label if other else first.sequence
        key = (run.key, op.step, first.key, self.at)
        self.say(
            run, "turn", key_of("waits", *key), f"“{flow.label}” waits for “{label}”, which has priority", held=True
        )
        self.say(first, "turn", key_of("first", *key), f"“{label}” goes first: “{flow.label}” waits for it")

    def _branch(self, run: Enrolment, op: Branch, flow: Flow) -> None:
        facts = Facts(self.contact, None, self.at, self.policies.scoring.read)
        way = next(way for way in op.ways if way.test is None or way.test(facts))
        gates = [Gate(verdict.text, verdict.holds) for verdict in explain(way.when, facts)]
        key = key_of("branch", run.key, run.version, op.step)
        self.say(run, "branch", key, f"“{flow.label}”, step {op.step}: took “{way.name}”", gates)
        run.op = way.to

    def _split(self, run: Enrolment, op: Split, flow: Flow) -> None:
        way = op.pick(drawn(run.event, run.sequence, op.step))
        run.exposed[op.step] = way.name
        key = key_of("split", run.key, run.version, op.step)
        decision = self.say(run, "split", key, f"“{flow.label}”, split {op.step}: drawn for “{way.name}”")
        decision.tags = {"split": op.step, "variant": way.name}
        run.op = way.to

    def _act(self, run: Enrolment, op: Act, flow: Flow) -> None:
        act, key = op.document, key_of("act", run.key, run.version, op.step)
        if act.suppress:
            self.contact.sunset = Sunset(self.at, run.sequence)
            self.say(
                run, "sunset", key, f"No more marketing, until there is a sign of life: no answer to “{flow.label}”"
            )
            return
        if act.alert is not None:
            decision = self.say(run, "alert", key, f"“{flow.label}”, step {op.step}: people are told")
            decision.alert = Alert(title=f"{self.contact.name or 'A contact'}: {flow.label}", body=act.alert)
            decision.second_channel = self.policies.handoff.clock.second_channel
            return
        done = act.track or act.join or act.leave
        assert done is not None
        action = done.action(rule_of(flow.id), self._cause(run))
        gates = checks(self.contact, action, self.policies, self.at) if isinstance(action, JoinList) else []
        blocked = next((gate for gate in gates if not gate.passed), None)
        what = "event" if act.track is not None else "list"
        said = f"{done}: {blocked.detail if blocked else flow.label}"
        decision = self.say(run, what, key, said, gates, held=blocked is not None)
        decision.send, decision.through = action, done.through

    def say(
        self, run: Enrolment, what: str, key: str, summary: str, gates: list[Gate] | None = None, held: bool = False
    ) -> Decision:
        """Note one thing that was decided about somebody's way."""
        decision = Decision(
            key=key,
            rule=rule_of(run.sequence),
            policy=run.version,
            what=what,
            outcome=Outcome.WITHHELD if held else Outcome.TAKEN,
            summary=summary,
            event_id=self.event_id,
            at=self.at,
            gates=tuple(gates or ()),
        )
        self.decisions.append(decision)
        return decision


def competes(flow: Flow) -> bool:
    """Whether others have to wait for it: it writes to the person, and not about an order or an account."""
    return flow.document.purpose != TRANSACTIONAL and any(sends(flow.ops))


def _is_reviewed(flow: Flow, reason: ExitReason) -> bool:
    """Who reached the end of what has no goal has done all that was asked."""
    return flow.document.review and (reason is ExitReason.OVER_TIME or flow.document.goal is not None)


def drawn(event_id: str, sequence: str, split: str) -> float:
    """A number from 0 up to 1 that is always the same for these: who is in a test twice is not drawn twice."""
    return int(key_of("split", event_id, sequence, split)[:13], 16) / 16**13


def place_of(run: Enrolment, flow: Flow | None) -> str:
    """The step that somebody is at, in plain words."""
    if flow is None or run.op >= len(flow.ops):
        return "the end"
    return f"step {run.step}: {words(flow.ops[run.op])}"
