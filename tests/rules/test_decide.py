"""One event, all rules, in their order, and the same decision whenever it is taken.

Catalogue: A4 (any order of arrival), F5 (told once), G6 (automation stops), I1, I2 (over any history), N1 (every
decision with its reason), N2 (the same functions live and in rehearsal).
"""

import random
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.action import ACTIONS, Subscribe
from app.contacts.consent import Grant
from app.contacts.contact import Contact
from app.contacts.event import EVENT_TYPES, Event
from app.rules.decide import step
from app.rules.decision import Outcome, in_time, key_of
from app.rules.suppression import may_lift, suppressions
from tests.contacts.making import ANN, NOW, ago, event, yes
from tests.rules.making import DEFAULT, SUPPRESSION, live, of, policies

KNOWN = [event("contact.updated", ago(days=40), fields={"email": ANN, "job_title": "Director"}), yes(ago(days=40))]
STORY = [
    *KNOWN,
    event("page.viewed", ago(days=9), path="/pricing"),
    event("form.submitted", ago(days=8), form="free-trial"),
    event("meeting.booked", ago(days=12), meeting="1"),
    event("email.clicked", ago(days=7), url="/x"),
    event("checkout.started", ago(days=6), value=10),
    event("page.viewed", ago(days=5), path="/pricing"),
    event("sales.verdict", ago(days=4), verdict="nurture", actor="Rita"),
    event("page.viewed", ago(days=3), path="/pricing/plans"),
    event("email.unsubscribed", ago(days=2)),
    event("asset.downloaded", ago(days=1), asset="Guide", topic="Freight"),
]


def seen(decisions) -> list[tuple]:
    return [(one.what, str(one.outcome), one.summary, one.key) for one in decisions]


def test_every_decision_says_what_why_and_by_which_policy():
    _, decisions = live(STORY)
    assert {one.what for one in decisions} >= {"stage", "handoff", "message", "verdict"}
    for one in decisions:
        assert one.summary
        assert one.policy.endswith("@default")
        assert one.event_id in {known.id for known in STORY}
        assert one.outcome in (Outcome.TAKEN, Outcome.WITHHELD)
        if one.outcome == Outcome.WITHHELD and one.gates:
            assert any(not gate.passed and gate.detail for gate in one.gates)
    assert len({one.key for one in decisions}) == len(decisions)


def test_same_history_decides_the_same_every_time():
    first, again = live(STORY), live(STORY)
    assert seen(first[1]) == seen(again[1])
    assert msgspec.json.encode(first[0]) == msgspec.json.encode(again[0])


def test_when_an_event_is_processed_changes_nothing():
    """Only its own two times count, so a rehearsal next year comes to what was decided today."""
    _, decisions = live([*KNOWN, event("page.viewed", ago(days=300), path="/pricing", received=ago(days=300))])
    assert [str(one.outcome) for one in of(decisions, "message")] == []
    late = event("page.viewed", ago(hours=30), path="/pricing", received=NOW)
    soon = event("page.viewed", ago(hours=30), path="/pricing", received=ago(hours=30))
    assert [str(of(live([*KNOWN, one])[1], "message")[0].outcome) for one in (late, soon)] == ["withheld", "taken"]


@pytest.mark.parametrize("seed", range(5))
def test_any_order_of_arrival_ends_in_the_same_state_and_decisions(seed):
    shuffled = STORY.copy()
    random.Random(seed).shuffle(shuffled)
    assert seen(live(shuffled)[1]) == seen(live(STORY)[1])


@pytest.mark.parametrize("kind", ["unknown", "message.sent"])
def test_what_baton_notes_or_does_not_know_decides_nothing(kind):
    quiet = live([*KNOWN, event("timer.due")])[1]  # time passes with any event
    assert seen(live([*KNOWN, event(kind, rule="r", channel="email")])[1]) == seen(quiet)


def test_who_was_erased_is_decided_about_no_more():
    contact, _ = live([*KNOWN, event("contact.erased", ago(days=1))])
    assert step(contact, event("form.submitted", form="demo", fields={"email": ANN}), DEFAULT) == []
    assert contact.fields == {}


@given(st.sampled_from(sorted(EVENT_TYPES)), st.dictionaries(
    st.sampled_from(["path", "form", "value", "stage", "verdict", "consent", "state", "channel", "since", "starts_at",
                     "topic", "list", "tag", "deal", "permanent", "meeting", "until", "currency", "outcome"]),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text(), max_size=2),
              st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2)), max_size=6,
))  # fmt: skip
@settings(max_examples=150)
def test_nothing_that_an_event_may_hold_breaks_a_rule(kind, properties):
    contact, _ = live([*KNOWN, event(kind, properties=properties, actor="Rita")])
    msgspec.json.decode(msgspec.json.encode(contact), type=Contact)
    suppressions(contact, SUPPRESSION, NOW)


