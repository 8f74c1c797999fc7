"""What is done when tools say different things of one field: whose word stands, and when a person has to say. Pure.

The newest word stands, unless a mapping says otherwise of its tool: the ``owner`` of a field is not overruled by
others, one that may only ``fill`` never overrules, and where it says ``ask`` nobody is overruled. Two things go to a
person: a difference that these do not settle (two owners, or one that asks), and a field that two tools keep turning
back and forth. Until then the field stays as it is, and we write it nowhere.
"""

from datetime import datetime, timedelta
from typing import Any

from app.contacts.contact import Contact, Dispute, Turns, Value
from app.contacts.event import Event

OWNER, FILL, ASK = "owner", "fill", "ask"
OWNERS, ASKED, FLIP_FLOP = "owners", "asked", "flip_flop"
# So often within this time two tools turn a field from one value to another and back before it is frozen
MAX_TURNS, TURNS_WITHIN = 4, timedelta(hours=1)


def set_field(contact: Contact, name: str, value: Any, event: Event) -> None:
    """Take over what an event says of a field, as far as that stands. None clears it."""
    rank = event.authority.get(name, "") if event.authority else ""
    known = contact.fields.get(name)
    if contact.disputes and name in contact.disputes and event.connection_id:
        contact.disputes[name].says[str(event.connection_id)] = _value(value, event, rank)
        return
    if known is None:
        if value is not None:
            contact.fields[name] = _value(value, event, rank)
        return
    if known.value == value and (known.rank or rank != OWNER):
        return  # who said it first has said it
    other = known.connection_id != event.connection_id
    if other and event.connection_id and known.value != value:
        if rank == FILL or (known.rank == OWNER and rank not in (OWNER, ASK)):
            return
        if reason := _reason(contact, name, known, value, event, rank):
            _dispute(contact, name, known, _value(value, event, rank), reason)
            return
    if value is None:
        contact.fields.pop(name)
    else:
        contact.fields[name] = _value(value, event, rank)


def settle(contact: Contact, name: str, value: Any, at: datetime, by: str) -> None:
    """Let a person's word stand: the dispute is over, and whatever tools said before counts no more."""
    contact.disputes.pop(name, None)
    contact.turns.pop(name, None)
    if value is None:
        contact.fields.pop(name, None)
    else:
        contact.fields[name] = Value(value, at, by=by)


def _value(value: Any, event: Event, rank: str) -> Value:
    return Value(value, event.occurred_at, event.connection_id, event.mapping, rank=rank if rank == OWNER else "")


def _reason(contact: Contact, name: str, known: Value, value: Any, event: Event, rank: str) -> str:
    """Why a difference goes to a person, or an empty text."""
    if known.rank == OWNER and rank == OWNER:
        return OWNERS
    if rank == ASK and known.connection_id:
        return ASKED
    if not known.connection_id:
        return ""
    turns = contact.turns.get(name)
    since = event.occurred_at - TURNS_WITHIN
    back = turns is not None and turns.was == value and turns.tool == event.connection_id
    times = [at for at in turns.times if at > since] if back and turns is not None else []
    contact.turns[name] = Turns(known.value, known.connection_id, [*times, event.occurred_at])
    return FLIP_FLOP if len(times) + 1 >= MAX_TURNS else ""


def _dispute(contact: Contact, name: str, known: Value, rival: Value, reason: str) -> None:
    says = {str(known.connection_id): known, str(rival.connection_id): rival}
    contact.disputes[name] = Dispute(rival.at, reason, says)
