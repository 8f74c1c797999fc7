"""What Calendly sends: one object for each thing that happened to a meeting.

A meeting that is moved comes as a cancellation and a booking, in any order, each naming the other. Only the booking
counts: nothing was lost.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from adapters.cleaning import clean
from adapters.contract import Unreadable, WebhookRequest
from adapters.strict_json import loads
from adapters.submissions.events import answers_of, events_of
from adapters.submissions.submission import Answer, Submission
from adapters.values import first_of, object_of, objects_of, text_of, zoned_time
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
from mappings.mapping import FieldMapping

RESCHEDULED, NO_SHOW, SHOWED_UP = "custom:meeting.rescheduled", "custom:meeting.no_show", "custom:meeting.showed_up"

Payload = Mapping[str, Any]


def parse(request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    """The events in one request. Kinds of meetings that the connection does not name are kept without their person."""
    kind, at, payload = _opened(request)
    if kind.startswith("invitee") and not _is_wanted(payload, request.settings.get("event_types", "")):
        kind = "another kind of meeting"
    match kind:
        case "invitee.created":
            yield from _booked(payload, request, mapping)
        case "invitee.canceled":
            yield _canceled(payload, at)
        case "invitee_no_show.created":
            no_show = object_of(payload.get("no_show"))
            since = zoned_time(no_show.get("created_at")) or at
            yield _about(payload, NO_SHOW, since, f"{_id(no_show.get('uri'))}|{kind}")
        case "invitee_no_show.deleted":
            yield _about(payload, SHOWED_UP, at, f"{_invitee(payload)}|{kind}|{at.isoformat()}")
        case "routing_form_submission.created":
            yield from _routed(payload, request, mapping)
        case _:
            name = _id(payload.get("uri")) or "?"
            properties = {"event": kind, "uri": name, "name": _meeting_name(payload)}
            key = f"{name}|{kind}|{at.isoformat()}"
            yield Event(type=EventType.UNKNOWN, occurred_at=at, source_key=key, properties=properties)


def holds(request: WebhookRequest) -> tuple[dict[str, Any], dict[str, str]]:
    """What an invitee said, by the questions. Raises Unreadable."""
    kind, _, payload = _opened(request)
    if kind == "routing_form_submission.created":
        return answers_of(_routing(payload))
    return answers_of(_booking(payload))


def _opened(request: WebhookRequest) -> tuple[str, datetime, Payload]:
    """What happened, when the request says it was made, and to what."""
    document = clean(loads(request.body))
    if not isinstance(document, dict) or not isinstance(document.get("payload"), dict):
        raise Unreadable("a Calendly webhook is one JSON object with an event and a payload")
    kind, payload = text_of(document.get("event")), document["payload"]
    if not kind:
        raise Unreadable("a Calendly webhook without an event")
    if "invitee" in payload and "event" in payload and "uri" not in payload:
        raise Unreadable("a webhook of Calendly's first API, which ended in 2021; make a new webhook subscription")
    return kind, zoned_time(document.get("created_at")) or request.received_at, payload


def _is_wanted(payload: Payload, wanted: str) -> bool:
    names = {name.strip().casefold() for name in wanted.split(",") if name.strip()}
    meeting = object_of(payload.get("scheduled_event"))
    kind = text_of(meeting.get("event_type"))
    own = {text_of(meeting.get("name")).strip().casefold(), kind.casefold(), kind.rpartition("/")[2].casefold()}
    return not names or not names.isdisjoint(own)


# --- meetings


def _booked(payload: Payload, request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    """The booking with all that was said in it, and what was agreed to."""
    submission = _booking(payload)
    said = events_of(submission, request, mapping, submission.title, vouched=True)
    if not said:
        return
    event, invitee = said[0], _invitee(payload)
    properties = {**event.properties, **_meeting(payload)}
    for name in ("form", "builder", "form_title", "form_id"):
        properties.pop(name, None)
    consents = properties.pop("consent", [])
    if replaced := _id(payload.get("old_invitee")):
        properties["replaces"] = replaced
    identities = (*event.identities, Identity("calendly", invitee))
    key = f"{invitee}|invitee.created"
    yield msgspec.structs.replace(
        event, type=EventType.MEETING_BOOKED, source_key=key, identities=identities, properties=properties
    )
    for consent in consents:
        yield Event(
            type=EventType.CONSENT_CHANGED,
            occurred_at=event.occurred_at,
            source_key=f"{key}|{consent['channel']}",
            identities=identities,
            properties={**consent, "method": "booking"},
        )


def _booking(payload: Payload) -> Submission:
    first, last = text_of(payload.get("first_name")), text_of(payload.get("last_name"))
    name = {"first_name": first, "last_name": last} if first or last else {"full_name": payload.get("name")}
    known = {EMAIL: payload.get("email"), **name, "timezone": payload.get("timezone")}
    answers = [Answer(key=key, value=value, field=key) for key, value in known.items()]
    reminder = payload.get("text_reminder_number")
    answers.append(Answer(key="text_reminder_number", value=reminder, type="phone", hidden=True))
    meeting = object_of(payload.get("scheduled_event"))
    return Submission(
        builder="calendly",
        answers=[*answers, *_questions(payload), *_tracking(payload)],
        key=_invitee(payload),
        at=zoned_time(payload.get("created_at")),
        title=text_of(meeting.get("name")),
        form_id=_id(meeting.get("event_type")),
    )


def _canceled(payload: Payload, at: datetime) -> Event:
    cancellation = object_of(payload.get("cancellation"))
    at = zoned_time(cancellation.get("created_at")) or zoned_time(payload.get("updated_at")) or at
    if payload.get("rescheduled") is True or payload.get("new_invitee"):
        event = _about(payload, RESCHEDULED, at, f"{_invitee(payload)}|invitee.canceled")
        event.properties["replaced_by"] = _id(payload.get("new_invitee"))
        return event
    event = _about(payload, EventType.MEETING_CANCELED, at, f"{_invitee(payload)}|invitee.canceled")
    told = {"reason": "reason", "canceled_by": "canceled_by", "by": "canceler_type"}
    event.properties |= {ours: text for ours, theirs in told.items() if (text := text_of(cancellation.get(theirs)))}
    return event


def _about(payload: Payload, kind: str, at: datetime, key: str) -> Event:
    """Something that happened to a meeting. What its person once typed in is no news by then."""
    identities = [Identity("calendly", _invitee(payload))]
    if email := clean_email(text_of(payload.get("email"))[:320]):
        identities.insert(0, Identity(EMAIL, email.address))
    return Event(type=kind, occurred_at=at, source_key=key, identities=tuple(identities), properties=_meeting(payload))


def _meeting(payload: Payload) -> dict[str, Any]:
    meeting = object_of(payload.get("scheduled_event"))
    hosts = objects_of(meeting.get("event_memberships"))
    place, payment = object_of(meeting.get("location")), object_of(payload.get("payment"))
    properties = {
        "meeting": _invitee(payload),
        "name": _meeting_name(payload),
        "kind": _id(meeting.get("event_type")),
        "starts_at": text_of(meeting.get("start_time")),
        "ends_at": text_of(meeting.get("end_time")),
        "timezone": text_of(payload.get("timezone")),
        "owner": first_of(hosts[0], "user_email", "user_name") if hosts else "",
        "location": first_of(place, "location", "type"),
        "paid": text_of(payment.get("amount")),
        "currency": text_of(payment.get("currency")),
    }
    return {name: text for name, text in properties.items() if text}


def _meeting_name(payload: Payload) -> str:
    return text_of(object_of(payload.get("scheduled_event")).get("name"))[:300]


def _invitee(payload: Payload) -> str:
    """Calendly's name for one person in one meeting, and so for the meeting. Raises Unreadable where it is missing."""
    if name := _id(payload.get("uri")):
        return name
    raise Unreadable("an invitee without a uri, by which a repeat would be known")


