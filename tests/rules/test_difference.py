"""Two replays side by side: what is counted, and what counts as a difference."""

from datetime import timedelta

import pytest

from app.rules.decision import Decision, Gate, Outcome
from app.rules.difference import ALL, LESS, MORE, MOVED, OTHER, Count, Effect, Made, Tally, Why, effect_of
from tests.conftest import NOW


def decided(key: str, what: str = "message", rule: str = "r", days: float = 0, **more: object) -> Decision:
    said = {"policy": "p@1", "outcome": Outcome.TAKEN, "summary": "said", "event_id": "", **more}
    return Decision(key=key, rule=rule, what=what, at=NOW + timedelta(days=days), **said)  # type: ignore[arg-type]


HELD = {"outcome": Outcome.WITHHELD, "summary": "said: opted out"}


@pytest.mark.parametrize(
    ("what", "outcome", "rule", "summary", "name"),
    [
        pytest.param("message", "taken", "r", "", "message", id="sent"),
        pytest.param("message", "withheld", "r", "", "message withheld", id="kept back"),
        pytest.param("alert", "withheld", "threshold", "", "threshold", id="crossed, though the handoff says it"),
        pytest.param("alert", "taken", "sequence:x", "", "alert", id="an alert of a sequence"),
        pytest.param("segment", "taken", "vip", "Entered the segment", "segment entered", id="into a segment"),
        pytest.param("segment", "taken", "vip", "Left the segment", "segment left", id="out of a segment"),
        pytest.param("enrolment", "taken", "s", "Left “S”: goal", "enrolment ended", id="out of a sequence"),
        pytest.param("enrolment", "withheld", "s", "Not entered", "enrolment withheld", id="not let in"),
    ],
)
def test_what_a_decision_does(what: str, outcome: str, rule: str, summary: str, name: str) -> None:
    assert effect_of(what, outcome, rule, summary) == Effect(name, rule)


@pytest.mark.parametrize(("what", "outcome"), [("verdict", "taken"), ("claim", "taken"), ("message", "superseded")])
def test_what_people_did_and_what_was_overtaken_is_no_doing_of_the_rules(what: str, outcome: str) -> None:
    assert effect_of(what, outcome, "r", "") is None


def test_the_same_decision_is_no_difference_even_in_other_words() -> None:
    assert Tally().count((), [decided("a", summary="score 50")], [decided("a", summary="score 62")]) == []


def test_the_same_at_the_same_moment_is_no_difference_even_under_another_key() -> None:
    assert Tally().count((), [decided("a"), decided("b")], [decided("c"), decided("d")]) == []


def test_one_more_one_less_one_later_and_one_that_is_kept_back() -> None:
    now = [decided("less", rule="x"), decided("early", rule="y"), decided("sent", days=3)]
    draft = [decided("late", rule="y", days=1), decided("sent", days=3, **HELD), decided("more", rule="z", days=4)]
    found = Tally().count((), now, draft)
    assert [(one.rule, one.side) for one in found] == [("x", LESS), ("y", MOVED), ("r", OTHER), ("z", MORE)]
    moved, other = found[1], found[2]
    assert moved.now
    assert moved.draft
    assert moved.draft.at - moved.now.at == timedelta(days=1)
    assert other.effect == "message withheld"
    assert other.draft
    assert other.draft.summary == "said: opted out"


def test_people_are_counted_once_for_a_rule_and_once_for_an_effect() -> None:
    tally = Tally()
    tally.count(
        [Made(Effect("message", "x"))], [decided("1", rule="x"), decided("2", rule="x")], [decided("3", rule="y")]
    )
    tally.count((), [], [decided("4", rule="y"), decided("5", rule="x")])
    assert tally.effects["message"] == {
        "x": Count(really=1, now=2, draft=1, people_now=1, people_draft=1, more=1, less=1),
        "y": Count(now=0, draft=2, people_draft=2, more=2),
        ALL: Count(really=1, now=2, draft=3, people_now=1, people_draft=2, more=1, less=1),
    }
    assert (tally.contacts, tally.differing) == (2, 2)


def test_what_keeps_things_back_is_counted_check_by_check() -> None:
    tally = Tally()
    held = decided("1", **HELD, gates=(Gate("cap", True), Gate("consent", False, "opted out"), Gate("bounce", False)))
    late = decided("2", **HELD, gates=(Gate("cap", True),))
    tally.count([Made(Effect("message withheld", "r"), "consent"), Made(Effect("message", "r"))], [held], [held, late])
    assert tally.reasons == {"message withheld": {"consent": Why(really=1, now=1, draft=1), "": Why(draft=1)}}


def test_scores_are_held_against_each_threshold() -> None:
    tally = Tally()
    for now, draft in ((40, 60), (60, 40), (10, 10)):
        tally.score(now, draft, 50, 40)
    assert (tally.scores.higher, tally.scores.lower) == (1, 1)
    assert (tally.scores.over_now, tally.scores.over_draft) == (1, 2)
