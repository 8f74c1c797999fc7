"""What one unit of work is about: events on their way in, and the contacts that they touch."""

from datetime import datetime

import msgspec
from msgspec import Struct, field

from app.contacts.contact import Contact, Enrolment
from app.contacts.event import Event, Position, position
from app.contacts.identity import Keys
from app.contacts.resolve import Person
from app.rules.decision import Decision
from app.store.checkpoints import Checkpoint
from app.store.inbox import InboxRow
from app.store.people import Stored

CHECKPOINT_EVERY = 4  # saves; and to where a late event belongs if so many others lie before it

Place = tuple[str, str, str, bool, int]


class Incoming(Struct):
    """An event on its way in, with the row that brought it."""

    event: Event
    keys: Keys
    row: InboxRow
    person: Person | None = None


class Work(Struct):
    """One contact: who, as stored, and the events to fold: the new ones, or the whole history."""

    stored: Stored | None
    state: Contact
    events: list[Event] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    # Where the history has to be folded again: decisions from here on are compared with those that stand
    refold_from: Position | None = None
    checkpoint: Checkpoint | None = None  # to be kept
    stale: bool = False  # what is kept as its checkpoint holds no more
    # As stored: its segments, the fields on which tools disagree and since when, and where it stands in sequences
    segments: frozenset[str] = frozenset()
    disputes: frozenset[tuple[str, datetime]] = frozenset()
    places: dict[str, Place] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: Stored | None) -> "Work":
        """One contact as loaded, or a new one."""
        if stored is None:
            return cls(None, Contact())
        state = stored.state
        return cls(
            stored,
            state,
            checkpoint=_as_stored(stored),
            segments=frozenset(state.segments),
            disputes=_disputes(state),
            places={run.key: place_of(run) for run in state.enrolments.values()},
        )

    def refold(self, at: Position) -> None:
        """Have the history folded again from a position on."""
        # From the whole moment on: what is decided anew is compared with all that stands since then, whatever its order
        since = Position(at.occurred_at, -1, "")
        self.refold_from = since if self.refold_from is None else min(self.refold_from, since)

    def group(self) -> None:
        """Bring new events into order; where one belongs before what was folded, all is folded again from there."""
        self.events.sort(key=position)
        newest = self.state.newest
        if self.events and newest is not None and position(self.events[0]) < newest:
            self.refold(position(self.events[0]))

    def keep_checkpoint(self) -> None:
        """Have the state as it is now kept to fold from. What sales was told of an open handoff is a fact beside the
        log: with one there is none."""
        before, now = self.stored, self.state
        if before is None or before.state.open_handoff is not None:
            return
        self.checkpoint = None
        if now.newest is not None and now.open_handoff is None:
            self.checkpoint = Checkpoint(now.newest.occurred_at, msgspec.json.encode(now).decode())

    @property
    def is_touched(self) -> bool:
        """Whether anything is folded."""
        return bool(self.events) or self.refold_from is not None

    @property
    def is_moved(self) -> bool:
        """Whether the contact is in other segments than before."""
        return self.segments != self.state.segments.keys()

    @property
    def is_disputed(self) -> bool:
        """Whether tools disagree on other fields of the contact than before."""
        return self.disputes != _disputes(self.state)


def place_of(run: Enrolment) -> Place:
    """Where a contact stands in a sequence: what its row says of it."""
    return run.version, run.step, run.waiting, run.paused, run.sent


def _disputes(state: Contact) -> frozenset[tuple[str, datetime]]:
    return frozenset((name, one.since) for name, one in state.disputes.items()) if state.disputes else frozenset()


def _as_stored(stored: Stored) -> Checkpoint | None:
    """The state as it was before this batch, when it is time for it to be the checkpoint."""
    state = stored.state
    if stored.version % CHECKPOINT_EVERY or state.newest is None or state.open_handoff is not None:
        return None
    return Checkpoint(state.newest.occurred_at, stored.body)
