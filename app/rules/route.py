"""From decisions and states to deliveries: which tool carries what, and what it need not be told. Pure.

What a rule decided becomes deliveries for the connections that can carry it. Profile and consent are not decided but
compared: what the contact should be in a tool against what we know that the tool holds. No difference, no call.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import uuid4

import msgspec
from msgspec import Struct

from app.contacts.action import (
    Action,
    Alert,
    AnyAction,
    AssignOwner,
    CreateNote,
    CreateTask,
    EnsureContact,
    JoinList,
    LeaveList,
    MoveStage,
    SendMessage,
    Subscribe,
    Suppress,
    TrackEvent,
    Unsubscribe,
    UpsertContact,
    kind_of,
)
from app.contacts.consent import Consent, ConsentState, consent_key, surely_after
from app.contacts.contact import STAGE_ORDER, Contact, LifecycleStage
from app.contacts.engagement import overall_tier
from app.rules.clock import ESCALATE
from app.rules.decide import Policies
from app.rules.decision import ClockStep, Decision, Gate, Outcome, key_of
from app.rules.score import total
from app.rules.suppression import conversation
from mappings.mapping import FieldMapping
from mappings.transforms import is_blank

PROFILE_SLOT = "profile"
SUPPRESSED = "suppressed:email"  # the name under which we remember which address we stopped in a tool
# A profile may wait this long for others, so that they leave together; nothing that a person waits for does
GATHER_SECONDS = 5.0


_WRITTEN = frozenset(kind_of(action) for action in (UpsertContact, MoveStage, Subscribe, Unsubscribe, Suppress))


class Target(Struct, frozen=True, kw_only=True):
    """A connection as routing sees it: what it can carry, and how its tool names things."""

    id: int
    name: str
    kind: str
    can: Callable[[Action], bool]
    kinds: frozenset[str]
    mapping: FieldMapping | None = None
    list: str = ""
    writes_consent: bool = True
    hears: bool = False  # is told of every handoff, stage and verdict (rules/announce.py)
    yes_first: bool = False  # takes a yes only with whom it does not know yet; others only with whom they know

    @property
    def is_kept_true(self) -> bool:
        """Whether what a contact is, is written to the tool: others are told at most of what happens."""
        return self.mapping is not None and not self.kinds.isdisjoint(_WRITTEN)


class Held(Struct, frozen=True):
    """What we know of the contact in one tool: its id there and the properties it holds."""

    vendor_id: str = ""
    properties: Mapping[str, Any] = {}


class Plan(Struct, kw_only=True):
    """A delivery to be made."""

    key: str
    connection_id: int
    action: AnyAction
    slot: str | None = None
    wait_seconds: float = 0
    decision_key: str | None = None
    handoff_key: str | None = None

    @property
    def kind(self) -> str:
        """The action's name."""
        return kind_of(self.action)


# --- what rules decided


def route_decision(decision: Decision, contact: Contact, targets: Sequence[Target]) -> list[Plan]:
    """The deliveries of a decision. For a message that nothing can send the decision itself says so."""
    if decision.handoff is not None:
        return list(_handoff(decision, targets))
    if decision.clock is not None:
        return _clock(decision, decision.clock, targets)
    if decision.alert is not None:
        able = _alerting(targets, decision.alert, decision.second_channel)
        return [_plan(decision, target, decision.alert, "alert") for target in able]
    if decision.send is not None:
        return _through(decision, decision.send, targets)
    return []


def _through(
    decision: Decision, action: SendMessage | JoinList | LeaveList | TrackEvent, targets: Sequence[Target]
) -> list[Plan]:
    """A message, a place on a list or word of an event, through the one tool that was named, or the first that can."""
    able = [target for target in targets if target.can(action) and decision.through in ("", target.name, target.kind)]
    if able:
        return [_plan(decision, able[0], action, decision.what)]
    if decision.outcome is Outcome.TAKEN:
        named = f"the connection {decision.through}" if decision.through else "any connection"
        does = f"sends {action.channel}" if isinstance(action, SendMessage) else _CAN[type(action)]
        decision.outcome = Outcome.WITHHELD
        decision.gates += (Gate("can be sent", False, f"{named} that {does} is missing"),)
        decision.summary = f"{decision.summary.partition(': ')[0]}: {decision.gates[-1].detail}"
    return []


_CAN = {JoinList: "has lists", LeaveList: "has lists", TrackEvent: "takes events"}


