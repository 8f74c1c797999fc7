"""What comes of time alone: before an event is folded, all that was due before it is decided as of its moment. Pure.

The timer of a contact only makes sure that somebody looks in time. Whether it rings late, twice or after other events,
each moment is decided once, and on the contact as it was then.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from app.contacts.contact import Contact
from app.rules.decision import Decision
from app.rules.messages import decide_waiting
from app.rules.segments import judge_in_time, next_look

if TYPE_CHECKING:
    from app.rules.decide import Policies

TIMER = "waiting"
_COARSE, _JUST_AFTER = timedelta(hours=1), timedelta(milliseconds=1)  # some things turn just after their moment


def timers(contact: Contact, now: datetime) -> dict[str, datetime]:
    """When the contact has to be looked at again, as timer → moment."""
    due = [waited.due_at for waited in contact.waiting.values()]
    if (look := next_look(contact)) is not None:
        at = look[0] + _JUST_AFTER
        # Each visit moves the moment at which somebody will have been quiet for long; not each sets a timer anew
        whole = at.replace(minute=0, second=0, microsecond=0)
        due.append(whole if whole > now + _COARSE else at)
    return {TIMER: min(due)} if due else {}


def is_due(contact: Contact, until: datetime) -> bool:
    """Whether something of the contact is due up to a moment. Asked for each event."""
    for look in contact.looks.values():
        if look.at <= until:
            return True
    return any(waited.due_at <= until for waited in contact.waiting.values()) if contact.waiting else False


def pass_time(contact: Contact, until: datetime, policies: "Policies") -> list[Decision]:
    """Decide what is due up to a moment, the earliest first; of the same moment, segments before triggers."""
    decisions: list[Decision] = []
    while contact.waiting or contact.looks:
        look = next_look(contact)
        wait = min(((waited.due_at, key) for key, waited in contact.waiting.items()), default=None)
        if look is not None and look[0] <= until and (wait is None or look[0] <= wait[0]):
            decisions += judge_in_time(contact, look[1], policies)
        elif wait is not None and wait[0] <= until:
            decisions += decide_waiting(contact, wait[1], policies)
        else:
            break
    return decisions
