"""A handoff's clock: reminded, escalated, stopped by a claim or a verdict; whatever rings late, twice or for nothing.

Catalogue: G4 (reminder, escalation, second channel), G7 (a verdict ends it; not a fit ends marketing).
"""

from datetime import UTC, datetime, timedelta

import pytest

from app.contacts.contact import Contact
from app.contacts.own_events import ALERT_FAILED, HANDOFF_CLAIMED
from app.rules.clock import timers
from app.rules.packet import calling
from app.rules.route import Target, route_decision
from app.rules.suppression import suppressions
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, event
from tests.rules.making import SUPPRESSION, live, of, policies

FRIDAY = datetime(2026, 5, 22, 15, 20, tzinfo=UTC)  # 17:20 in Berlin, before Whit Monday
REMIND, DUE = datetime(2026, 5, 26, 7, 10, tzinfo=UTC), datetime(2026, 5, 26, 7, 20, tzinfo=UTC)
POLICY = """
kind: handoff
rules: [{id: asked, label: Asked for a demo, on: [form.submitted], when: {field: event.form, value: demo}}]
people:
  - {name: Rita, email: rita@example.com}
  - {name: Pia, email: pia@example.com, absent_until: 2026-05-26}
  - {name: Ole, email: ole@example.com}
clock:
  hours:
    timezone: Europe/Berlin
    days: {mon: ["09:00-17:30"], tue: ["09:00-17:30"], wed: ["09:00-17:30"], thu: ["09:00-17:30"], fri: ["09:00-17:30"]}
    holidays: {country: DE, subdivision: BE}
  due_minutes: 30
  remind_minutes: 20
  escalate_to: [pia@example.com, ole@example.com]
  second_channel: pager
"""
BY = policies(POLICY)


def demo(at=FRIDAY, **fields):
    return event("form.submitted", at, form="demo", fields={"email": ANN, **fields})


def rings(name: str, at: datetime):
    return event("timer.due", at, connection=0, timer=f"handoff.{name}")


def claim(at: datetime):
    return event(HANDOFF_CLAIMED, at, connection=0, actor="Rita")


def verdict(name: str, at: datetime):
    return event("sales.verdict", at, actor="Rita", verdict=name)


def steps(*events, by=BY) -> list[tuple[str, str]]:
    """What the clock asked for, with its reason."""
    return [(one.clock.step, one.summary) for one in live(events, by)[1] if one.clock is not None]


def test_friday_evening_is_due_on_tuesday_after_a_holiday():
    contact, decisions = live([demo()], BY)
    plan = of(decisions, "handoff")[0].handoff
    assert (plan.opened_at, plan.remind_at, plan.due_at) == (FRIDAY, REMIND, DUE)
    assert timers(contact) == {"handoff.remind": REMIND, "handoff.escalate": DUE}


def test_owner_is_reminded_and_then_somebody_else_is_told():
    events = [demo(), rings("remind", REMIND), rings("escalate", DUE)]
    assert steps(*events) == [
        ("remind", "Sales reminded: nobody has taken the handoff, it is due at 2026-05-26 09:20 CEST"),
        ("escalate", "Handoff escalated to Pia: nobody had taken it by 2026-05-26 09:20 CEST"),
    ]
    contact, decisions = live(events, BY)
    (escalation,) = of(decisions, "escalation")
    assert escalation.clock.to == "pia@example.com"
    assert escalation.clock.handoff == contact.handoffs[0].key
    assert timers(contact) == {}


@pytest.mark.parametrize(
    ("known", "day", "to"),
    [
        pytest.param({}, 0, "pia@example.com", id="the first who is there"),
        pytest.param({}, -4, "ole@example.com", id="not who is away"),
        pytest.param({"owner_email": "pia@example.com"}, 0, "ole@example.com", id="not the owner"),
    ],
)
def test_escalation_goes_to_somebody_who_is_there(known, day, to):
    opened = datetime(2026, 5, 26, 8, 0, tzinfo=UTC) + timedelta(days=day)
    _, decisions = live([demo(opened, **known), rings("escalate", opened + timedelta(minutes=30))], BY)
    assert of(decisions, "escalation")[0].clock.to == to


