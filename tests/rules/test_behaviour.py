"""What somebody did, how often, in which order, and what they did not do in time.

Catalogue: E1 (counts in windows, sequences, "and did not … within"), E2 (masking per key), A4 (any order).
"""

import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.contacts.contact import Contact
from app.rules import passing
from app.rules.condition import Condition, Facts, compile_condition
from app.rules.condition_words import words
from app.rules.policy import read_document
from mappings.document import InvalidDocument
from tests.contacts.making import ANN, NOW, ago, event, no, yes
from tests.rules.making import DEFAULT, UNCAPPED, live, of, policies

KNOWN = [event("contact.updated", ago(days=99), fields={"email": ANN}), yes(ago(days=99))]
HEAD = "kind: triggers\ntriggers:\n"
LOOK = "{on: page.viewed, where: {field: event.path, op: contains, value: /pricing}}"
PRICING = "{field: event.path, op: contains, value: /pricing}"
DEMO = "{field: event.form, op: contains, value: demo}"


def trigger(text: str, id: str = "x") -> str:
    return f"  - {{id: {id}, label: Seen, message: {{name: M, include: [path, items]}}, once_in_days: 0, {text}}}\n"


NO_SEGMENTS = "kind: segments\nsegments: []"


def by(text: str):
    return policies(HEAD + trigger(text), NO_SEGMENTS)


def look(days: float = 0, path: str = "/pricing", **more):
    return event("page.viewed", ago(days=days), path=path, **more)


def form(days: float, name: str = "demo", **more):
    return event("form.submitted", ago(days=days), form=name, **more)


def tick(days: float):
    """The contact's timer rings."""
    return event("timer.due", ago(days=days), timer="waiting")


def sent(text: str, *events) -> list[tuple[str, float]]:
    """What became of the trigger's messages, and how many days ago it was decided."""
    made = of(live([*KNOWN, *events], by(text))[1], "message")
    return [(str(one.outcome), (NOW - one.at) / timedelta(days=1)) for one in made]


# Counts and sequences -------------------------------------------------------------------------------------------------

COUNT = f"on: page.viewed, when: {{count: {{on: page.viewed, where: {PRICING}, within_days: 7, at_least: 3}}}}"


@pytest.mark.parametrize(
    ("events", "fires"),
    [
        pytest.param([look(2), look(1)], 0, id="twice"),
        pytest.param([look(2), look(1), look(0)], 1, id="three times"),
        pytest.param([look(7), look(1), look(0)], 1, id="just within the window"),
        pytest.param([look(7.01), look(1), look(0)], 0, id="one is too long ago"),
        pytest.param([look(2), look(1, "/blog"), look(0)], 0, id="one is of another page"),
        pytest.param([look(2), look(1, machine="a crawler"), look(0)], 0, id="one is a machine's"),
        pytest.param([look(3), look(2), look(1), look(0, "/blog")], 2, id="and stays so in the window"),
    ],
)
def test_count_in_a_window(events, fires):
    assert len(sent(COUNT, *events)) == fires


def test_at_most_is_the_opposite():
    text = f"on: page.viewed, when: {{count: {{on: [form.submitted], where: {DEMO}, within_days: 7, at_most: 0}}}}"
    assert len(sent(text, look(0))) == 1
    assert len(sent(text, form(3), look(0))) == 0
    assert len(sent(text, form(8), look(0))) == 1


DID = f"""on: [page.viewed, form.submitted], when: {{did: [{{on: asset.downloaded}},
    {{on: page.viewed, where: {PRICING}, within_days: 2}}, {{on: form.submitted}}], within_days: 1}}"""


