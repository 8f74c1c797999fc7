"""A contact as it was at a moment in the past, folded anew from the log up to there."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Conn

from app import views
from app.contacts.contact import Contact, Handoff
from app.contacts.event import position
from app.receive import Refused
from app.rules.decide import step
from app.rules.passing import pass_time
from app.runtime import Runtime
from app.store import checkpoints, log, people, rows


def contact(runtime: Runtime, conn: Conn, contact_id: int, at: datetime) -> dict[str, Any] | None:
    """What was true of a contact at a moment: everything that had occurred by then, also what reached us later, under
    the rules that are in force today. None where there is no such contact; Refused for a moment that is still to come.
    """
    if at > runtime.clock():
        raise Refused(400, "at is a moment in the past")
    home = people.survivor(conn, contact_id)
    row = rows.contact_row(conn, home)
    if row is None:
        return None
    state = _folded(runtime, conn, home, at)
    return {
        "id": home,
        "as_of": at,
        **views.of_state(runtime, state, at),
        "handoffs": [_handoff(one) for one in state.handoffs],
        "aliases": views.aliases(runtime, people.known_by(conn, [home])[home]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _folded(runtime: Runtime, conn: Conn, contact_id: int, at: datetime) -> Contact:
    """The state after the last event of the log that occurred by then, and after the time that passed since."""
    policies = runtime.rulebook().policies
    state = checkpoints.load(conn, [contact_id]).get(contact_id)
    if state is not None and state.newest is not None and state.newest.occurred_at <= at:
        begin, history = state.newest, checkpoints.since(conn, [contact_id])[contact_id]
    else:
        state, begin, history = Contact(), None, log.histories(conn, [contact_id])[contact_id]
    for event in sorted(history, key=position):
        if event.occurred_at <= at and (begin is None or position(event) > begin):
            step(state, event, policies)
    pass_time(state, at, policies)
    return state


def _handoff(one: Handoff) -> dict[str, Any]:
    """A handoff as its contact's state has it; who it was assigned to is no part of that."""
    return {
        "key": one.key,
        "rule": one.rule,
        "opened_at": one.opened_at,
        "due_at": one.due_at,
        "claimed_at": one.claimed_at,
        "claimed_by": one.claimed_by or None,
        "verdict": one.verdict or None,
        "closed_at": one.closed_at,
    }
