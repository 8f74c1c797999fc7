"""When a person is ready, a human gets the baton: by behaviour, never by a timer. Pure.

From the moment a handoff opens until sales gives a verdict, automation leaves the person alone.
"""

from datetime import date, timedelta
from typing import Any, Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, EmailStr, Field, field_validator, model_validator

from app.contacts.contact import Contact, Handoff, Signal
from app.contacts.event import Event, EventType
from app.contacts.own_events import HANDED_OVER
from app.rules.clock import Clock, ClockDocument, Second, compile_clock
from app.rules.condition import Condition, Facts, Test, compile_condition
from app.rules.condition_words import explain
from app.rules.decision import Decision, Gate, HandoffPlan, Outcome, in_time, key_of
from app.rules.score import ScoringRules, total
from app.rules.scoring import known_types
from app.rules.suppression import SuppressionDocument, conversation

BY_HAND = "by_hand"  # the rule of handoffs that a person asks for
VERDICTS = ("accepted", "not_a_fit", "nurture", "won", "lost")


class PersonDocument(BaseModel):
    """Someone who takes handoffs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    email: EmailStr = Field(title="E-mail")
    hubspot_owner_id: str = Field("", title="HubSpot owner id", description="So that the contact is theirs in HubSpot")
    active: bool = Field(True, description="Takes handoffs now")
    absent_until: date | None = Field(None, title="Away until", description="The first day back: 2026-12-01")
    takes: Condition | None = Field(
        None,
        title="Territory",
        description="Territory: only contacts for which this holds, and those before people who take everybody",
    )


class HandoffRuleDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]{1,40}$", description="Small letters, digits, _")
    label: str = Field(description="The reason, as sales reads it")
    on: list[str] = Field(
        default_factory=list, title="Events", description="Event types at which to look; none: at every event"
    )
    when: Condition = Field(title="Condition", description="Handed over when this holds")

    @field_validator("on")
    @classmethod
    def _types(cls, names: list[str]) -> list[str]:
        return known_types(names)


class HandoffDocument(BaseModel):
    """The handoff policy as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["handoff"]
    name: str = "handoff"
    rules: list[HandoffRuleDocument] = Field(description="When somebody is ready for sales")
    people: list[PersonDocument] = Field(
        default_factory=list, description="Who takes turns when nobody owns the contact"
    )
    assign: Literal["round_robin", "least_busy"] = Field(
        "round_robin",
        title="Whose turn",
        description="Who is next: one after the other, or who has the fewest open handoffs",
    )
    clock: ClockDocument = Field(default_factory=ClockDocument, description="How long sales has, and what comes then")
    too_old_hours: float = Field(
        168, gt=0, title="Too old after hours", description="An event that reaches us later than this raises no handoff"
    )
    again_after_days: dict[str, float] = Field(
        default_factory=lambda: {"nurture": 14.0, "not_a_fit": 90.0, "lost": 30.0},
        title="Again after days",
        description="After sales has said this, no new handoff for so many days",
    )

    @model_validator(mode="before")
    @classmethod
    def _as_before(cls, data: Any) -> Any:
        """``due_minutes`` used to stand beside the rules; published versions never change."""
        if isinstance(data, dict) and "due_minutes" in data and isinstance(clock := data.get("clock", {}), dict):
            rest = {name: value for name, value in data.items() if name != "due_minutes"}
            return {**rest, "clock": {"due_minutes": data["due_minutes"], **clock}}
        return data


class HandoffRule(Struct, frozen=True):
    id: str
    label: str
    test: Test
    when: Condition | None


class HandoffPolicy(Struct, frozen=True):
    """The compiled handoff policy, indexed by event type."""

    by_type: dict[str, tuple[HandoffRule, ...]]
    always: tuple[HandoffRule, ...]
    document: HandoffDocument
    clock: Clock
    version: str


def compile_handoff(document: HandoffDocument, version: str) -> HandoffPolicy:
    """The policy in the form that is applied to events."""
    by_type: dict[str, list[HandoffRule]] = {}
    always = []
    for rule in document.rules:
        compiled = HandoffRule(rule.id, rule.label, compile_condition(rule.when), rule.when)
        if not rule.on:
            always.append(compiled)
        for name in rule.on:
            by_type.setdefault(name, []).append(compiled)
    people = {str(person.email): person for person in document.people}
    seconds = [
        Second(email, people[email].name, people[email].absent_until) if email in people else Second(email)
        for email in map(str, document.clock.escalate_to)
        if email not in people or people[email].active
    ]
    return HandoffPolicy(
        {name: tuple(rules) for name, rules in by_type.items()},
        tuple(always),
        document,
        compile_clock(document.clock, seconds, version),
        version,
    )


