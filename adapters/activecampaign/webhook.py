"""What ActiveCampaign sends: account webhooks, which say what happened, and the webhook step of an automation, which
only says who it is about. Both are forms; neither is signed, and neither has an id of its own."""

from collections.abc import Iterator
from typing import Any

from adapters.activecampaign.body import Document, block, instant, number_of, options, read, text
from adapters.activecampaign.meanings import Heard, describe
from adapters.address import meaning_of, said_in
from adapters.contract import Parsed, Unreadable, WebhookRequest
from adapters.digest import digest_of
from adapters.snapshot import events_of
from app.contacts.event import CUSTOM, Event, EventType, Identity, Ref
from app.contacts.identity import clean_email, clean_phone
from mappings.mapping import FieldMapping

CONTACT = "activecampaign"  # the kind of identity
_STANDARD = ("email", "first_name", "last_name", "phone", "orgname", "customer_acct_name", "tags")
_NAMES = ("first_name", "last_name")


def parse(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """The events in one request."""
    document = read(request)
    if "type" in document:
        yield from _account_webhook(document, request, mapping)
    else:
        yield from _automation_step(document, request, mapping)


# --- who


def properties_of(document: Document) -> dict[str, Any]:
    """What a body says of the contact, as mappings name it: ``first_name``, ``fields.12`` (account webhooks) or
    ``fields.job_title`` (automations). What is empty was not said, and is left out."""
    contact = block(document, "contact")
    found: dict[str, Any] = {name: text(contact.get(name)) for name in _STANDARD}
    if not contact:
        deal = block(document, "deal")
        found |= {name: text(deal.get(f"contact_{theirs}")) for name, theirs in _OF_DEAL.items()}
    for name in ("orgname", "customer_acct_name"):
        found[name] = found.get(name) or text(document.get(name))
    found["job_title"] = text(block(document, "accountContact").get("job_title"))
    for name in _NAMES:
        if "@" in found.get(name, ""):  # where no name is known it may hold the address
            found[name] = ""
    for name, value in block(contact, "fields").items():
        found[f"fields.{name.strip('%').lower()}"] = options(value)
    found["email"] = found["email"].lower()
    return {name: value for name, value in found.items() if value not in ("", [])}


_OF_DEAL = {"email": "email", "first_name": "firstname", "last_name": "lastname"}


def identities_of(document: Document, said: Document, region: str | None) -> tuple[Identity, ...]:
    """Who it is about: by id, address and phone. Empty where it is about no person."""
    number = number_of(block(document, "contact").get("id"), "contact[id]")
    number = number or number_of(block(document, "deal").get("contactid"), "deal[contactid]")
    found = [Identity(CONTACT, number)] if number else []
    if (email := clean_email(str(said.get("email", "")))) is not None:
        found.append(Identity("email", email.address))
    sms = block(document, "sms")
    phones = (said.get("phone"), text(sms.get("phone")), text(sms.get("recipient")))
    found += [Identity("phone", phone) for one in phones if one and (phone := clean_phone(str(one), region))]
    return tuple(dict.fromkeys(found))


# --- account webhooks


def _account_webhook(document: Document, request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    kind = text(document.get("type")).lower()
    if not kind:
        raise Unreadable("a webhook whose type is empty")
    said = properties_of(document)
    identities = identities_of(document, said, mapping.region)
    refs = _refs(document) if not identities else ()
    if not identities and not refs and block(document, "contact"):
        raise Unreadable("a contact with neither an id nor an e-mail address")
    at = instant(document.get("date_time"), request) or request.received_at
    person = identities[0].value if identities else ""
    key = f"{kind}|{person}|{at.isoformat()}|{digest_of(document)}"
    first, *more = describe(kind, Heard(document, request, person, at))
    event = Event(
        # What is about nobody, such as a campaign that begins to be sent, happened to nobody
        type=first.type if identities or refs or first.type.startswith(CUSTOM) else EventType.UNKNOWN,
        occurred_at=at,
        source_key=first.key or key,
        identities=identities,
        refs=refs,
        properties={**_origin(document, kind), **first.properties},
        told=_told(said),
        machine=first.machine,
        actor=_actor(document),
        mapping=mapping.version,
    )
    yield from events_of(mapping.inbound(said), event, person)
    for other in more:
        yield Event(
            type=other.type,
            occurred_at=at,
            source_key=other.key or f"{key}#{other.type}",
            identities=identities,
            properties={**_origin(document, kind), **other.properties},
            actor=event.actor,
            mapping=mapping.version,
        )


def _refs(document: Document) -> tuple[Ref, ...]:
    """A deal whose contact the body does not name has to be read."""
    deal = number_of(block(document, "deal").get("id"), "deal[id]")
    return (Ref("deal", deal),) if deal else ()


def _origin(document: Document, kind: str) -> dict[str, Any]:
    """Which webhook it was, and whose doing: ``public`` is the person, ``admin`` a user, ``system`` an automation, and
    ``api`` software, Baton included."""
    origin = text(document.get("initiated_from")).lower()
    return {"activecampaign": kind, **({"initiated_from": origin} if origin else {})}


def _actor(document: Document) -> str | None:
    """The user who did it, where one is named."""
    who = text(document.get("initiated_by"))
    if text(document.get("initiated_from")).lower() != "admin" or not who or who.lower() == "admin":
        return None
    return f"ActiveCampaign user {who[:80]}"


def _told(said: Document) -> dict[str, Any]:
    """What ActiveCampaign evidently holds; tags come as one text that cannot be taken apart for certain."""
    return {name: value for name, value in said.items() if name != "tags"}


# --- automations


def _automation_step(document: Document, request: WebhookRequest, mapping: FieldMapping) -> Iterator[Event]:
    """The webhook step of an automation. What it means is said in its URL: ``?event=form.submitted&form=demo``."""
    said = properties_of(document)
    identities = identities_of(document, said, mapping.region)
    if not identities:
        raise Unreadable("neither a type nor a contact with an id or an e-mail address")
    kind, series = meaning_of(request), number_of(document.get("seriesid"), "seriesid")
    properties: dict[str, Any] = {**said_in(request), "source": "automation"}
    if series:
        properties["automation"] = series
    if "tags" in said:
        properties["tags"] = said["tags"]
    # It says neither when nor which run it was: the same content on the same day is one
    day = request.received_at.strftime("%Y%m%d")
    event = Event(
        type=kind,
        occurred_at=request.received_at,
        source_key=f"automation|{kind}|{series}|{identities[0].value}|{digest_of(document)}|{day}",
        identities=identities,
        properties=properties,
        told=_told(said),
        mapping=mapping.version,
    )
    yield from events_of(mapping.inbound(said), event, identities[0].value)
