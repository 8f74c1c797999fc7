"""The simulated account's automations, users, notes, tasks, deals and event tracking."""

from typing import Any

import msgspec

from adapters.activecampaign.sandbox.contacts import inner, moment_of, paged, the_contact
from adapters.activecampaign.sandbox.state import Account
from adapters.sandbox.vendor import Answer, Request, Route

MAX_EVENT = 32


# --- automations


def list_automations(ac: Account, request: Request) -> Answer:
    found = [{"id": number, "name": name, "status": "1"} for number, name in ac.automations.items()]
    return paged(ac, request, "automations", found)


def enrol(ac: Account, request: Request) -> Answer:
    """Into an automation; whoever asks twice gets two runs."""
    told = inner(ac, request, "contactAutomation")
    one, automation = the_contact(ac, told.get("contact")), str(told.get("automation"))
    if automation not in ac.automations:
        raise ac.refuse(422, "The related automation does not exist.", code="related_missing")
    run = {"id": ac.new_id(), "contact": one.id, "automation": automation, "adddate": ac.stamp(), "completed": 0}
    ac.runs.append(run)
    return Answer(status=201, body={"contacts": [], "contactAutomation": run})


def runs(ac: Account, request: Request, number: str) -> Answer:
    one = the_contact(ac, number)
    return paged(ac, request, "contactAutomations", [run for run in ac.runs if run["contact"] == one.id])


# --- users


def user(number: str, held: dict[str, str]) -> dict[str, str]:
    return {"id": number, "username": held["email"], **held}


def me(ac: Account, request: Request) -> Answer:
    number, held = next(iter(ac.users.items()))
    return Answer(body={"user": user(number, held)})


def user_by_email(ac: Account, request: Request, email: str) -> Answer:
    for number, held in ac.users.items():
        if held["email"] == email.lower():
            return Answer(body={"user": user(number, held)})
    raise ac.refuse(404, f"No Result found for User with email {email}")


# --- notes


def make_note(ac: Account, request: Request) -> Answer:
    told = inner(ac, request, "note")
    if told.get("reltype") != "Subscriber" or not told.get("note"):
        raise ac.refuse(422, "The note or what it is about was not provided", code="note_invalid")
    one = the_contact(ac, told.get("relid"))
    note = {"id": ac.new_id(), "note": str(told["note"]), "relid": one.id, "reltype": "Subscriber", "cdate": ac.stamp()}
    ac.notes.append(note)
    ac.tell("subscriber_note", "api", {**ac.block(one), "note": note["note"]})
    return Answer(status=201, body={"note": note})


def notes_of(ac: Account, request: Request, number: str) -> Answer:
    one = the_contact(ac, number)
    return paged(ac, request, "notes", [note for note in ac.notes if note["relid"] == one.id])


# --- tasks and deals


def _needs_deals(ac: Account) -> None:
    if not ac.settings.deals:
        raise ac.refuse(403, "You do not have permission to access this resource")


def task_types(ac: Account, request: Request) -> Answer:
    _needs_deals(ac)
    found = [{"id": "1", "title": "Call"}, {"id": "2", "title": "Email"}, {"id": "3", "title": "To-do"}]
    return paged(ac, request, "dealTasktypes", found)


def make_task(ac: Account, request: Request) -> Answer:
    _needs_deals(ac)
    told = inner(ac, request, "dealTask")
    if missing := [name for name in ("relid", "ownerType", "duedate", "dealTasktype") if not told.get(name)]:
        raise ac.refuse(422, f"The {missing[0]} was not provided", code="field_missing")
    if told["ownerType"] not in ("contact", "deal"):
        raise ac.refuse(422, "The ownerType is not valid", code="field_invalid")
    if (assignee := told.get("assignee")) and str(assignee) not in ac.users:
        raise ac.refuse(422, "The related user does not exist.", code="related_missing")
    one = the_contact(ac, told["relid"])
    task = {**told, "id": ac.new_id(), "relid": one.id, "reltype": "Subscriber", "status": 0}
    ac.tasks.append(task)
    pairs = {"task[id]": task["id"], "task[title]": told.get("title", ""), "task[note]": told.get("note", "")}
    ac.tell("contact_task_add", "api", {**ac.block(one), **pairs, "task[duedate_iso]": told["duedate"]})
    return Answer(status=201, body={"dealTask": task})


def list_tasks(ac: Account, request: Request) -> Answer:
    _needs_deals(ac)
    about = request.param("filters[relid]")
    return paged(ac, request, "dealTasks", [task for task in ac.tasks if about in ("", task["relid"])])


def make_deal(ac: Account, request: Request) -> Answer:
    """A deal; its value is in cents."""
    _needs_deals(ac)
    told = inner(ac, request, "deal")
    if missing := [name for name in ("title", "contact", "currency", "group", "stage", "owner") if not told.get(name)]:
        raise ac.refuse(422, f"The {missing[0]} was not provided", code="field_missing")
    if not isinstance(told.get("value"), int) or told["currency"] != str(told["currency"]).lower():
        raise ac.refuse(422, "The value has to be in cents and the currency in small letters", code="field_invalid")
    if str(told["owner"]) not in ac.users:
        raise ac.refuse(422, "The related user does not exist.", code="related_missing")
    the_contact(ac, told["contact"])
    return Answer(status=201, body={"deal": new_deal(ac, told, "api")})


