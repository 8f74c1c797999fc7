"""The simulated account's contacts, lists, tags and imports over the API."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.activecampaign.sandbox.state import ACTIVE, BOUNCED, LEFT, Account, Contact
from adapters.sandbox.vendor import Answer, Request, Route

EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+")
PAGE, MOST, IMPORTED = 20, 100, 250
OWN_WISH = 4
NAMES = {"firstName": "first_name", "lastName": "last_name", "phone": "phone"}


# --- what all lists have in common


def paged(ac: Account, request: Request, name: str, items: list[Any], **beside: Any) -> Answer:
    """One page of a list: twenty unless more are asked for, a hundred at most; the total is a text."""
    limit = min(int(request.param("limit", str(PAGE)) or PAGE), MOST)
    start = int(request.param("offset", "0") or 0)
    body = {name: items[start : start + limit], **beside, "meta": {"total": str(len(items))}}
    return Answer(body=body)


def inner(ac: Account, request: Request, name: str) -> dict[str, Any]:
    """What is wrapped in its name. Raises Refusal where it is not."""
    found = request.body.get(name) if isinstance(request.body, dict) else None
    if not isinstance(found, dict):
        raise ac.refuse(400, f"The {name} was not provided")
    return found


def the_contact(ac: Account, number: Any) -> Contact:
    """The contact with a number. Raises Refusal."""
    found = ac.contacts.get(str(number))
    if found is None:
        raise ac.refuse(404, f"No Result found for Subscriber with id {number}")
    return found


def moment_of(text: str) -> float:
    """A filter's moment; one without a zone is in UTC."""
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


# --- contacts


def shown(ac: Account, one: Contact) -> dict[str, Any]:
    return {
        "id": one.id,
        "email": one.email,
        "firstName": one.first_name,
        "lastName": one.last_name,
        "phone": one.phone,
        "orgname": "",
        "cdate": ac.stamp(one.created),
        "udate": ac.stamp(one.updated),
        "bounced_hard": "1" if one.bounced_at else "0",
        "bounced_soft": "0",
        "bounced_date": ac.stamp(one.bounced_at)[:10] if one.bounced_at else None,
        "deleted": "0",
        "links": {},
    }


def list_contacts(ac: Account, request: Request) -> Answer:
    found = list(ac.contacts.values())
    if request.param("email"):
        found = [one for one in found if one.email == request.param("email").lower()]
    if ids := request.query.get("ids[]"):
        found = [one for one in found if one.id in ids]
    if after := request.param("filters[updated_after]"):
        found = [one for one in found if one.updated > moment_of(after)]
    if request.param("orders[id]"):
        found.sort(key=lambda one: int(one.id))
    if greater := request.param("id_greater"):
        found = [one for one in found if int(one.id) > int(greater)]
    limit = min(int(request.param("limit", str(PAGE)) or PAGE), MOST)
    page = found[int(request.param("offset", "0") or 0) :][:limit]
    beside: dict[str, Any] = {}
    included = request.param("include").split(",")
    if "fieldValues" in included:
        beside["fieldValues"] = [
            {"contact": one.id, "field": number, "value": value} for one in page for number, value in one.fields.items()
        ]
    if "contactLists" in included:
        beside["contactLists"] = [place(one, number) for one in page for number in one.lists]
    if {"contactTags", "contactTags.tag"} & set(included):
        beside["contactTags"] = [tagged(ac, one, tag) for one in page for tag in one.tags]
    if "contactTags.tag" in included:
        beside["tags"] = [tag_shown(ac, tag) for tag in dict.fromkeys(tag for one in page for tag in one.tags)]
    return paged(ac, request, "contacts", [shown(ac, one) for one in found], **beside)


def get_contact(ac: Account, request: Request, number: str) -> Answer:
    return Answer(body={"contact": shown(ac, the_contact(ac, number))})


def sync(ac: Account, request: Request) -> Answer:
    """Made or changed, by address."""
    told = inner(ac, request, "contact")
    email = str(told.get("email") or "").lower()
    if not EMAIL.fullmatch(email):
        raise ac.refuse(422, "Email address is not valid", code="email_invalid")
    known = ac.contact(email)
    one = known or ac.new_contact(email, "api")
    write(ac, one, told)
    return Answer(status=200 if known else 201, body={"contact": shown(ac, one), "fieldValues": []})


