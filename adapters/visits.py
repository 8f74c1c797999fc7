"""What a page's address may tell: where a visitor is, and which campaign brought them. Used for forms and page views.

A query holds whatever a site or a mail tool put there, e-mail addresses and tokens among it, so only what is known
to be harmless is kept: the UTM parameters stay in the address, a click id is taken out of it and kept apart.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus, urlsplit

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "utm_id")
CLICK_IDS = ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "li_fat_id", "ttclid")

MAX_URL, MAX_PARAMETERS, MAX_VALUE = 4096, 100, 512

# Parts of the names that crawlers, previews and monitors give themselves, in lower case. Plain HTTP libraries are not
# among them: that is how a team's own server reports what happened on its pages.
MACHINES = (
    *("bot", "crawl", "spider", "slurp", "headless", "lighthouse", "pagespeed", "phantomjs", "scrapy", "archiver"),
    *("pingdom", "uptime", "statuscake", "monitor", "preview", "facebookexternalhit"),
)
# Devices whose names hold one of these parts: Cubot makes phones.
_NO_MACHINES = re.compile(r"cubot", re.IGNORECASE)

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\"<>`\\]")
# What a page or a template leaves behind when there was no value.
_UNFILLED = re.compile(r"\{.*\}|\[[\w:. -]*\]|%%.*%%|\$\{.*\}|undefined|null|none|nan|\(not set\)", re.IGNORECASE)


class Page(NamedTuple):
    """A web page's address without what may be personal, and what its query said about the campaign."""

    url: str
    host: str
    path: str
    origin: dict[str, str]


def read_page(raw: object) -> Page | None:
    """The page that an address names, or None when it is not one of the web. ``origin`` is as in :func:`origin_of`."""
    parts = _split(raw)
    if parts is None:
        return None
    base, host, path, query = parts
    try:
        parameters = parse_qsl(query, max_num_fields=MAX_PARAMETERS, errors="replace")
    except ValueError:
        parameters = []
    origin = origin_of({name.lower(): value for name, value in reversed(parameters)})
    kept = "&".join(f"{name}={quote_plus(origin[name])}" for name in UTM if name in origin)
    return Page(f"{base}{path}{'?' + kept if kept else ''}", host, path, origin)


def referrer_of(raw: object) -> str:
    """The page that a visitor came from, without its query, which belongs to another site; empty if there is none."""
    parts = _split(raw)
    return f"{parts[0]}{parts[2]}" if parts else ""


def origin_of(values: Mapping[str, Any]) -> dict[str, str]:
    """The UTM values among some values, and the first click id as ``click_id`` with its name as ``click_id_kind``."""
    origin = {name: text for name in UTM if (text := _text(values.get(name)))}
    for name in CLICK_IDS:
        if text := _text(values.get(name)):
            return origin | {"click_id": text, "click_id_kind": name}
    return origin


def _text(value: object) -> str:
    """A parameter's value, or nothing where it is an unfilled placeholder or somebody's address."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    text = " ".join(_CONTROL.sub(" ", str(value)[: 2 * MAX_VALUE]).split())[:MAX_VALUE]
    return "" if _UNFILLED.fullmatch(text) or holds_address(text) else text


def _split(raw: object) -> tuple[str, str, str, str] | None:
    """Scheme and host, host, path and query. Addresses with a user name lose it; other schemes are not pages."""
    if not isinstance(raw, str):
        return None
    try:
        url = urlsplit(_UNSAFE.sub("", raw.strip()[:MAX_URL]))
        host, port = (url.hostname or "").lower(), url.port
    except ValueError:
        return None
    if url.scheme.lower() not in ("http", "https") or not host:
        return None
    path = "/".join("-" if holds_address(step) else step for step in (url.path or "/").split("/"))
    shown = f"[{host}]" if ":" in host else host
    usual = port in (None, 443 if url.scheme.lower() == "https" else 80)
    return f"{url.scheme.lower()}://{shown}{'' if usual else f':{port}'}", host, path, url.query


def holds_address(text: str) -> bool:
    """Whether an e-mail address may stand in a text, also an escaped one: mail tools put the reader's into links."""
    before, _, after = text.replace("%40", "@").rpartition("@")
    return bool(before[-1:].strip()) and "." in (after.split(maxsplit=1) or [""])[0] and bool(after[:1].strip())


def machine_of(user_agent: str) -> str | None:
    """Why this was no person, or None."""
    name = _NO_MACHINES.sub("", user_agent).lower()
    return next((f"the browser calls itself a {part!r}" for part in MACHINES if part in name), None)
