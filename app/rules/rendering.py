"""One message for one contact: which blocks, filled with what, by which channel, and what the sending tool gets. Pure.

What comes out is looked over once more before it is handed on: a message that would show a token is withheld.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from app.contacts.action import SendMessage
from app.contacts.contact import Contact
from app.rules.compare import dig
from app.rules.condition_words import explain
from app.rules.content import Block, Content, Link, Message, Variant
from app.rules.decision import Gate
from app.rules.filling import Context, Filling, arrival, came_by, filling_of
from app.rules.suppression import SuppressionDocument, gates
from app.rules.template import LINK_END, LINK_MIDDLE, LINK_START, BadText, Template, raw_token
from mappings.fields import CUSTOM

MAX_SUBJECT, MAX_BODY = 200, 64 * 1024  # characters, bytes
MAX_PROPERTY = 90_000  # bytes; Klaviyo takes 100 KB for a text


class Choice(Struct, frozen=True):
    """Which variant of a block was taken, and why. ``variant`` 0: none fits, the block is left out."""

    block: str
    variant: int
    reason: str
    generic: bool


class Rendered(Struct, frozen=True):
    """A message as the person will see it. ``links``: address by id. ``resources``: those that it could name next."""

    message: str
    channel: str
    subject: str
    preview: str
    body_text: str
    body_html: str
    links: dict[str, str]
    resources: tuple[dict[str, str], ...]
    chosen: tuple[Choice, ...]
    fell_back: tuple[str, ...]


class Withheld(Struct, frozen=True):
    """A message that cannot be made for this contact, and why."""

    message: str
    reason: str


class Completeness(Struct, frozen=True):
    """Whether a message has something to say to a contact. ``missing``: needed tokens; ``generic``: blocks that would
    say what they say to everybody."""

    ok: bool
    missing: tuple[str, ...] = ()
    generic: tuple[str, ...] = ()
    reason: str = ""


class Way(Struct, frozen=True):
    """The channel for a message, or "" and the reason why none; ``gates`` are those of the channels looked at."""

    channel: str
    reason: str
    gates: tuple[Gate, ...] = ()


# --- which blocks


def _choose(block: Block, filling: Filling) -> tuple[Choice, Variant | None]:
    """The first variant that fits, with its reason."""
    for variant in block.variants:
        why = _why(variant, filling)
        if why is not None:
            generic = block.varies and variant.document.is_generic
            return Choice(block.id, variant.number, why, generic), variant
    return Choice(block.id, 0, "no variant fits; the block is left out", True), None


def _why(variant: Variant, filling: Filling) -> str | None:
    """Why a variant fits, in words, or None where it does not."""
    document = variant.document
    if document.is_generic:
        return "for everybody" if variant.number == 1 else "nothing closer fits"
    if not variant.test(filling.facts) or not all(filling.has(name) for name in variant.needs):
        return None
    reasons = [one.text for one in explain(document.when, filling.facts) if one.holds]
    if document.entry:
        came = arrival(filling.contact)
        if not came_by(document.entry, came):
            return None
        reasons.append(f"came by {came[0][:80]}")
    if document.segment:
        inside = sorted(filling.context.segments.intersection(document.segment))
        if not inside:
            return None
        reasons.append(f"is in the segment {inside[0]}")
    reasons += [f"{_said(name)} is known" for name in document.knows]
    return "; ".join(reasons) or document.label or "its condition holds"


def _said(name: str) -> str:
    return name.removeprefix(CUSTOM).replace("_", " ").replace("event.", "the event's ")


def gate(message: Message, contact: Contact, context: Context, content: Content, now: datetime) -> Completeness:
    """Whether the message can be made for this contact and has something to say to them; asked when it is decided."""
    found = completeness(message, contact, context, content, now)
    if found.ok and isinstance(made := render(content, message.id, contact, context, now), Withheld):
        return Completeness(False, found.missing, found.generic, made.reason)
    return found


def completeness(message: Message, contact: Contact, context: Context, content: Content, now: datetime) -> Completeness:
    """Whether the message knows what it needs and has something of its own to say to this contact."""
    filling = filling_of(content, message, contact, context, now, message.document.channel)
    missing = tuple(name for name in message.document.needs if not filling.has(name))
    varying = [block for block in message.blocks if block.varies]
    generic = tuple(choice.block for block in varying if (choice := _choose(block, filling)[0]).generic)
    if missing:
        named = ", ".join(map(_said, missing))
        return Completeness(False, missing, generic, f"“{message.document.label}” needs what is not known: {named}")
    if varying and len(varying) - len(generic) < message.document.specific * len(varying):
        said = f"{len(generic)} of {len(varying)} blocks would say what they say to everybody: {', '.join(generic)}"
        return Completeness(False, missing, generic, f"“{message.document.label}” would read generic: {said}")
    return Completeness(True, missing, generic)


# --- the message


def render(
    content: Content, message_id: str, contact: Contact, context: Context, now: datetime, channel: str = ""
) -> Rendered | Withheld:
    """The message for this contact at a moment, by its own channel or by one that it has a short form for."""
    message = content.messages.get(message_id)
    if message is None:
        return Withheld(message_id, f'there is no message "{message_id}" in the content')
    channel = channel or message.document.channel
    if channel not in message.document.channels:
        return Withheld(message_id, f"“{message.document.label}” has no form for {channel}")
    filling = filling_of(content, message, contact, context, now, channel)
    try:
        return _rendered(filling, channel)
    except BadText as problem:
        return Withheld(message_id, f"“{message.document.label}” cannot be filled: {problem}")


def _rendered(filling: Filling, channel: str) -> Rendered | Withheld:
    message = filling.message
    chosen: list[Choice] = []
    texts = [message.subject, message.preview]
    if channel != message.document.channel:
        body, used = [message.short.fill(filling.scope)], [message.short]
    else:
        picks = [_choose(block, filling) for block in message.blocks]
        chosen = [choice for choice, _ in picks]
        used = [variant.template for _, variant in picks if variant is not None]
        body = [template.fill(filling.scope) for template in used]
    every = [message.short, *(variant.template for block in message.blocks for variant in block.variants)]
    links = {one: _target(message.links[one], filling) for template in every for one in template.links}
    resources = tuple(filling.known.get("next_resources", ()))
    marked = _tidy("\n\n".join(body))
    subject, preview = (" ".join(template.fill(filling.scope).split())[:MAX_SUBJECT] for template in texts)
    allowed = {**links, **{one["url"]: one["url"] for one in resources}}
    text = _plain(marked, {} if channel == "push" else allowed)
    if not text:
        return Withheld(message.id, f"“{message.document.label}” has nothing to say to this contact")
    if len(text.encode()) > MAX_BODY:
        return Withheld(message.id, f"“{message.document.label}” is longer than {MAX_BODY // 1024} KiB")
    for part, said in (("subject", subject), ("preview", preview), ("body", text)):
        if hit := raw_token(said):
            return Withheld(message.id, f"“{message.document.label}” would show “{hit[:40]}” in its {part}")
    html = _html(marked, allowed) if channel == "email" else ""
    return Rendered(
        message.id,
        channel,
        subject,
        preview,
        text,
        html,
        links,
        resources,
        tuple(chosen),
        tuple(_fallen_back([*texts, *used], filling)),
    )


def _fallen_back(templates: list[Template], filling: Filling) -> Iterator[str]:
    """The tokens for which a fallback stands in these texts."""
    names = dict.fromkeys(token.name for one in templates for token in one.tokens if token.printed)
    provided = filling.message.document.fallbacks
    defaults = {token.name for one in templates for token in one.tokens if token.default}
    return (name for name in names if not filling.has(name) and (name in provided or name in defaults))


def _target(link: Link, filling: Filling) -> str:
    """A link's address. What an event says is taken only if it is on the same site and safely so."""
    url, event = link.url, filling.context.event
    taken = dig(event.properties, link.take.split(".")[1:]) if link.take and event is not None else None
    if isinstance(taken, str) and len(taken) <= 1000 and _SAFE.fullmatch(taken) and not raw_token(taken):
        try:
            ours, theirs = urlsplit(link.url), urlsplit(taken)
            if theirs.scheme == "https" and theirs.netloc.casefold() == ours.netloc.casefold():
                url = taken
        except ValueError:
            pass
    return filling.url(url)


