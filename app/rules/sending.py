"""Whether a message may go, and when: the one place that says so, for triggers, for sequences and for the last look
before it leaves. Pure.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.contacts import sends
from app.contacts.action import JoinList, SendMessage
from app.contacts.consent import MARKETING
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.zone import in_zone, zone_of
from app.rules.composing import prepare, suits
from app.rules.decision import Gate
from app.rules.frequency import CAP, counts, free_from, ladder, room
from app.rules.sequences.program import sends as messages_of
from app.rules.sequences.turns import owner
from app.rules.suppression import gates

if TYPE_CHECKING:
    from app.rules.decide import Policies
    from app.rules.sequences.policy import Flow


def checks(
    contact: Contact,
    message: SendMessage | JoinList,
    policies: "Policies",
    at: datetime,
    without: Collection[str] = (),
) -> list[Gate]:
    """All gates for a message to this person at a moment, passed or not. Caps are asked as of when it may leave; the
    messages of the decisions in ``without`` (a message's own) do not count. Who is put on a list passes the gates of a
    message, but no cap: what the list sends is counted when it is delivered."""
    checked = gates(contact, message, policies.suppression, at)
    if isinstance(message, SendMessage) and counts(message):
        leaves = leaves_at(contact, message, policies, at)
        checked.append(ladder(contact, message, policies, leaves))
        checked.append(room(contact, message, policies, leaves, without))
    return [*checked, *ownership(contact, message, policies)]


def reserve(contact: Contact, key: str, message: SendMessage, at: datetime) -> None:
    """Keep a place under the caps for the message of this decision, which is to leave at ``at``. It is given up when
    Baton notes that it did not leave."""
    if counts(message):
        sends.reserve(contact, key, message.rule, message.channel, at)


def leaves_at(contact: Contact, message: SendMessage, policies: "Policies", at: datetime) -> datetime:
    """The moment itself, or the end of the quiet hours or days off that it lies in. A transactional message never
    waits."""
    if not _may_wait(message, policies):
        return at
    quiet = policies.frequency.quiet
    return quiet.next_allowed(at, zone_of(contact, quiet.zone))


def wait_words(contact: Contact, policies: "Policies", at: datetime, leaves: datetime) -> str:
    """What a message waits for that leaves later: ``leaves at 08:00 in Berlin: quiet hours``; else an empty text."""
    if leaves <= at:
        return ""
    zone = zone_of(contact, policies.frequency.quiet.zone)
    if leaves - at < timedelta(days=1):
        return f"leaves at {in_zone(leaves, zone, '%H:%M')}: quiet hours"
    return f"leaves on {in_zone(leaves, zone, '%Y-%m-%d at %H:%M')}: quiet hours and days off"


def is_too_late(
    contact: Contact, message: SendMessage | JoinList, policies: "Policies", hours: float, now: datetime
) -> bool:
    """Whether so much time has gone by since what the message answers. Quiet hours and days off, in which it had to
    wait, do not count."""
    patience, since = timedelta(hours=hours), message.occurred_at
    if now - since <= patience:
        return False
    if not isinstance(message, SendMessage) or not _may_wait(message, policies):
        return True
    quiet = policies.frequency.quiet
    return quiet.allows_more_than(patience, since, now, zone_of(contact, quiet.zone))


def _may_wait(message: SendMessage, policies: "Policies") -> bool:
    return counts(message) and message.channel in policies.frequency.quiet_channels


# --- of sequences


def prepared(
    contact: Contact, message: SendMessage, cause: Event, policies: "Policies", at: datetime, key: str
) -> list[Gate]:
    """Give a sequence's message what its content says, as far as it has one; all its gates."""
    channel = prepare(message, cause, contact, policies.content, policies.suppression, at)
    asked = checks(contact, message, policies, at, without=(key,))
    return [*channel, *asked, *suits(message, contact, policies.content, policies.scoring.read, at)]


def may_begin(contact: Contact, flow: "Flow", event: Event, policies: "Policies", at: datetime) -> list[Gate]:
    """The gates that somebody has to pass to come into a sequence: those of its first message, as far as time alone
    does not open them. Whom it would tell nothing of their own does not come in."""
    first = next(messages_of(flow.ops), None)
    if first is None:
        return []
    message = first.action(flow.id, event)
    channel = prepare(message, event, contact, policies.content, policies.suppression, at)
    asked = gates(contact, message, policies.suppression, at)
    return [*channel, *asked, *suits(message, contact, policies.content, policies.scoring.read, at)]


def only_capped(blocked: list[Gate]) -> bool:
    """Whether nothing but a cap keeps a message back, so that it may be sent later."""
    return bool(blocked) and all(gate.name == CAP for gate in blocked)


def frees_at(contact: Contact, message: SendMessage, policies: "Policies", at: datetime) -> datetime | None:
    """When a message that a cap keeps back may leave if nothing else does until then; None: not by waiting."""
    return free_from(contact, message, policies, leaves_at(contact, message, policies, at))


def ownership(contact: Contact, message: SendMessage | JoinList, policies: "Policies") -> list[Gate]:
    """While a sequence has a person for itself, no other marketing message goes to them."""
    if not contact.enrolments or message.purpose != MARKETING or isinstance(message, JoinList):
        return []
    found = owner(contact, message.run)
    if found is None:
        return [Gate("no sequence", True)]
    flow = policies.sequences.newest.by_id.get(found.sequence)
    label = flow.label if flow is not None else found.sequence
    return [Gate("no sequence", False, f"the sequence “{label}” has the person for itself until it ends")]


def over(contact: Contact, message: SendMessage, now: datetime) -> str:
    """Why a message that a sequence asked for must not leave any more, or an empty text. What was asked for on the way
    to a regular end still leaves."""
    if not message.run:
        return ""
    if message.until is not None and now > message.until:
        return f"too late: it had to leave by {message.until:%Y-%m-%d %H:%M} UTC"
    if any(one.key == message.run for one in contact.enrolments.values()):
        return ""
    left = next((one for one in contact.exits.values() if one.key == message.run), None)
    if left is not None and left.exit == "completed":
        return ""
    return f"the person has left the sequence{': ' + left.exit.replace('_', ' ') if left else ''}"