# Telling people -------------------------------------------------------------------------------------------------------

POINTS = [
    event("form.submitted", ago(hours=5), form="free-trial"),
    event("meeting.booked", ago(hours=4), meeting="1"),
    event("checkout.started", ago(hours=3)),
]


def test_people_are_told_once_that_somebody_qualified():
    _, decisions = live([*KNOWN, *POINTS, event("email.clicked", ago(hours=2)), event("email.clicked", ago(hours=1))])
    (alert,) = of(decisions, "alert")
    assert alert.outcome == "taken"
    assert alert.alert.title == f"{ANN} is now a marketing-qualified lead"
    assert alert.summary.startswith("Score 5")


def test_handoff_of_the_same_moment_says_it_better():
    last = event("form.submitted", ago(hours=1), form="demo")
    _, decisions = live([*KNOWN, POINTS[0], last])
    told = {one.what: str(one.outcome) for one in decisions if one.event_id == last.id and one.what in ("alert", "handoff")}  # noqa: E501  # fmt: skip
    assert told["handoff"] == "taken"
    assert told.get("alert", "withheld") == "withheld"


def test_message_does_not_overtake_the_handoff_of_the_same_event():
    """Whoever is handed to sales by this very form gets no automatic answer to it."""
    by = policies("kind: triggers\ntriggers: [{id: x, label: X, on: [form.submitted], message: {name: Thanks}}]")
    for form, outcome in (("demo", "withheld"), ("newsletter", "taken")):
        _, decisions = live([*KNOWN, event("form.submitted", form=form)], by)
        assert [str(one.outcome) for one in of(decisions, "message")] == [outcome]


# Never un-suppress ----------------------------------------------------------------------------------------------------

_moments = st.integers(0, 200).map(lambda hours: ago(hours=hours))
_events = st.lists(
    st.one_of(
        st.builds(lambda at, own, tool: yes(at, by_person=own, connection=tool), _moments, st.booleans(), st.integers(1, 3)),  # noqa: E501
        st.builds(lambda at, kind, tool: event(kind, at, connection=tool), _moments,
                  st.sampled_from(["email.unsubscribed", "email.complained", "sms.unsubscribed"]), st.integers(1, 3)),
        st.builds(lambda at, kind: event(kind, at, permanent=True, path="/pricing", form="demo", deal="1", value=5,
                                         stage="customer", verdict="won"), _moments,
                  st.sampled_from(["page.viewed", "form.submitted", "email.bounced", "deal.created", "order.placed",
                                   "stage.changed", "sales.verdict", "custom:suppressed", "custom:released",
                                   "contact.created", "contact.deleted", "list.joined"])),
    ),
    max_size=12,
)  # fmt: skip


@given(_events)
@settings(max_examples=150)
def test_over_any_history_nothing_that_lifts_is_decided_or_allowed_without_the_persons_own_later_yes(events):
    contact, decisions = live([*KNOWN[:1], *events])
    assert not any(one.send.lifts for one in decisions if one.send is not None), "no rule subscribes anybody"
    own = [one.occurred_at for one in events if one.properties.get("by_person") is True]
    against = [one.occurred_at for one in events if one.type in ("email.unsubscribed", "email.complained")]
    for name, kind in ACTIONS.items():
        if kind.lifts:
            assert name == "subscribe"
            proof = may_lift(contact, Subscribe(grant=Grant(NOW + timedelta(days=9), "3", True)))
            assert (proof is not None) is (bool(own) and all(max(own) > when for when in against))


@given(_events)
@settings(max_examples=120)
def test_over_any_history_no_marketing_message_leaves_against_a_gate(events):
    contact, decisions = Contact(), []
    for one in sorted([*KNOWN[:1], *events], key=lambda known: known.occurred_at):
        made = step(contact, one, DEFAULT)
        decisions += made
        for decision in of(made, "message"):
            if decision.outcome == "taken":
                scopes = {known.scope.split("/")[0] for known in suppressions(contact, SUPPRESSION, one.occurred_at)}
                assert not scopes & {"everything", "marketing", "email"}
                assert contact.consent["email/marketing"].state == "granted"


# Small things that rules share ----------------------------------------------------------------------------------------


def test_key_stands_for_its_parts_and_their_places():
    assert key_of("a", 1) == key_of("a", "1")
    assert len({key_of("a", "b"), key_of("b", "a"), key_of("ab"), key_of("a", "b", "")}) == 4
    assert len(key_of()) == 32


def test_lateness_is_measured_by_the_events_own_times():
    late: Event = event("page.viewed", ago(hours=50), received=ago(hours=20))
    assert in_time(late, 30).passed
    assert in_time(late, 29).detail == "it reached us 30 hours late; 29 are allowed"