def test_without_a_second_person_the_channel_is_told():
    by = policies(POLICY.replace("[pia@example.com, ole@example.com]", "[]"))
    assert steps(demo(), rings("escalate", DUE), by=by) == [
        ("escalate", "Handoff escalated: nobody had taken it by 2026-05-26 09:20 CEST")
    ]


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(claim(REMIND - timedelta(minutes=1)), id="a claim"),
        *(pytest.param(verdict(name, REMIND - timedelta(minutes=1)), id=name) for name in ("accepted", "nurture")),
    ],
)
def test_claim_and_verdict_stop_the_clock(end):
    assert steps(demo(), end, rings("remind", REMIND), rings("escalate", DUE)) == []
    contact, _ = live([demo(), end], BY)
    assert timers(contact) == {}


def test_claim_after_the_reminder_keeps_others_out_of_it():
    contact, decisions = live([demo(), rings("remind", REMIND), claim(REMIND + timedelta(minutes=2))], BY)
    assert of(decisions, "claim")[0].summary == "Handoff claimed by Rita: its clock stops"
    assert (contact.handoffs[0].claimed_by, timers(contact)) == ("Rita", {})


@pytest.mark.parametrize(
    ("events", "asked"),
    [
        pytest.param([rings("remind", REMIND)] * 2, ["remind"], id="rings twice"),
        pytest.param([rings("remind", REMIND - timedelta(minutes=1))], [], id="rings early"),
        pytest.param([rings("escalate", DUE - timedelta(minutes=1))], [], id="escalates early"),
        pytest.param([rings("escalate", DUE), rings("remind", DUE + timedelta(1))], ["escalate"], id="out of turn"),
        pytest.param([rings("other", DUE)], [], id="another timer"),
        pytest.param([event("timer.due", DUE, connection=3, timer="handoff.escalate")], [], id="a tool says so"),
        pytest.param([event(HANDOFF_CLAIMED, FRIDAY), rings("escalate", DUE)], ["escalate"], id="a tool claims"),
    ],
)  # fmt: skip
def test_what_rings_at_the_wrong_time_does_no_harm(events, asked):
    assert [step for step, _ in steps(demo(), *events)] == asked


def test_alert_that_fails_is_told_by_the_second_channel_at_once():
    failed = event(ALERT_FAILED, FRIDAY + timedelta(minutes=1), connection=0)
    (said,) = steps(demo(), failed, rings("remind", REMIND), rings("escalate", DUE))
    assert said == ("escalate", "Handoff escalated to Ole: the first alert could not be delivered")
    only_one = policies(POLICY.replace("second_channel: pager", ""))
    assert [step for step, _ in steps(demo(), failed, rings("escalate", DUE), by=only_one)] == ["escalate"]
    assert steps(demo(), failed, by=only_one) == []


def test_clock_starts_when_it_reaches_us():
    late = event("form.submitted", FRIDAY - timedelta(days=2), form="demo", fields={"email": ANN}, received=FRIDAY)
    plan = of(live([late], BY)[1], "handoff")[0].handoff
    assert (plan.opened_at, plan.due_at) == (FRIDAY - timedelta(days=2), DUE)


def test_new_handoff_has_a_clock_of_its_own():
    later = FRIDAY + timedelta(days=20)
    contact, _ = live([demo(), rings("remind", REMIND), verdict("won", DUE), demo(later)], BY)
    assert set(timers(contact)) == {"handoff.remind", "handoff.escalate"}


def test_timer_never_opens_a_handoff():
    by = policies("kind: handoff\nrules: [{id: x, label: X, when: {field: score, op: at_least, value: 0}}]")
    known = event("contact.deleted", FRIDAY)
    assert of(live([known, rings("escalate", DUE)], by)[1], "handoff")[-1].event_id == known.id