def decide_handoff(
    contact: Contact,
    event: Event,
    policy: HandoffPolicy,
    suppression: SuppressionDocument,
    scoring: ScoringRules,
) -> list[Decision]:
    """The handoff that this event opens, or why it opens none although a rule asked for one."""
    rules = policy.by_type.get(event.type, ()) + policy.always
    if event.type == HANDED_OVER and not event.connection_id:
        rules = (_by_hand(event),)
    if (
        not rules
        or event.machine is not None
        or event.quiet
        or contact.open_handoff is not None
        or event.type == EventType.TIMER_DUE
    ):
        return []
    facts = Facts(contact, event, event.occurred_at, scoring)
    for rule in rules:
        if rule.test(facts):
            return [_open(contact, event, rule, policy, suppression, facts)]
    return []


def _by_hand(event: Event) -> HandoffRule:
    """Somebody says so, which needs no further reason."""
    why = str(event.properties.get("reason") or "")
    label = f"{event.actor or 'Somebody'} hands the person over" + (f": {why}" if why else "")
    return HandoffRule(BY_HAND, label, lambda facts: True, None)


def _open(
    contact: Contact,
    event: Event,
    rule: HandoffRule,
    policy: HandoffPolicy,
    suppression: SuppressionDocument,
    facts: Facts,
) -> Decision:
    gates = [Gate(verdict.text, verdict.holds) for verdict in explain(rule.when, facts)]
    gates += _gates(contact, event, policy, suppression)
    score = total(contact.score, facts.scoring, event.occurred_at)
    key = key_of("handoff", rule.id, event.id)
    blocked = next((gate for gate in gates if not gate.passed and gate.detail), None)
    decision = Decision(
        key=key,
        rule=rule.id,
        policy=policy.version,
        what="handoff",
        outcome=Outcome.TAKEN if blocked is None else Outcome.WITHHELD,
        summary=f"Handed to sales: {rule.label} (score {score:.0f})"
        if blocked is None
        else f"Not handed to sales: {blocked.detail}",
        event_id=event.id,
        at=event.occurred_at,
        gates=tuple(gates),
    )
    if blocked is None:
        opened = event.occurred_at
        # Nobody can be on time for what had not reached us yet
        remind, due = policy.clock.times(max(opened, event.received_at))
        decision.handoff = HandoffPlan(
            key=key, rule=rule.id, opened_at=opened, remind_at=remind, due_at=due, score=score, reason=rule.label
        )
        decision.second_channel = policy.clock.second_channel
        contact.handoffs.append(Handoff(key, opened, rule.id, remind_at=remind, due_at=due))
        del contact.handoffs[:-10]
    return decision


def _gates(contact: Contact, event: Event, policy: HandoffPolicy, suppression: SuppressionDocument) -> list[Gate]:
    """Why a person who is ready may still not be handed over."""
    now = event.occurred_at
    talk = conversation(contact, suppression, now)
    last = contact.handoffs[-1] if contact.handoffs else None
    rest = timedelta(days=policy.document.again_after_days.get(last.verdict, 0)) if last else timedelta()
    reachable = bool(contact.email or contact.get("phone"))
    resting = last is not None and last.closed_at is not None and now < last.closed_at + rest
    return [
        Gate(
            "not in conversation",
            talk is None,
            f"already in conversation ({talk.kind} {talk.who}".strip() + ")" if talk else "",
        ),
        Gate(
            "not judged lately",
            not resting,
            f"sales said {last.verdict.replace('_', ' ')} lately" if last and resting else "",
        ),
        in_time(event, policy.document.too_old_hours),
        Gate(
            "can be reached",
            reachable,
            "" if reachable else "neither e-mail address nor phone is known",
        ),
    ]


def apply_verdict(contact: Contact, event: Event, policy: HandoffPolicy) -> list[Decision]:
    """What sales said of a handoff: it ends. Who accepted one is in conversation with the person from now on."""
    verdict = str(event.properties.get("verdict") or "")
    if verdict not in VERDICTS:
        return []
    handoff = contact.handoff_meant(event.properties.get("handoff"))
    if handoff is None:
        return []
    now, actor = event.occurred_at, event.actor or "sales"
    if handoff.closed_at is not None and handoff.verdict == verdict:
        return []
    handoff.verdict, handoff.closed_at = verdict, handoff.closed_at or now
    contact.score.armed = True
    if verdict == "accepted":
        contact.conversation["sales"] = Signal("sales", now, now, actor)
    elif "sales" in contact.conversation:
        contact.conversation["sales"].closed_at = now
    return [
        Decision(
            key=key_of("verdict", verdict, event.id),
            rule="verdict",
            policy=policy.version,
            what="verdict",
            outcome=Outcome.TAKEN,
            summary=f"Sales ({actor}) said: {verdict.replace('_', ' ')}",
            event_id=event.id,
            at=now,
            tags={"handoff": handoff.key, "verdict": verdict, "by": actor},
        )
    ]
