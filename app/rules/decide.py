"""One event, all rules, in their order: what changes on the contact, what is to be done, and why. Pure.

``step`` is the only way in which an event acts on a contact, live, replayed or rehearsed. Rules see the contact as it
was when the event occurred, not as it is when the event is processed, so that any order of arrival decides the same.
"""

from msgspec import Struct

from app.contacts.action import Alert
from app.contacts.contact import Contact
from app.contacts.event import Event, EventType
from app.contacts.fold import fold
from app.contacts.own_events import MESSAGE_NOT_SENT, READ_AGAIN
from app.rules.clock import decide_clock
from app.rules.content import Content
from app.rules.decision import Decision, Outcome, key_of
from app.rules.frequency import Frequency
from app.rules.handoff import HandoffPolicy, apply_verdict, decide_handoff
from app.rules.interests import Interests, infer_interests
from app.rules.lifecycle import Lifecycle, advance
from app.rules.memory import Memory, remember
from app.rules.messages import decide_messages
from app.rules.passing import is_due, pass_time
from app.rules.rereading import quiet_crossing
from app.rules.scoring import Crossing, Scoring, apply_scoring, may_score
from app.rules.segments import Segments, is_quiet, judge, touched
from app.rules.sequences.enrolments import enter, forget, hear
from app.rules.sequences.policy import Sequences
from app.rules.suppression import SuppressionDocument
from app.rules.triggers import Triggers


class Policies(Struct, frozen=True):
    """All published policies, compiled. ``number`` grows with each publication."""

    scoring: Scoring
    lifecycle: Lifecycle
    suppression: SuppressionDocument
    handoff: HandoffPolicy
    triggers: Triggers
    interests: Interests
    memory: Memory
    segments: Segments
    content: Content
    frequency: Frequency
    sequences: Sequences
    number: int = 0

    @property
    def scored_by(self) -> str:
        """The versions of the rules that scores are counted by: of scoring, and of what moves stages, which it asks."""
        return f"{self.scoring.version} {self.lifecycle.version}"


# Types that no rule looks at: what Baton itself notes, and what it does not know
_SILENT = frozenset((EventType.UNKNOWN, EventType.MESSAGE_SENT, MESSAGE_NOT_SENT))


def step(contact: Contact, event: Event, policies: Policies) -> list[Decision]:
    """Fold the event into the contact (in place) and decide what follows from it."""
    scoring = policies.scoring.read
    decisions: list[Decision] = []
    if (contact.looks or contact.waiting or contact.enrolments) and is_due(contact, event.occurred_at):
        decisions += pass_time(contact, event.occurred_at, policies)
    if contact.newest is None:
        contact.scored_by = policies.scored_by
    stage = contact.stage
    if event.type == EventType.CONTACT_ERASED and contact.enrolments:
        decisions += forget(contact, event, policies)
    fold(contact, event)
    if contact.erased_at is not None or event.type in _SILENT:
        return decisions
    if event.type == READ_AGAIN:
        return decisions + _quietly(contact, event, policies)
    infer_interests(contact, event, policies.interests)
    remember(contact, event, policies.memory, scoring)
    verdict = apply_verdict(contact, event, policies.handoff) if event.type == EventType.SALES_VERDICT else []
    judged = bool(verdict)
    decisions += verdict
    decisions += decide_clock(contact, event, policies.handoff.clock)
    crossing = apply_scoring(contact, event, policies.scoring)
    decisions += advance(contact, event, crossing, policies.lifecycle, scoring, judged)
    handoff = decide_handoff(contact, event, policies.handoff, policies.suppression, scoring)
    if crossing is not None and not event.quiet:
        decisions.append(_crossed(contact, event, crossing, policies, handed_over=any(d.handoff for d in handoff)))
    decisions += handoff
    # Before segments move: what lets somebody in is not yet an answer
    decisions += hear(contact, event, policies)
    scored = bool(policies.segments.by_score) and (may_score(event, policies.scoring) or is_quiet(event))
    if segments := touched(contact, event, stage, policies.segments, scored):
        decisions += judge(contact, event, segments, policies)
    decisions += enter(contact, event, policies)
    decisions += decide_messages(contact, event, policies)
    return decisions


def _quietly(contact: Contact, event: Event, policies: Policies) -> list[Decision]:
    """What follows from values that were known too late: points and segments, and nothing that anybody is told."""
    scoring, decisions = policies.scoring, []
    crossing = apply_scoring(contact, event, scoring)
    if crossing is not None:
        decisions.append(quiet_crossing(event, crossing, contact.stage, scoring.version))
    segments = touched(contact, event, contact.stage, policies.segments, may_score(event, scoring))
    return decisions + (judge(contact, event, segments, policies) if segments else [])


def _crossed(contact: Contact, event: Event, crossing: Crossing, policies: Policies, handed_over: bool) -> Decision:
    """Tell people once that someone qualified, unless a handoff tells them more in the same moment."""
    summary = f"Score {crossing.score:.0f} has reached {crossing.threshold:g}"
    alert = Alert(title=f"{contact.name or 'A contact'} is now a marketing-qualified lead", body=summary)
    return Decision(
        key=key_of("crossed", event.id),
        rule="threshold",
        policy=policies.scoring.version,
        what="alert",
        outcome=Outcome.WITHHELD if handed_over else Outcome.TAKEN,
        summary=summary + (": the handoff tells of it" if handed_over else ""),
        event_id=event.id,
        at=event.occurred_at,
        alert=None if handed_over else alert,
        second_channel=policies.handoff.clock.second_channel,
    )