def _id(uri: Any) -> str:
    """``scheduled_events/A/invitees/B`` of an address: the API's and the page's differ in their hosts only."""
    return urlsplit(text_of(uri)[:500]).path.strip("/")


# --- what was asked


def _routed(payload: Payload, request: WebhookRequest, mapping: FieldMapping) -> list[Event]:
    """A routing form. It asks for an address only if somebody made it so; whoever booked afterwards is known anyway."""
    submission = _routing(payload)
    events = events_of(submission, request, mapping, submission.form_id, vouched=True)
    result = object_of(payload.get("result"))
    booked = _id(payload.get("submitter")) if payload.get("submitter_type") == "Invitee" else ""
    for event in events:
        event.properties["result"] = text_of(result.get("type"))
        if booked:
            event.identities += (Identity("calendly", booked),)
    return events


def _routing(payload: Payload) -> Submission:
    if not _id(payload.get("uri")):
        raise Unreadable("a routing form's submission without a uri, by which a repeat would be known")
    return Submission(
        builder="calendly",
        answers=[*_questions(payload), *_tracking(payload)],
        key=_id(payload.get("uri")),
        at=zoned_time(payload.get("created_at")),
        form_id=_id(payload.get("routing_form")).rpartition("/")[2],
    )


def _questions(payload: Payload) -> Iterator[Answer]:
    for asked in objects_of(payload.get("questions_and_answers")):
        question = text_of(asked.get("question"))
        if question:
            yield Answer(key=question, value=asked.get("answer"), label=question, path=(question,))


def _tracking(payload: Payload) -> Iterator[Answer]:
    for name, value in object_of(payload.get("tracking")).items():
        yield Answer(key=name, value=value, hidden=True)
