"""What could be better about a message: length, preview, links, layout, and whether it says anything of its own. Pure.

Nothing here keeps a document from being published; what does is in ``check_content``. Each finding names its place and
its mend. Lengths are those of the message rendered for sample contacts, from the emptiest to one with long names.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from app.contacts.contact import Contact, Interest, LifecycleStage, Stage, Touch, Value
from app.contacts.event import Event
from app.rules.content import TRANSACTIONAL, Block, Content, Message
from app.rules.filling import Context
from app.rules.rendering import Rendered, Withheld, render

MAX_SUBJECT, MAX_PREVIEW, MAX_PUSH = 39, 140, 178  # characters
_AT = datetime(2026, 1, 15, 9, tzinfo=UTC)


class Finding(Struct, frozen=True):
    """One thing to mend, and how much it matters: an ``error`` should not go out, a ``warning`` costs readers."""

    level: Literal["error", "warning"]
    place: str
    text: str
    mend: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}; {self.mend}"


class Sms(Struct, frozen=True):
    """How a text goes by SMS: ``GSM-7`` or ``UCS-2``, how long it is in that alphabet, and how many are paid for."""

    alphabet: str
    length: int
    segments: int


_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = set("^{}\\[~]|€\f")  # they take two places


def sms(text: str) -> Sms:
    """How a text goes by SMS (3GPP 23.038): 160 places, or 70 as soon as one character is not in the short alphabet;
    seven or three fewer each where there are several."""
    if all(sign in _GSM or sign in _GSM_TWICE for sign in text):
        length, one, many = sum(2 if sign in _GSM_TWICE else 1 for sign in text), 160, 153
        alphabet = "GSM-7"
    else:
        length, one, many = len(text.encode("utf-16-le", "replace")) // 2, 70, 67
        alphabet = "UCS-2"
    return Sms(alphabet, length, 1 if length <= one else ceil(length / many))


# --- people to try a message on


def _person(**fields: str) -> Contact:
    return Contact(first_seen_at=_AT, fields={name: Value(value, _AT) for name, value in fields.items()})


def samples(content: Content) -> dict[str, Contact]:
    """The contacts that messages are tried on, from the emptiest to one of whom everything is known."""
    found = {
        "nobody yet": Contact(),
        "an address only": _person(email="ann@example.com"),
        "a first name": _person(email="ann@example.com", first_name="Ann"),
        "long names": _person(
            email="maximiliane.oberhofer@example.com",
            first_name="Maximiliane",
            last_name="Oberhofer-Lindqvist",
            company="Northwind Traders International",
            job_title="Head of Customer Marketing",
            city="Garmisch-Partenkirchen",
        ),
    }
    for number, topic in enumerate(sorted({topic for one in content.resources for topic in one.topics})[:5]):
        fan = _person(email="sam@example.com", first_name="Sam")
        fan.interests[topic] = Interest(_AT, _AT, 3)
        fan.stage = Stage(list(LifecycleStage)[number], _AT, "sample")
        found[f"interested in {topic}"] = fan
    for entry in ("form Contact", "form Guide download", "page /pricing", "page /"):
        newcomer = _person(email="kim@example.com")
        newcomer.touches.append(Touch(_AT, entry, source="google", medium="cpc"))
        found[f"came by {entry}"] = newcomer
    return found


def _happened(message: Message) -> Event:
    """An event with something to say for each event property that the message looks at."""
    said: dict[str, Any] = {"product": "Trail running jacket"} if "product" in message.names else {}
    for name in sorted(message.names):
        if name.startswith("event."):
            *path, last = name.split(".")[1:]
            place = said
            for step in path:
                place = place.setdefault(step, {}) if isinstance(place, dict) else {}
            place.setdefault(last, "Trail running jacket")
    return Event(type="custom:sample", occurred_at=_AT, source_key="sample", properties=said)


# --- the checks


def lint(content: Content, message_id: str) -> list[Finding]:
    """What could be better about a message; nothing where there is nothing. Raises KeyError for an unknown id."""
    message = content.messages[message_id]
    found = list(_texts(message))
    for channel in message.document.channels:
        made = [
            (who, render(content, message.id, contact, Context(event), _AT, channel))
            for who, contact in samples(content).items()
            for event in (None, _happened(message))
        ]
        rendered = [(who, one) for who, one in made if isinstance(one, Rendered)]
        withheld = {one.reason: who for who, one in reversed(made) if isinstance(one, Withheld)}
        found += [_withheld(message, who, reason) for reason, who in withheld.items()]
        found += _heads(message, rendered) if channel == "email" else _short(message, channel, rendered)
        found += _links(message, channel, rendered, content)
    if message.document.class_ != TRANSACTIONAL and not any(_differs(block) for block in message.blocks):
        found.append(
            Finding(
                "warning",
                f"message {message.id}",
                "same body but for tokens",
                "give a block variants: by interest, entry point, stage or segment",
            )
        )
    return list(dict.fromkeys(found))


def _withheld(message: Message, who: str, reason: str) -> Finding:
    return Finding("error", f"message {message.id}", f"{reason} ({who})", "so they would get nothing; mend the text")


def _heads(message: Message, rendered: list[tuple[str, Rendered]]) -> Iterator[Finding]:
    place = f"message {message.id}"
    who, longest = max(rendered, key=lambda one: len(one[1].subject), default=("", None))
    if longest is not None and len(longest.subject) > MAX_SUBJECT:
        said = f"“{longest.subject}” has {len(longest.subject)} characters ({who})"
        yield Finding("error", f"{place}, subject", said, "stay under 40: phones cut the rest off")
    if not message.document.preview.strip():
        mend = "add a line that goes on where the subject ends"
        yield Finding("warning", f"{place}, preview", "there is no preview text", mend)
    for _, one in rendered:
        if one.preview and _bare(one.preview).startswith(_bare(one.subject)[:30]):
            yield Finding("warning", f"{place}, preview", "repeats the subject", "say what comes next instead")
            break
    if any(len(one.preview) > MAX_PREVIEW for _, one in rendered):
        said = f"is longer than {MAX_PREVIEW} characters"
        yield Finding("warning", f"{place}, preview", said, "shorten it: mail programs show no more")


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _short(message: Message, channel: str, rendered: list[tuple[str, Rendered]]) -> Iterator[Finding]:
    place = f"message {message.id}, {'body' if channel == message.document.channel else 'short'}"
    for who, one in rendered:
        text = one.body_text
        if channel == "push" and len(text) > MAX_PUSH:
            said = f"has {len(text)} characters as a push ({who})"
            yield Finding("error", place, said, f"stay within {MAX_PUSH}: phones cut the rest off")
            return
        counted = sms(text)
        if channel == "sms" and counted.segments > 1:
            odd = next((sign for sign in text if sign not in _GSM and sign not in _GSM_TWICE), "")
            said = f"takes {counted.segments} SMS: {counted.length} characters in {counted.alphabet} ({who})"
            mend = f"“{odd}” makes it 70 a piece: write it otherwise" if odd else "stay within 160"
            yield Finding("warning", place, said, mend)
            return


_UTM = ("utm_source", "utm_medium", "utm_campaign")


def _links(message: Message, channel: str, rendered: list[tuple[str, Rendered]], content: Content) -> Iterator[Finding]:
    links = {name: url for _, one in rendered for name, url in one.links.items()}
    links |= {one["title"]: one["url"] for _, made in rendered for one in made.resources}
    campaigns: dict[str, str] = {}
    for name, url in links.items():
        place = f"message {message.id}, link {name}"
        if not url.startswith("https://"):
            yield Finding("error", place, f"{url} is not safe", "begin it with https://")
        said = dict(parse_qsl(urlsplit(url).query))
        missing = [one for one in _UTM if not said.get(one)]
        if missing:
            mend = "set utm_source in the document, or write them into the address"
            yield Finding("warning", place, f"lacks {', '.join(missing)}", mend)
        odd = [said[one] for one in _UTM if said.get(one, "") != said.get(one, "").lower() or " " in said.get(one, "")]
        if odd:
            yield Finding("warning", place, f'has "{odd[0]}"', "write UTM in small letters without blanks")
        if said.get("utm_medium", channel) != channel:
            mend = "take utm_medium out of the address; it is added"
            yield Finding("warning", place, f"says the medium {said['utm_medium']}, but goes by {channel}", mend)
        if content.utm_source and said.get("utm_source", content.utm_source) != content.utm_source:
            mend = "take utm_source out of the address; it is added"
            yield Finding("warning", place, f"says the source {said['utm_source']}, not {content.utm_source}", mend)
        if campaign := said.get("utm_campaign"):
            campaigns.setdefault(campaign, name)
    if len(campaigns) > 1:
        said_here = " and ".join(f"{campaign} ({name})" for campaign, name in list(campaigns.items())[:3])
        mend = 'keep one: take utm_campaign out of the addresses and set the message\'s "campaign"'
        yield Finding("warning", f"message {message.id}", f"its links name several campaigns: {said_here}", mend)


_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]{0,20}(?:\s[^<>]{0,200})?/?>")
_COLUMNS = re.compile(r"\S(?: {3,}|\t+)\S|^\s*\|.*\|\s*$", re.MULTILINE)


def _texts(message: Message) -> Iterator[Finding]:
    for block in message.blocks:
        for variant in block.variants:
            place = f"message {message.id}, block {block.id}, variant {variant.number}"
            words = variant.template.words
            if tag := _TAG.search(words):
                table = tag[0].strip("</>").split()[0].lower() in ("table", "tr", "td", "th", "div", "center")
                said = f"has {tag[0]}, which people would see as it is"
                mend = "keep to one column of plain text" if table else "write plain text; links are [words](link)"
                yield Finding("error", place, said, mend)
            elif _COLUMNS.search(words):
                mend = "keep to one column; a list has lines that begin with “- ”"
                yield Finding("warning", place, "is set in columns", mend)


def _differs(block: Block) -> bool:
    """Whether a block says different things to different people, tokens and who has a name aside."""
    said = {" ".join(one.template.words.split()) for one in block.variants}
    names_resources = any(token.name == "next_resources" for one in block.variants for token in one.template.tokens)
    return names_resources or len(said) > 1 or (block.varies and len(block.variants) == 1)
