"""The shipped sequences: welcome, more on an interest, re-engagement, education after a purchase.

Catalogue: H2, H3, H4, H5.
"""

from datetime import timedelta

import pytest

from app.rules.content import compile_content
from app.rules.decision import Gate
from app.rules.policy import default_documents
from app.rules.sequences import walk
from app.rules.suppression import gates
from tests.contacts.making import ANN, HUBSPOT, NOW, ago, event, no, yes
from tests.rules.making import SHIPPED, SUPPRESSION, gate, live, of

CONTENT = compile_content(default_documents()["content"].model, "content@default")


def known(days: float):
    return event("contact.updated", ago(days=days), fields={"email": ANN})


def tick(days: float = 0):
    return event("timer.due", ago(days=days), timer="waiting")


def signed_up(days: float, form: str = "newsletter"):
    said = [{"channel": "email", "state": "granted", "by_person": True}]
    return event("form.submitted", ago(days=days), form=form, consent=said)


def told(*events) -> list[tuple[str, str, float]]:
    """The messages of sequences: name, outcome, how many days ago."""
    _, made = live(events, SHIPPED)
    return [
        (one.send.message, str(one.outcome), round((NOW - one.at) / timedelta(days=1), 2))
        for one in of(made, "message")
        if one.rule.startswith("sequence:")
    ]


def ends(*events) -> dict[str, str]:
    contact, _ = live(events, SHIPPED)
    return {name: run.exit for name, run in contact.exits.items()}


# --- welcome


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(signed_up(5), id="a form with a yes"),
        pytest.param(yes(ago(days=5)), id="a yes elsewhere"),
    ],
)
def test_who_says_yes_is_welcomed_after_ten_minutes(entry):
    assert told(known(5.1), entry, tick()) == [("Welcome", "taken", 4.99)]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        pytest.param([event("contact.created", ago(days=5), fields={"email": ANN})], None, id="imported from the CRM"),
        pytest.param([yes(ago(days=5), by_person=False, connection=HUBSPOT)], None, id="a yes that a tool claims"),
        pytest.param([event("form.submitted", ago(days=5), form="contact")], None, id="a form without a yes"),
        pytest.param([yes(ago(days=5)), no(ago(days=4.999))], ["Welcome", "opted_out"], id="who takes it back"),
        pytest.param([event("order.placed", ago(days=6)), yes(ago(days=5))], None, id="a customer"),
    ],
)  # fmt: skip
def test_who_is_not_welcomed(events, why):
    assert told(known(9), *events, tick()) == []
    assert ends(known(9), *events, tick()).get("welcome") == (why[1] if why else None)


def test_who_came_by_an_import_and_then_fills_in_a_form_without_a_yes_is_told_why():
    said = [{"channel": "sms", "state": "granted", "by_person": True}]
    form = event("form.submitted", ago(days=5), form="contact", consent=said)
    contact, made = live([known(9), form, tick()], SHIPPED)
    (refused,) = of(made, "enrolment")
    assert gate(refused, "consent").detail == "no consent for email marketing is on record"
    assert contact.enrolments == {}


def test_the_welcome_is_the_message_that_names_two_resources_by_how_they_came():
    contact, made = live([known(5.1), signed_up(5, "trial"), tick()], SHIPPED)
    welcome = CONTENT.messages["welcome"]
    assert welcome.document.label == next(one.send.message for one in of(made, "message"))
    assert contact.touches[0].entry == "form trial"


# --- an interest


def reads(days: float):
    return event("asset.downloaded", ago(days=days), asset="Guide", topic="automation")


AWARE = [known(99), yes(ago(days=99))]


def test_an_interest_is_followed_up_at_the_hour_of_the_person():
    ((_, _, first), (_, _, second)) = [one for one in told(*AWARE, reads(40), tick()) if one[0] == "Interest nurture"]
    assert 37 <= first <= 38
    assert second < first - 7


def test_whoever_goes_to_sales_hears_no_more_of_it():
    events = [*AWARE, reads(40), event("deal.created", ago(days=36), deal="1"), tick()]
    assert [name for name, *_ in told(*events)].count("Interest nurture") == 1
    assert ends(*events)["interest_nurture"] == "conversation"


