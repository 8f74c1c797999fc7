"""What comes of time alone: before an event is folded, all that was due before it is decided as of its moment. Pure.

The timer of a contact only makes sure that somebody looks in time. Whether it rings late, twice or after other events,
each moment is decided once, and on the contact as it was then.
"""

from datetime import datetime

from app.contacts.contact import Contact
from app.rules.decision import Decision
from app.rules.messages import decide_waiting
from app.rules.score import ScoringRules
from app.rules.suppression import SuppressionDocument
from app.rules.triggers import Triggers

TIMER = "waiting"


def timers(contact: Contact) -> dict[str, datetime]:
    """When the contact has to be looked at again, as timer → moment."""
    due = min((waited.due_at for waited in contact.waiting.values()), default=None)
    return {} if due is None else {TIMER: due}


def pass_time(
    contact: Contact, until: datetime, triggers: Triggers, suppression: SuppressionDocument, scoring: ScoringRules
) -> list[Decision]:
    """Decide what is due up to a moment, the earliest first."""
    decisions: list[Decision] = []
    while contact.waiting:
        due_at, key = min((waited.due_at, key) for key, waited in contact.waiting.items())
        if due_at > until:
            break
        decisions += decide_waiting(contact, key, triggers, suppression, scoring)
    return decisions
