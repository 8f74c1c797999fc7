"""Caps over all channels and tools, the ladder, quiet hours. Catalogue: I3, I4, H8."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.action import JoinList, SendMessage
from app.contacts.contact import Contact
from app.contacts.event import position
from app.contacts.zone import days_later
from app.rules.frequency import free_from, ladder, room, uses
from app.rules.policy import read_document
from app.rules.sending import checks, is_too_late, leaves_at, reserve
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, KLAVIYO, NOW, ago, event, folded, yes
from tests.rules.making import DEFAULT, gate, live, of, policies

BERLIN = ZoneInfo("Europe/Berlin")
KNOWN = [event("contact.updated", ago(days=300), fields={"email": ANN}), yes(ago(days=300))]
HEAD = "kind: triggers\nname: triggers\ntriggers:\n"
EACH = HEAD + "  - {id: seen, label: Seen, on: page.viewed, once_in_days: 0, message: {name: M}}\n"


def capped(*caps: tuple[int, int], more: str = "", quiet: str = "{channels: []}"):
    """The shipped policies with these caps for everybody, and a message for each page view."""
    rung = "{caps: [" + ", ".join(f"{{max: {most}, days: {days}}}" for most, days in caps) + f"]{more}}}"
    tiers = ", ".join(f"{tier}: {rung}" for tier in ("new", "active", "cooling", "lapsing"))
    return policies(EACH, f"kind: frequency\nladder: {{{tiers}}}\nquiet: {quiet}")


THREE_A_WEEK = capped((3, 7))


def message(at=NOW, **more) -> SendMessage:
    return SendMessage(message="M", rule="r", occurred_at=at, **more)


def visit(at=NOW, **more):
    return event("page.viewed", at, path="/", **more)


def delivered(at, kind="email.delivered"):
    return event(kind, at, connection=KLAVIYO)


def not_sent(decision, at):
    return event("custom:message_not_sent", at, connection=0, decision=decision.key)


def sent(decision, at):
    said = {"rule": decision.rule, "channel": "email", "decision": decision.key, "connection": KLAVIYO}
    return event("message.sent", at, connection=0, properties=said)


def outcomes(decisions) -> list[str]:
    return [str(one.outcome) for one in of(decisions, "message")]


def who_got(*moments: datetime, zone: str = "UTC") -> Contact:
    """Somebody to whom tools have sent messages at these moments."""
    home = event("contact.updated", ago(days=400), fields={"email": ANN, "timezone": zone})
    return folded(home, yes(ago(days=400)), *map(delivered, moments))


# The cap --------------------------------------------------------------------------------------------------------------


def test_a_fourth_message_in_a_week_is_withheld_and_says_when_there_is_room():
    decisions = live([*KNOWN, *(visit(ago(days=one)) for one in (6, 4, 2, 0))], THREE_A_WEEK)[1]
    assert outcomes(decisions) == ["taken", "taken", "taken", "withheld"]
    closed = gate(of(decisions, "message")[-1], "cap")
    assert closed.detail == "3 messages in the last 7 days; 3 are allowed, the next from 2026-11-23 12:00 UTC"


def test_a_message_has_its_place_before_it_has_left():
    contact, decisions = live([*KNOWN, visit()], THREE_A_WEEK)
    assert [(one.key, one.reserved) for one in contact.sends] == [(of(decisions, "message")[0].key, True)]


def test_all_channels_and_tools_count():
    told = [delivered(ago(days=3)), delivered(ago(days=2), "sms.delivered"), delivered(ago(days=1), "push.delivered")]
    assert outcomes(live([*KNOWN, *told, visit()], THREE_A_WEEK)[1]) == ["withheld"]
    assert outcomes(live([*KNOWN, *told[1:], visit()], THREE_A_WEEK)[1]) == ["taken"]


def test_each_cap_holds_and_the_longest_wait_is_told():
    by, contact = capped((3, 7), (1, 1)), who_got(ago(hours=2))
    assert room(contact, message(), by, NOW).detail == (
        "1 message in the last day; 1 is allowed, the next from 2026-11-23 10:00 UTC"
    )
    contact = who_got(ago(days=6), ago(days=5), ago(hours=2))
    assert "3 messages in the last 7 days" in room(contact, message(), by, NOW).detail, "the day ends sooner"


def test_place_that_was_given_up_is_free_for_later_candidates():
    visits = [visit(ago(days=one)) for one in (6, 4, 2)]
    decisions = of(live([*KNOWN, *visits], THREE_A_WEEK)[1], "message")
    story = [*KNOWN, *visits, not_sent(decisions[1], ago(days=1)), visit(ago(hours=1)), visit()]
    assert outcomes(live(story, THREE_A_WEEK)[1])[-2:] == ["taken", "withheld"]


def test_message_that_left_later_counts_from_then():
    contact, decisions = live([*KNOWN, visit(ago(days=8))], capped((1, 7)))
    assert room(contact, message(), capped((1, 7)), NOW).passed
    live([sent(of(decisions, "message")[0], ago(days=6))], capped((1, 7)), contact)
    assert not room(contact, message(), capped((1, 7)), NOW).passed
    assert len(contact.sends) == 1


def test_a_message_is_not_in_its_own_way():
    contact, decisions = live([*KNOWN, visit()], capped((1, 7)))
    own = of(decisions, "message")[0].key
    assert not room(contact, message(), capped((1, 7)), NOW).passed
    assert room(contact, message(), capped((1, 7)), NOW, without=(own,)).passed


def test_transactional_messages_pass_and_do_not_count():
    contact = who_got(*(ago(days=one) for one in (3, 2, 1)))
    order = message(purpose="transactional")
    assert room(contact, order, THREE_A_WEEK, NOW).passed
    assert all(one.passed for one in checks(contact, order, THREE_A_WEEK, NOW))
    reserve(contact, "d1", order, NOW)
    assert len(contact.sends) == 3


def test_going_on_a_list_is_not_capped():
    contact = who_got(*(ago(days=one) for one in (3, 2, 1)))
    names = [one.name for one in checks(contact, JoinList(list="7", rule="r", occurred_at=NOW), THREE_A_WEEK, NOW)]
    assert "consent" in names
    assert "cap" not in names


def test_more_than_the_ledger_holds_is_still_over_the_cap():
    contact = who_got(*(ago(minutes=one) for one in range(1, 300)))
    assert not room(contact, message(), capped((25, 31)), NOW).passed


# Windows on the person's wall -----------------------------------------------------------------------------------------


def berlin(day: int, month: int, hour: int) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("sent_at", "free_at"),
    [
        pytest.param(berlin(22, 3, 10), berlin(29, 3, 10), id="spring: a week with 167 hours"),
        pytest.param(berlin(18, 10, 10), berlin(25, 10, 10), id="autumn: a week with 169 hours"),
        pytest.param(berlin(1, 6, 10), berlin(8, 6, 10), id="an ordinary one"),
    ],
)
def test_a_week_is_back_to_the_same_hour_on_the_wall(sent_at, free_at):
    by, contact = capped((1, 7)), who_got(sent_at, zone="Europe/Berlin")
    assert not room(contact, message(), by, free_at - timedelta(seconds=1)).passed
    assert room(contact, message(), by, free_at).passed
    assert free_from(contact, message(), by, sent_at) == free_at
    assert f"from {free_at.astimezone(BERLIN):%Y-%m-%d} 10:00 in Berlin" in room(contact, message(), by, sent_at).detail


def test_hours_that_are_skipped_or_come_twice_are_taken_as_one_moment():
    spring, autumn = (datetime(2026, *day, 2, 30, tzinfo=BERLIN) for day in ((3, 22), (10, 18)))
    assert days_later(spring, 7, BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert days_later(autumn, 7, BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


# When there is room ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moments", "free_at"),
    [
        pytest.param([ago(days=1)], NOW, id="now"),
        pytest.param([ago(days=6), ago(days=2), ago(days=1)], NOW + timedelta(days=1), id="when the oldest is over"),
        pytest.param([ago(days=d) for d in (6, 5, 4, 3)], NOW + timedelta(days=2), id="four: when two are"),
    ],
)
def test_first_moment_with_room(moments, free_at):
    contact = who_got(*moments)
    assert free_from(contact, message(), THREE_A_WEEK, NOW) == free_at
    assert room(contact, message(), THREE_A_WEEK, free_at).passed


def test_first_moment_takes_into_account_that_people_grow_quieter():
    by = policies(
        EACH,
        "kind: frequency\nladder: {active: {caps: [{max: 1, days: 10}]}, cooling: {caps: [{max: 1, days: 20}]}}",
    )
    contact = who_got(ago(days=5))
    live([visit(ago(days=28))], by, contact)  # active for two more days
    contact.sends = who_got(ago(days=5)).sends
    assert free_from(contact, message(), by, NOW) == NOW + timedelta(days=15)


@given(st.lists(st.integers(0, 20 * 24), max_size=30), st.integers(1, 5), st.integers(1, 14))
@settings(max_examples=100)
def test_the_first_moment_is_the_first(hours, most, days):
    by, contact = capped((most, days)), who_got(*(ago(hours=one) for one in hours), zone="America/New_York")
    free_at = free_from(contact, message(), by, NOW)
    assert free_at is not None
    assert room(contact, message(), by, free_at).passed
    if free_at > NOW:
        assert not room(contact, message(), by, free_at - timedelta(seconds=1)).passed


# The ladder -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quiet_days", "lately", "passed"),
    [
        pytest.param(1, [3, 2], True, id="active: a third in a week"),
        pytest.param(1, [5, 3, 2], False, id="active: no fourth"),
        pytest.param(40, [8], True, id="cooling: one a week"),
        pytest.param(40, [3], False, id="cooling: no second"),
    ],
)
def test_the_quieter_people_are_the_less_they_get(quiet_days, lately, passed):
    contact = folded(*KNOWN, visit(ago(days=quiet_days)), *(delivered(ago(days=one)) for one in lately))
    closed = room(contact, message(), DEFAULT, NOW)
    assert closed.passed is passed
    assert ("for cooling contacts" in closed.detail) is (quiet_days == 40 and not passed)


def test_only_what_is_meant_to_wake_people_goes_to_the_lapsing():
    contact = folded(*KNOWN, visit(ago(days=100)))
    asked = checks(contact, message(), DEFAULT, NOW)
    assert [one.detail for one in asked if not one.passed] == [
        "lapsing since 2026-11-12: only messages that are meant to wake people up"
    ]
    assert free_from(contact, message(), DEFAULT, NOW) is None
    waking = message(wakes=True)
    assert all(one.passed for one in checks(contact, waking, DEFAULT, NOW))
    assert free_from(contact, waking, DEFAULT, NOW) == NOW
    contact = folded(*KNOWN, visit(ago(days=100)), delivered(ago(days=10)))
    assert free_from(contact, waking, DEFAULT, NOW) == NOW + timedelta(days=4), "and few of those"
    assert ladder(contact, message(purpose="transactional"), DEFAULT, NOW).passed


def test_who_is_dormant_and_not_suppressed_is_on_the_last_rung():
    by = policies("kind: suppression\nsuppress_dormant: false")
    contact = folded(*KNOWN, visit(ago(days=200)))
    assert [one.name for one in checks(contact, message(), by, NOW) if not one.passed] == ["ladder"]


def test_a_sign_of_life_brings_people_back_up():
    contact = folded(*KNOWN, visit(ago(days=100)), event("email.clicked", ago(hours=1), connection=KLAVIYO))
    assert all(one.passed for one in checks(contact, message(), DEFAULT, NOW))


def test_trigger_says_that_its_message_wakes():
    woken = HEAD + "  - {id: back, label: Back, on: timer.due, message: {name: M, wakes: true}}\n"
    quiet = [event("contact.updated", ago(days=300), fields={"email": ANN}), yes(ago(days=300)), visit(ago(days=100))]
    for text, outcome in ((woken, "taken"), (woken.replace("true", "false"), "withheld")):
        assert outcomes(live([*quiet, event("timer.due")], policies(text))[1])[-1] == outcome


# Quiet hours ----------------------------------------------------------------------------------------------------------

NIGHT = datetime(2026, 11, 24, 22, 30, tzinfo=BERLIN).astimezone(UTC)
MORNING = datetime(2026, 11, 25, 8, tzinfo=BERLIN).astimezone(UTC)
QUIET = capped((3, 7), quiet="{channels: [email]}")
HOME = event("contact.updated", ago(days=20), fields={"timezone": "Europe/Berlin"})


def test_message_at_night_leaves_in_the_morning_where_the_person_is():
    contact, decisions = live([*KNOWN, HOME, visit(NIGHT)], QUIET)
    (decision,) = of(decisions, "message")
    assert (decision.outcome, decision.leaves_at) == ("taken", MORNING)
    assert decision.summary.endswith("Seen; leaves at 08:00 in Berlin: quiet hours")
    assert [one.at for one in contact.sends] == [MORNING], "and has its place there"


def test_message_by_day_leaves_at_once():
    (decision,) = of(live([*KNOWN, HOME, visit()], QUIET)[1], "message")
    assert (decision.leaves_at, "leaves" in decision.summary) == (None, False)


def test_days_off_are_named_with_their_date():
    by = capped((3, 7), quiet="{channels: [email], working_days_only: true}")
    (decision,) = of(live([*KNOWN, HOME, visit(ago(days=1))], by)[1], "message")
    assert decision.summary.endswith("leaves on 2026-11-23 at 08:00 in Berlin: quiet hours and days off")


def test_the_cap_is_asked_as_of_when_the_message_leaves():
    tired = [delivered(NIGHT - timedelta(days=1) + timedelta(hours=1))]
    assert outcomes(live([*KNOWN, HOME, *tired, visit(NIGHT)], capped((1, 1), quiet="{channels: [email]}"))[1]) == [
        "taken"
    ]
    assert outcomes(live([*KNOWN, HOME, *tired, visit(NIGHT)], capped((1, 1)))[1]) == ["withheld"]


def test_who_waits_for_the_morning_is_counted_tonight():
    story = [*KNOWN, HOME, visit(NIGHT), visit(NIGHT + timedelta(minutes=5))]
    assert outcomes(live(story, capped((1, 1), quiet="{channels: [email]}"))[1]) == ["taken", "withheld"]


def test_transactional_messages_and_other_channels_do_not_wait():
    contact = folded(*KNOWN, HOME)
    assert leaves_at(contact, message(), QUIET, NIGHT) == MORNING
    assert leaves_at(contact, message(purpose="transactional"), QUIET, NIGHT) == NIGHT
    assert leaves_at(contact, message(channel="sms"), QUIET, NIGHT) == NIGHT
    assert leaves_at(contact, message(), DEFAULT, NIGHT) == NIGHT, "as shipped an e-mail does not wait"
    assert leaves_at(contact, message(channel="sms"), DEFAULT, NIGHT) == MORNING


@pytest.mark.parametrize(
    ("hour", "minute", "late"),
    [(8, 0, False), (10, 30, False), (10, 31, True)],
    ids=["in the morning", "after four hours by day", "after more"],
)
def test_time_in_which_a_message_had_to_wait_does_not_make_it_too_late(hour, minute, late):
    """It answers what happened at half past seven in the evening; an hour and a half remains until nine."""
    contact = folded(*KNOWN, HOME)
    asked = message(datetime(2026, 11, 24, 19, 30, tzinfo=BERLIN).astimezone(UTC))
    now = datetime(2026, 11, 25, hour, minute, tzinfo=BERLIN).astimezone(UTC)
    assert is_too_late(contact, asked, QUIET, 4, now) is late
    assert is_too_late(contact, asked, THREE_A_WEEK, 4, now), "where nothing made it wait, it is"


# Any order ------------------------------------------------------------------------------------------------------------


def _story(seed: int) -> list:
    """Visits, deliveries of a tool's own, and what became of messages: they left, or did not."""
    dice = random.Random(seed)
    events = [*KNOWN, *(visit(ago(hours=dice.randrange(1, 400))) for _ in range(14))]
    events += [delivered(ago(hours=dice.randrange(1, 400))) for _ in range(3)]
    for one in of(live(events, THREE_A_WEEK)[1], "message"):
        became, at = dice.choice([sent, not_sent]), one.at + timedelta(minutes=dice.randrange(-2, 600))
        if one.outcome == "taken":
            events.append(became(one, max(at, one.at + timedelta(microseconds=1)) if became is not_sent else at))
    return events


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_arrival_ends_in_the_same_ledger(seed):
    """As ingest does it: what is older than the newest has the history folded again."""
    events = _story(seed)
    wanted = live(events, THREE_A_WEEK)[0].sends
    random.Random(seed).shuffle(events)
    arrived: list = []
    contact = Contact()
    for one in events:
        arrived.append(one)
        late = contact.newest is not None and position(one) < contact.newest
        contact = live(arrived if late else [one], THREE_A_WEEK, None if late else contact)[0]
    assert contact.sends == wanted


