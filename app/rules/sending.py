"""Whether a message may go, and when: the one place that says so, for triggers, for sequences and for the last look
before it leaves. Pure.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.contacts import sends
from app.contacts.action import JoinList, SendMessage
from app.contacts.contact import Contact
from app.contacts.zone import in_zone, zone_of
from app.rules.decision import Gate
from app.rules.frequency import counts, ladder, room
from app.rules.suppression import gates

if TYPE_CHECKING:
    from app.rules.decide import Policies


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
    return checked


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
