"""The CRM objects of the simulated HubSpot, one by one and in batches."""

from collections.abc import Callable
from typing import Any

from adapters.hubspot.sandbox.asks import (
    DEFAULTS,
    PAGE,
    asked,
    batch_answer,
    created,
    inputs_of,
    keys_of,
    kind_of,
    need,
    page_of,
    paged,
    record_of,
    unique_property,
)
from adapters.hubspot.sandbox.links import check_links, link_all
from adapters.hubspot.sandbox.schema import SINGULAR
from adapters.hubspot.sandbox.shapes import Batch, Erasure, Item, Merge
from adapters.hubspot.sandbox.state import Account, Record
from adapters.sandbox.vendor import Answer, Refusal, Request, Route

# one by one


def create(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: a new object, with its associations."""
    kind = kind_of(hub, object_type)
    (properties,) = need(hub, request.body, "properties")
    links = check_links(hub, kind, request.body.get("associations"))
    record = hub.create(kind, properties, hub.api)
    link_all(hub, record, links)
    return created(hub, request, record)


def get(hub: Account, request: Request, object_type: str, object_id: str) -> Answer:
    """GET: one object, by id or by a unique property."""
    kind = kind_of(hub, object_type)
    archived = request.flag("archived")
    record = record_of(hub, kind, object_id, request.param("idProperty"), archived=archived)
    shown = hub.shown(record, asked(request, kind))
    if names := request.params("propertiesWithHistory"):
        shown["propertiesWithHistory"] = {name: record.history.get(name, []) for name in names}
    if others := [kind_of(hub, name) for name in request.params("associations")]:
        held = hub.links.get((kind, record.id), {})
        shown["associations"] = {
            other: {
                "results": [{"id": number, "type": f"{SINGULAR[kind]}_to_{SINGULAR[other]}"} for number in held[other]]
            }
            for other in others
            if held.get(other)
        }
    return Answer(body=shown)


def list_objects(hub: Account, request: Request, object_type: str) -> Answer:
    """GET: a page of all objects of a type."""
    kind = kind_of(hub, object_type)
    start, size = page_of(hub, request, PAGE)
    archived = request.flag("archived")
    held = [hub.shown(one, asked(request, kind)) for one in hub.records[kind].values() if one.archived == archived]
    return Answer(body=paged(held, start, size))


def update(hub: Account, request: Request, object_type: str, object_id: str) -> Answer:
    """PATCH: change some properties."""
    kind = kind_of(hub, object_type)
    record = record_of(hub, kind, object_id, request.param("idProperty"))
    (properties,) = need(hub, request.body, "properties")
    return Answer(body=hub.shown(record, hub.write(record, properties, hub.api)))


def archive(hub: Account, request: Request, object_type: str, object_id: str) -> Answer:
    """DELETE: into the bin."""
    kind = kind_of(hub, object_type)
    hub.delete(record_of(hub, kind, object_id), hub.api)
    return Answer(status=204)


def merge(hub: Account, request: Request) -> Answer:
    """POST: one contact out of two."""
    first, second = need(hub, request.body, "primaryObjectId", "objectIdToMerge")
    primary, other = record_of(hub, "contacts", str(first)), record_of(hub, "contacts", str(second))
    if primary is other:
        raise hub.refuse(400, "Cannot merge an object with itself")
    return Answer(body=hub.shown(hub.merge(primary, other, hub.api)))


def gdpr_delete(hub: Account, request: Request) -> Answer:
    """POST: erase a contact for good; an address that nobody has is kept out from now on."""
    (key,) = need(hub, request.body, "objectId")
    by = request.body.get("idProperty") or ""
    if by not in ("", "email", "hs_object_id"):
        raise hub.refuse(400, f"Contacts cannot be erased by {by}")
    record = hub.find("contacts", str(key), by) or hub.find("contacts", str(key), by, archived=True)
    if record:
        hub.purge(record, hub.api)
    elif by == "email":
        hub.blocked.add(str(key).lower())
    else:
        raise hub.refuse(404)
    return Answer(status=204)


# in batches


def each(
    hub: Account,
    request: Request,
    kind: str,
    do: Callable[[dict[str, Any]], dict[str, Any] | None],
    check: Callable[[dict[str, Any]], Any],
    status: int = 200,
) -> Answer:
    """Write the items of a batch one by one.

    Only when every item carries its own objectWriteTraceId are the good ones written and the bad ones named in a 207;
    else one bad item refuses all. ``do`` answers None for an item that does not exist, which is always a 207.
    """
    items = inputs_of(hub, request)
    traces = [str(item["objectWriteTraceId"]) for item in items if item.get("objectWriteTraceId") is not None]
    traced = len(set(traces)) == len(items)
    if not traced:
        for item in items:
            check(item)
    results, errors = [], []
    for index, item in enumerate(items):
        problem: dict[str, Any] = {}
        names = [str(item.get("id", "")), str((item.get("properties") or {}).get("email", ""))]
        if request.partial and request.partial.spoils(index, names, hub.random):
            problem = {"category": request.partial.category, "message": request.partial.message or "refused on demand"}
        else:
            try:
                if result := do(item):
                    trace = item.get("objectWriteTraceId")
                    results.append(result if trace is None else {**result, "objectWriteTraceId": str(trace)})
                    continue
                message = not_found(SINGULAR[kind].upper())
                problem = {"category": "OBJECT_NOT_FOUND", "message": message, "context": {"ids": names[:1]}}
            except Refusal as refusal:
                if not traced:
                    raise
                told = refusal.answer.body
                problem = {key: told[key] for key in ("category", "message", "context", "errors") if key in told}
                if "Existing ID: " in told["message"]:
                    problem["context"] = {"existingId": [told["message"].rpartition(" ")[2]]}
        context = {**problem.get("context", {})}
        if item.get("objectWriteTraceId") is not None:
            context["objectWriteTraceId"] = [str(item["objectWriteTraceId"])]
        elif item.get("id") is not None:
            context["ids"] = [str(item["id"])]
        errors.append({"status": "error", **problem, "context": context})
    return batch_answer(hub, results, errors, status)


def not_found(noun: str) -> str:
    """HubSpot's message for ids in a batch that it does not know."""
    return f"Could not get some {noun} objects, they may be deleted or not exist. Check that ids are valid."


def batch_create(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: new objects, with their associations."""
    kind = kind_of(hub, object_type)

    def do(item: dict[str, Any]) -> dict[str, Any]:
        (properties,) = need(hub, item, "properties")
        links = check_links(hub, kind, item.get("associations"))
        record = hub.create(kind, properties, hub.api)
        link_all(hub, record, links)
        return hub.shown(record)

    seen: set[str] = set()

    def check(item: dict[str, Any]) -> None:
        email = hub.check(kind, need(hub, item, "properties")[0]).get("email")
        if email in seen:
            raise hub.refuse(400, f"Duplicate emails found in batch input: [{email}]")
        seen.update([email] if email else [])
        check_links(hub, kind, item.get("associations"))

    return each(hub, request, kind, do, check, 201)


def batch_update(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: change objects that exist."""
    kind = kind_of(hub, object_type)
    items = inputs_of(hub, request)
    keys_of(hub, items)
    for by in {str(item.get("idProperty") or "hs_object_id") for item in items} - {"hs_object_id"}:
        unique_property(hub, kind, by)

    def do(item: dict[str, Any]) -> dict[str, Any] | None:
        record = hub.find(kind, str(item["id"]), item.get("idProperty") or "")
        (properties,) = need(hub, item, "properties")
        return hub.shown(record, hub.write(record, properties, hub.api)) if record else None

    def check(item: dict[str, Any]) -> None:
        if record := hub.find(kind, str(item["id"]), item.get("idProperty") or ""):
            hub.check(kind, need(hub, item, "properties")[0], record)

    return each(hub, request, kind, do, check)


def batch_upsert(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: change objects, or create those that are missing, by a unique property."""
    kind = kind_of(hub, object_type)
    items = inputs_of(hub, request)
    keys_of(hub, items)
    for item in items:
        unique_property(hub, kind, str(need(hub, item, "idProperty")[0]))

    def values(item: dict[str, Any], record: Record | None) -> dict[str, Any]:
        given = dict(need(hub, item, "properties")[0])
        if record is None:
            return {item["idProperty"]: item["id"], **given}
        if str(given.get("email", "")).lower() in hub.emails(record):
            del given["email"]  # found by a secondary address: the primary one stays
        return given

    def do(item: dict[str, Any]) -> dict[str, Any]:
        record = hub.find(kind, str(item["id"]), item["idProperty"])
        given = values(item, record)
        if record is None:
            return {**hub.shown(hub.create(kind, given, hub.api)), "new": True}
        return {**hub.shown(record, [*hub.write(record, given, hub.api), item["idProperty"]]), "new": False}

    def check(item: dict[str, Any]) -> None:
        record = hub.find(kind, str(item["id"]), item["idProperty"])
        hub.check(kind, values(item, record), record)

    return each(hub, request, kind, do, check)


def batch_read(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: several objects by id or by a unique property; unknown ones are named together in a 207."""
    kind = kind_of(hub, object_type)
    keys = keys_of(hub, inputs_of(hub, request))
    by = request.body.get("idProperty") or ""
    if by and by != "hs_object_id":
        unique_property(hub, kind, by)
    names = request.body.get("properties") or list(DEFAULTS.get(kind, ()))
    histories = request.body.get("propertiesWithHistory") or []
    archived = request.flag("archived")
    found: dict[str, dict[str, Any]] = {}
    lost = []
    for index, key in enumerate(keys):
        record = hub.find(kind, key, by, archived=archived)
        if record is None or (request.partial and request.partial.spoils(index, [key], hub.random)):
            lost.append(key)
            continue
        found[record.id] = hub.shown(record, names)
        if histories:
            found[record.id]["propertiesWithHistory"] = {name: record.history.get(name, []) for name in histories}
    errors = [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": not_found(SINGULAR[kind].upper()),
            "context": {"ids": lost},
        }
    ]
    return batch_answer(hub, list(found.values()), errors if lost else [])


def batch_archive(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: several objects into the bin."""
    kind = kind_of(hub, object_type)
    for key in keys_of(hub, inputs_of(hub, request)):
        if record := hub.find(kind, key):
            hub.delete(record, hub.api)
    return Answer(status=204)


OBJECTS = "/crm/v3/objects/{object_type}"
ROUTES = (
    Route("POST", "/crm/v3/objects/contacts/merge", merge, Merge),
    Route("POST", "/crm/v3/objects/contacts/gdpr-delete", gdpr_delete, Erasure),
    Route("GET", OBJECTS, list_objects),
    Route("POST", OBJECTS, create, Item),
    Route("POST", OBJECTS + "/batch/create", batch_create, Batch),
    Route("POST", OBJECTS + "/batch/read", batch_read, Batch),
    Route("POST", OBJECTS + "/batch/update", batch_update, Batch),
    Route("POST", OBJECTS + "/batch/upsert", batch_upsert, Batch),
    Route("POST", OBJECTS + "/batch/archive", batch_archive, Batch),
    Route("GET", OBJECTS + "/{object_id}", get),
    Route("PATCH", OBJECTS + "/{object_id}", update, Item),
    Route("DELETE", OBJECTS + "/{object_id}", archive),
)
