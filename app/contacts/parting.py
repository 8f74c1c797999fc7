"""One contact becomes two again: whose each event and alias is. Pure.

What each had before the merge is recorded. What came since goes where its identities say, by the same rules by which
every event finds its contact; what names neither stays with the contact that stayed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct, field

from app.contacts.event import Event, Identity, event_id
from app.contacts.identity import CONTACT, keys_of
from app.contacts.own_events import RELEASED_BY_HAND, SUPPRESSED_BY_HAND
from app.contacts.resolve import Person, Sighting, anchor, pair_of, resolve

_BOTH = frozenset((SUPPRESSED_BY_HAND, RELEASED_BY_HAND))


class Logged(Struct, frozen=True):
    """An event in the log: its place in the order of arrival, and whose it was until that one was merged away."""

    seq: int
    event: Event
    origin: int | None


class Case(Struct, frozen=True, kw_only=True):
    """What is known of two contacts that are to be parted: ``home`` is who they are now, ``loser`` the one that leaves.

    ``inside`` are the loser and those who had been merged into it; ``keys`` the aliases by whom they go (home or
    loser), ``shared`` browsers and phones. ``answers`` says of decisions and handoffs which event they answer.
    """

    home: Person
    loser: Person
    merge: int
    last_seq: int
    inside: Collection[Person]
    keys: Mapping[str, Person]
    shared: Collection[str]
    answers: Mapping[str, str | None]


class Split(Struct, kw_only=True):
    """What leaves with the loser: its own events, those that came ``later``, aliases; whose browsers and phones are
    whose; and ``copies`` of what was decided by hand while the two were one, which holds for both."""

    own: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    stays: int = 0  # how many events stay: of before, and of those that came since
    stays_later: int = 0
    keys: set[str] = field(default_factory=set)
    sightings: dict[str, list[Sighting]] = field(default_factory=dict)
    copies: list[Event] = field(default_factory=list)


def part(case: Case, log: Sequence[Logged]) -> Split:
    """Whose each event of the log is, and each alias."""
    own = {one.event.id for one in log if one.origin in case.inside}
    since = [one.event for one in log if one.origin not in case.inside and one.seq > case.last_seq]
    news = {event.id for event in since}
    before = ((one.event, case.loser if one.event.id in own else case.home) for one in log if one.event.id not in news)
    sightings = _sightings(before, case.shared)
    told, named = (
        [event for event in since if _answer(event, case)],
        [event for event in since if _is_named(event, case)],
    )
    found = resolve(
        [(event, keys_of(event)) for event in named],
        {**case.keys, **_our_own(named, case)},
        sightings,
        {pair_of(case.home, case.loser)},
    )
    later = {event.id for event, person in zip(named, found.people, strict=True) if person == case.loser}
    later |= {event.id for event in told if case.answers.get(_answer(event, case)) in own | later}
    for (key, person), sighting in found.sightings.items():
        if person > 0:
            rows = [row for row in sightings.get(key, ()) if row.person != person]
            sightings[key] = [*rows, sighting]
    keys = {key for key, person in {**case.keys, **found.new_aliases}.items() if person == case.loser}
    by_hand = [event for event in since if event.type in _BOTH and event.id not in later]
    return Split(
        own=own,
        later=later,
        stays=len(log) - len(own) - len(since),
        stays_later=len(since) - len(later),
        keys=keys,
        sightings={key: rows for key, rows in sightings.items() if key in case.shared},
        copies=[_copy(event, case) for event in by_hand],
    )


def _sightings(log: Iterable[tuple[Event, Person]], shared: Collection[str]) -> dict[str, list[Sighting]]:
    """When each of the two was first and last identified in each browser, as their events say."""
    found: dict[str, dict[Person, Sighting]] = {}
    for event, person in log:
        keys = keys_of(event)
        if not keys.own and keys.shared:
            key = anchor(keys)
            if key in shared:
                found.setdefault(key, {}).setdefault(person, Sighting(person, None, None))
            continue
        for key in keys.shared:
            if key in shared:
                row = found.setdefault(key, {}).setdefault(person, Sighting(person, None, None))
                row.first_at = min(row.first_at or event.occurred_at, event.occurred_at)
                row.last_at = max(row.last_at or event.occurred_at, event.occurred_at)
    return {key: list(rows.values()) for key, rows in found.items()}


def _answer(event: Event, case: Case) -> str:
    """The decision or handoff of which Baton itself notes what became, or an empty text."""
    if not event.connection_id:
        for name in ("decision", "handoff"):
            if (key := str(event.properties.get(name) or "")) in case.answers:
                return key
    return ""


def _is_named(event: Event, case: Case) -> bool:
    keys = keys_of(event)
    return bool(keys.own or keys.shared) and not _answer(event, case)


def _our_own(events: Iterable[Event], case: Case) -> dict[str, Person]:
    """Our own ids, as events name people by them."""
    ids = {one.value for event in events for one in event.identities if one.kind == CONTACT}
    inside = {str(person) for person in case.inside}
    return {f"{CONTACT}:{one}": case.loser if one in inside else case.home for one in ids}


def _copy(event: Event, case: Case) -> Event:
    copy = msgspec.structs.replace(event, identities=(Identity(CONTACT, str(case.loser)),))
    copy.source_key = f"parted|{case.merge}|{event.id}"
    copy.id = event_id(copy.connection_id, copy.source_key)
    return copy