@given(st.lists(st.integers(0, 30 * 24 * 60), min_size=1, max_size=60), st.integers(1, 4), st.integers(1, 7))
@settings(max_examples=60)
def test_no_window_ever_holds_more_than_the_cap_and_none_that_had_room_is_withheld(minutes, most, days):
    by = capped((most, days))
    story = [*KNOWN, *(visit(ago(minutes=one)) for one in minutes)]
    decisions = of(live(story, by)[1], "message")
    taken = [one.at for one in decisions if one.outcome == "taken"]
    for one in decisions:
        before = [at for at in taken if one.at - timedelta(days=days) < at <= one.at]
        assert len(before) <= most
        if one.outcome == "withheld":
            assert len(before) == most


# What an admin writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("ladder: {active: {caps: [{max: 26, days: 7}]}}", "at most 25", id="too many"),
        pytest.param("ladder: {active: {caps: [{max: 3, days: 60}]}}", "at most 31", id="too long"),
        pytest.param("ladder: {dormant: {}}", "dormant", id="a tier that is suppressed"),
        pytest.param("quiet: {channels: [fax]}", '"fax" is not a channel; these are email, sms, push', id="no such"),
        pytest.param("quiet: {timezone: Mars}", "not a time zone", id="no such zone"),
    ],
)
def test_mistakes_are_named(text, words):
    with pytest.raises(InvalidDocument, match=words):
        read_document(f"kind: frequency\n{text}")


def test_use_of_each_cap_is_shown():
    contact = who_got(ago(days=3), ago(days=2))
    assert [(one.cap.max, one.cap.days, one.count, one.free_at) for one in uses(contact, DEFAULT, NOW)] == [
        (3, 7, 2, None),
        (2, 1, 0, None),
    ]