@pytest.mark.parametrize(
    ("events", "fires"),
    [
        pytest.param([event("asset.downloaded", ago(days=3)), look(2), form(1)], 1, id="in this order"),
        pytest.param([look(3), event("asset.downloaded", ago(days=2)), form(1)], 0, id="in another order"),
        pytest.param([event("asset.downloaded", ago(days=5)), look(2), form(1)], 0, id="too slowly"),
        pytest.param(
            [event("asset.downloaded", ago(days=5)), event("asset.downloaded", ago(days=3)), look(2), form(1)], 1,
            id="the newest beginning counts",
        ),
        pytest.param([event("asset.downloaded", ago(days=4)), look(3), form(2), look(0)], 1, id="too long ago"),
        pytest.param([event("asset.downloaded", ago(days=3)), form(2), look(1)], 0, id="not finished"),
    ],
)  # fmt: skip
def test_sequence_of_events(events, fires):
    assert len(sent(DID, *events)) == fires


def test_one_event_is_not_two_steps():
    text = f"on: page.viewed, when: {{did: [{LOOK}, {LOOK}]}}"
    assert len(sent(text, look(1))) == 0
    assert len(sent(text, look(1), look(0))) == 1


def test_only_what_rules_ask_for_is_kept_and_not_more():
    contact, _ = live([*KNOWN, *(look(9 - n / 100) for n in range(500)), *(form(1) for _ in range(50))], by(COUNT))
    assert [len(times) for times in contact.seen.values()] == [3]
    assert live([*KNOWN, look(), form(1)], by("on: page.viewed"))[0].seen == {}
    other = by("on: page.viewed, when: {count: {on: page.viewed, at_least: 2}}")
    assert [len(times) for times in live([look()], other, contact)[0].seen.values()] == [1], "what is gone is let go"


def test_every_policy_may_count():
    lifecycle = """kind: lifecycle
steps: [{to: mql, on: [page.viewed], because: keen, when: {count: {on: page.viewed, at_least: 2}}}]"""
    contact, _ = live([look(1), look(0)], policies(lifecycle))
    assert contact.stage is not None
    assert contact.stage.name == "mql"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (
            {"count": {"on": "page.viewed", "within_days": 7, "at_least": 3}},
            "visited a page at least 3 times in the last 7 days",
        ),
        (
            {"did": [{"on": "page.viewed"}, {"on": ["form.submitted"], "within_days": 2}]},
            "visited a page, then filled in a form within 2 days",
        ),
        (
            {"count": {"on": "page.viewed", "where": {"field": "event.path", "value": "/a"}, "at_most": 0}},
            "never visited a page (path is /a)",
        ),
        (
            {"count": {"on": "page.viewed", "within_days": 1, "at_least": 1}},
            "visited a page at least 1 time in the last day",
        ),
        (
            {
                "count": {
                    "on": ["list.joined", "form.submitted"],
                    "where": {"any": [{"field": "event.a", "value": 1}, {"not": {"field": "event.b", "op": "known"}}]},
                    "at_most": 2,
                }
            },
            "joined a list or filled in a form (a is 1 or not (b is known)) at most 2 times",
        ),
    ],
)
def test_it_is_said_in_words(condition, said):
    assert words(Condition.model_validate(condition)) == said


def test_nothing_was_done_by_nobody():
    facts = Facts(Contact(), None, NOW, DEFAULT.scoring.read)
    at_most = {"count": {"on": "page.viewed", "at_most": 0}}
    did = {"did": [{"on": "page.viewed"}, {"on": "page.viewed"}]}
    assert compile_condition(Condition.model_validate(at_most))(facts)
    assert not compile_condition(Condition.model_validate(did))(facts)


# Did X, and not Y in time ---------------------------------------------------------------------------------------------

