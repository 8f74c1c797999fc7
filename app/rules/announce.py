"""Telling tools that keep count of what was decided: handoffs, stages and verdicts. Pure.

Such a tool keeps no profile of its own, so what its mapping says of the contact goes along with each word.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from app.contacts.action import TrackEvent
from app.rules.decision import Decision, Outcome, key_of
from app.rules.route import Plan, Target

HANDOFF, STAGE, VERDICT = "handoff.opened", "stage.changed", "sales.verdict"
STILL_NEWS = timedelta(days=3)  # what came to light later is history, not news


def announce(decision: Decision, targets: Sequence[Target], values: Mapping[str, Any], now: datetime) -> list[Plan]:
    """The deliveries that tell of a decision, to all connections that hear of them and know the contact."""
    said = _said(decision)
    if said is None or decision.outcome is not Outcome.TAKEN or now - decision.at > STILL_NEWS:
        return []
    plans = []
    for target in targets:
        if not target.hears or target.mapping is None:
            continue
        action = msgspec.structs.replace(said, about=target.mapping.outbound(values))
        if action.about and target.can(action):
            key = key_of("announce", decision.key, target.id)
            plans.append(Plan(key=key, connection_id=target.id, action=action, decision_key=decision.key))
    return plans


def introduce(plans: Sequence[Plan], targets: Sequence[Target], values: Mapping[str, Any]) -> None:
    """Add what a mapping says of the contact to the events that a rule tells such a tool, in place."""
    mappings = {target.id: target.mapping for target in targets if target.hears and target.mapping is not None}
    for plan in plans:
        if isinstance(plan.action, TrackEvent) and (mapping := mappings.get(plan.connection_id)) is not None:
            plan.action = msgspec.structs.replace(plan.action, about=mapping.outbound(values))


def _said(decision: Decision) -> TrackEvent | None:
    if decision.handoff is not None:
        said = {"rule": decision.handoff.rule, "score": round(decision.handoff.score)}
        return TrackEvent(name=HANDOFF, occurred_at=decision.at, properties=said)
    if decision.what == "stage" and "stage" in decision.tags:
        return TrackEvent(name=STAGE, occurred_at=decision.at, properties={"stage": decision.tags["stage"]})
    if decision.what == "verdict":
        return TrackEvent(name=VERDICT, occurred_at=decision.at, properties={"verdict": decision.tags["verdict"]})
    return None
