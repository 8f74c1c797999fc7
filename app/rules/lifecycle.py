"""Lifecycle stages: forward by rule, backward only by a named person with a reason. Pure."""

from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.contacts.contact import STAGE_ORDER, Contact, LifecycleStage, Stage
from app.contacts.event import Event, EventType
from app.rules.condition import Condition, Facts, Test, compile_condition
from app.rules.decision import Decision, Outcome, key_of
from app.rules.score import ScoringRules
from app.rules.scoring import Crossing, known_types


class StepDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    to: LifecycleStage
    on: list[str] = Field(min_length=1, title="Events", description="Event types that lead there")
    when: Condition | None = Field(None, title="Condition", description="Only if this holds; none: always")
    because: str = Field(title="Reason", description="The reason, as it is shown on the contact")

    @field_validator("on")
    @classmethod
    def _types(cls, names: list[str]) -> list[str]:
        return known_types(names)


class LifecycleDocument(BaseModel):
    """The lifecycle policy as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["lifecycle"]
    name: str = "lifecycle"
    mql_at_threshold: bool = Field(
        True,
        title="MQL at the threshold",
        description="Crossing the scoring threshold makes a marketing-qualified lead",
    )
    steps: list[StepDocument] = Field(description="What moves somebody forward; nobody is moved back by these")
    # The rep is the named actor
    verdicts: dict[str, LifecycleStage] = Field(
        default_factory=dict, title="What sales says", description="What sales' word on a handoff makes of the stage"
    )


_FORWARD = frozenset(("accepted", "won"))  # good news: a customer whom sales takes on again is no less a customer


class Step(Struct, frozen=True):
    to: LifecycleStage
    test: Test
    because: str


class Lifecycle(Struct, frozen=True):
    """The compiled lifecycle policy, indexed by event type."""

    by_type: dict[str, tuple[Step, ...]]
    verdicts: dict[str, LifecycleStage]
    mql_at_threshold: bool
    document: LifecycleDocument
    version: str


def compile_lifecycle(document: LifecycleDocument, version: str) -> Lifecycle:
    """The policy in the form that is applied to events."""
    by_type: dict[str, list[Step]] = {}
    for step in document.steps:
        compiled = Step(step.to, compile_condition(step.when), step.because)
        for name in step.on:
            by_type.setdefault(name, []).append(compiled)
    return Lifecycle(
        {name: tuple(steps) for name, steps in by_type.items()},
        dict(document.verdicts),
        document.mql_at_threshold,
        document,
        version,
    )


def advance(
    contact: Contact,
    event: Event,
    crossing: Crossing | None,
    policy: Lifecycle,
    scoring: ScoringRules,
    judged: bool = False,
) -> list[Decision]:
    """Move the contact's stage where the event says so; each move, and each refusal to go back, with its reason.

    ``judged``: the event is a verdict and ended a handoff. A verdict on nothing (a lead status that has stood there
    for a year) moves nobody.
    """
    decisions = []
    if event.type == EventType.STAGE_CHANGED:
        decisions += _told_by_tool(contact, event, policy)
    elif judged:
        verdict = str(event.properties.get("verdict"))
        if (to := policy.verdicts.get(verdict)) is not None:
            reason = f"verdict of sales: {verdict.replace('_', ' ')}"
            if verdict in _FORWARD:
                decisions += _move(contact, event, to, event.actor or "sales", reason, policy)
            else:
                decisions += _told(contact, event, to, "sales", reason, policy)
    steps = policy.by_type.get(event.type, ())
    if steps:
        facts = Facts(contact, event, event.occurred_at, scoring)
        for step in steps:
            if step.test(facts):
                decisions += _move(contact, event, step.to, "rule", step.because, policy)
    if crossing is not None and policy.mql_at_threshold:
        reason = f"score {crossing.score:.0f} has reached {crossing.threshold:g}"
        decisions += _move(contact, event, LifecycleStage.MQL, "rule", reason, policy)
    return decisions


def _told_by_tool(contact: Contact, event: Event, policy: Lifecycle) -> list[Decision]:
    try:
        to = LifecycleStage(str(event.properties.get("stage")))
    except ValueError:
        return []
    reason = f"set by {event.actor}" if event.actor else "set in the tool"
    return _told(contact, event, to, "tool", reason, policy)


def _told(
    contact: Contact, event: Event, to: LifecycleStage, otherwise: str, reason: str, policy: Lifecycle
) -> list[Decision]:
    """A move that somebody asked for. Only who is named may move a stage back."""
    moved = _move(contact, event, to, event.actor or otherwise, reason, policy, back=bool(event.actor))
    if moved or contact.stage is None or contact.stage.name is to:
        return moved
    summary = f"Stayed {contact.stage.name}: a tool moved the stage back to {to} without saying who did"
    return [_decision(event, to, Outcome.WITHHELD, summary, policy)]


def _move(
    contact: Contact,
    event: Event,
    to: LifecycleStage,
    by: str,
    reason: str,
    policy: Lifecycle,
    back: bool = False,
) -> list[Decision]:
    now = contact.stage
    if now is not None and (now.name is to or (STAGE_ORDER[to] < STAGE_ORDER[now.name] and not back)):
        return []
    contact.stage = Stage(to, event.occurred_at, by, reason)
    summary = f"{'Became' if now is None else f'From {now.name} to'} {to}: {reason}"
    return [_decision(event, to, Outcome.TAKEN, summary, policy)]


def _decision(event: Event, to: LifecycleStage, outcome: Outcome, summary: str, policy: Lifecycle) -> Decision:
    return Decision(
        key=key_of("lifecycle", to, event.id),
        rule=f"stage {to}",
        policy=policy.version,
        what="stage",
        outcome=outcome,
        summary=summary,
        event_id=event.id,
        at=event.occurred_at,
        tags={"stage": str(to)},
    )
