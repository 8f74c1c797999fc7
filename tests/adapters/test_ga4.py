"""Google Analytics 4: what it is told, and what it must not be, which a simulated property counts or drops in silence.

Catalogue: M5, M7, N4 (a 2xx that says nothing), N8 (nothing personal).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import Again, Done, Refused, RetryLater, Unknown
from adapters.ga4.client import wrong_measurement_id
from adapters.ga4.params import client_of, is_personal, name_of, params, session_of
from adapters.http import recording
from adapters.registry import adapters
from app.contacts.action import TrackEvent
from tests.adapters.making import client_of as client_for
from tests.adapters.making import delivery, push

ADAPTER = adapters()["ga4"]
PUSH = ADAPTER.pushes[TrackEvent]
ANN, SECRET = "1234567890.1712345678", "ga4-api-secret"


@pytest.fixture
def account(vendors: Any) -> Any:
    return vendors.vendors["ga4"]


@pytest.fixture
def ga4(vendors: Any, account: Any) -> Any:
    return client_for(ADAPTER, vendors, measurement_id="G-ABC123DEF4", api_secret=SECRET)


def told(name: str = "handoff.opened", ago: float = 0, about: Any = None, **said: Any) -> Any:
    at = datetime.now(UTC) - timedelta(hours=ago)
    known = {"client_id": ANN, "session_id": "1712345678", "stage": "mql"} if about is None else about
    return delivery(TrackEvent(name=name, occurred_at=at, properties=said, about=known))


@pytest.mark.parametrize(
    ("name", "said", "event"),
    [
        ("handoff.opened", {"rule": "ready", "score": 60}, "qualify_lead"),
        ("stage.changed", {"stage": "lead"}, "generate_lead"),
        ("stage.changed", {"stage": "customer"}, "close_convert_lead"),
        ("stage.changed", {"stage": "opportunity"}, "stage_changed"),
        ("sales.verdict", {"verdict": "accepted"}, "working_lead"),
        ("sales.verdict", {"verdict": "not_a_fit"}, "disqualify_lead"),
        ("sales.verdict", {"verdict": "lost"}, "close_unconvert_lead"),
        ("sales.verdict", {"verdict": "nurture"}, "sales_verdict"),
        ("Trial started!", {"plan": "team"}, "trial_started"),
    ],
)
def test_what_is_decided_has_the_name_that_google_recommends(account, ga4, name, said, event):
    assert push(ADAPTER, ga4, told(name, **said)) == [Done()]
    (counted,) = account.events
    assert (counted["client_id"], counted["name"]) == (ANN, event)
    assert counted["params"] == {**said, "session_id": "1712345678", "engagement_time_msec": 1}
    assert account.users == {ANN: {"stage": "mql"}}
    assert not account.dropped


def test_events_of_one_browser_leave_in_one_call_and_keep_their_times(vendors, account, ga4):
    some = [told(ago=hours) for hours in (3, 2, 1)]
    assert push(ADAPTER, ga4, *some) == [Done()] * 3
    assert len(vendors.called("ga4")) == 1
    stamps = [event["timestamp_micros"] for event in account.events]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) == 3
    other = told(about={"client_id": "9.9"})
    assert PUSH.group(other) != PUSH.group(some[0])
    assert PUSH.batch == 25


def test_advertising_is_denied_unless_an_admin_says_otherwise(vendors, account, ga4):
    push(ADAPTER, ga4, told())
    allowing = client_for(ADAPTER, vendors, measurement_id="G-A", api_secret=SECRET, ads="yes")
    push(ADAPTER, allowing, told())
    said = [call.body["consent"] for call in vendors.called("ga4")]
    assert said == [dict.fromkeys(("ad_user_data", "ad_personalization"), word) for word in ("DENIED", "GRANTED")]


def test_who_somebody_is_goes_nowhere(account, ga4):
    about = {"client_id": ANN, "owner": "ann@example.com", "industry": "Steel"}
    said = {"by": "Ann Lee <ann@example.com>", "call": "+49 30 1234567", "page": "/pricing", "on": "2026-03-10 09:30"}
    (outcome,) = push(ADAPTER, ga4, told("Asked", about=about, **said))
    assert outcome.note == "left out, since Google must not be told who somebody is: by, call, owner"
    (event,) = account.events
    assert event["params"] == {"page": "/pricing", "on": "2026-03-10 09:30", "engagement_time_msec": 1}
    assert account.users == {ANN: {"industry": "Steel"}}


@pytest.mark.parametrize(
    ("value", "personal"),
    [
        ("ann@example.com", True),
        ("/thanks?email=ann%40example.com", True),
        ("0151 23456789", True),
        ("2026-03-10T09:30:00Z", False),
        ("pricing", False),
        (60, False),
        ("100,000", False),
    ],
)
def test_address_and_number_to_call_are_seen_for_what_they_are(value, personal):
    assert is_personal(value) is personal


def test_names_and_values_keep_within_googles_limits():
    assert [name_of(text) for text in ("Trial started", "9 lives", "ga_x", "_y", "Ä", "a" * 50)] == [
        "trial_started",
        "baton_9_lives",
        "baton_ga_x",
        "y",
        "baton",
        "a" * 40,
    ]
    kept, _ = params({f"p{n}": "v" * 200 for n in range(40)})
    assert len(kept) == 25
    assert {len(value) for value in kept.values()} == {100}
    assert params({"a": None, "b": True, "c": [1], "d": " "}) == ({"b": "true"}, [])


@pytest.mark.parametrize(
    ("text", "found"),
    [("GA1.1.12.34", "12.34"), ("GA1.2-2.12.34", "12.34"), ("12.34", "12.34"), ("ann", ""), (None, "")],
)
def test_client_id_is_found_in_the_cookie_too(text, found):
    assert client_of(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("GS1.1.1712345678.3.1.1712345999.0.0.0", "1712345678"),
        ("GS2.1.s1712345678$o3$g1", "1712345678"),
        ("1712345678", "1712345678"),
        ("x", ""),
    ],
)
def test_session_id_is_found_in_the_cookie_too(text, found):
    assert session_of(text) == found


def test_session_is_that_of_the_stream_that_is_told(account, ga4):
    of_all = "_ga_XYZ=GS1.1.1712340000.1.0.1712340001.0.0.0,_ga_ABC123DEF4=GS2.1.s1712345678$o3$g1"
    for session in (of_all, "_ga_XYZ=GS1.1.1712340000.1.0.1712340001.0.0.0"):
        push(ADAPTER, ga4, told(about={"client_id": ANN, "session_id": session}))
    assert [event["params"].get("session_id") for event in account.events] == ["1712345678", None]


def test_whom_google_cannot_know_is_not_even_planned_for(ga4):
    planned = [
        PUSH.accepts(TrackEvent(name="x", occurred_at=datetime.now(UTC), about=about), {})
        for about in ({"client_id": ANN}, {"stage": "mql"}, {"client_id": "GA-none"})
    ]
    assert planned == [True, False, False]
    (outcome,) = push(ADAPTER, ga4, told("x", about={}))
    assert "client id" in outcome.reason


def test_won_is_told_once_as_the_customer_that_follows_from_it():
    won = TrackEvent(name="sales.verdict", occurred_at=datetime.now(UTC), properties={"verdict": "won"})
    assert not PUSH.accepts(won, {})


def test_what_is_older_than_google_takes_is_refused_and_the_rest_goes(account, ga4):
    outcomes = push(ADAPTER, ga4, told(ago=73), told(ago=70))
    assert [type(outcome) for outcome in outcomes] == [Refused, Done]
    assert len(account.events) == 1
    assert not account.dropped


@pytest.mark.parametrize("fault", ["done_then_drop", "500", "html200"])
def test_lost_answer_is_left_to_a_person_since_google_would_count_twice(account, ga4, fault):
    account.fault(fault)
    assert isinstance(push(ADAPTER, ga4, told())[0], Unknown)
    assert PUSH.again is Again.PARK
    assert PUSH.find is None


def test_too_many_calls_are_tried_again_since_none_was_counted(account, ga4):
    account.fault("429")
    assert isinstance(push(ADAPTER, ga4, told())[0], RetryLater)


def test_validation_server_is_asked_by_the_check_and_before_each_event_where_that_is_set(vendors, account, ga4):
    assert [one.works for one in ADAPTER.check(ga4)] == [True]
    assert not account.events, "what is validated is not counted"
    careful = client_for(ADAPTER, vendors, measurement_id="G-A", api_secret=SECRET, validate="yes")
    assert push(ADAPTER, careful, told()) == [Done()]
    assert [call.path for call in vendors.called("ga4")] == ["/debug/mp/collect", "/debug/mp/collect", "/mp/collect"]
    account._faults = lambda body: iter([("events", "Measurement requires 1 to 25 events.")])
    assert push(ADAPTER, careful, told()) == [
        Refused(reason="Google's validation: events: Measurement requires 1 to 25 events.")
    ]
    assert not ADAPTER.check(careful)[0].works
    del account._faults


def test_secret_is_in_the_address_of_the_call_and_not_in_what_is_kept(vendors, account, ga4):
    account.configure(api_secret=SECRET)
    with recording() as calls:
        push(ADAPTER, ga4, told())
    assert len(account.events) == 1
    assert "api_secret=***" in calls[0].url
    assert SECRET not in repr(calls)
    assert SECRET not in repr([call.shown() for call in vendors.called("ga4")])


def test_wrong_secret_is_answered_like_a_right_one(account, ga4):
    account.configure(api_secret="another")
    assert push(ADAPTER, ga4, told()) == [Done()]
    assert account.dropped[0]["why"] == "another api_secret"


def test_measurement_id_is_not_the_streams_number():
    assert not wrong_measurement_id("G-ABC123DEF4")
    assert wrong_measurement_id("1234567890")
