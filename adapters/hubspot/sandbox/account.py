"""The simulated HubSpot's owners, properties, lists and conversations."""

from typing import Any

from adapters.hubspot.sandbox.asks import kind_of, need, page_of, paged
from adapters.hubspot.sandbox.schema import NAME, Property, options
from adapters.hubspot.sandbox.shapes import Exchange, Ids, ListSearch, NewGroup, NewList, NewProperty
from adapters.hubspot.sandbox.state import Account
from adapters.sandbox.vendor import Answer, Request, Route, iso

MEMBERS_PAGE = 250
MANY_MEMBERS = 100_000


# owners


def owner_shown(hub: Account, owner: dict[str, Any]) -> dict[str, Any]:
    """An owner as the API shows it: "id" is what properties take, "userId" is not."""
    moment = iso(0)
    return {
        "id": owner["id"],
        "email": owner["email"],
        "type": "PERSON",
        "firstName": owner["first"],
        "lastName": owner["last"],
        "userId": owner["user"],
        "userIdIncludingInactive": owner["user"],
        "createdAt": moment,
        "updatedAt": moment,
        "archived": owner["archived"],
    }


def list_owners(hub: Account, request: Request) -> Answer:
    """GET: the owners, or the one with this e-mail."""
    start, size = page_of(hub, request, 500, 100)
    archived, email = request.flag("archived"), request.param("email").lower()
    held = [one for one in hub.owners if one["archived"] == archived and email in ("", one["email"])]
    return Answer(body=paged([owner_shown(hub, one) for one in held], start, size))


def get_owner(hub: Account, request: Request, owner_id: str) -> Answer:
    """GET: one owner by id, or by user id."""
    key = "user" if request.param("idProperty") == "userId" else "id"
    archived = request.flag("archived")
    for one in hub.owners:
        if str(one[key]) == owner_id and one["archived"] == archived:
            return Answer(body=owner_shown(hub, one))
    raise hub.refuse(404)


# properties


def list_properties(hub: Account, request: Request, object_type: str) -> Answer:
    """GET: all properties of an object type."""
    moment = iso(0)
    return Answer(body={"results": [one.shown(moment) for one in hub.properties[kind_of(hub, object_type)].values()]})


def get_property(hub: Account, request: Request, object_type: str, name: str) -> Answer:
    """GET: one property."""
    return Answer(body=property_of(hub, kind_of(hub, object_type), name).shown(iso(0)))


def property_of(hub: Account, kind: str, name: str) -> Property:
    """The property that a path names. Raises Refusal."""
    if known := hub.properties[kind].get(name):
        return known
    raise hub.refuse(404, f"Property {name} does not exist")