@pytest.mark.parametrize("at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)])
def test_the_ends_of_time_have_a_due_time_too(at):
    assert BY.handoff.clock.times(at)[1] >= at


# --- where it goes


def target(name: str, number: int) -> Target:
    return Target(id=number, name=name, kind="alerts", can=lambda action: True, kinds=frozenset(("alert",)))


@pytest.mark.parametrize(
    ("there", "first", "reminder", "escalation"),
    [
        pytest.param(["slack", "pager"], [1], [1], [2], id="both"),
        pytest.param(["slack"], [1], [1], [1], id="no second channel yet"),
        pytest.param(["pager"], [1], [1], [1], id="only the second"),
        pytest.param([], [], [], [], id="none"),
    ],
)
def test_second_channel_is_for_escalations(there, first, reminder, escalation):
    targets = [target(name, number) for number, name in enumerate(there, 1)]
    contact, decisions = live([demo(), rings("remind", REMIND), rings("escalate", DUE)], BY)
    asked = [*of(decisions, "handoff"), *of(decisions, "reminder"), *of(decisions, "escalation")]
    plans = [route_decision(one, contact, targets) for one in asked]
    assert [[plan.connection_id for plan in made] for made in plans] == [first, reminder, escalation]
    assert {plan.handoff_key for made in plans for plan in made} <= {contact.handoffs[0].key}
    if not there:
        assert [str(one.outcome) for one in asked[1:]] == ["withheld", "withheld"]
        assert asked[2].summary.endswith("any connection that alerts people is missing")


@pytest.mark.parametrize(
    ("step", "owner", "to", "said"),
    [
        ("", "Rita", "", ("Handoff for Rita", "")),
        ("", "", "", ("Handoff", "")),
        ("remind", "Rita", "", ("Reminder for Rita", "Nobody has taken this handoff yet. Now.")),
        ("escalate", "Rita", "Pia", ("Escalated to Pia", "Rita has not taken this handoff. Now. Please see to it.")),
        ("escalate", "", "", ("Escalated", "Nobody has taken this handoff. Now. Please see to it.")),
    ],
)
def test_alert_says_what_it_is(step, owner, to, said):
    assert calling(step, owner, to, "Now.") == said


# --- verdicts


def test_not_a_fit_ends_marketing_until_sales_says_otherwise():
    no = [demo(), verdict("not_a_fit", DUE)]
    later = DUE + timedelta(days=400)

    def reasons(contact: Contact) -> list[str]:
        return [one.reason for one in suppressions(contact, SUPPRESSION, later)]

    assert reasons(live(no, BY)[0]) == ["not_a_fit"]
    again = [*no, demo(DUE + timedelta(days=200))]
    assert reasons(live(again, BY)[0]) == ["conversation", "not_a_fit"]
    assert reasons(live([*again, verdict("nurture", DUE + timedelta(days=201))], BY)[0]) == []
    lenient = SUPPRESSION.model_copy(update={"not_a_fit_stops": False})
    assert suppressions(live(no, BY)[0], lenient, later) == []


# --- the document


def test_due_minutes_beside_the_rules_still_counts():
    by = policies("kind: handoff\nrules: []\ndue_minutes: 45")
    assert (by.handoff.clock.due_minutes, by.handoff.clock.remind_minutes) == (45, 30)


@pytest.mark.parametrize(
    ("clock", "problem"),
    [
        ("{due_minutes: 30, remind_minutes: 30}", "clock remind_minutes (30) has to be lower than due_minutes (30)"),
        ("{due_minutes: 0}", "clock, due_minutes has to be more than 0"),
        ("{escalate_to: [pia]}", "clock, escalate_to"),
        ("{hours: {timezone: Berlin}}", 'clock, hours, timezone: "Berlin" is not a time zone'),
        ("{hours: {days: {mon: [9-5]}}}", 'clock, hours, days mon has "9-5"; write hours as 09:00-17:30'),
        ("12", "clock"),
    ],
)
def test_mistake_in_the_clock_is_named(clock, problem):
    with pytest.raises(InvalidDocument) as caught:
        policies(f"kind: handoff\nrules: []\nclock: {clock}")
    assert problem in str(caught.value), caught.value