WAIT = f"on: page.viewed, when: {PRICING}, unless: {{on: form.submitted, where: {DEMO}}}, within_hours: 24"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([look(3)], [], id="time has not come"),
        pytest.param([look(3), tick(2)], [("taken", 2.0)], id="decided when the time is over"),
        pytest.param([look(3), look(2.5), tick(2)], [("taken", 2.0)], id="the first visit counts"),
        pytest.param([look(3), form(2.5), tick(2)], [("withheld", 2.5)], id="ended by what it waits for"),
        pytest.param([look(3), form(2.5, "newsletter"), tick(2)], [("taken", 2.0)], id="another form is not it"),
        pytest.param([look(3), form(1.9)], [("taken", 2.0)], id="too late to end it, and time passes with it"),
        pytest.param([look(3), form(2.0)], [("taken", 2.0)], id="at the very moment is too late"),
        pytest.param([look(3), tick(2), tick(2), tick(1)], [("taken", 2.0)], id="a timer that rings again"),
        pytest.param([look(3), tick(2.5)], [], id="a timer that rings early"),
        pytest.param([look(3), form(2.5, machine="x"), tick(2)], [("taken", 2.0)], id="a machine asks for no demo"),
        pytest.param([look(3), look(1.5), tick(0.5)], [("taken", 2.0), ("taken", 0.5)], id="the next visit waits anew"),
        pytest.param([look(3), no(ago(days=2.5)), tick(2)], [("withheld", 2.0)], id="gates are those of then"),
        pytest.param([look(3), event("contact.erased", ago(days=2.5)), tick(2)], [], id="erased"),
    ],
)  # fmt: skip
def test_did_and_did_not(events, expected):
    assert sent(WAIT, *events) == expected


def timers(contact):
    return passing.timers(contact, NOW)


def test_timer_is_set_while_it_waits_and_only_then():
    assert timers(live([*KNOWN, look(0.5)], by(WAIT))[0]) == {"waiting": NOW + timedelta(days=0.5)}
    assert timers(live([*KNOWN, look(0.5), form(0.2)], by(WAIT))[0]) == {}
    assert timers(live([*KNOWN, look(1.5), tick(0.5)], by(WAIT))[0]) == {}


def test_what_ended_it_is_said():
    (decision,) = of(live([*KNOWN, look(3), form(2.5)], by(WAIT))[1], "message")
    assert decision.summary == "“M” by email: filled in a form in the meantime"
    assert decision.send is None


def test_message_says_what_the_event_said_as_far_as_there_is_room():
    seen = look(3, items=["x" * 5000], title="Prices")
    (decision,) = of(live([*KNOWN, seen, tick(2)], by(WAIT))[1], "message")
    assert decision.send is not None
    assert decision.send.properties == {"path": "/pricing"}
    assert decision.send.occurred_at == ago(days=2)


def test_still_is_asked_when_the_time_is_over():
    text = "on: page.viewed, after_days: 1, still: {field: stage, op: not_in, value: [customer]}"
    assert sent(text, look(3), tick(2)) == [("taken", 2.0)]
    assert sent(text, look(3), event("order.placed", ago(days=2.5)), tick(2)) == [("withheld", 2.0)]


def test_event_that_reaches_us_much_too_late_does_not_wait():
    late = look(30, received=NOW)
    contact, decisions = live([*KNOWN, late], by(WAIT))
    (decision,) = of(decisions, "message")
    assert (decision.outcome, contact.waiting) == ("withheld", {})
    assert "hours late" in decision.summary


def test_trigger_that_is_gone_is_forgotten():
    contact, _ = live([*KNOWN, look(3)], by(WAIT))
    contact, decisions = live([tick(2)], policies(HEAD + trigger("on: page.viewed", "other")), contact)
    assert (of(decisions, "message"), contact.waiting) == ([], {})


def test_what_waits_is_bounded():
    text = "on: page.viewed, after_days: 1, once_per: event.path"
    contact, decisions = live([*KNOWN, *(look(0.5 - n / 1000, f"/{n}") for n in range(100))], by(text))
    assert len(contact.waiting) == 30
    assert "30 others wait" in of(decisions, "message")[-1].summary


STREAM = [look(9), look(8.9), form(8.5), look(6), tick(5), look(4), form(2.9), look(2), form(1.5), look(1), look(0.1)]


