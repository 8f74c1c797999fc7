"""How the simulated HubSpot reads what a call asks for, and how it puts pages and batches into an answer."""

from collections.abc import Iterable
from typing import Any

from adapters.hubspot.sandbox.schema import OBJECT_TYPES, object_type
from adapters.hubspot.sandbox.state import Account, Record
from adapters.sandbox.vendor import MISSING, Answer, Request, fields, iso

BATCH = 100
PAGE = 100
DEFAULTS = {
    "contacts": ("email", "firstname", "lastname"),
    "companies": ("name", "domain"),
    "deals": ("dealname", "amount", "closedate", "pipeline", "dealstage"),
}
JSON_PROBLEM = "Invalid input JSON: Cannot build the request, some of required attributes are not set"


def kind_of(hub: Account, name: str) -> str:
    """The object type of a path. Raises Refusal."""
    kind = object_type(name)
    if kind is None:
        raise hub.refuse(400, f"Unable to infer object type from: {name}")
    return kind


def need(hub: Account, body: Any, *names: str) -> tuple[Any, ...]:
    """Fields that a body must have. Raises Refusal that names the missing ones."""
    values = fields(body, *names)
    missing = [name for name, value in zip(names, values, strict=True) if value is MISSING or value is None]
    if missing:
        raise hub.refuse(400, f"{JSON_PROBLEM} [{', '.join(missing)}]")
    return values


def record_of(hub: Account, kind: str, key: str, by: str = "", *, archived: bool = False) -> Record:
    """The record that a path names, by id or by a unique property. Raises Refusal."""
    if by and by != "hs_object_id":
        unique_property(hub, kind, by)
    elif not key.isdecimal():
        raise hub.refuse(404, "Object not found.  objectId are usually numeric.", context={"id": [key]})
    if record := hub.find(kind, key, by, archived=archived):
        return record
    raise hub.refuse(404)


def unique_property(hub: Account, kind: str, name: str) -> None:
    """Refuse a property that does not tell records apart."""
    known = hub.properties[kind].get(name)
    if known is None or not known.unique:
        raise hub.refuse(400, f"Unable to perform update/upsert by non-unique {OBJECT_TYPES[kind]} property {name}")


def created(hub: Account, request: Request, record: Record) -> Answer:
    """The answer to a create: the record whole, and where it is."""
    location = f"{request.base}/crm/v3/objects/{record.type}/{record.id}"
    return Answer(status=201, body=hub.shown(record), headers={"Location": location})


def asked(request: Request, kind: str) -> list[str]:
    """The properties that a GET wants."""
    return request.params("properties") or list(DEFAULTS.get(kind, ()))


def page_of(hub: Account, request: Request, most: int, usual: int = 10) -> tuple[int, int]:
    """The first item and the number of items that a GET wants. Raises Refusal."""
    after, limit = request.param("after", "0"), request.param("limit", str(usual))
    if not (after.isdecimal() and limit.isdecimal() and 0 < int(limit) <= most):
        raise hub.refuse(400, f"limit must be between 1 and {most}, and after what the last page said")
    return int(after), int(limit)


def paged(items: list[Any], start: int, size: int) -> dict[str, Any]:
    """One page of a list, and where the next one begins."""
    answer: dict[str, Any] = {"results": items[start : start + size]}
    if start + size < len(items):
        answer["paging"] = {"next": {"after": str(start + size), "link": ""}}
    return answer


def inputs_of(hub: Account, request: Request, most: int = BATCH) -> list[dict[str, Any]]:
    """The items of a batch. Raises Refusal for none or too many."""
    (items,) = need(hub, request.body, "inputs")
    if not items:
        raise hub.refuse(400, "inputs must have at least one item")
    if len(items) > most:
        raise hub.refuse(400, f"The maximum number of inputs is {most}; there were {len(items)}")
    return list(items)


def keys_of(hub: Account, items: Iterable[dict[str, Any]]) -> list[str]:
    """The ids of a batch. Raises Refusal where one comes twice: then nothing of the batch is done."""
    keys = [str(need(hub, item, "id")[0]).lower() for item in items]
    twice = sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
    if twice:
        message = f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique"
        raise hub.refuse(400, message, context={"ids": twice})
    return keys


def batch_answer(hub: Account, results: list[Any], errors: list[dict[str, Any]], status: int = 200) -> Answer:
    """The answer to a batch. The results come in another order than the inputs, as HubSpot's do."""
    moment = iso(hub.clock())
    body = {"status": "COMPLETE", "results": results[::-1], "startedAt": moment, "completedAt": moment}
    if errors:
        return Answer(status=207, body={**body, "numErrors": len(errors), "errors": errors})
    return Answer(status=status, body=body)
