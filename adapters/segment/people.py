"""Who a call is about, and what it says of them. Pure tables of the spec's names, and what stands in for nobody."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.contacts.event import Identity
from app.contacts.identity import ANONYMOUS, EMAIL, EXTERNAL, clean_email, clean_phone

MAX_ID, MAX_TRAITS, MAX_TEXT = 200, 300, 2_000

# What programs write where they know no id: as one, it would make one person of all who have none
NOBODY = frozenset(
    (
        *("", "0", "-1", "null", "undefined", "none", "nil", "nan", "true", "false", "anonymous", "guest", "unknown"),
        *("n/a", "na", "test", "user", "[object object]", "00000000-0000-0000-0000-000000000000"),
    )
)
# Events of the B2B spec whose properties name the person themselves; elsewhere an address may be anybody's
_OF_THEMSELVES = frozenset(
    ("signedup", "signedin", "accountcreated", "usersignedup", "leadgenerated", "leadcaptured", "emailcaptured")
)
_LINES = re.compile(r"[^a-z0-9]+")


def identities_of(call: Mapping[str, Any]) -> tuple[Identity, ...]:
    """The names of the person, the address first. An alias names its person twice: as they were called and are."""
    found = [Identity(EMAIL, email) for email in dict.fromkeys(_emails(call))]
    names = [call.get("userId")]
    if call.get("type") == "alias":
        names.append(merged_of(call))
        if anonymous := _id(merged_of(call)):
            found.append(Identity(ANONYMOUS, anonymous))
    found += [Identity(EXTERNAL, user) for user in map(_id, names) if user and "@" not in user]
    if anonymous := _id(call.get("anonymousId")):
        found.append(Identity(ANONYMOUS, anonymous))
    phone = _traits(call).get("phone")
    if isinstance(phone, str) and phone.lstrip().startswith("+") and (number := clean_phone(phone[:40])):
        found.append(Identity("phone", number))
    return tuple(dict.fromkeys(found))


def merged_of(call: Mapping[str, Any]) -> str:
    """What an alias's person was called before."""
    return _id(call.get("previousId"))


def _emails(call: Mapping[str, Any]) -> Iterator[str]:
    properties, names = call.get("properties"), _LINES.sub("", str(call.get("event") or "").lower())
    said = [_traits(call).get("email") if call.get("type") != "group" else None]
    said.append(_object(_object(call.get("context")).get("traits")).get("email"))
    if names in _OF_THEMSELVES and isinstance(properties, dict):
        said.append(properties.get("email"))
    said += [call.get("userId"), call.get("previousId") if call.get("type") == "alias" else None]
    for text in said:
        if isinstance(text, str) and "@" in text and (email := clean_email(text[:320])):
            yield email.address


def _id(value: Any) -> str:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return "" if text.lower() in NOBODY or len(text) > MAX_ID else text


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _traits(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a call says of its person. RudderStack says it in the context of every call."""
    return {**_object(_object(call.get("context")).get("traits")), **_object(call.get("traits"))}


def profile_of(call: Mapping[str, Any]) -> dict[str, Any]:
    """What a call says of its person, under the names that a mapping reads: traits as they are, nested ones with dots
    (``address.city``), a group's with ``group.`` before them, and the context's locale and time zone."""
    context, properties = _object(call.get("context")), _object(call.get("properties"))
    if call.get("type") == "group":
        profile = dict(_flat(_object(call.get("traits")), "group."))
        profile |= _flat(_object(context.get("traits")), "")
    else:
        profile = dict(_flat(_traits(call), ""))
        if _LINES.sub("", str(call.get("event") or "").lower()) in _OF_THEMSELVES:
            profile = {**dict(_flat({name: properties.get(name) for name in _PERSONAL}, "")), **profile}
    if call.get("type") == "identify":
        profile |= {f"context.{name}": context[name] for name in ("locale", "timezone") if context.get(name)}
    return profile


_PERSONAL = ("email", "phone", "first_name", "last_name", "firstName", "lastName", "name")


def _flat(traits: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in list(traits.items())[:MAX_TRAITS]:
        if isinstance(value, dict):
            yield from ((f"{before}{name}.{inner}", one) for inner, one in value.items() if _is_plain(one))
        elif _is_plain(value):
            yield f"{before}{name}", value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) <= MAX_TRAITS and all(isinstance(item, str | int | float) for item in value)
    return value is not None and not isinstance(value, dict) and len(str(value)) <= MAX_TEXT
