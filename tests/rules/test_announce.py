"""Tools that keep count are told of what was decided. Catalogue: M5, N1."""

from datetime import timedelta
from typing import Any

import pytest

from adapters.registry import adapters
from app.contacts.action import TrackEvent
from app.rules.announce import announce, introduce
from app.rules.decision import Decision, HandoffPlan, Outcome
from app.rules.route import Plan, Target
from mappings.mapping import mapping_file
from tests.adapters.making import NOW

KNOWN = {"custom.ga_client_id": "1.2", "lifecycle_stage": "mql", "email": "ann@example.com"}
PUSHES = adapters()["ga4"].pushes


def hearer(number: int = 1, hears: bool = True) -> Target:
    return Target(
        id=number,
        name="ga4",
        kind="ga4",
        can=lambda action: PUSHES[type(action)].accepts(action, {}),
        kinds=frozenset(("track_event",)),
        mapping=mapping_file("ga4.yaml"),
        hears=hears,
    )


def decided(what: str = "stage", outcome: Outcome = Outcome.TAKEN, **more: Any) -> Decision:
    fields = {"key": "d1", "rule": "r", "policy": "p", "what": what, "summary": "s", "event_id": "e", "at": NOW}
    return Decision(outcome=outcome, **{**fields, **more})


HANDOFF = HandoffPlan(key="h", rule="ready", opened_at=NOW, due_at=NOW, score=60.4, reason="pricing")


@pytest.mark.parametrize(
    ("decision", "name", "said"),
    [
        (decided("handoff", handoff=HANDOFF), "handoff.opened", {"rule": "ready", "score": 60}),
        (decided(tags={"stage": "mql"}), "stage.changed", {"stage": "mql"}),
        (decided("verdict", tags={"verdict": "lost"}), "sales.verdict", {"verdict": "lost"}),
    ],
    ids=["handoff", "stage", "verdict"],
)
def test_decision_is_told_with_what_the_mapping_says_of_the_contact(decision, name, said):
    plans = announce(decision, [hearer(), hearer(2, hears=False)], KNOWN, NOW)
    assert [(plan.connection_id, plan.decision_key) for plan in plans] == [(1, "d1")]
    about = {"client_id": "1.2", "stage": "mql"}
    assert plans[0].action == TrackEvent(name=name, occurred_at=NOW, properties=said, about=about)
    assert plans[0].key == announce(decision, [hearer()], KNOWN, NOW)[0].key, "deciding again finds the same delivery"


@pytest.mark.parametrize(
    ("decision", "known"),
    [
        pytest.param(decided(outcome=Outcome.WITHHELD, tags={"stage": "mql"}), KNOWN, id="withheld"),
        pytest.param(decided("alert"), KNOWN, id="nothing to tell"),
        pytest.param(decided(tags={"stage": "mql"}, at=NOW - timedelta(days=4)), KNOWN, id="history"),
        pytest.param(
            decided(tags={"stage": "mql"}), {"lifecycle_stage": "mql"}, id="a contact that the tool cannot know"
        ),
        pytest.param(decided(tags={"stage": "mql"}), {}, id="nothing known"),
    ],
)
def test_nothing_else_is_told(decision, known):
    assert announce(decision, [hearer()], known, NOW) == []


def test_what_a_rule_tells_such_a_tool_says_of_whom():
    event = TrackEvent(name="Trial", occurred_at=NOW)
    plans = [Plan(key=str(number), connection_id=number, action=event) for number in (1, 2)]
    introduce(plans, [hearer()], KNOWN)
    assert [plan.action.about for plan in plans] == [{"client_id": "1.2", "stage": "mql"}, {}]