def _handoff(decision: Decision, targets: Sequence[Target]) -> Iterator[Plan]:
    """Texts and owner are filled in when the lane takes them: what sales reads is what is true by then."""
    plan = decision.handoff
    assert plan is not None
    alert = Alert(title="", body="")
    telling = {target.id for target in _alerting(targets, alert, decision.second_channel)}
    for target in targets:
        steps: list[AnyAction] = [
            EnsureContact(),
            AssignOwner(handoff=0),
            CreateTask(handoff=0, subject="", body="", due_at=plan.due_at, mark=mark_of(plan.key)),
            CreateNote(handoff=0, body="", at=plan.opened_at, mark=mark_of(plan.key)),
            alert,
        ]
        if "create_task" not in target.kinds:
            steps = steps[-1:]
        for step in steps:
            if target.can(step) and (step is not alert or target.id in telling):
                made = _plan(decision, target, step, kind_of(step))
                made.handoff_key = plan.key
                yield made


def _clock(decision: Decision, asked: ClockStep, targets: Sequence[Target]) -> list[Plan]:
    """A reminder by the way of the first alert, an escalation by the second. Where nothing can alert anybody, the
    decision itself says so."""
    alert = Alert(title="", body="", step=asked.step, to=asked.to)
    plans = []
    for target in _alerting(targets, alert, decision.second_channel, escalates=asked.step == ESCALATE):
        made = _plan(decision, target, alert, asked.step)
        made.handoff_key = asked.handoff
        plans.append(made)
    if not plans:
        decision.outcome = Outcome.WITHHELD
        decision.gates += (Gate("can be sent", False, "any connection that alerts people is missing"),)
        decision.summary += "; but any connection that alerts people is missing"
    return plans


def _alerting(targets: Sequence[Target], alert: Alert, second: str, escalates: bool = False) -> list[Target]:
    """The connections that carry an alert: all but the second channel, which is for escalations; where only the other
    kind is there, that."""
    able = [target for target in targets if target.can(alert)]
    asked = [target for target in able if (target.name == second) is escalates]
    return asked or able


def mark_of(handoff_key: str) -> str:
    """The text by which a task or note of ours is recognised in a tool."""
    return f"baton-{handoff_key[:16]}"


def _plan(decision: Decision, target: Target, action: AnyAction, what: str) -> Plan:
    return Plan(
        key=key_of(what, decision.key, target.id),
        connection_id=target.id,
        action=action,
        decision_key=decision.key,
    )


# --- what the contact is


def outward(contact: Contact, policies: Policies, now: datetime) -> dict[str, Any]:
    """The contact's values under our names, as mappings send them."""
    values: dict[str, Any] = {name: known.value for name, known in contact.fields.items()}
    if contact.stage is not None:
        values["lifecycle_stage"] = str(contact.stage.name)
    values["score"] = round(total(contact.score, policies.scoring.read, now))
    values["tier"] = str(overall_tier(contact, policies.suppression.tiers, now).tier)
    talking = conversation(contact, policies.suppression, now) is not None
    values["in_conversation"] = talking or contact.open_handoff is not None
    values["handoff_open"] = contact.open_handoff is not None
    return values


def digest(contact: Contact, target: Target, values: Mapping[str, Any]) -> str:
    """What the contact should be in a tool, in a few bytes: while it stays the same nothing has to be compared."""
    if target.mapping is None:
        return ""
    wanted = target.mapping.outbound(values)
    disputed = sorted(contact.disputes)
    said = {
        key: [str(consent.state), None if consent.lifted_by is None else consent.lifted_by.at]
        for key, consent in contact.consent.items()
    }
    reach = contact.deliverability.get("email")
    bounced = contact.email if reach is not None and reach.bounced_at is not None else None
    return blake2b(msgspec.json.encode([wanted, said, bounced, *disputed], order="sorted"), digest_size=8).hexdigest()


def sync(contact: Contact, target: Target, held: Held, values: Mapping[str, Any], now: datetime) -> list[Plan]:
    """What has to be written so that a tool holds what the contact is: profile, stage and consent."""
    if contact.erased_at is not None or str(target.id) in contact.deleted_in:
        return []
    known, agreed = _profile(contact, target, held, values), _consents(contact, target, held)
    return [*((*agreed, *known) if target.yes_first else (*known, *agreed)), *_bounces(contact, target, held)]


def _profile(contact: Contact, target: Target, held: Held, values: Mapping[str, Any]) -> Iterator[Plan]:
    if target.mapping is None or "upsert_contact" not in target.kinds:
        return
    if not belongs(contact, target.mapping, held.vendor_id):
        return
    wanted = target.mapping.outbound(values)
    if contact.disputes:  # what tools disagree on is written nowhere until somebody has settled it
        disputed = {theirs for ours, theirs in target.mapping.targets if ours in contact.disputes}
        wanted = {name: value for name, value in wanted.items() if name not in disputed}
    changed = {
        name: value
        for name, value in wanted.items()
        if not _same(value, held.properties.get(name)) and not (is_blank(value) and name not in held.properties)
    }
    stage = next((theirs for ours, theirs in target.mapping.targets if ours == "lifecycle_stage"), "")
    if stage in changed and _goes_back(changed[stage], held.properties.get(stage), target.mapping):
        move = MoveStage(
            stage=str(changed.pop(stage)), property=stage, reason=contact.stage.reason if contact.stage else ""
        )
        # Only a named person moves a stage back; a tool that is ahead by its own rules stays ahead
        if target.can(move) and contact.stage is not None and contact.stage.by not in ("rule", "tool"):
            yield Plan(key=uuid4().hex, connection_id=target.id, action=move, slot="stage")
    if changed:
        action = UpsertContact(properties=changed)
        if target.can(action):
            yield Plan(
                key=uuid4().hex, connection_id=target.id, action=action, slot=PROFILE_SLOT, wait_seconds=GATHER_SECONDS
            )


