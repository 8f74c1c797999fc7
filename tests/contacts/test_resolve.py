"""Which person each event belongs to: by shared identities, whatever the order of arrival.

Catalogue: B1 (one contact, many ids), B2 (anonymous to known), B3 (merge), B5 (secondary e-mails).
"""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.event import Event
from app.contacts.identity import keys_of
from app.contacts.resolve import Resolution, Sighting, anchor, owner_at, resolve
from tests.contacts.making import ago, event

ANN, BOB, INFO = ("email", "ann@a.example"), ("email", "bob@a.example"), ("email", "info@a.example")
LAPTOP, PHONE = ("anonymous", "laptop"), ("phone", "+12025550123")


def met(*who: tuple[str, str], minutes: float = 10, **more) -> Event:
    """These identities were told together, so many minutes ago."""
    return event("form.submitted", ago(minutes=minutes), who=who, **more)


def run(events: Sequence[Event], aliases=None, shared=None) -> Resolution:
    return resolve([(one, keys_of(one)) for one in events], aliases or {}, shared or {})


def groups(people: Sequence[int]) -> list[list[int]]:
    """Which events belong together, as lists of their places."""
    found: dict[int, list[int]] = {}
    for place, person in enumerate(people):
        found.setdefault(person, []).append(place)
    return sorted(found.values())


# One person or several ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "together"),
    [
        pytest.param([met(ANN), met(ANN)], [[0, 1]], id="the same address"),
        pytest.param([met(ANN), met(BOB)], [[0], [1]], id="two addresses"),
        pytest.param(
            [met(("hubspot", "1")), met(("hubspot", "1"), ANN), met(ANN)], [[0, 1, 2]], id="an id that gets an address"
        ),
        pytest.param(
            [met(ANN), met(("klaviyo", "01K")), met(("klaviyo", "01K"), ANN)], [[0, 1, 2]], id="two that meet later"
        ),
        pytest.param([met(("hubspot", "1")), met(("hubspot", "1"), connection=2)], [[0], [1]], id="two accounts' ids"),
        pytest.param([met(("hubspot", "1"), ANN), met(("hubspot", "1"), BOB)], [[0, 1]], id="a secondary address"),
        pytest.param([met(ANN, PHONE), met(BOB, PHONE)], [[0], [1]], id="a shared phone"),
        pytest.param([met(ANN, LAPTOP), met(BOB, LAPTOP)], [[0], [1]], id="a shared browser"),
        pytest.param([met(ANN, INFO), met(BOB, INFO), met(INFO)], [[0], [1], [2]], id="a shared function's mailbox"),
        pytest.param(
            [met(("hubspot", "1"), ("hubspot", "2")), met(("hubspot", "2")), met(("hubspot", "1"))],
            [[0, 1, 2]],
            id="a merge that the vendor tells of",
        ),
    ],
)
def test_who_shares_an_identity_of_their_own_is_one_person(events, together):
    assert groups(run(events).people) == together


def test_known_contact_keeps_its_id_and_newcomers_join_it():
    found = run([met(("hubspot", "1"), ANN)], aliases={"email:ann@a.example": 7})
    assert found.people == [7]
    assert found.new_aliases == {"hubspot:1:1": 7}
    assert found.merges == []


def test_contacts_that_meet_are_merged_into_the_older_with_what_tied_them():
    met_now = met(("hubspot", "1"), ANN)
    found = run([met_now], aliases={"email:ann@a.example": 9, "hubspot:1:1": 7})
    assert found.people == [7]
    (edge,) = found.merges
    assert (edge.winner, edge.loser, edge.event) == (7, 9, met_now.id)
    assert edge.key in ("email:ann@a.example", "hubspot:1:1")


def test_three_contacts_that_meet_become_one():
    aliases = {"email:ann@a.example": 5, "hubspot:1:1": 3, "klaviyo:1:01K": 8}
    found = run([met(("hubspot", "1"), ANN, ("klaviyo", "01K"))], aliases)
    assert found.people == [3]
    assert {(edge.winner, edge.loser) for edge in found.merges} == {(3, 5), (3, 8)}


# Browsers and phones --------------------------------------------------------------------------------------------------


def test_visits_before_the_form_belong_to_who_filled_it_in():
    visit, form, after = met(LAPTOP, minutes=30), met(LAPTOP, ANN, minutes=20), met(LAPTOP, minutes=10)
    assert groups(run([visit, form, after]).people) == [[0, 1, 2]]