# --- ninety days of silence

MAIL = event("email.delivered", ago(days=120))
ONCE = event("email.opened", ago(days=119))


@pytest.mark.parametrize(
    "history",
    [pytest.param([MAIL, ONCE], id="opened once"), pytest.param([MAIL], id="never opened anything")],
)
def test_after_ninety_days_they_are_asked_once_and_silence_is_an_answer(history):
    before = [known(130), yes(ago(days=130))]
    contact, made = live([*before, *history, tick(20), tick()], SHIPPED)
    (asked,) = [one for one in of(made, "message") if one.rule == "sequence:re_engagement"]
    silent = 29 if ONCE in history else 30
    assert silent - 1 <= (NOW - asked.at) / timedelta(days=1) <= silent
    assert contact.exits["re_engagement"].exit == "completed"
    message = of(made, "message")[-1].send
    failed = [one for one in gates(contact, message, SUPPRESSION, NOW) if not one.passed]
    assert [one.name for one in failed] == ["sunset"]
    assert "no answer to re engagement" in failed[0].detail
    message.purpose = "transactional"
    assert all(one.passed for one in gates(contact, message, SUPPRESSION, NOW))


def test_who_bought_lately_gets_their_lessons_first_and_is_asked_then():
    """Silent by e-mail for 90 days, two days after an order."""
    bought = event("order.placed", ago(days=32), order="o1", items=[{"name": "Lamp"}], value=10)
    events = [known(130), yes(ago(days=130)), MAIL, bought, tick(20), tick(), event("timer.due", ago(days=-30))]
    contact, made = live(events, SHIPPED)
    sent = [one for one in of(made, "message") if str(one.outcome) == "taken"]
    names = [one.send.message for one in sent if one.rule in ("sequence:post_purchase", "sequence:re_engagement")]
    assert names == ["Education start", "Education habit", "Education more", "Re-engagement"]
    assert contact.exits["re_engagement"].exit == "completed"
    assert contact.sunset is not None


def test_any_sign_of_life_is_an_answer_also_a_late_one():
    before = [known(130), yes(ago(days=130)), MAIL, ONCE]
    assert ends(*before, tick(25), event("email.clicked", ago(days=20)), tick())["re_engagement"] == "goal"
    contact, made = live([*before, tick(20), tick(1), event("page.viewed", path="/a")], SHIPPED)
    assert contact.sunset is not None
    message = of(made, "message")[-1].send
    assert all(one.passed for one in gates(contact, message, SUPPRESSION, NOW) if one.name == "sunset")


def test_a_scanner_s_open_is_no_answer():
    opened = event("email.opened", ago(days=20), machine="a privacy proxy")
    assert ends(known(130), yes(ago(days=130)), MAIL, ONCE, opened, tick())["re_engagement"] == "completed"


# --- after a purchase


def order(days: float, kind: str = "placed"):
    return event(f"order.{kind}", ago(days=days), order="o1", items=[{"name": "Lamp"}], value=10)


def test_three_lessons_within_thirty_days():
    lessons = [(name, days) for name, outcome, days in told(*AWARE, order(40), tick()) if name.startswith("Education")]
    assert [name for name, _ in lessons] == ["Education start", "Education habit", "Education more"]
    assert all(10 <= days <= 38 for _, days in lessons)
    assert ends(*AWARE, order(40), tick())["post_purchase"] == "completed"


def test_who_sends_it_back_needs_no_lessons():
    assert (
        len([1 for name, *_ in told(*AWARE, order(40), order(35, "refunded"), tick()) if name.startswith("Edu")]) == 1
    )
    assert ends(*AWARE, order(40), order(35, "refunded"), tick())["post_purchase"] == "no_longer_fits"


def test_day_thirty_is_the_end_whatever_happens(monkeypatch):
    monkeypatch.setattr(walk, "prepared", lambda *asked: [Gate("cap", False, "too many")])
    events = [*AWARE, order(40), tick()]
    contact, made = live(events, SHIPPED)
    run = contact.exits["post_purchase"]
    assert (run.exit, run.ended_at) == ("over_time", ago(days=10))
    assert not any(one.review for one in made if one.rule == "sequence:post_purchase")
