"""How the simulated Klaviyo reads what a call asks for (filters, pages, fields) and shows what it holds."""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from adapters.klaviyo.sandbox.edge import stamp
from adapters.klaviyo.sandbox.records import Event, Profile, subscriptions_shown
from adapters.klaviyo.sandbox.state import Account
from adapters.sandbox.vendor import MISSING, Answer, Request, fields

TERM = re.compile(r"\s*([a-z-]+)\(([^,()]+)(?:,((?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|\[[^\]]*\]|[^()\"'\[]+)))?\)\s*(?:,|$)")
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "greater-than": lambda left, right: left > right,
    "greater-or-equal": lambda left, right: left >= right,
    "less-than": lambda left, right: left < right,
    "less-or-equal": lambda left, right: left <= right,
}
PROFILE_ATTRIBUTES = (
    "email",
    "phone_number",
    "external_id",
    "anonymous_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
)
LOCATION = ("address1", "address2", "city", "country", "latitude", "longitude", "region", "zip", "timezone", "ip")


def need(klaviyo: Account, source: Any, pointer: str, *names: str) -> tuple[Any, ...]:
    """Fields that an object must have. Raises Refusal that points at the first missing one."""
    values = fields(source, *names)
    for name, value in zip(names, values, strict=True):
        if value is MISSING or value is None:
            raise klaviyo.refuse(400, f"'{name}' is a required field.", f"{pointer}/{name}")
    return values


def resource(klaviyo: Account, source: Any, kind: str, pointer: str = "/data") -> dict[str, Any]:
    """A JSON:API resource of this type; its attributes. Raises Refusal."""
    type_, _ = need(klaviyo, source, pointer, "type", "attributes")
    if type_ != kind:
        raise klaviyo.refuse(400, f"'{type_}' is not '{kind}'.", f"{pointer}/type")
    return dict(source["attributes"])


def data_of(klaviyo: Account, request: Request, kind: str) -> dict[str, Any]:
    """The attributes of the body's one resource. Raises Refusal."""
    (data,) = need(klaviyo, request.body, "", "data")
    return resource(klaviyo, data, kind)


def many(klaviyo: Account, holder: Any, pointer: str, most: int) -> list[Any]:
    """The ``data`` list of an object, with at most so many in it. Raises Refusal."""
    (items,) = need(klaviyo, holder, pointer, "data")
    if not items:
        raise klaviyo.refuse(400, "A list with at least one resource is required.", f"{pointer}/data")
    if len(items) > most:
        raise klaviyo.refuse(400, f"No more than {most} at a time; there are {len(items)}.", f"{pointer}/data")
    return list(items)


def allow(klaviyo: Account, given: Mapping[str, Any], known: Iterable[str], kind: str, pointer: str) -> None:
    """Refuse fields that a resource does not have."""
    for name in given:
        if name not in known:
            raise klaviyo.refuse(400, f"'{name}' is not a valid field for the resource '{kind}'.", f"{pointer}/{name}")


# queries


def check_query(klaviyo: Account, request: Request, kind: str, known: Iterable[str]) -> None:
    """Refuse query parameters that a route does not have, as Klaviyo does."""
    for name in request.query:
        if name not in known and not name.startswith("fields["):
            shown = name.replace("[", "_").rstrip("]")
            message = f"'{shown}' is not a valid field for the resource '{kind}'."
            raise klaviyo.refuse(400, message, parameter=name)


def terms(klaviyo: Account, request: Request, known: Mapping[str, Sequence[str]]) -> list[tuple[str, str, Any]]:
    """The filter as (operator, field, value), all of which must hold. Raises Refusal."""
    text = request.param("filter").strip()
    if text.startswith("and(") and text.endswith(")"):
        text = text[4:-1]
    found, at = [], 0
    while at < len(text):
        term = TERM.match(text, at)
        if not term or term[2] not in known or term[1] not in known[term[2]] or (term[3] is None) != (term[1] == "has"):
            raise klaviyo.refuse(400, f"Invalid filter provided: {text[at:]}", parameter="filter")
        found.append((term[1], term[2], None if term[3] is None else literal(klaviyo, term[3].strip())))
        at = term.end()
    return found


def literal(klaviyo: Account, text: str) -> Any:
    """A value in a filter: a string, a list, or a bare number or date. Raises Refusal."""
    if text[0] not in "\"'[":
        return text
    try:
        return msgspec.json.decode(re.sub(r"'([^']*)'", r'"\1"', text) if "'" in text and '"' not in text else text)
    except msgspec.DecodeError:
        raise klaviyo.refuse(400, f"Invalid filter value: {text}", parameter="filter") from None


