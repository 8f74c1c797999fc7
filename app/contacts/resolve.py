"""Which person each event of a batch belongs to. Pure: aliases known so far in, assignments out.

Identities of a person's own (an address, a vendor's id) make one person of all who share them, whatever the order in
which they arrive. A browser or a phone only follows people: what is known of nothing but the browser belongs to the
person who was last identified in it by then, or else to the first one who is identified later. For that it is enough
to know when each person was first and last identified in it, which again does not depend on the order of arrival.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from app.contacts.event import Event
from app.contacts.identity import CONTACT, EMAIL, EXTERNAL, Keys

Person = int  # a contact's id, or a negative number for someone new
Pair = tuple[Person, Person]  # two contacts, the lower id first

# Where an event names two people whom somebody has parted, the first of these says whose it is; a tool's own ids come
# after ours and before all else
_STRENGTH = {CONTACT: 0, EXTERNAL: 2, EMAIL: 3}
_TOOLS_OWN = 1


def pair_of(one: Person, other: Person) -> Pair:
    """Two contacts as a pair."""
    return (one, other) if one < other else (other, one)


class Sighting(Struct):
    """When a person was first and last identified in a browser or by a phone; None while that is all we know."""

    person: Person
    first_at: datetime | None
    last_at: datetime | None


class Merge(Struct, frozen=True):
    """Two contacts turned out to be one."""

    winner: Person
    loser: Person
    key: str
    event: str


class Resolution(Struct):
    """``people`` has one person per event, in order. ``rehome`` are shared keys whose stored events may have
    changed hands."""

    people: list[Person] = field(default_factory=list)
    new_aliases: dict[str, Person] = field(default_factory=dict)
    sightings: dict[tuple[str, Person], Sighting] = field(default_factory=dict)
    merges: list[Merge] = field(default_factory=list)
    rehome: set[str] = field(default_factory=set)


def anchor(keys: Keys) -> str:
    """The shared key by which an event without better identities is placed: a phone before a browser."""
    return min(keys.shared, key=lambda key: not key.startswith("phone:"))


def owner_at(sightings: Sequence[Sighting], at: datetime) -> Person | None:
    """Whose the browser or phone was at an instant, or None when nobody was ever identified by it."""
    known = [(s.first_at, s.person) for s in sightings if s.first_at is not None]
    if not known:
        return None
    points = known + [(s.last_at, s.person) for s in sightings if s.last_at is not None]
    before = [point for point in points if point[0] <= at]
    return max(before)[1] if before else min(known)[1]


def strength(key: str) -> int:
    """How much an alias key says about whose an event is; lower says more."""
    return _STRENGTH.get(key.partition(":")[0], _TOOLS_OWN)


class _Resolver:
    def __init__(
        self, aliases: Mapping[str, Person], shared: Mapping[str, Sequence[Sighting]], apart: Collection[Pair]
    ) -> None:
        self.aliases = dict(aliases)
        self.apart = apart
        self.joined: dict[Person, set[Person]] = {}  # who has become one with whom in this batch, where it matters
        self.shared = {key: {s.person: s for s in rows} for key, rows in shared.items()}
        self.parent: dict[Person, Person] = {}
        self.fresh = 0
        self.result = Resolution()
        self.touched: set[str] = set()

    def find(self, person: Person) -> Person:
        while person in self.parent:
            person = self.parent[person]
        return person

    def new(self) -> Person:
        self.fresh -= 1
        return self.fresh

    def join(self, people: set[Person], key: str, event: str) -> Person:
        # The oldest contact stays; someone new joins someone known
        winner = min(people, key=lambda person: (person < 0, abs(person)))
        for loser in sorted(people - {winner}, key=abs):
            self.into(loser, winner)
            if loser > 0:
                self.result.merges.append(Merge(winner, loser, key, event))
        return winner

    def into(self, loser: Person, winner: Person) -> None:
        self.parent[loser] = winner
        if self.apart:
            self.joined[winner] = self.group(winner) | self.group(loser)

    def group(self, person: Person) -> set[Person]:
        return self.joined.get(person, {person})

    def are_apart(self, one: Person, other: Person) -> bool:
        if not self.apart:
            return False
        return any(pair_of(a, b) in self.apart for a in self.group(one) for b in self.group(other))

    def choose(self, found: Mapping[Person, str], event: str) -> Person:
        """Of people whom somebody has parted, the one that the strongest key names; with those it may be one with."""
        chosen, *others = sorted(found, key=lambda person: strength(found[person]))
        for other in others:
            if not self.are_apart(chosen, other):
                chosen = self.join({chosen, other}, found[other], event)
        return chosen

    def identify(self, event: Event, keys: Keys) -> Person:
        known = [key for key in keys.own if key in self.aliases]
        if self.apart:
            known.sort(key=strength, reverse=True)  # so that of one person's keys the strongest is the last
        found = {self.find(self.aliases[key]): key for key in known}
        if not found:
            person = self.new()
        elif len(found) == 1:
            person = next(iter(found))
        elif self.apart:
            person = self.choose(found, event.id)
        else:
            person = self.join(set(found), list(found.values())[-1], event.id)
        for key in keys.own:
            if key not in self.aliases:
                self.aliases[key] = self.result.new_aliases[key] = person
        for key in keys.shared:
            self.see(key, person, event.occurred_at)
        return person

    def see(self, key: str, person: Person, at: datetime) -> None:
        rows = self.shared.setdefault(key, {})
        row = rows.get(person)
        if row is None or row.first_at is None or row.last_at is None:
            rows[person] = Sighting(person, at, at)
        elif row.first_at <= at <= row.last_at:
            return
        else:
            rows[person] = Sighting(person, min(row.first_at, at), max(row.last_at, at))
        self.touched.add(key)

    def settle(self, key: str) -> None:
        """After a batch's identifications: one row per person, and nobody known only by this key."""
        rows: dict[Person, Sighting] = {}
        nameless: set[Person] = set()
        for row in self.shared[key].values():
            person = self.find(row.person)
            known = rows.get(person)
            if row.first_at is None or row.last_at is None:
                nameless.add(person)
            elif known is None or known.first_at is None or known.last_at is None:
                rows[person] = Sighting(person, row.first_at, row.last_at)
            else:
                rows[person] = Sighting(person, min(known.first_at, row.first_at), max(known.last_at, row.last_at))
        if rows:
            first = min((row.first_at, row.person) for row in rows.values() if row.first_at is not None)[1]
            for person in sorted(nameless - set(rows)):
                if self.are_apart(first, person):
                    rows[person] = Sighting(person, None, None)
                elif first < 0 < person:
                    # Somebody new turns out to be the visitor that we have known without a name
                    self.into(first, person)
                    rows[person] = rows.pop(first)
                    rows[person].person = first = person
                else:
                    self.into(person, first)
                    if person > 0:
                        self.result.merges.append(Merge(first, person, key, ""))
        else:
            rows = {person: Sighting(person, None, None) for person in nameless}
        self.shared[key] = rows

    def place(self, event: Event, keys: Keys) -> Person:
        key = anchor(keys)
        rows = self.shared.setdefault(key, {})
        owner = owner_at(list(rows.values()), event.occurred_at)
        if owner is None:
            owner = next(iter(rows), None)
        if owner is None:
            owner = self.new()
            rows[owner] = Sighting(owner, None, None)
            self.touched.add(key)
        return self.find(owner)


def resolve(
    items: Iterable[tuple[Event, Keys]],
    aliases: Mapping[str, Person],
    shared: Mapping[str, Sequence[Sighting]],
    apart: Collection[Pair] = (),
) -> Resolution:
    """Assign each event to a person. ``aliases`` and ``shared`` are what is stored for the keys of these events;
    the pairs in ``apart`` are never made one."""
    resolver = _Resolver(aliases, shared, apart)
    listed = list(items)
    people: list[Person | None] = [resolver.identify(event, keys) if keys.own else None for event, keys in listed]
    before = {key: {row.person for row in rows} for key, rows in shared.items()}
    for key in list(resolver.shared):
        resolver.settle(key)
    for index, (event, keys) in enumerate(listed):
        if people[index] is None:
            people[index] = resolver.place(event, keys)
    result = resolver.result
    result.people = [resolver.find(person) for person in people if person is not None]
    result.new_aliases = {key: resolver.find(person) for key, person in result.new_aliases.items()}
    for key, rows in resolver.shared.items():
        if key in resolver.touched or before.get(key, set()) != set(rows):
            for person, row in rows.items():
                result.sightings[(key, person)] = row
            if len(rows) > 1:
                result.rehome.add(key)
    return result