def update(ac: Account, request: Request, number: str) -> Answer:
    one, told = the_contact(ac, number), inner(ac, request, "contact")
    email = str(told.get("email") or one.email).lower()
    other = ac.contact(email)
    if other is not None and other is not one:
        raise ac.refuse(422, "Email address already exists in the system", code="duplicate")
    if not EMAIL.fullmatch(email):
        raise ac.refuse(422, "Email address is not valid", code="email_invalid")
    one.email = email
    write(ac, one, told)
    return Answer(body={"contact": shown(ac, one), "fieldValues": []})


def write(ac: Account, one: Contact, told: Mapping[str, Any]) -> None:
    for theirs, ours in NAMES.items():
        if theirs in told:
            setattr(one, ours, str(told[theirs]))
    for value in told.get("fieldValues") or ():
        if str(value.get("field")) not in ac.fields:
            raise ac.refuse(422, "The related field does not exist.", code="related_missing")
        one.fields[str(value["field"])] = str(value.get("value"))
    ac.touch(one, "api")


def delete(ac: Account, request: Request, number: str) -> Answer:
    the_contact(ac, number)
    del ac.contacts[number]
    return Answer(body={})


# --- lists


def list_lists(ac: Account, request: Request) -> Answer:
    return paged(ac, request, "lists", [{"id": number, "name": name} for number, name in ac.lists.items()])


def get_list(ac: Account, request: Request, number: str) -> Answer:
    if number not in ac.lists:
        raise ac.refuse(404, f"No Result found for List with id {number}")
    return Answer(body={"list": {"id": number, "name": ac.lists[number]}})


def place(one: Contact, list_id: str) -> dict[str, Any]:
    held = one.lists[list_id]
    return {**held, "status": str(held["status"]), "contact": one.id, "list": list_id}


def places(ac: Account, request: Request, number: str) -> Answer:
    one = the_contact(ac, number)
    return paged(ac, request, "contactLists", [place(one, list_id) for list_id in one.lists])


def put_place(ac: Account, request: Request) -> Answer:
    """A place on a list. With status 1 it takes back on who was off, where the source says that they wished it."""
    told = inner(ac, request, "contactList")
    one, list_id, status = the_contact(ac, told.get("contact")), str(told.get("list")), told.get("status")
    if list_id not in ac.lists:
        raise ac.refuse(422, "The related list does not exist.", code="related_missing")
    if status not in (ACTIVE, LEFT):
        raise ac.refuse(422, "The status is not valid", code="status_invalid")
    was = one.status(list_id)
    if status == ACTIVE and was in (LEFT, BOUNCED) and told.get("sourceid") != OWN_WISH:
        raise ac.refuse(422, "The contact has unsubscribed from this list", code="unsubscribed")
    ac.place(one, list_id, status, "api")
    return Answer(status=200 if was is not None else 201, body={"contactList": place(one, list_id), "contacts": []})


# --- tags and fields


def tag_shown(ac: Account, number: str) -> dict[str, Any]:
    return {"id": number, "tag": ac.tags[number], "tagType": "contact", "description": ""}


def list_tags(ac: Account, request: Request) -> Answer:
    search = request.param("search").casefold()
    found = [tag_shown(ac, number) for number, name in ac.tags.items() if search in name.casefold()]
    return paged(ac, request, "tags", found)


def make_tag(ac: Account, request: Request) -> Answer:
    told = inner(ac, request, "tag")
    name = str(told.get("tag") or "")
    if not name or told.get("tagType") != "contact":
        raise ac.refuse(422, "The tag or its type was not provided", code="tag_invalid")
    if ac.find_tag(name):
        raise ac.refuse(422, "The tag already exists", code="duplicate")
    number = ac.new_id()
    ac.tags[number] = name
    return Answer(status=201, body={"tag": tag_shown(ac, number)})


def tagged(ac: Account, one: Contact, tag: str) -> dict[str, Any]:
    number, since = one.tags[tag]
    return {"id": number, "contact": one.id, "tag": tag, "cdate": ac.stamp(since)}