_SAFE = re.compile(r"https://[\x21\x23-\x26\x28-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]+")


def _tidy(text: str) -> str:
    """No blanks at the ends of lines, no more than one empty line."""
    lines = "\n".join(line.strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip()


_MARKED = re.compile(f"{LINK_START}([^{LINK_END}]*?){LINK_MIDDLE}([^{LINK_END}]*?){LINK_END}")


def _plain(marked: str, allowed: Mapping[str, str]) -> str:
    """Words with their addresses: after a colon at the end of a line, else in parentheses. A push has none in it."""

    def write(found: re.Match[str]) -> str:
        words, target = found[1], allowed.get(found[2])
        if target is None:
            return words
        ends = marked[found.end() : found.end() + 1] in ("", "\n")
        return f"{words}: {target}" if ends else f"{words} ({target})"

    return _MARKED.sub(write, marked)


def _html(marked: str, allowed: Mapping[str, str]) -> str:
    """Paragraphs, lists and links, in one column; everything that is not ours is escaped."""

    def inline(line: str) -> str:
        parts, at = [], 0
        for found in _MARKED.finditer(line):
            words, target = escape(found[1]), allowed.get(found[2])
            link = f'<a href="{escape(target)}">{words}</a>' if target else words
            parts += [escape(line[at : found.start()]), link]
            at = found.end()
        return "".join((*parts, escape(line[at:])))

    made = []
    for paragraph in marked.split("\n\n"):
        lines = [line for line in paragraph.split("\n") if line]
        if lines and all(line.startswith("- ") for line in lines):
            made.append("<ul>" + "".join(f"<li>{inline(line[2:])}</li>" for line in lines) + "</ul>")
        elif lines:
            made.append("<p>" + "<br>".join(inline(line) for line in lines) + "</p>")
    return "\n".join(made)


# --- by which way, and what the tool gets


def channel_for(message: Message, contact: Contact, suppression: SuppressionDocument, now: datetime) -> Way:
    """The channel for this contact: the one they prefer, else the message's own, else another that it has a form for.

    They prefer what their field ``preferred_channel`` says, else what they answered by last. Each has to be allowed
    (reachable, consent, no reason against it); SMS and push are for messages of high priority.
    """
    document = message.document
    preferred, because = _preferred(contact, now)
    order = sorted(document.channels, key=lambda one: one != preferred)
    looked: list[Gate] = []
    reasons: list[str] = []
    for channel in order:
        if channel != "email" and document.priority != "high":
            looked.append(Gate("priority", False, f"{channel} is for messages of high priority"))
        else:
            send = SendMessage(
                message=document.label, rule=message.id, occurred_at=now, channel=channel, purpose=document.consent
            )
            looked += gates(contact, send, suppression, now)
        shut = next((one for one in looked if not one.passed), None)
        if shut is None:
            why = because if channel == preferred else "the message's own channel"
            if reasons:
                why = f"{'; '.join(reasons)}, so by {channel}"
            return Way(channel, why, tuple(looked))
        reasons.append(f"not by {channel}: {shut.detail or shut.name}")
        looked = []
    return Way("", "; ".join(reasons), tuple(looked))


ANSWERED_DAYS = 90  # what somebody answered by longer ago says nothing any more
_CALLED = {"e-mail": "email", "mail": "email", "text": "sms", "text message": "sms", "push notification": "push"}
_ANSWERS = {
    "email": ("email.clicked", "email.replied"),
    "sms": ("sms.clicked", "sms.replied"),
    "push": ("push.opened", "push.clicked"),
}


def _preferred(contact: Contact, now: datetime) -> tuple[str, str]:
    """The channel that a contact prefers, with its reason; empty where nothing is known."""
    said = str(contact.get("preferred_channel") or "").strip().casefold()
    if (channel := _CALLED.get(said, said)) in _ANSWERS:
        return channel, "the contact prefers it"
    since = now - timedelta(days=ANSWERED_DAYS)
    answered = {name: at for name, kinds in _ANSWERS.items() if (at := contact.last_human(*kinds)) and at > since}
    if not answered:
        return "", ""
    return max(answered, key=lambda name: (answered[name], name)), "the contact answered by it last"


def not_ready(content: Content) -> str:
    """Why nothing of this content should leave yet; empty where it may. The shipped one has no site of its own."""
    host = (urlsplit(content.site).hostname or "").casefold()
    if host in _EXAMPLES or host.endswith(tuple(f".{one}" for one in (*_EXAMPLES, "example"))):
        return f"the content's site is still {content.site}: publish it with your own"
    return ""


_EXAMPLES = ("example.com", "example.org", "example.net")


def payload(rendered: Rendered, message: Message) -> dict[str, Any]:
    """The properties of the event that has a tool send the message: texts, links by id, and what was chosen.

    A dozen properties, each text at most 90 kB; HTML that is longer, as only contrived texts are, is left out.
    """
    html = rendered.body_html if len(rendered.body_html.encode()) <= MAX_PROPERTY else ""
    return {
        "message_id": rendered.message,
        "message_label": message.document.label,
        "channel": rendered.channel,
        "purpose": message.document.consent,
        "campaign": message.document.campaign or message.id,
        "subject": rendered.subject,
        "preview_text": rendered.preview,
        "body_text": rendered.body_text,
        "body_html": html,
        "links": dict(rendered.links),
        "resources": list(rendered.resources),
        "variants": {one.block: one.variant for one in rendered.chosen},
    }
