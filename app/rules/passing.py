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
from app.rules.sequences.enrolments import decide_due, next_due

if TYPE_CHECKING:
    from app.rules.decide import Policies

TIMER = "waiting"
_COARSE, _JUST_AFTER = timedelta(hours=1), timedelta(milliseconds=1)  # some things turn just after their moment


def timers(contact: Contact, now: datetime) -> dict[str, datetime]:
    """When the contact has to be looked at again, as timer → moment."""
    due = [waited.due_at for waited in contact.waiting.values()]
    if contact.enrolments and (step := next_due(contact)) is not None:
        due.append(step[0])
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
    if contact.enrolments and (step := next_due(contact)) is not None and step[0] <= until:
        return True
    return any(waited.due_at <= until for waited in contact.waiting.values()) if contact.waiting else False


def next_moment(contact: Contact) -> datetime | None:
    """The next moment at which something of the contact is due, or None."""
    if not (contact.looks or contact.waiting or contact.enrolments):
        return None
    due = _next(contact)
    return None if due is None else due[0]


def pass_time(contact: Contact, until: datetime, policies: "Policies") -> list[Decision]:
    """Decide what is due up to a moment, the earliest first; of the same moment, segments, then sequences, then
    triggers."""
    decisions: list[Decision] = []
    while (due := _next(contact)) is not None and due[0] <= until:
        _, kind, key = due
        if kind == _LOOK:
            decisions += judge_in_time(contact, key, policies)
        elif kind == _STEP:
            decisions += decide_due(contact, key, policies)
        else:
            decisions += decide_waiting(contact, key, policies)
    return decisions


_LOOK, _STEP, _WAIT = range(3)


def _next(contact: Contact) -> tuple[datetime, int, str] | None:
    look, step = next_look(contact), next_due(contact)
    wait = min(((waited.due_at, key) for key, waited in contact.waiting.items()), default=None)
    found = [
        (at, kind, key) for kind, known in ((_LOOK, look), (_STEP, step), (_WAIT, wait)) if known for at, key in [known]
    ]
    return min(found, default=None)
