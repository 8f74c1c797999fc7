"""Messages that a late event would have been answered with, held against those that left for later ones."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from app.contacts.action import SendMessage
from app.contacts.contact import Contact
from app.rules.decide import Policies
from app.store.deliveries import LEFT, PENDING, WITHHELD, Existing, Planned


def respect_sent(plan: Planned, existing: Iterable[Existing], state: Contact, policies: Policies) -> None:
    """Withhold a message where the same one left for a later event: it is the one that this event would have been
    answered with."""
    if not isinstance(plan.action, SendMessage) or plan.status != PENDING:
        return
    rule, near, anew = plan.action.rule, _once_in(plan.action, policies), _anew(plan.action, state, policies)
    for row in existing:
        sent = row.action
        if not isinstance(sent, SendMessage) or row.status not in LEFT:
            continue
        if anew is not None and sent.occurred_at < anew:
            continue
        if (sent.rule, sent.per) != (rule, plan.action.per):
            continue
        if abs(sent.occurred_at - plan.action.occurred_at) < near:
            plan.status, plan.reason = WITHHELD, f"sent on {row.created_at:%Y-%m-%d} already"
            return


def _once_in(action: SendMessage, policies: Policies) -> timedelta:
    """Within what time the same message is not sent twice."""
    if action.run:
        flow = policies.sequences.newest.by_id.get(action.rule.partition(":")[2])
        return flow.once_in if flow else timedelta(days=1)
    trigger = policies.triggers.by_id.get(action.rule)
    return timedelta(days=trigger.once_in_days if trigger else 1)


def _anew(action: SendMessage, state: Contact, policies: Policies) -> datetime | None:
    """When a sequence was begun anew that a message is of: whatever was sent before it was of another time."""
    ways = (*state.enrolments.values(), *state.exits.values())
    run = next((one for one in ways if one.key == action.run), None) if action.run else None
    flow = policies.sequences.pinned(run.version, run.sequence) if run is not None else None
    restarted = run is not None and flow is not None and any(run.on in watch.types for watch in flow.restart)
    return run.entered_at if run is not None and restarted else None
