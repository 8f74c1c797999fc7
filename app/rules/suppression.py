"""Why we must not send: reasons read from the contact's state, and the gates that every message passes. Pure.

The strictest word of any tool wins. This is also the one place that says when an opt-out may be lifted.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from app.contacts.action import Action, JoinList, SendMessage, Subscribe
from app.contacts.consent import (
    CHANNELS,
    MARKETING,
    TRANSACTIONAL,
    Consent,
    ConsentState,
    Grant,
    consent_key,
    surely_after,
)
from app.contacts.contact import Contact, Signal
from app.contacts.engagement import Tier, last_sign, overall_tier, tier_of
from app.rules.decision import Gate


class ConsentDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    email: bool = Field(True, title="E-mail", description="Marketing only to who has agreed to it")
    sms: bool = Field(True, title="SMS", description="Marketing only to who has agreed to it")
    push: bool = Field(True, description="Marketing only to who has agreed to it")


class ConversationDocument(BaseModel):
    """How many days each kind of signal counts as a conversation after it was last heard."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    deal: float = Field(90, ge=0, description="After the last word on an open deal")
    reply: float = Field(14, ge=0, description="After they replied")
    meeting: float = Field(3, ge=0, description="After a meeting ended")
    chat: float = Field(3, ge=0, description="After the last message in a chat")
    task: float = Field(7, ge=0, description="After a rep's task about them")
    sales: float = Field(30, ge=0, description="After sales accepted a handoff")


class TierDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    active_days: float = Field(30, gt=0, description="A sign of life in so many days: active; after that, cooling")
    lapsing_days: float = Field(90, gt=0, description="Nothing for so many days: lapsing")
    dormant_days: float = Field(180, gt=0, description="Nothing for so many days: dormant")