def moment_of(klaviyo: Account, value: Any) -> float:
    """A moment in a filter or body: ISO 8601, or epoch seconds. Raises Refusal."""
    text = str(value)
    if text.isdecimal():
        return float(text)
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        raise klaviyo.refuse(400, f"'{text}' is not a valid datetime.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def passes(operator: str, held: Any, wanted: Any) -> bool:
    """Whether a value passes one term of a filter."""
    if operator == "equals":
        return bool(held == wanted)
    if operator == "any":
        return held in wanted
    return held is not None and ORDERS[operator](held, wanted)


def page(
    klaviyo: Account,
    request: Request,
    items: list[Any],
    show: Callable[[Any], dict[str, Any]],
    size: int,
    most: int,
    place: Callable[[Any], list[Any]] | None = None,
) -> dict[str, Any]:
    """One page of a collection, and links to this one and the next. A cursor is a count, or where ``place`` says what
    items are sorted by, the last one's place, so that what comes or goes in the meantime moves nothing."""
    asked = request.param("page[size]", str(size))
    if not asked.isdecimal() or not 0 < int(asked) <= max(most, 1000 if size == most == 200 else 0):
        raise klaviyo.refuse(400, f"Page size must be between 1 and {most}.", parameter="page[size]")
    count, start = min(int(asked), most), 0
    if cursor := request.param("page[cursor]"):
        try:
            mark = msgspec.json.decode(base64.urlsafe_b64decode(cursor.encode()))
            start = mark if place is None else _after(items, place, list(mark))
            if not isinstance(start, int):
                raise TypeError(start)
        except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError, TypeError):
            raise klaviyo.refuse(400, "Invalid cursor provided.", parameter="page[cursor]") from None
    following = None
    if start + count < len(items):
        rest = [(name, value) for name, values in request.query.items() for value in values if name != "page[cursor]"]
        end = start + count if place is None else place(items[start + count - 1])
        mark = base64.urlsafe_b64encode(msgspec.json.encode(end)).decode()
        following = f"{request.base}{request.path}?{urlencode([*rest, ('page[cursor]', mark)], quote_via=quote)}"
    shown = [sparse(request, show(item)) for item in items[start : start + count]]
    links = {"self": request.base + request.path, "next": following, "prev": None}
    return {"data": shown, "links": links}


def _after(items: list[Any], place: Callable[[Any], list[Any]], mark: list[Any]) -> int:
    """The index of the first item that comes after a place, in whichever order they are sorted."""
    rising = len(items) < 2 or place(items[0]) <= place(items[-1])
    return next((n for n, one in enumerate(items) if (place(one) > mark if rising else place(one) < mark)), len(items))


def sparse(request: Request, shown: dict[str, Any]) -> dict[str, Any]:
    """A resource with only the attributes that ``fields[type]`` names."""
    wanted = request.params(f"fields[{shown['type']}]")
    if wanted and "attributes" in shown:
        shown["attributes"] = {name: value for name, value in shown["attributes"].items() if name in wanted}
    return shown


def one(request: Request, shown: dict[str, Any], status: int = 200) -> Answer:
    """The answer with one resource."""
    document = {"data": sparse(request, shown), "links": {"self": request.base + request.path}}
    return Answer(status=status, body=document, content_type="application/vnd.api+json")


def document(body: Any, status: int = 200) -> Answer:
    """An answer of JSON:API."""
    return Answer(status=status, body=body, content_type="application/vnd.api+json")


# showing


def linked(request: Request, path: str, name: str) -> dict[str, Any]:
    """The links of a relationship."""
    return {"self": f"{request.base}{path}/relationships/{name}/", "related": f"{request.base}{path}/{name}/"}


def profile_shown(request: Request, profile: Profile, *, subscriptions: bool = False) -> dict[str, Any]:
    """A profile as the API shows it."""
    path = f"/api/profiles/{profile.id}"
    held = profile.attributes
    attributes = {
        **{name: held.get(name) for name in PROFILE_ATTRIBUTES},
        "created": profile.created,
        "updated": profile.updated,
        "last_event_date": profile.last_event,
        "location": {name: held["location"].get(name) for name in LOCATION},
        "properties": held["properties"],
    }
    if subscriptions or "subscriptions" in request.params("additional-fields[profile]"):
        attributes["subscriptions"] = subscriptions_shown(profile)
    return {
        "type": "profile",
        "id": profile.id,
        "attributes": attributes,
        "relationships": {
            name: {"links": linked(request, path, name)} for name in ("lists", "segments", "push-tokens")
        },
        "links": {"self": f"{request.base}{path}/"},
    }


def event_shown(request: Request, event: Event) -> dict[str, Any]:
    """An event as the API shows it."""
    path = f"/api/events/{event.id}"
    return {
        "type": "event",
        "id": event.id,
        "attributes": {
            "timestamp": event.timestamp,
            "event_properties": event.properties,
            "datetime": stamp(event.timestamp),
            "uuid": event.uuid,
        },
        "relationships": {
            "profile": {"data": {"type": "profile", "id": event.profile}, "links": linked(request, path, "profile")},
            "metric": {"data": {"type": "metric", "id": event.metric}, "links": linked(request, path, "metric")},
        },
        "links": {"self": f"{request.base}{path}/"},
    }


def metric_shown(request: Request, number: str, metric: Mapping[str, Any]) -> dict[str, Any]:
    """A metric as the API shows it."""
    path = f"/api/metrics/{number}"
    return {
        "type": "metric",
        "id": number,
        "attributes": dict(metric),
        "relationships": {"flow-triggers": {"links": linked(request, path, "flow-triggers")}},
        "links": {"self": f"{request.base}{path}/"},
    }


def list_shown(request: Request, number: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """A list as the API shows it."""
    path = f"/api/lists/{number}"
    return {
        "type": "list",
        "id": number,
        "attributes": {name: held[name] for name in ("name", "created", "updated", "opt_in_process")},
        "relationships": {name: {"links": linked(request, path, name)} for name in ("profiles", "tags")},
        "links": {"self": f"{request.base}{path}/"},
    }