def belongs(contact: Contact, mapping: FieldMapping, vendor_id: str) -> bool:
    """Whether the contact is, or should be created, in a tool. ``vendor_id`` is the contact's id there, if known."""
    if vendor_id:
        return True
    if not contact.email or mapping.create == "never":
        return False
    if mapping.create == "always":
        return True
    consent = contact.consent.get(consent_key("email"))
    return consent is not None and consent.state is ConsentState.GRANTED


def _same(ours: Any, theirs: Any) -> bool:
    """Whether two values are the same to a tool, which may keep everything as text."""
    if ours == theirs:
        return True
    if is_blank(ours) or is_blank(theirs):
        return is_blank(ours) and is_blank(theirs)
    if isinstance(ours, bool):
        return str(theirs).lower() == str(ours).lower()
    return str(ours).strip() == str(theirs).strip()


def _goes_back(ours: Any, theirs: Any, mapping: FieldMapping) -> bool:
    if is_blank(theirs):
        return False
    stages = [mapping.stage(str(value)) for value in (ours, theirs)]
    try:
        ranks = [STAGE_ORDER[LifecycleStage(stage)] for stage in stages]
    except ValueError:
        return False
    return ranks[0] < ranks[1]


def consent_property(channel: str, purpose: str) -> str:
    """The name under which we remember what we told a tool of a consent."""
    return f"consent:{channel}/{purpose}"


def _consents(contact: Contact, target: Target, held: Held) -> Iterator[Plan]:
    """A no is written to every tool that has not heard it; a yes only where the person's own comes after every no."""
    if not target.writes_consent:
        return
    for key, consent in contact.consent.items():
        channel, _, purpose = key.partition("/")
        told = held.properties.get(consent_property(channel, purpose))
        if consent.state is ConsentState.WITHDRAWN:
            no = consent.last_withdrawal
            stop = Unsubscribe(channel=channel, purpose=purpose, at=no.at if no is not None else None)
            if (
                not _told_no(told, consent, str(target.id))
                and not _heard_no(consent, str(target.id))
                and target.can(stop)
                and _addressed(contact, channel)
            ):
                yield Plan(key=uuid4().hex, connection_id=target.id, action=stop, slot=f"consent {key}")
        elif consent.state is ConsentState.GRANTED:
            grant = consent.lifted_by
            if grant is None or told == f"granted {grant.at.isoformat()}" or grant.source == str(target.id):
                continue
            yes = Subscribe(grant=grant, channel=channel, purpose=purpose, list=target.list)
            if target.can(yes) and _addressed(contact, channel):
                yield Plan(key=uuid4().hex, connection_id=target.id, action=yes, slot=f"consent {key}")


def _told_no(told: Any, consent: Consent, source: str) -> bool:
    """Whether we told a tool of a no, and it has heard no yes of its own since."""
    word, _, at = str(told or "").partition(" ")
    if word != "withdrawn":
        return False
    yes = consent.granted
    return yes is None or yes.source != source or not at or yes.at <= datetime.fromisoformat(at)


def _heard_no(consent: Consent, source: str) -> bool:
    """Whether a tool said no itself, and has heard no yes since: its own, or the person's, which was written to it."""
    no = consent.withdrawn.get(source)
    if no is None or (consent.by_person is not None and surely_after(consent.by_person.at, no.at)):
        return False
    return consent.granted is None or consent.granted.source != source or consent.granted.at <= no.at


def _bounces(contact: Contact, target: Target, held: Held) -> Iterator[Plan]:
    """An address that bounces for good in one tool is stopped in the others, before they try it themselves."""
    reach = contact.deliverability.get("email")
    if reach is None or reach.bounced_at is None or reach.bounced_in == str(target.id) or not contact.email:
        return
    stop = Suppress(reason=f"{contact.email} bounces: {reach.bounce}")
    if held.properties.get(SUPPRESSED) != contact.email and target.can(stop) and held.vendor_id:
        yield Plan(key=uuid4().hex, connection_id=target.id, action=stop, slot=SUPPRESSED)


def _addressed(contact: Contact, channel: str) -> bool:
    return bool(contact.email) if channel == "email" else bool(contact.get("phone"))
