"""Handoffs that sales was told of are facts: a late event may show another reason for them, but not undo them.

They are woven into the history that is folded again, each at the moment at which it was opened, so that what came
after it (its clock, the verdict, the stage that followed from it) means what it meant.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from app.contacts.action import Alert
from app.contacts.contact import Contact, Handoff
from app.contacts.event import Event
from app.contacts.resolve import Person
from app.rules.clock import ESCALATE, REMIND
from app.rules.decision import Decision
from app.store.deliveries import LEFT, Existing
from app.store.handoffs import HandoffRow
from jobs.unit import Work


class ToldHandoffs:
    """What sales was told of people whose histories are folded again."""

    def __init__(self, rows: Iterable[HandoffRow] = ()) -> None:
        self.rows = {row.key: row for row in rows}
        self._after: dict[str, list[HandoffRow]] = defaultdict(list)

    def place(self, work: Mapping[Person, Work], merged: Mapping[Person, Person], moved: Collection[str]) -> None:
        """Find the moments at which they opened, among the events that are to be folded. ``merged`` says where contacts
        go that are merged; events that ``moved`` have become somebody else's, of whom sales was told nothing."""
        home = {event.id for one in work.values() for event in one.events}.difference(moved)
        for row in self.rows.values():
            if row.event_id in home:
                self._after[row.event_id].append(row)
                continue
            one = work.get(merged.get(row.contact_id, row.contact_id))
            if one is None or not one.events:
                continue
            if one.state.newest is not None and row.opened_at <= one.state.newest.occurred_at:
                continue  # the state that the events are folded into knows it
            before = bisect_right(one.events, row.opened_at, key=lambda event: event.occurred_at)
            self._after[one.events[max(before - 1, 0)].id].append(row)

    def recall(self, state: Contact, event: Event, decisions: Sequence[Decision] = ()) -> None:
        """Have what opened with an event be open, if it is not. State and decisions are changed in place."""
        if state.erased_at is not None:
            return
        for row in self._after.get(event.id, ()):
            handoff = next((one for one in state.handoffs if one.key == row.key), None)
            if handoff is None and (now := state.open_handoff) is not None and now.key not in self.rows:
                _is_the_same(now, row, decisions)
                handoff = now
            elif handoff is None:
                handoff = Handoff(row.key, row.opened_at, row.rule)
                state.handoffs.append(handoff)
            if handoff.closed_at is None:  # the clock goes on as sales was told
                handoff.remind_at, handoff.due_at = row.remind_at, row.due_at

    def catch_up(self, state: Contact, existing: Iterable[Existing]) -> None:
        """Note what has been done for handoffs that are open: by their rows, and by what is on its way."""
        left = [one for one in existing if isinstance(one.action, Alert) and one.status in LEFT]
        for handoff in state.handoffs:
            row = self.rows.get(handoff.key)
            if row is None or handoff.closed_at is not None:
                continue
            said = {
                one.action.step: one.created_at
                for one in left
                if one.handoff_key == row.key and isinstance(one.action, Alert)
            }
            handoff.reminded_at = handoff.reminded_at or row.reminded_at or said.get(REMIND)
            handoff.escalated_at = handoff.escalated_at or row.escalated_at or said.get(ESCALATE)
            handoff.claimed_at = handoff.claimed_at or row.claimed_at
            handoff.claimed_by = handoff.claimed_by or row.claimed_by or ""

    def has(self, delivery: Existing) -> bool:
        """Whether a delivery is a part of such a handoff; what its clock asks for is decided anew."""
        action = delivery.action
        return delivery.handoff_key in self.rows and not (isinstance(action, Alert) and action.step)


def _is_the_same(handoff: Handoff, row: HandoffRow, decisions: Iterable[Decision]) -> None:
    """The same handoff, only that a late event shows an earlier reason for it."""
    opened, handoff.key = handoff.key, row.key
    for decision in decisions:
        if decision.handoff is not None and decision.handoff.key == opened:
            decision.handoff = None
            decision.summary += " (sales had been told already)"
        if decision.clock is not None and decision.clock.handoff == opened:
            decision.clock.handoff = row.key
