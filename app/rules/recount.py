"""A contact's score counted anew from its history, after the rules for it have changed. Pure.

The points are those of a replay under the new rules; see rules/rescore.py for what does not follow from them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from app.contacts.contact import Contact
from app.contacts.event import Event, position
from app.rules.decide import Policies
from app.rules.replay import Replay
from app.rules.rescore import Rescored, rescore
from app.rules.route import Target
from app.rules.score import ScoringRules

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Contact).decode


def recount(
    contact: Contact,
    history: Iterable[Event],
    old: ScoringRules,
    policies: Policies,
    targets: Sequence[Target],
    now: datetime,
    past: Contact | None = None,
) -> tuple[Rescored, bool]:
    """Give the contact (in place) the points that its whole history earns under these policies; what became of its
    score. ``past`` is a state of the same contact from which later events may be folded: it gets the points that it had
    earned by then, and the answer says whether it could be found in the history."""
    replay, then = Replay(Contact(), policies, targets), None
    for event in history:
        replay.take(event)
        if past is not None and position(event) == past.newest:
            then = _copy(replay.contact)
    replay.until(now)
    if past is not None and then is not None:
        rescore(past, then, old, policies, now)
    return rescore(contact, replay.contact, old, policies, now), then is not None


def _copy(contact: Contact) -> Contact:
    copied: Any = _decode(_encode(contact))
    return copied  # type: ignore[no-any-return]
