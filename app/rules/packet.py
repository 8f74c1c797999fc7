"""What sales gets with a handoff: who, why now, the score with its reasons, what the person did, how to begin. Pure."""

from collections.abc import Sequence
from datetime import datetime
from html import escape

from msgspec import Struct

from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.clock import ESCALATE, REMIND
from app.rules.score import Reading

_MAX_EVENTS, _MAX_REASONS = 25, 10


class Packet(Struct, frozen=True):
    """The packet in the two forms that tools take."""

    subject: str
    text: str
    html: str


def packet(
    contact: Contact, reason: str, due_at: datetime, score: Reading, events: Sequence[Event], link: str, mark: str
) -> Packet:
    """The packet for one handoff. ``due_at`` is shown in its own time zone, ``events`` are newest first; by its
    ``mark`` we find it again in a tool."""
    who = contact.name or "Unknown visitor"
    company = contact.get("company")
    subject = f"Call {who}{f' ({company})' if company else ''}: {reason.lower()}"[:200]
    sections = [
        ("Who", _who(contact)),
        ("Why now", [reason, f"Please get in touch by {due_at:%Y-%m-%d %H:%M %Z}"]),
        (f"Score {score.total:.0f}", _reasons(score)),
        ("What they did", [describe(event) for event in events[:_MAX_EVENTS]]),
        ("How to begin", [opening(contact, events)]),
        ("Say how it went", [link]),
    ]
    text = "\n\n".join(f"{title}\n" + "\n".join(f"- {line}" for line in lines) for title, lines in sections if lines)
    html = "".join(
        f"<p><strong>{escape(title)}</strong></p><ul>{''.join(f'<li>{_linked(line)}</li>' for line in lines)}</ul>"
        for title, lines in sections
        if lines
    )
    return Packet(subject, f"{text}\n\n{mark}", f"{html}<p>{escape(mark)}</p>")


def calling(step: str, owner: str, to: str, due: str) -> tuple[str, str]:
    """How an alert begins: its title, and a sentence before the packet. ``step`` is empty for the first alert;
    ``owner`` and ``to`` may be unknown; ``due`` is a sentence."""
    if step == REMIND:
        return f"Reminder{f' for {owner}' if owner else ''}", f"Nobody has taken this handoff yet. {due}"
    if step == ESCALATE:
        first = f"{owner} has not taken this handoff." if owner else "Nobody has taken this handoff."
        return f"Escalated{f' to {to}' if to else ''}", f"{first} {due} Please see to it."
    return f"Handoff{f' for {owner}' if owner else ''}", ""


def _linked(line: str) -> str:
    safe = escape(line)
    return f'<a href="{safe}">{safe}</a>' if line.startswith(("https://", "http://")) and " " not in line else safe


def _who(contact: Contact) -> list[str]:
    named = (
        ("", contact.name),
        ("", contact.get("job_title")),
        ("", contact.get("company")),
        ("E-mail: ", contact.email),
        ("Phone: ", contact.get("phone")),
        ("Country: ", contact.get("country")),
    )
    lines = [f"{label}{value}" for label, value in named if value]
    if contact.touches:
        first = contact.touches[0]
        origin = " / ".join(part for part in (first.source, first.medium, first.campaign) if part)
        lines.append(f"First seen {first.at:%Y-%m-%d}: {first.entry}" + (f" via {origin}" if origin else ""))
    return list(dict.fromkeys(lines))


def _reasons(score: Reading) -> list[str]:
    return [
        f"{piece.points:+.0f} {piece.label}" + (f" ({piece.what}, {piece.at:%Y-%m-%d})" if piece.what else "")
        for piece in score.contributions[:_MAX_REASONS]
    ]


_WORDS = {
    "page.viewed": "visited",
    "form.submitted": "filled in the form",
    "asset.downloaded": "downloaded",
    "product.viewed": "looked at the product",
    "email.opened": "opened",
    "email.clicked": "clicked in",
    "email.replied": "replied to us",
    "checkout.started": "started a checkout",
    "order.placed": "placed an order",
    "meeting.booked": "booked a meeting",
    "email.unsubscribed": "unsubscribed from e-mail",
}


def describe(event: Event) -> str:
    """One event in words: ``2026-11-22 10:05 visited /pricing``."""
    said = event.properties
    detail = next((str(said[name]) for name in _DETAILS if said.get(name)), "")
    verb = _WORDS.get(event.type, event.type.replace(".", " ").replace("custom:", "").replace("_", " "))
    machine = f" ({event.machine})" if event.machine else ""
    return f"{event.occurred_at:%Y-%m-%d %H:%M} {verb} {detail}".strip()[:200] + machine


_DETAILS = (
    "path",
    "form_title",
    "form",
    "asset",
    "product",
    "subject",
    "message",
    "stage",
    "url",
    "list_name",
    "method",
)


def opening(contact: Contact, events: Sequence[Event]) -> str:
    """A first sentence that starts from what the person last cared about, without reciting what was tracked."""
    name = contact.get("first_name") or "there"
    for event in events:
        said = event.properties
        if event.type == "form.submitted":
            return f"Hi {name}, thank you for writing to us. What would you like to have solved first?"
        if event.type == "asset.downloaded":
            topic = str(said.get("topic") or said.get("asset") or "the guide")
            return f"Hi {name}, what made {topic} interesting for you just now?"
        if event.type == "page.viewed" and any(part in str(said.get("path")) for part in ("pricing", "plans")):
            return f"Hi {name}, are you comparing options at the moment? I can tell you what fits a team like yours."
        if event.type == "checkout.started":
            return f"Hi {name}, is there anything left to clear up before you decide?"
    return f"Hi {name}, what are you working on that made you look at us?"
