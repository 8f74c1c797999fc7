"""What the simulated HubSpot tells only when it is asked: what was typed into its forms, and events of its e-mails."""

from typing import Any

from adapters.hubspot.sandbox.asks import page_of, paged
from adapters.hubspot.sandbox.state import Account
from adapters.sandbox.vendor import Answer, Request, Route


def submit_form(hub: Account, form: str, page: str = "https://www.example.com/demo", **values: str) -> None:
    """Somebody fills in a form of this name; the contact with that address is made or changed."""
    guid = next((one["id"] for one in hub.forms if one["name"] == form), "")
    if not guid:
        guid = hub.new_uuid()
        hub.forms.append({"id": guid, "name": form, "formType": "hubspot"})
    said = [{"name": name, "value": value, "objectTypeId": "0-1"} for name, value in values.items()]
    submission = {"submittedAt": round(hub.clock() * 1000), "values": said, "pageUrl": page}
    hub.submissions.setdefault(guid, []).insert(0, submission)


def mail_event(hub: Account, email: str, type: str = "OPEN", subject: str = "Newsletter", **more: Any) -> None:
    """Something happens with a marketing e-mail: DELIVERED, OPEN, CLICK, BOUNCE, SPAMREPORT, ..."""
    event = {"id": hub.new_uuid(), "created": round(hub.clock() * 1000), "type": type, "recipient": email}
    hub.mail_events.append({**event, "subject": subject, "emailCampaignId": 77, "filteredEvent": False, **more})


def list_forms(hub: Account, request: Request) -> Answer:
    """GET: the forms."""
    start, size = page_of(hub, request, 500, 50)
    return Answer(body=paged(hub.forms, start, size))


def list_submissions(hub: Account, request: Request, guid: str) -> Answer:
    """GET: what was sent through a form, the newest first."""
    if all(form["id"] != guid for form in hub.forms):
        raise hub.refuse(404)
    start, size = page_of(hub, request, 50, 20)
    return Answer(body=paged(hub.submissions.get(guid, []), start, size))


def list_mail_events(hub: Account, request: Request) -> Answer:
    """GET: events of e-mails, the newest first."""
    since, until = int(request.param("startTimestamp", "0")), int(request.param("endTimestamp", "0"))
    kind = request.param("eventType")
    found = [
        event
        for event in sorted(hub.mail_events, key=lambda event: event["created"], reverse=True)
        if event["created"] >= since and (not until or event["created"] < until) and kind in ("", event["type"])
    ]
    start, size = int(request.param("offset", "0")), min(int(request.param("limit", "10")), 1000)
    more = start + size < len(found)
    return Answer(body={"hasMore": more, "offset": str(start + size), "events": found[start : start + size]})


ROUTES = (
    Route("GET", "/marketing/v3/forms", list_forms),
    Route("GET", "/form-integrations/v1/submissions/forms/{guid}", list_submissions),
    Route("GET", "/email/public/v1/events", list_mail_events),
)
