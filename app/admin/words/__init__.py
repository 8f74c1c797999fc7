"""Baton's terms in the words of people who have never seen it: tables by subject, and here the sentences made of
them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.admin.words.changes import *
from app.admin.words.decisions import *
from app.admin.words.decisions import GATES
from app.admin.words.handoffs import *
from app.admin.words.people import *
from app.admin.words.people import CHANNELS, CONSENT, SUPPRESSIONS, TALKS
from app.admin.words.sequences import *
from app.admin.words.team import *
from app.admin.words.traffic import *
from app.rules import event_words

EVENTS = event_words.EVENTS
_EVENT_DETAILS = (
    "path", "form_title", "form", "asset", "product", "subject", "message", "stage", "verdict", "list_name", "list",
    "tag", "reason", "url", "method", "state", "timer", "name",
)  # fmt: skip


def say(table: Mapping[str, str], name: str | None) -> str:
    """A name in plain words; one that the table does not have is shown as it is, without underscores."""
    if not name:
        return ""
    return table.get(name) or name.replace("custom:", "").replace("_", " ").capitalize()


def event_detail(properties: Mapping[str, Any]) -> str:
    """What it was about: the page, the form, the message, the yes or no."""
    if (said := CONSENT.get(properties.get("state", ""))) and (channel := CHANNELS.get(properties.get("channel", ""))):
        return f"{said} ({channel})"
    return next((str(properties[name]) for name in _EVENT_DETAILS if properties.get(name)), "")


_EVENT = re.compile(rf"(?<![\w.“/])(?:{'|'.join(map(re.escape, sorted(EVENTS, reverse=True)))})(?![\w/]|\.\w)")


def plain(text: str) -> str:
    """A sentence of a rule's with what happened in plain words: ``page.viewed 2 times`` as “Visited a page”
    2 times."""
    said = _EVENT.sub(lambda found: f"“{EVENTS[found[0]]}”", text) if "." in text else text
    return said[:1].upper() + said[1:]


def condition(text: str) -> str:
    """A part of what a rule asks for, whose first words programs read."""
    if text.startswith("active: "):
        return "Is switched on"
    if text.startswith(asks := "event.type is one of "):
        happened = [say(EVENTS, name) for name in text.removeprefix(asks).split(", ")]
        return "What happened is " + " or ".join(f"“{name}”" for name in happened)
    return plain(text)


def gate(name: str) -> str:
    """What a decision checked: a gate, or a part of a condition."""
    return GATES.get(name) or plain(name)


def consent_scope(key: str) -> str:
    """``email/marketing`` as "e-mail marketing"."""
    channel, _, purpose = key.partition("/")
    named = CHANNELS.get(channel, channel.replace("_", " "))
    named = named if named == "SMS" else named.lower()
    return f"{named} {purpose.replace('_', ' ')}".strip()


def suppression(reason: str, scope: str, detail: str) -> str:
    """Why nothing may be sent, as one sentence without its dates."""
    if reason == "conversation":
        kind, _, who = detail.partition(" with ")
        if kind in TALKS:
            return f"In conversation with {who or 'sales'}: {TALKS[kind]}"
        return f"In conversation with sales: {detail}" if detail else SUPPRESSIONS["conversation"]
    said = say(SUPPRESSIONS, reason)
    if scope not in ("everything", "marketing"):
        said += f" ({consent_scope(scope)})"
    if reason in ("dormant", "not_a_fit") or not detail:
        return said
    return f"{said}: {detail.replace('_', ' ')}"


def number(count: int, most: int) -> str:
    """A count for people; beyond what was counted it says so."""
    return f"{most:,}+" if count > most else f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 request``, ``2 requests``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def minutes(count: float) -> str:
    """A stretch of time in words: ``2 hours 5 minutes``, from ten hours on without the minutes."""
    hours, rest = divmod(max(0, round(count)), 60)
    said = [plural(hours, "hour")] if hours else []
    exact = (rest and hours < 10) or not hours
    return " ".join(said + ([plural(rest, "minute")] if exact else []))


def listed(parts: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else list(parts))


def senders(message: Mapping[str, Any]) -> str:
    """What sends a message, as sentences."""
    triggers, sequences = ([one["label"] for one in message[name]] for name in ("triggers", "sequences"))
    said = [f"Sent when: {listed(triggers)}."] if triggers else []
    said += [f"Part of the sequence{'s'[: len(sequences) > 1]} {listed(sequences)}."] if sequences else []
    return " ".join(said) or "No trigger and no sequence sends it."