def tags_of(ac: Account, request: Request, number: str) -> Answer:
    one = the_contact(ac, number)
    return paged(ac, request, "contactTags", [tagged(ac, one, tag) for tag in one.tags])


def put_tag(ac: Account, request: Request) -> Answer:
    told = inner(ac, request, "contactTag")
    one, tag = the_contact(ac, told.get("contact")), str(told.get("tag"))
    if tag not in ac.tags:
        raise ac.refuse(404, f"No Result found for Tag with id {tag}")
    known = tag in one.tags
    ac.tag(one, tag, "api")
    return Answer(status=200 if known else 201, body={"contactTag": tagged(ac, one, tag)})


def remove_tag(ac: Account, request: Request, number: str) -> Answer:
    for one in ac.contacts.values():
        for tag, (association, _) in list(one.tags.items()):
            if association == number:
                ac.untag(one, tag, "api")
                return Answer(body={})
    raise ac.refuse(404, f"No Result found for ContactTag with id {number}")


def list_fields(ac: Account, request: Request) -> Answer:
    return paged(ac, request, "fields", [{"id": number, **held} for number, held in ac.fields.items()])


# --- imports


def bulk_import(ac: Account, request: Request) -> Answer:
    """Up to 250 contacts, later; no webhook tells of it, and nobody who has left a list comes back."""
    told = request.body.get("contacts") if isinstance(request.body, dict) else None
    if not isinstance(told, list) or not told or len(told) > IMPORTED:
        raise ac.refuse(400, f"contacts has to be an array of 1 to {IMPORTED}")
    wrong = [one for one in told if not EMAIL.fullmatch(str(one.get("email", "")))]
    if wrong:
        reasons = [{"contact": told.index(one), "failureReason": "email is not valid"} for one in wrong]
        body = {"Success": False, "message": "Failed to import", "failureReasons": reasons}
        return Answer(status=400, body=body)
    batch = ac.new_uuid()
    ac.imports[batch] = {"status": "waiting", "success": [], "failure": []}
    ac.later(ac.settings.import_seconds, lambda: _imported(ac, batch, told))
    return Answer(body={"Success": 1, "queued_contacts": len(told), "batchId": batch, "message": "Queued"})


def _imported(ac: Account, batch: str, told: list[dict[str, Any]]) -> None:
    for one in told:
        contact = ac.contact(one["email"]) or ac.new_contact(one["email"], "api", tells=False)
        for name in ("first_name", "last_name", "phone"):
            if one.get(name):
                setattr(contact, name, str(one[name]))
        for value in one.get("fields") or ():
            if str(value.get("id")) in ac.fields:
                contact.fields[str(value["id"])] = str(value.get("value"))
        for place_ in one.get("subscribe") or ():
            list_id = str(place_["listid"])
            if contact.status(list_id) is None:
                ac.place(contact, list_id, ACTIVE, "api", tells=False)
        ac.touch(contact, "api", tells=False)
        ac.imports[batch]["success"].append(contact.id)
    ac.imports[batch]["status"] = "completed"


def import_info(ac: Account, request: Request) -> Answer:
    found = ac.imports.get(request.param("batchId"))
    if found is None:
        raise ac.refuse(404)
    return Answer(body=found)


ROUTES = (
    Route("GET", "/api/3/contacts", list_contacts),
    Route("POST", "/api/3/contact/sync", sync),
    Route("GET", "/api/3/contacts/{number}", get_contact),
    Route("PUT", "/api/3/contacts/{number}", update),
    Route("DELETE", "/api/3/contacts/{number}", delete),
    Route("GET", "/api/3/contacts/{number}/contactLists", places),
    Route("GET", "/api/3/contacts/{number}/contactTags", tags_of),
    Route("GET", "/api/3/lists", list_lists),
    Route("GET", "/api/3/lists/{number}", get_list),
    Route("POST", "/api/3/contactLists", put_place),
    Route("GET", "/api/3/tags", list_tags),
    Route("POST", "/api/3/tags", make_tag),
    Route("POST", "/api/3/contactTags", put_tag),
    Route("DELETE", "/api/3/contactTags/{number}", remove_tag),
    Route("GET", "/api/3/fields", list_fields),
    Route("POST", "/api/3/import/bulk_import", bulk_import),
    Route("GET", "/api/3/import/info", import_info),
)
