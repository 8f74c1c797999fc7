"""Each sequence and waiting trigger that Baton ships with, from the webhook to the vendor's call, in the words of its
promise: the right message at the right moment, and none other.

Catalogue: E1, E6, G7, H2, H3, H4, H5, N1.
"""

import pytest

from tests.stories.days import Days, days

__all__ = ["days"]
ANN = "ann@acme.example"
VISITOR = "visitor-of-ann-0001"
pytestmark = pytest.mark.parametrize("days", ["sqlite", "postgresql"], indirect=True)


def sign_up(days: Days, form: str = "newsletter", **answers: str) -> None:
    days.form(form, ANN, consent="yes", visitor_id=VISITOR, **answers)


def reasons(days: Days) -> list[str]:
    """Why Ann is not written to."""
    return [one["reason"] for one in days.contact(ANN)["suppressions"]]


def test_who_joins_is_welcomed_once_by_the_way_they_came_and_told_what_to_read_next(days: Days) -> None:
    sign_up(days, "guide-download", first_name="Ann")
    assert not days.got("Welcome"), "the form's own answer comes first"
    days.later(minutes=11)
    (welcome,) = days.got("Welcome")
    assert "our guide" in welcome["body_html"], "it knows how she came"
    assert welcome["body_html"].count("<li>") == 2, "and names two things to read next"
    sign_up(days)
    days.later(days=20)
    assert len(days.got("Welcome")) == 1
    assert "Nobody comes in twice" in days.why(ANN, "welcome")


def test_who_did_not_agree_is_not_welcomed_and_it_says_why(days: Days) -> None:
    days.form("newsletter", ANN, visitor_id=VISITOR)
    days.later(days=2)
    assert not days.got("Welcome")
    assert "Was never in it" in days.why(ANN, "welcome")


def test_who_downloads_something_hears_more_about_it_and_no_more_once_they_ask_to_talk(days: Days) -> None:
    sign_up(days, asset="Automation guide", topic="automation")
    days.later(days=3)
    (first,) = days.got("Interest nurture")
    assert "automation" in first["subject"]
    days.form("demo", ANN)
    days.later(days=30)
    assert len(days.got("Interest nurture")) == 1
    assert "was handed to sales" in days.why(ANN, "interest_nurture")


def test_whom_sales_finds_too_early_hears_more_of_what_they_care_for_from_the_beginning(days: Days) -> None:
    sign_up(days, asset="Automation guide", topic="automation")
    days.later(days=3)
    days.form("demo", ANN)
    days.later(days=10)
    assert len(days.got("Interest nurture")) == 1
    (handoff,) = days.api.get("/handoffs")["items"]
    days.api.post(f"/handoffs/{handoff['id']}/verdict", verdict="nurture", by="Rita")
    days.later(minutes=1)
    days.later(days=4)
    assert len(days.got("Interest nurture")) == 2
    assert "Entered “More on an interest”: sales said how it went" in days.why(ANN, "interest_nurture")


def test_whom_sales_finds_no_fit_hears_no_more(days: Days) -> None:
    sign_up(days, asset="Automation guide", topic="automation")
    days.later(days=3)
    days.form("demo", ANN)
    (handoff,) = days.api.get("/handoffs")["items"]
    days.api.post(f"/handoffs/{handoff['id']}/verdict", verdict="not_a_fit", by="Rita")
    days.later(minutes=1)
    days.visit(VISITOR, "/pricing")
    days.later(days=60)
    assert len(days.got("Interest nurture")) == 1
    assert not days.got("Pricing follow-up")
    assert "not_a_fit" in reasons(days)


def test_who_looks_at_prices_is_followed_up_at_once_and_not_again(days: Days) -> None:
    sign_up(days)
    days.later(hours=1)
    days.visit(VISITOR, "/pricing")
    assert len(days.got("Pricing follow-up")) == 1
    days.visit(VISITOR, "/pricing")
    assert len(days.got("Pricing follow-up")) == 1


def test_who_leaves_a_checkout_is_reminded_and_who_orders_is_not(days: Days) -> None:
    sign_up(days)
    days.later(days=2)
    days.klaviyo("checkout_started", ANN, **{"$event_id": "c1", "$value": 40})
    days.later(hours=1)
    days.klaviyo("placed_order", ANN, **{"$event_id": "o1"})
    days.later(hours=8)
    assert not days.got("Abandoned checkout")
    days.later(days=3)
    days.klaviyo("checkout_started", ANN, **{"$event_id": "c2", "$value": 40})
    days.later(hours=5)
    assert len(days.got("Abandoned checkout")) == 1


def test_ninety_days_of_silence_are_asked_about_once_and_no_answer_is_an_answer(days: Days) -> None:
    sign_up(days)
    days.later(hours=1)
    days.klaviyo("received_email", ANN)
    days.later(days=100)
    assert len(days.got("Re-engagement")) == 1
    days.later(days=20)
    assert "sunset" in reasons(days)
    days.klaviyo("checkout_started", ANN, **{"$event_id": "c9"})
    days.later(minutes=1)
    assert "sunset" not in reasons(days), "a sign of life ends it"


def test_after_a_purchase_three_lessons_come_and_end_by_day_thirty(days: Days) -> None:
    sign_up(days)
    days.later(days=20)
    days.klaviyo("placed_order", ANN, **{"$event_id": "o1"})
    days.later(days=31)
    lessons = [len(days.got(name)) for name in ("Education start", "Education habit", "Education more")]
    assert lessons == [1, 1, 1]
    days.later(days=60)
    assert [len(days.got(name)) for name in ("Education start", "Education habit", "Education more")] == lessons
    assert "and left" in days.why(ANN, "post_purchase")


def test_when_the_parcel_has_been_there_for_a_while_they_are_asked_for_a_review(days: Days) -> None:
    sign_up(days)
    days.later(days=5)
    days.klaviyo("placed_order", ANN, **{"$event_id": "o1"})
    days.klaviyo("fulfilled_order", ANN, **{"$event_id": "o1"})
    days.later(days=13)
    assert not days.got("Review request")
    days.later(days=2)
    assert len(days.got("Review request")) == 1