def test_visitor_without_a_name_keeps_their_id_when_they_get_one():
    shared = {"anonymous:laptop": [Sighting(4, None, None)]}
    found = run([met(LAPTOP, ANN)], shared=shared)
    assert found.people == [4]
    assert found.new_aliases == {"email:ann@a.example": 4}
    assert found.merges == []


def test_anonymous_never_wins_a_merge_over_known():
    shared = {"anonymous:laptop": [Sighting(4, None, None)]}  # the older contact
    found = run([met(LAPTOP, ANN)], aliases={"email:ann@a.example": 9}, shared=shared)
    assert found.people == [9]
    assert [(edge.winner, edge.loser) for edge in found.merges] == [(9, 4)]


@pytest.mark.parametrize(
    ("minutes", "owner"),
    [
        pytest.param(40, 1, id="before anybody was known: the first who was"),
        pytest.param(25, 1, id="after the first"),
        pytest.param(15, 2, id="after the second"),
        pytest.param(8, 1, id="the first was seen again"),
        pytest.param(0, 1, id="and it stays so"),
    ],
)
def test_browser_belongs_to_who_was_last_identified_in_it(minutes, owner):
    seen = [Sighting(1, ago(minutes=30), ago(minutes=10)), Sighting(2, ago(minutes=20), ago(minutes=20))]
    assert owner_at(seen, ago(minutes=minutes)) == owner


def test_browser_that_nobody_was_identified_in_has_no_owner():
    assert owner_at([Sighting(1, None, None)], ago(minutes=1)) is None
    assert owner_at([], ago(minutes=1)) is None


def test_two_people_in_one_browser_each_keep_their_visits():
    ann, bob = met(LAPTOP, ANN, minutes=30), met(LAPTOP, BOB, minutes=20)
    between, after, before = met(LAPTOP, minutes=25), met(LAPTOP, minutes=5), met(LAPTOP, minutes=60)
    assert groups(run([ann, bob, between, after, before]).people) == [[0, 2, 4], [1, 3]]


def test_earlier_identification_that_arrives_late_takes_its_visits_back():
    shared = {"anonymous:laptop": [Sighting(2, ago(minutes=10), ago(minutes=10))]}
    found = run([met(LAPTOP, ANN, minutes=30)], shared=shared)
    assert found.rehome == {"anonymous:laptop"}
    (ann,) = found.people
    rows = [seen for (key, _), seen in found.sightings.items() if key == "anonymous:laptop"]
    assert owner_at(rows, ago(minutes=20)) == ann
    assert owner_at(rows, ago(minutes=5)) == 2


def test_phone_says_more_than_a_browser():
    assert anchor(keys_of(met(LAPTOP, PHONE))) == "phone:+12025550123"


# In any order ---------------------------------------------------------------------------------------------------------

_names = st.sampled_from(
    [ANN, BOB, INFO, ("hubspot", "1"), ("hubspot", "2"), ("klaviyo", "01K"), LAPTOP, ("anonymous", "tablet"), PHONE]
)
_meetings = st.lists(st.tuples(st.lists(_names, min_size=1, max_size=3, unique=True)), min_size=1, max_size=8)


@given(_meetings, st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_who_belongs_together_does_not_depend_on_the_order(meetings, random):
    events = [met(*who, minutes=minutes) for minutes, (who,) in enumerate(meetings)]
    expected = groups(run(events).people)
    places = list(range(len(events)))
    random.shuffle(places)
    shuffled = run([events[place] for place in places]).people
    back = [shuffled[places.index(place)] for place in range(len(events))]
    assert groups(back) == expected


@given(_meetings)
@settings(max_examples=300)
def test_who_shares_nothing_but_browser_or_phone_is_never_merged(meetings):
    events = [met(*who, minutes=minutes) for minutes, (who,) in enumerate(meetings)]
    people = run(events).people
    own = [set(keys_of(one).own) for one in events]
    # Follow what is shared from event to event: nobody else may have become the same person
    for first, person in enumerate(people):
        if not own[first]:
            continue
        reached, grown = set(own[first]), True
        while grown:
            grown = False
            for keys in own:
                if keys & reached and not keys <= reached:
                    reached |= keys
                    grown = True
        for second, other in enumerate(people):
            if own[second]:
                assert (other == person) is bool(own[second] & reached)