def new_deal(ac: Account, told: dict[str, Any], origin: str) -> dict[str, Any]:
    """A deal that was not there."""
    number = ac.new_id()
    deal = {**{name: str(value) for name, value in told.items()}, "id": number, "status": "0"}
    ac.deals[number] = {**deal, "cdate": ac.stamp(), "mdate": ac.stamp(), "changed": ac.clock()}
    tell_deal(ac, "deal_add", number, origin)
    return _deal_shown(ac.deals[number])


def _deal_shown(deal: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in deal.items() if name != "changed"}


def change_deal(ac: Account, number: str, told: dict[str, Any], origin: str) -> dict[str, Any]:
    """Change a deal."""
    deal = ac.deals[number]
    deal.update({name: str(value) for name, value in told.items()}, mdate=ac.stamp(), changed=ac.clock())
    tell_deal(ac, "deal_update", number, origin, list(told))
    return _deal_shown(deal)


def tell_deal(ac: Account, kind: str, number: str, origin: str, changed: list[str] | None = None) -> None:
    """The webhook about a deal: amounts are in whole units there."""
    deal = ac.deals[number]
    one, cents = ac.contacts[deal["contact"]], int(deal["value"])
    pairs = {
        "deal[id]": number,
        "deal[title]": deal["title"],
        "deal[stageid]": deal["stage"],
        "deal[stage_title]": f"Stage {deal['stage']}",
        "deal[pipelineid]": deal["group"],
        "deal[value]": f"{cents / 100:,.2f}",
        "deal[value_raw]": f"{cents / 100:g}",
        "deal[currency]": deal["currency"],
        "deal[owner]": deal["owner"],
        "deal[contactid]": one.id,
        "deal[contact_email]": one.email,
        "deal[status]": deal["status"],
        **{f"updated_fields[{n}]": name for n, name in enumerate(changed or ())},
    }
    ac.tell(kind, origin, {**ac.block(one), **pairs})


def update_deal(ac: Account, request: Request, number: str) -> Answer:
    _needs_deals(ac)
    if number not in ac.deals:
        raise ac.refuse(404, f"No Result found for Deal with id {number}")
    return Answer(body={"deal": change_deal(ac, number, inner(ac, request, "deal"), "api")})


def get_deal(ac: Account, request: Request, number: str) -> Answer:
    _needs_deals(ac)
    if number not in ac.deals:
        raise ac.refuse(404, f"No Result found for Deal with id {number}")
    return Answer(body={"deal": _deal_shown(ac.deals[number])})


def list_deals(ac: Account, request: Request) -> Answer:
    _needs_deals(ac)
    found = list(ac.deals.values())
    if after := request.param("filters[updated_after]"):
        found = [deal for deal in found if deal["changed"] > moment_of(after)]
    return paged(ac, request, "deals", [_deal_shown(deal) for deal in found])


def deals_of(ac: Account, request: Request, number: str) -> Answer:
    _needs_deals(ac)
    one = the_contact(ac, number)
    return paged(ac, request, "deals", [_deal_shown(deal) for deal in ac.deals.values() if deal["contact"] == one.id])


# --- event tracking


def track(ac: Account, request: Request) -> Answer:
    """Answers 200 whatever becomes of it, as the real one does."""
    told = request.body
    try:
        email = str(msgspec.json.decode(told.get("visit", "")).get("email", ""))
    except (msgspec.DecodeError, AttributeError):
        email = ""
    if not told.get("key") or (ac.settings.event_key and told["key"] != ac.settings.event_key) or not told.get("actid"):
        return Answer(body={"success": 0, "message": "Invalid account or key"})
    if not told.get("event") or len(told["event"]) > MAX_EVENT or ac.contact(email) is None:
        return Answer(body={"success": 0, "message": "Event could not be tracked"})
    ac.event_names.add(told["event"])
    ac.events.append({"event": told["event"], "eventdata": told.get("eventdata", ""), "email": email})
    return Answer(body={"success": 1, "message": "Event spawned"})


ROUTES = (
    Route("GET", "/api/3/automations", list_automations),
    Route("POST", "/api/3/contactAutomations", enrol),
    Route("GET", "/api/3/contacts/{number}/contactAutomations", runs),
    Route("GET", "/api/3/users/me", me),
    Route("GET", "/api/3/users/email/{email}", user_by_email),
    Route("POST", "/api/3/notes", make_note),
    Route("GET", "/api/3/contacts/{number}/notes", notes_of),
    Route("GET", "/api/3/dealTasktypes", task_types),
    Route("POST", "/api/3/dealTasks", make_task),
    Route("GET", "/api/3/dealTasks", list_tasks),
    Route("POST", "/api/3/deals", make_deal),
    Route("GET", "/api/3/deals", list_deals),
    Route("GET", "/api/3/deals/{number}", get_deal),
    Route("PUT", "/api/3/deals/{number}", update_deal),
    Route("GET", "/api/3/contacts/{number}/deals", deals_of),
    Route("POST", "/event", track),
)