def create_property(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: a property of one's own."""
    kind = kind_of(hub, object_type)
    name, label, type_, field_type, group = need(hub, request.body, "name", "label", "type", "fieldType", "groupName")
    if name in hub.properties[kind]:
        raise hub.refuse(409, f"A property named '{name}' already exists.", category="OBJECT_ALREADY_EXISTS")
    if not NAME.fullmatch(name):
        raise hub.refuse(400, f"{name} is no name of a property: lower case letters, digits and underscores")
    if type_ not in ("string", "number", "date", "datetime", "enumeration", "bool"):
        raise hub.refuse(400, f"{type_} is no type of a property")
    if group not in hub.groups[kind]:
        raise hub.refuse(400, f"property group {group} does not exist")
    given = request.body.get("options") or []
    if type_ == "enumeration" and not given:
        raise hub.refuse(400, "An enumeration needs options")
    made = Property(
        name,
        type_,
        field_type,
        label,
        group,
        [options_of(hub, one, place) for place, one in enumerate(given)]
        or (options("true", "false") if type_ == "bool" else []),
        unique=bool(request.body.get("hasUniqueValue")),
        own=True,
        description=str(request.body.get("description") or ""),
    )
    hub.properties[kind][name] = made
    return Answer(status=201, body=made.shown(iso(hub.clock())))


def options_of(hub: Account, given: Any, place: int) -> dict[str, Any]:
    """One option of an enumeration. Raises Refusal."""
    label, value = need(hub, given, "label", "value")
    hidden = bool(given.get("hidden"))
    return {"label": label, "value": value, "displayOrder": given.get("displayOrder", place), "hidden": hidden}


def update_property(hub: Account, request: Request, object_type: str, name: str) -> Answer:
    """PATCH: another label, or other options."""
    known = property_of(hub, kind_of(hub, object_type), name)
    body = request.body
    if "options" in body:
        known.options = [options_of(hub, one, place) for place, one in enumerate(body["options"])]
    known.label = body.get("label", known.label)
    known.description = body.get("description", known.description)
    return Answer(body=known.shown(iso(hub.clock())))


def archive_property(hub: Account, request: Request, object_type: str, name: str) -> Answer:
    """DELETE: a property of one's own."""
    kind = kind_of(hub, object_type)
    if not property_of(hub, kind, name).own:
        raise hub.refuse(400, f"{name} is HubSpot's own and cannot be archived")
    del hub.properties[kind][name]
    return Answer(status=204)


def list_groups(hub: Account, request: Request, object_type: str) -> Answer:
    """GET: the groups that properties belong to."""
    held = [group_shown(name) for name in hub.groups[kind_of(hub, object_type)]]
    return Answer(body={"results": held})


def group_shown(name: str, label: str = "") -> dict[str, Any]:
    """A property group as the API shows it."""
    return {"name": name, "label": label or name, "displayOrder": -1, "archived": False}


def create_group(hub: Account, request: Request, object_type: str) -> Answer:
    """POST: one more group."""
    kind = kind_of(hub, object_type)
    name, label = need(hub, request.body, "name", "label")
    if name in hub.groups[kind]:
        raise hub.refuse(409, f"A group named '{name}' already exists.", category="OBJECT_ALREADY_EXISTS")
    hub.groups[kind].append(name)
    return Answer(status=201, body=group_shown(name, label))


# lists


def list_of(hub: Account, number: str) -> dict[str, Any]:
    """The list that a path names. Raises Refusal."""
    if held := hub.lists.get(number):
        return held
    raise hub.refuse(404, f"List does not exist with ID {number}.")


def list_shown(held: dict[str, Any]) -> dict[str, Any]:
    """A list as the API shows it."""
    shown = {name: held[name] for name in ("listId", "name", "processingType", "objectTypeId", "createdAt")}
    return {**shown, "listVersion": 1, "processingStatus": "COMPLETE", "size": len(held["members"])}


def create_list(hub: Account, request: Request) -> Answer:
    """POST: a new list of contacts."""
    name, processing, object_type = need(hub, request.body, "name", "processingType", "objectTypeId")
    if object_type != "0-1" or processing not in ("MANUAL", "SNAPSHOT", "DYNAMIC"):
        raise hub.refuse(400, "The sandbox has lists of contacts (0-1) only: MANUAL, SNAPSHOT or DYNAMIC")
    if any(held["name"] == name for held in hub.lists.values()):
        raise hub.refuse(400, f"A list with the name {name} already exists.")
    return Answer(body={"list": list_shown(hub.add_list(name, processing))})


def get_list(hub: Account, request: Request, list_id: str) -> Answer:
    """GET: one list."""
    return Answer(body={"list": list_shown(list_of(hub, list_id))})


def get_list_by_name(hub: Account, request: Request, object_type: str, name: str) -> Answer:
    """GET: the list with this name."""
    for held in hub.lists.values():
        if held["name"] == name and held["objectTypeId"] == object_type:
            return Answer(body={"list": list_shown(held)})
    raise hub.refuse(404, f"List does not exist with name {name}.")


def search_lists(hub: Account, request: Request) -> Answer:
    """POST: the lists whose names have these words."""
    body = request.body
    words, start, count = str(body.get("query") or "").lower(), body.get("offset") or 0, body.get("count") or 20
    held = [
        {**list_shown(one), "additionalProperties": {}} for one in hub.lists.values() if words in one["name"].lower()
    ]
    page = held[start : start + count]
    more = start + count < len(held)
    return Answer(body={"lists": page, "offset": start + len(page), "hasMore": more, "total": len(held)})


def get_members(hub: Account, request: Request, list_id: str) -> Answer:
    """GET: a page of a list's members."""
    held = list_of(hub, list_id)["members"]
    start, size = page_of(hub, request, MEMBERS_PAGE, 100)
    members = [{"recordId": number, "membershipTimestamp": moment} for number, moment in held.items()]
    return Answer(body={**paged(members, start, size), "total": len(members)})


def change_members(hub: Account, list_id: str, add: Any, remove: Any) -> Answer:
    """Put contacts onto a list and take others off. Raises Refusal."""
    held = list_of(hub, list_id)
    if held["processingType"] == "DYNAMIC":
        raise hub.refuse(400, f"List {list_id} is DYNAMIC: its filters say who is on it")
    if len(add) + len(remove) > MANY_MEMBERS:
        raise hub.refuse(400, f"At most {MANY_MEMBERS} records at a time")
    adding, removing = [str(one) for one in add], [str(one) for one in remove]
    missing = [one for one in adding if hub.find("contacts", one) is None]
    added = [one for one in adding if one not in missing and one not in held["members"]]
    removed = [one for one in removing if one in held["members"]]
    held["members"].update({one: iso(hub.clock()) for one in added})
    for one in removed:
        del held["members"][one]
    return Answer(body={"recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing})


def add_members(hub: Account, request: Request, list_id: str) -> Answer:
    """PUT: put contacts onto a list."""
    return change_members(hub, list_id, request.body, [])


def remove_members(hub: Account, request: Request, list_id: str) -> Answer:
    """PUT: take contacts off a list."""
    return change_members(hub, list_id, [], request.body)


def add_and_remove_members(hub: Account, request: Request, list_id: str) -> Answer:
    """PUT: both at once."""
    add, remove = need(hub, request.body, "recordIdsToAdd", "recordIdsToRemove")
    return change_members(hub, list_id, add, remove)


def lists_of_record(hub: Account, request: Request, object_type: str, record_id: str) -> Answer:
    """GET: the lists that a contact is on."""
    held = [one for one in hub.lists.values() if record_id in one["members"]]
    results = [
        {
            "listId": one["listId"],
            "listVersion": 1,
            "firstAddedTimestamp": one["members"][record_id],
            "lastAddedTimestamp": one["members"][record_id],
        }
        for one in held
    ]
    return Answer(body={"results": results, "total": len(results)})


# conversations


def thread_shown(thread: dict[str, Any]) -> dict[str, Any]:
    """A thread as the API shows it: without its messages."""
    return {name: value for name, value in thread.items() if name != "messages"}


def list_threads(hub: Account, request: Request) -> Answer:
    """GET: the threads, or those of one contact."""
    start, size = page_of(hub, request, 500, 100)
    contact, status = request.param("associatedContactId"), request.param("threadStatus")
    held = [
        thread_shown(one)
        for one in hub.threads.values()
        if contact in ("", one["associatedContactId"]) and status in ("", one["status"])
    ]
    return Answer(body=paged(held, start, size))


def thread_of(hub: Account, number: str) -> dict[str, Any]:
    """The thread that a path names. Raises Refusal."""
    if held := hub.threads.get(number):
        return held
    raise hub.refuse(404)


def get_thread(hub: Account, request: Request, thread_id: str) -> Answer:
    """GET: one thread; its webhooks name only its id."""
    return Answer(body=thread_shown(thread_of(hub, thread_id)))


def get_messages(hub: Account, request: Request, thread_id: str) -> Answer:
    """GET: what was said in a thread."""
    start, size = page_of(hub, request, 500, 100)
    return Answer(body=paged(thread_of(hub, thread_id)["messages"], start, size))


PROPERTIES = "/crm/v3/properties/{object_type}"
LISTS = "/crm/v3/lists"
THREADS = "/conversations/v3/conversations/threads"
ROUTES = (
    Route("GET", "/crm/v3/owners", list_owners),
    Route("GET", "/crm/v3/owners/{owner_id}", get_owner),
    Route("GET", PROPERTIES, list_properties),
    Route("POST", PROPERTIES, create_property, NewProperty),
    Route("GET", PROPERTIES + "/groups", list_groups),
    Route("POST", PROPERTIES + "/groups", create_group, NewGroup),
    Route("GET", PROPERTIES + "/{name}", get_property),
    Route("PATCH", PROPERTIES + "/{name}", update_property, NewProperty),
    Route("DELETE", PROPERTIES + "/{name}", archive_property),
    Route("POST", LISTS, create_list, NewList),
    Route("POST", LISTS + "/search", search_lists, ListSearch),
    Route("GET", LISTS + "/object-type-id/{object_type}/name/{name}", get_list_by_name),
    Route("GET", LISTS + "/records/{object_type}/{record_id}/memberships", lists_of_record),
    Route("GET", LISTS + "/{list_id}", get_list),
    Route("GET", LISTS + "/{list_id}/memberships", get_members),
    Route("PUT", LISTS + "/{list_id}/memberships/add", add_members, Ids),
    Route("PUT", LISTS + "/{list_id}/memberships/remove", remove_members, Ids),
    Route("PUT", LISTS + "/{list_id}/memberships/add-and-remove", add_and_remove_members, Exchange),
    Route("GET", THREADS, list_threads),
    Route("GET", THREADS + "/{thread_id}", get_thread),
    Route("GET", THREADS + "/{thread_id}/messages", get_messages),
)
