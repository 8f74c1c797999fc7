"""Search in the simulated HubSpot: its filters, its end at 10 000, and its lag."""

from typing import Any

from adapters.hubspot.sandbox.asks import DEFAULTS, kind_of, need
from adapters.hubspot.sandbox.schema import moment_ms
from adapters.hubspot.sandbox.shapes import Search
from adapters.hubspot.sandbox.state import Account, Record
from adapters.sandbox.vendor import Answer, Request, Route

PAGE = 200
END = 10_000
SEARCHED = ("firstname", "lastname", "email", "phone", "company", "hs_additional_emails")


def comparable(hub: Account, kind: str, name: str, value: str) -> Any:
    """A value as search compares it: numbers and moments as numbers, else text in lower case."""
    known = hub.properties[kind][name]
    if known.type in ("date", "datetime"):
        ms = moment_ms(value)
        return ms if ms is not None else 0
    if known.type == "number":
        try:
            return float(value)
        except ValueError:
            return 0.0
    return value.lower()


def matches(hub: Account, kind: str, held: dict[str, str], wanted: dict[str, Any]) -> bool:
    """Whether a record, as search knows it, passes one filter. Raises Refusal for a filter that makes no sense."""
    name, operator = need(hub, wanted, "propertyName", "operator")
    if name not in hub.properties[kind]:
        raise hub.refuse(400, f"There was a problem with the request: property {name} does not exist")
    value = held.get(name, "")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return bool(value) is (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        (values,) = need(hub, wanted, "values")
        return bool(value) and (value.lower() in [str(one) for one in values]) is (operator == "IN")
    (other,) = need(hub, wanted, "value")
    if operator == "NEQ":
        return bool(comparable(hub, kind, name, value) != comparable(hub, kind, name, str(other)))
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return (str(other).strip("*").lower() in value.lower()) is (operator == "CONTAINS_TOKEN")
    if not value:
        return False
    left, right = comparable(hub, kind, name, value), comparable(hub, kind, name, str(other))
    if operator == "BETWEEN":
        (high,) = need(hub, wanted, "highValue")
        return bool(right <= left <= comparable(hub, kind, name, str(high)))
    compare = {
        "EQ": left == right,
        "LT": left < right,
        "LTE": left <= right,
        "GT": left > right,
        "GTE": left >= right,
    }
    if operator not in compare:
        raise hub.refuse(400, f"{operator} is no operator of a filter")
    return bool(compare[operator])


def search(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: find objects; what changed a moment ago is not yet found as it is now."""
    kind = kind_of(hub, object_type)
    body = request.body
    groups = [group.get("filters") or [] for group in body.get("filterGroups") or []]
    limit, start = body.get("limit") or 10, str(body.get("after") or "0")
    if len(groups) > 5 or any(len(group) > 6 for group in groups) or sum(map(len, groups)) > 18:
        raise hub.refuse(400, "A search has at most 5 groups of 6 filters, and 18 filters together")
    if not start.isdecimal() or not 0 < limit <= PAGE:
        raise hub.refuse(400, f"limit must be between 1 and {PAGE}, and after what the last page said")
    if int(start) + limit > END:
        raise hub.refuse(400, f"There was a problem with the request: paging ends at {END} results")
    query = str(body.get("query") or "").lower()
    if len(query) > 3000:
        raise hub.refuse(400, "The query is longer than 3000 characters")
    for group in groups:
        for wanted in group:
            matches(hub, kind, {}, wanted)  # a wrong filter is refused, whatever there is to find
    now = hub.clock()
    found: list[tuple[Record, dict[str, str]]] = []
    for record in hub.records[kind].values():
        held = record.properties if now - record.updated >= hub.settings.search_lag else record.indexed
        if held is None or record.archived:
            continue
        if query and not any(query in held.get(name, "").lower() for name in SEARCHED):
            continue
        if not groups or any(all(matches(hub, kind, held, wanted) for wanted in group) for group in groups):
            found.append((record, held))
    for sort in (body.get("sorts") or [])[:1]:
        name, down = sort_of(hub, kind, sort)
        found.sort(key=lambda one: comparable(hub, kind, name, one[1].get(name, "")), reverse=down)
    wanted_names = body.get("properties") or list(DEFAULTS.get(kind, ()))
    window = found[int(start) : int(start) + limit]
    answer: dict[str, Any] = {"total": len(found)}
    answer["results"] = [
        hub.shown(Record(one.id, one.type, one.created, one.updated, held), wanted_names) for one, held in window
    ]
    if int(start) + limit < len(found):
        answer["paging"] = {"next": {"after": str(int(start) + limit), "link": ""}}
    return Answer(body=answer)


def sort_of(hub: Account, kind: str, sort: Any) -> tuple[str, bool]:
    """The property and direction of a sort, written as "-name" or as an object. Raises Refusal."""
    if isinstance(sort, dict):
        name, down = sort.get("propertyName"), sort.get("direction") == "DESCENDING"
    else:
        name, down = str(sort).removeprefix("-"), str(sort).startswith("-")
    if name not in hub.properties[kind]:
        raise hub.refuse(400, f"Cannot sort by {name}")
    return name, down


ROUTES = (Route("POST", "/crm/v3/objects/{object_type}/search", search, Search),)
