"""Which events let somebody out of a sequence, and for which reason of the closed list. Pure."""

from typing import TYPE_CHECKING

from app.contacts.action import SendMessage
from app.contacts.contact import Contact, Enrolment
from app.contacts.event import Event, EventType
from app.contacts.own_events import SUPPRESSED_BY_HAND
from app.rules.condition import Facts
from app.rules.event_words import event_names
from app.rules.sequences.policy import ExitReason, Flow, Watch
from app.rules.suppression import conversation, gates

if TYPE_CHECKING:
    from app.rules.decide import Policies

Way = tuple[ExitReason, str]  # the reason, and what exactly

_REPLIED = frozenset((EventType.EMAIL_REPLIED, EventType.SMS_REPLIED, EventType.PUSH_REPLIED))
_MAY_OPT_OUT = frozenset(
    [EventType.CONSENT_CHANGED, EventType.FORM_SUBMITTED]
    + [
        f"{channel}.{what}"
        for channel in ("email", "sms", "push")
        for what in ("unsubscribed", "complained", "bounced")
    ]
)
_MAY_TALK = frozenset(
    (
        EventType.DEAL_CREATED,
        EventType.DEAL_STAGE_CHANGED,
        EventType.MEETING_BOOKED,
        EventType.CONVERSATION_STARTED,
        EventType.SALES_VERDICT,
    )
)
_NO_MORE = frozenset(("bounce", "complaint", "consent"))


def way_out(contact: Contact, event: Event, run: Enrolment, flow: Flow, policies: "Policies") -> Way | None:
    """Why this event ends a person's way through a sequence, or None. The contact is as the event has left it."""
    facts = Facts(contact, event, event.occurred_at, policies.scoring.read)
    if _meant(flow.goal, facts):
        return ExitReason.GOAL, event_names([event.type])
    if _meant(flow.conversion, facts):
        return ExitReason.CONVERTED, event_names([event.type])
    if event.type in _REPLIED:
        return ExitReason.REPLIED, event_names([event.type])
    if contact.open_handoff is not None:
        return ExitReason.HANDED_OVER, ""
    if event.type in _MAY_OPT_OUT and (why := _unreachable(contact, event, flow, policies)):
        return ExitReason.OPTED_OUT, why
    if event.type == SUPPRESSED_BY_HAND and contact.manual is not None:
        return ExitReason.SUPPRESSED, f"by {contact.manual.by}"
    if event.type == EventType.SALES_VERDICT and event.properties.get("verdict") == "not_a_fit":
        return ExitReason.SUPPRESSED, "sales said it is not a fit"
    if event.type in _MAY_TALK and (talk := conversation(contact, policies.suppression, event.occurred_at)):
        return ExitReason.CONVERSATION, talk.kind
    if _meant(flow.exits, facts):
        return ExitReason.NO_LONGER_FITS, event_names([event.type])
    return None


def _meant(watches: tuple[Watch, ...], facts: Facts) -> bool:
    return any(watch.means(facts) for watch in watches)


def _unreachable(contact: Contact, event: Event, flow: Flow, policies: "Policies") -> str:
    """What keeps every message of the sequence from the person for good, or an empty text."""
    found = ""
    for channel in flow.channels:
        message = SendMessage(
            message="", rule="", occurred_at=event.occurred_at, channel=channel, purpose=flow.document.purpose
        )
        asked = gates(contact, message, policies.suppression, event.occurred_at)
        found = next((gate.detail for gate in asked if not gate.passed and gate.name in _NO_MORE), "")
        if not found:
            return ""
    return found


WORDS = {
    ExitReason.GOAL: "reached its goal",
    ExitReason.CONVERTED: "converted",
    ExitReason.REPLIED: "replied",
    ExitReason.CONVERSATION: "is in conversation with sales",
    ExitReason.HANDED_OVER: "was handed to sales",
    ExitReason.OPTED_OUT: "may not be written to any more",
    ExitReason.SUPPRESSED: "is suppressed",
    ExitReason.NO_LONGER_FITS: "no longer fits",
    ExitReason.OVER_TIME: "its time is over",
    ExitReason.COMPLETED: "all steps are done",
    ExitReason.MOVED: "moved to another sequence",
    ExitReason.WITHDRAWN: "the sequence is not published any more",
    ExitReason.STOPPED: "stopped by hand",
}
