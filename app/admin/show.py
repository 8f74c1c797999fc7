"""How values look on a page: times, numbers, bodies; always escaped, never endless."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from flask import Flask
from jinja2 import StrictUndefined
from markupsafe import Markup, escape

from app.admin import masking, roles, words
from app.admin.assets import asset_url
from app.admin.blueprint import role
from app.receive import this_runtime

SHOWN_BODY = 64 * 1024
_PRETTY_UP_TO = 512 * 1024
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


# --- times


def utc(moment: datetime) -> str:
    """A moment to the second: ``3 March 2027, 14:05:09 UTC``."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC"


def ago(moment: datetime, now: datetime) -> str:
    """A moment in the words of somebody who tells it now: ``12 minutes ago``, ``in 3 hours``, ``3 March``."""
    apart = abs(now - moment)
    if apart < timedelta(seconds=45):
        return "just now" if moment <= now else "in a moment"
    if apart < timedelta(minutes=59, seconds=30):
        said = words.plural(max(1, round(apart / _MINUTE)), "minute")
    elif apart < timedelta(hours=23, minutes=30):
        said = words.plural(max(1, round(apart / _HOUR)), "hour")
    elif apart < timedelta(days=6, hours=12):
        said = words.plural(max(1, round(apart / _DAY)), "day")
    else:
        return day(moment, now)
    return f"{said} ago" if moment <= now else f"in {said}"


def lasting(moment: datetime, now: datetime) -> str:
    """For how long something has been so: ``for 12 minutes``, ``since 3 March``."""
    said = ago(moment, now)
    if said.endswith(" ago"):
        return f"for {said.removesuffix(' ago')}"
    return "since a moment ago" if said in ("just now", "in a moment") else f"since {said}"


def day(moment: datetime, now: datetime) -> str:
    """A moment's day: ``3 March``, with the year where it is another one."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%B}" + (f" {moment.year}" if moment.year != now.year else "")


def at(moment: datetime | str | None) -> Markup:
    """A moment in words, with the exact one on hover and for machines."""
    return _time(moment, ago, "words")


def on(moment: datetime | str | None) -> Markup:
    """A moment's day, with the exact moment on hover and for machines."""
    return _time(moment, day, "day")


def since(moment: datetime | str | None) -> Markup:
    """For how long something has been so, with the exact moment on hover and for machines."""
    return _time(moment, lasting, "lasting")


def _time(moment: datetime | str | None, say: Any, kind: str) -> Markup:
    if moment is None:
        return Markup("")
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    exact = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Markup('<time datetime="{}" title="{}" data-say="{}">{}</time>').format(
        exact, utc(moment), kind, say(moment, this_runtime().clock())
    )


# --- values


def points(value: float) -> str:
    """Points of a score: whole where they are."""
    said = f"{value:.0f}" if abs(value - round(value)) < 0.05 else f"{value:.1f}"
    return said.replace("-", "−")


def signed(value: float) -> str:
    """Points with their sign: ``+10``, ``−5``."""
    return ("+" if value >= 0 else "−") + points(abs(value))


def percent(share: float) -> str:
    """A share: ``42%``, and with a decimal where it is small."""
    return f"{share:.1%}" if 0 < share < 0.1 else f"{share:.0%}"


def value(found: Any) -> str:
    """A field's value as people write it; without the middle of a phone number for who may not see it."""
    text = plain_value(found)
    return text if role() in roles.SEES_ADDRESSES else masking.mask_phone(text)


def plain_value(found: Any) -> str:
    """A value as people write it."""
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, list | tuple):
        return ", ".join(map(plain_value, found))
    if isinstance(found, dict):
        return json.dumps(found, ensure_ascii=False, default=str)
    return str(found)


def sentence(text: str) -> str:
    """A reason as it is stored, beginning like a sentence."""
    return text[:1].upper() + text[1:]


def label(name: str) -> str:
    """A field's name as people write it: ``job_title`` → "Job title"."""
    return name.replace("_", " ").strip().capitalize() or name


def pretty(data: Any) -> str:
    """Plain data as indented JSON, cut where it is endless."""
    return _cut(json.dumps(data, indent=2, ensure_ascii=False, default=_plain))


def _plain(found: Any) -> Any:
    return found.isoformat() if isinstance(found, datetime) else msgspec.to_builtins(found)


def _cut(text: str) -> str:
    # JSON can hold halves of characters, which no page can
    text = text[: SHOWN_BODY + 1].encode("utf-8", "replace").decode()
    return text if len(text) <= SHOWN_BODY else f"{text[:SHOWN_BODY]}\n… cut here: only the beginning is shown"


def body(raw: bytes | str, content_type: str = "") -> str:
    """A request's or answer's body for reading: JSON indented, form fields line by line, anything else as it is."""
    text = raw if isinstance(raw, str) else bytes(raw).decode("utf-8", "replace")
    if len(text) > _PRETTY_UP_TO:
        return _cut(text)
    if text.lstrip()[:1] in ("{", "["):
        try:
            return pretty(json.loads(text))
        except (ValueError, RecursionError):
            return _cut(text)
    if "urlencoded" in content_type:
        return _cut("\n".join(f"{name}: {said}" for name, said in parse_qsl(text, keep_blank_values=True)))
    return _cut(text)


def long(text: Any, most: int = 160) -> Markup:
    """A text that may be very long: the beginning, and the rest on demand."""
    said = str(text)
    if len(said) <= most:
        return escape(said)
    return Markup('<details class="long"><summary>{}<span class="rest">… show all</span></summary>{}</details>').format(
        said[:most], said[most : most + SHOWN_BODY]
    )


def facts(action: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an action says, as names and values; what stands in its properties on the same level as the rest."""
    found: list[tuple[str, str]] = []
    for name, said in action.items():
        if isinstance(said, dict):
            found += [
                (inner if name == "properties" else f"{name} {inner}", plain_value(v)) for inner, v in said.items()
            ]
        elif name != "do":
            found.append((name, plain_value(said)))
    return [(label(name.removeprefix("fields ").removeprefix("properties.")), said) for name, said in found]


def score_bar(contributions: Any, threshold: float) -> Any:
    """The pieces of a score as they stand side by side: where each begins and how wide it is, of a hundred."""
    gained = [piece for piece in contributions if piece.points > 0]
    whole = max(100.0, threshold * 1.25, sum(piece.points for piece in gained))
    bars, left = [], 0.0
    for number, piece in enumerate(gained):
        width = piece.points * 100 / whole
        bars.append({"x": round(left, 2), "width": round(max(0.3, width - 0.3), 2), "tone": number % 4, "piece": piece})
        left += width
    return {"bars": bars, "threshold": round(threshold * 100 / whole, 2)}


def install(app: Flask) -> None:
    """Give the app's templates these ways to show things."""
    app.jinja_env.globals.update(
        asset_url=asset_url,
        words=words,
        at=at,
        on=on,
        since=since,
        facts=facts,
        score_bar=score_bar,
        number=words.number,
        plural=words.plural,
    )
    app.jinja_env.filters.update(
        points=points,
        signed=signed,
        value=value,
        plain_value=plain_value,
        label=label,
        sentence=sentence,
        pretty=pretty,
        long=long,
        percent=percent,
        say=_say,
        pairs=lambda names: [(name, name) for name in names],
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True


def _say(name: str | None, table: str) -> str:
    return words.say(getattr(words, table), name)
