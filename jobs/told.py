"""Handoffs that sales was told of are facts: a late event may show another reason for them, but not undo them."""

from collections.abc import Collection, Iterable, Sequence

from app.contacts.action import Action, Alert, CreateNote, CreateTask
from app.contacts.contact import Contact, Handoff
from app.contacts.event import Event
from app.rules.clock import ESCALATE, REMIND, RULE, Clock, decide_clock
from app.rules.decision import Decision
from app.store.deliveries import HAVE_LEFT, LEFT, Existing
from app.store.handoffs import HandoffRow


def keep_told(
    state: Contact,
    events: Sequence[Event],
    decisions: list[Decision],
    rows: Iterable[HandoffRow],
    existing: Collection[Existing],
    clock: Clock,
) -> set[str]:
    """Keep a contact's handoffs open that sales knows of and has not judged, after its history was folded again; their
    keys.

    They keep the times that sales was told, and what left for them (a reminder, an escalation) is not asked for again.
    State and decisions are changed in place.
    """
    left = [one for one in existing if isinstance(one.action, Alert) and one.status in LEFT]
    kept = set()
    for row in rows:
        if row.status not in ("open", "claimed") or not is_told(row, existing):
            continue
        kept.add(row.key)
        handoff = next((one for one in state.handoffs if one.key == row.key), None)
        if handoff is None and state.open_handoff is not None:
            handoff = state.open_handoff
            _is_the_same(handoff, row, decisions)
        elif handoff is None:
            handoff = Handoff(row.key, row.opened_at, row.rule)
            state.handoffs.append(handoff)
        if handoff.closed_at is None:
            if handoff.due_at != row.due_at:
                _go_by_its_clock(state, handoff, row, events, decisions, clock)
            _as_it_was(handoff, row, left)
    return kept


def is_told(row: HandoffRow, existing: Iterable[Existing]) -> bool:
    """Whether sales knows of a handoff, or will in a moment: what is on its way cannot be called back."""
    if row.alerted_at is not None or row.status == "claimed":
        return True
    return any(one.handoff_key == row.key and one.status in HAVE_LEFT and _tells(one.action) for one in existing)


def belongs_to(delivery: Existing, kept: Collection[str]) -> bool:
    """Whether a delivery is a part of one of these handoffs; what its clock asks for is decided anew."""
    action = delivery.action
    return delivery.handoff_key in kept and not (isinstance(action, Alert) and action.step)


def _tells(action: Action) -> bool:
    return isinstance(action, Alert | CreateTask | CreateNote)


def _is_the_same(handoff: Handoff, row: HandoffRow, decisions: Iterable[Decision]) -> None:
    """The same handoff, only that a late event shows an earlier or later reason for it."""
    opened, handoff.key = handoff.key, row.key
    for decision in decisions:
        if decision.handoff is not None and decision.handoff.key == opened:
            decision.handoff = None
            decision.summary += " (sales had been told already)"
        if decision.clock is not None and decision.clock.handoff == opened:
            decision.clock.handoff = row.key


def _go_by_its_clock(
    state: Contact,
    handoff: Handoff,
    row: HandoffRow,
    events: Sequence[Event],
    decisions: list[Decision],
    clock: Clock,
) -> None:
    """Decide once more what the handoff's clock asked for, by the times that sales was told."""
    decisions[:] = [one for one in decisions if one.rule != RULE or one.at < handoff.opened_at]
    handoff.remind_at, handoff.due_at = row.remind_at, row.due_at
    handoff.reminded_at = handoff.escalated_at = handoff.claimed_at = None
    for event in events:
        if event.occurred_at >= row.opened_at:
            decisions += decide_clock(state, event, clock)


def _as_it_was(handoff: Handoff, row: HandoffRow, left: Iterable[Existing]) -> None:
    """What has been done for it: by the row, and by what is on its way."""
    mine = [one for one in left if one.handoff_key == row.key]
    said = {one.action.step: one.created_at for one in mine if isinstance(one.action, Alert)}
    handoff.reminded_at = handoff.reminded_at or row.reminded_at or said.get(REMIND)
    handoff.escalated_at = handoff.escalated_at or row.escalated_at or said.get(ESCALATE)
    handoff.claimed_at = handoff.claimed_at or row.claimed_at
    handoff.claimed_by = handoff.claimed_by or row.claimed_by or ""
