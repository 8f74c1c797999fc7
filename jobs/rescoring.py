"""One contact's score by the rules now in force, with what has to be said and done because of it.

Who is touched by an event is scored anew before it is folded, all others in the background: as if everybody had been
in the moment in which the rules were published, so that nobody is judged by points of two kinds.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from msgspec import Struct
from sqlalchemy import Connection as Conn

from app.contacts.contact import Contact
from app.contacts.event import Event, EventType, Identity
from app.rules.decide import Policies
from app.rules.decision import Decision
from app.rules.policy import read_document
from app.rules.recount import recount
from app.rules.rescore import Rescored, decision_of
from app.rules.route import Target, digest, outward
from app.rules.score import ScoringRules
from app.rules.scoring import compile_scoring
from app.rules.segments import RESCORED, is_moved
from app.store import policies as stored
from mappings.document import InvalidDocument


class Counted(Struct, frozen=True):
    """What came of scoring a contact anew: the decision that says so, where one does, and the event that has its
    segments and tools looked at, where they differ. ``past``: the state in the past could be scored anew as well."""

    found: Rescored
    decision: Decision | None
    event: Event | None
    past: bool


class Rescoring:
    """Scores contacts by some policies. ``targets`` are the connections that things would leave through."""

    def __init__(self, policies: Policies, targets: Sequence[Target]) -> None:
        self._policies, self._targets = policies, targets
        self._mapped = [target for target in targets if target.is_kept_true]
        self._old: dict[str, ScoringRules] = {}

    def look(self, conn: Conn, contacts: Iterable[Contact]) -> None:
        """Read the rules by which these contacts' scores have been counted."""
        for by in {contact.scored_by for contact in contacts} - self._old.keys():
            self._old[by] = _rules(conn, by) or self._policies.scoring.read

    def count(
        self, contact_id: int, contact: Contact, history: Iterable[Event], now: datetime, past: Contact | None = None
    ) -> Counted:
        """Score a contact (in place) by its history; ``past`` is a state of its past that is to agree with that."""
        old = self._old[contact.scored_by]
        found, at_hand = recount(contact, history, old, self._policies, self._targets, now, past)
        decision = decision_of(found, contact, self._policies, str(contact_id), now)
        event = self._event(contact_id, contact, now) if self._follows(contact, now) else None
        return Counted(found, decision, event, at_hand)

    def _follows(self, contact: Contact, now: datetime) -> bool:
        """Whether the contact belongs into other segments, or should be something else in a tool."""
        if is_moved(contact, now, self._policies.segments, self._policies.scoring.read):
            return True
        if not self._mapped:
            return False
        values = outward(contact, self._policies, now)
        return any(digest(contact, one, values) != contact.wanted.get(str(one.id)) for one in self._mapped)

    def _event(self, contact_id: int, contact: Contact, now: datetime) -> Event:
        at = now if contact.newest is None else max(now, contact.newest.occurred_at + timedelta(microseconds=1))
        return Event(
            type=EventType.TIMER_DUE,
            occurred_at=at,
            source_key=f"rescored|{contact_id}|{self._policies.scored_by}",
            identities=(Identity("contact", str(contact_id)),),
            properties={"timer": RESCORED},
        )


def _rules(conn: Conn, by: str) -> ScoringRules | None:
    """The scoring rules of a version, as ``scoring@3``; None where they are not known, or cannot be read any more."""
    name, _, number = by.partition(" ")[0].partition("@")
    version = stored.find(conn, name, name, int(number)) if number.isdecimal() else None
    return None if version is None else _compiled(version.body, f"{name}@{number}")


@lru_cache(8)
def _compiled(body: str, version: str) -> ScoringRules | None:
    try:
        return compile_scoring(read_document(body, version).model, version).read
    except InvalidDocument:
        return None