@given(st.randoms(use_true_random=False), st.sets(st.integers(0, len(STREAM) - 1), max_size=5))
def test_any_order_and_any_timers_decide_the_same(chance: random.Random, rung: set[int]):
    """Timers that ring, ring late or not at all between events change nothing of what is decided."""
    ticks = [tick((NOW - STREAM[n].occurred_at) / timedelta(days=1) - chance.random()) for n in rung]
    mixed = [*STREAM, *ticks, tick(0)]
    chance.shuffle(mixed)
    expected = sent(WAIT, *STREAM, tick(0))
    assert sent(WAIT, *mixed) == expected
    assert [days for _, days in expected] == [8.5, 5, 3, 1.5, 0]


# Once per key ---------------------------------------------------------------------------------------------------------

PER = HEAD + "  - {id: x, label: Seen, message: {name: M}, on: product.viewed, once_per: event.product}\n"


def product(days: float, name: str | None):
    return event("product.viewed", ago(days=days), **({"product": name} if name else {}))


def masked(*events) -> list[str]:
    return [str(one.outcome) for one in of(live([*KNOWN, *events], policies(PER))[1], "message")]


@pytest.mark.parametrize(
    ("events", "outcomes"),
    [
        pytest.param([product(2, "a"), product(1, "b")], ["taken", "taken"], id="each product by itself"),
        pytest.param([product(2, "a"), product(1, "A")], ["taken", "withheld"], id="the same one, in any case"),
        pytest.param([product(31, "a"), product(1, "a")], ["taken", "taken"], id="again after its days"),
        pytest.param([product(2, None), product(1, None)], ["taken", "withheld"], id="without a value, all together"),
    ],
)
def test_mask_per_key(events, outcomes):
    assert masked(*events) == outcomes


def test_keys_are_bounded():
    contact, _ = live([*KNOWN, *(product(20 - n / 10, f"p{n}") for n in range(100))], policies(PER, UNCAPPED))
    assert len(contact.fired) == 20
    contact, _ = live([product(-40, "p1")], policies(PER, UNCAPPED), contact)
    assert len(contact.fired) == 1, "and let go after their days"


# What an admin writes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("on: page.viewed, within_hours: 3", 'a plain wait is "after_days"', id="nothing to wait for"),
        pytest.param("on: page.viewed, unless: {on: form.submitted}", '"within_hours" or "after_days"', id="no time"),
        pytest.param("on: page.viewed, after_days: 1, within_hours: 3, unless: {on: form.submitted}", "waits once", id="two times"),  # noqa: E501
        pytest.param("on: page.viewed, still: {field: stage, value: lead}", "need a time", id="still at once"),
        pytest.param("on: page.viewed, after_days: 1, still: {field: event.path, value: x}", "over by then", id="still, of the event"),  # noqa: E501
        pytest.param("on: page.viewed, once_per: contact.email", "written like that", id="per what is no event's"),
        pytest.param("on: page.viewed, when: {count: {on: page.viewed}}", "exactly one of", id="no limit"),
        pytest.param("on: page.viewed, when: {count: {on: page.viewd, at_least: 1}}", 'did you mean "page.viewed"', id="no event"),  # noqa: E501
        pytest.param("on: page.viewed, when: {count: {on: page.viewed, at_least: 101}}", "at most 100", id="too many"),
        pytest.param("on: page.viewed, when: {did: [{on: page.viewed}]}", "at least 2", id="no sequence"),
        pytest.param("on: page.viewed, when: {count: {on: page.viewed, at_least: 1, where: {count: {on: page.viewed, at_least: 1}}}}", "looks at one event", id="a count in a count"),  # noqa: E501
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused(text, why):
    with pytest.raises(InvalidDocument) as refused:
        read_document(HEAD + trigger(text), "t.yaml")
    assert why in str(refused.value)


def test_ids_are_unique():
    with pytest.raises(InvalidDocument, match='"x" is taken'):
        read_document(HEAD + trigger("on: page.viewed") * 2)