class SuppressionDocument(BaseModel):
    """The suppression policy as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["suppression"]
    name: str = "suppression"
    require_consent: ConsentDocument = Field(
        ConsentDocument(), title="Consent needed", description="By which channels consent is needed"
    )
    soft_bounces: int = Field(
        5, ge=1, title="Soft bounces in a row", description="So many soft bounces in a row count as a permanent one"
    )
    conversation_days: ConversationDocument = Field(
        ConversationDocument(),
        title="Days after a conversation",
        description="Who talks with sales is left alone for so many days. 0: not at all",
    )
    tiers: TierDocument = Field(
        TierDocument(), title="How active people are", description="When somebody counts as active, lapsing or dormant"
    )
    suppress_dormant: bool = Field(
        True, title="Leave dormant people alone", description="Who is dormant gets no marketing"
    )
    not_a_fit_stops: bool = Field(
        True, title="“Not a fit” stops marketing", description="Whom sales called not a fit gets no more marketing"
    )


class Suppression(Struct, frozen=True):
    """One reason not to send: what for, since when, until when (None: until something changes it)."""

    reason: str
    scope: str
    since: datetime
    until: datetime | None = None
    detail: str = ""


class Talk(Struct, frozen=True):
    """A conversation that is going on: with whom, since when, and when it counts as over if nothing more is heard."""

    key: str
    kind: str
    who: str
    since: datetime
    until: datetime


def conversation(contact: Contact, policy: SuppressionDocument, now: datetime) -> Talk | None:
    """The conversation that a human has with this person at a moment, or None; of several, the longest."""
    talks = [
        Talk(key, signal.kind, signal.who, signal.since, until)
        for key, signal in contact.open_signals()
        if (until := _holds_until(signal, policy)) > now and signal.since <= now
    ]
    return max(talks, key=lambda talk: (talk.until, talk.key), default=None)


def _holds_until(signal: Signal, policy: SuppressionDocument) -> datetime:
    kind = signal.kind if signal.kind in ConversationDocument.model_fields else "chat"
    days = getattr(policy.conversation_days, kind)
    return max(signal.until or signal.last_at, signal.last_at) + timedelta(days=days)


def suppressions(contact: Contact, policy: SuppressionDocument, now: datetime) -> list[Suppression]:
    """Every reason not to send to this person at a moment."""
    found: list[Suppression] = []
    if contact.erased_at is not None:
        found.append(Suppression("erased", "everything", contact.erased_at))
    manual = contact.manual
    if manual is not None and (manual.until is None or manual.until > now):
        found.append(Suppression("manual", "everything", manual.since, manual.until, manual.reason))
    for channel, reach in contact.deliverability.items():
        if reach.bounced_at is not None and _still(contact, channel, reach.bounced_address):
            found.append(Suppression("bounce", channel, reach.bounced_at, None, reach.bounce))
        elif reach.soft_bounces >= policy.soft_bounces:
            since = contact.first_seen_at or now
            found.append(Suppression("bounce", channel, since, None, f"{reach.soft_bounces} soft bounces in a row"))
        if reach.complained_at is not None and not _agreed_since(contact, channel, reach.complained_at):
            found.append(Suppression("complaint", channel, reach.complained_at, None, reach.complaint))
    for key, consent in contact.consent.items():
        no = consent.last_withdrawal
        if consent.state is ConsentState.WITHDRAWN and no is not None:
            found.append(Suppression("opt_out", key, no.at, None, no.method))
    talk = conversation(contact, policy, now)
    if talk is not None:
        found.append(Suppression("conversation", "marketing", talk.since, talk.until, _talk_words(talk)))
    handoff = contact.open_handoff
    if handoff is not None:
        found.append(
            Suppression(
                "conversation",
                "marketing",
                handoff.opened_at,
                None,
                "handed to sales, who have not said yet how it went",
            )
        )
    judged = next((one for one in reversed(contact.handoffs) if one.verdict), None)
    if policy.not_a_fit_stops and judged is not None and judged.verdict == "not_a_fit":
        found.append(Suppression("not_a_fit", "marketing", judged.closed_at or now, None, "sales said so"))
    asked = contact.sunset
    if asked is not None and ((sign := last_sign(contact)) is None or sign <= asked.since):
        found.append(Suppression("sunset", MARKETING, asked.since, None, f"no answer to {asked.by.replace('_', ' ')}"))
    # Who still visits or buys is not dormant, however few mails they open
    if policy.suppress_dormant and overall_tier(contact, policy.tiers, now).tier is Tier.DORMANT:
        found += [
            Suppression("dormant", f"{channel}/{MARKETING}", tier.since, None, "no human sign for a long time")
            for channel in CHANNELS
            if (tier := tier_of(contact, channel, policy.tiers, now)).tier is Tier.DORMANT
        ]
    return found


def _still(contact: Contact, channel: str, address: str) -> bool:
    """Whether an address is the one that the contact has now; where it is not known, it is."""
    now = contact.email if channel == "email" else str(contact.get("phone") or "")
    return not address or not now or now.lower() == address


def _agreed_since(contact: Contact, channel: str, complained_at: datetime) -> bool:
    """Whether the person has said yes to the channel by themselves after they complained."""
    consent = contact.consent.get(consent_key(channel))
    proof = None if consent is None else consent.lifted_by
    return proof is not None and surely_after(proof.at, complained_at)


def _talk_words(talk: Talk) -> str:
    return f"{talk.kind} with {talk.who}" if talk.who else talk.kind


def gates(contact: Contact, message: SendMessage | JoinList, policy: SuppressionDocument, now: datetime) -> list[Gate]:
    """All gates for a message to this person at a moment, passed or not, in the words that an admin reads."""
    marketing = message.purpose != TRANSACTIONAL
    reasons = suppressions(contact, policy, now)
    by_reason: dict[str, list[Suppression]] = {}
    for reason in reasons:
        by_reason.setdefault(reason.reason, []).append(reason)
    reachable, why = _address(contact, message.channel)
    checks = [
        Gate("reachable", reachable, why),
        _gate("erased", by_reason, "everything", "the person was erased"),
    ]
    checks.append(_gate("manual", by_reason, "everything", "suppressed by hand"))
    checks.append(_gate("bounce", by_reason, message.channel, f"{message.channel} bounces"))
    if not marketing:
        return checks
    checks.append(_gate("complaint", by_reason, message.channel, f"marked {message.channel} as spam"))
    checks.append(_consent_gate(contact, message, policy))
    checks.append(_gate("conversation", by_reason, "marketing", "in conversation with sales"))
    checks.append(_gate("not_a_fit", by_reason, "marketing", "not a fit"))
    checks.append(_gate("sunset", by_reason, MARKETING, "was asked whether to go on"))
    checks.append(_gate("dormant", by_reason, f"{message.channel}/{MARKETING}", "no human sign for a long time"))
    return checks


def _gate(name: str, reasons: dict[str, list[Suppression]], scope: str, words: str) -> Gate:
    for reason in reasons.get(name, ()):
        if reason.scope in (scope, "everything"):
            until = f" until {reason.until:%Y-%m-%d}" if reason.until else ""
            detail = f": {reason.detail}" if reason.detail else ""
            return Gate(name, False, f"{words}{detail} (since {reason.since:%Y-%m-%d}{until})")
    return Gate(name, True)


def _consent_gate(contact: Contact, message: SendMessage | JoinList, policy: SuppressionDocument) -> Gate:
    consent = contact.consent.get(consent_key(message.channel, message.purpose), Consent())
    # A no to marketing as a whole is a no to each of its purposes
    overall = contact.consent.get(consent_key(message.channel), Consent())
    for held in (consent, overall):
        no = held.last_withdrawal
        if held.state is ConsentState.WITHDRAWN and no is not None:
            return Gate("consent", False, f"opted out of {message.channel} on {no.at:%Y-%m-%d}")
    if getattr(policy.require_consent, message.channel, True) and consent.state is not ConsentState.GRANTED:
        return Gate("consent", False, f"no consent for {message.channel} {message.purpose} is on record")
    return Gate("consent", True)


def _address(contact: Contact, channel: str) -> tuple[bool, str]:
    if channel == "email" and not contact.email:
        return False, "no e-mail address is known"
    phone = str(contact.get("phone") or "")
    if channel == "sms" and not (phone.startswith("+") and phone[1:].isdigit()):
        return False, "no mobile number in international form is known"
    return True, ""


def may_lift(contact: Contact, action: Action) -> Grant | None:
    """The person's own recorded yes that allows this write to end an opt-out, or None: then it must not leave.

    Every path to a vendor asks here, whatever made the action: a yes that came before the newest no of any tool, or
    that a tool or an import claims in the person's name, lifts nothing. Tools keep one switch per channel, so a no to
    any purpose of the channel counts.
    """
    if not isinstance(action, Subscribe) or contact.erased_at is not None:
        return None
    consent = contact.consent.get(consent_key(action.channel, action.purpose))
    proof = None if consent is None else consent.lifted_by
    if proof is None:
        return None
    noes = [
        no.at
        for key, held in contact.consent.items()
        if key.startswith(f"{action.channel}/") and (no := held.last_withdrawal) is not None
    ]
    reach = contact.deliverability.get(action.channel)
    if reach is not None and reach.complained_at is not None:
        noes.append(reach.complained_at)
    return proof if all(surely_after(proof.at, no) for no in noes) else None
