"""What is read of HubSpot beside its webhooks: contacts and deals that have changed, form submissions, e-mail events.

Search lags by seconds, hence the overlaps; it ends at 10 000 results, hence pages that begin at a time, not at a count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.contract import Item, Page, Parsed, Stream, Unreadable, WebhookRequest, Window
from adapters.digest import digest_of
from adapters.http import BadAnswer
from adapters.hubspot.client import HubSpotClient, path_part
from adapters.hubspot.deletions import fetch_deletions, parse_deletions
from adapters.hubspot.read import ALWAYS, contact_record
from adapters.hubspot.webhook import deal_key, deal_stage
from adapters.polled import each, item
from adapters.snapshot import events_of
from app.contacts.event import Event, EventType, Identity, Ref
from app.contacts.identity import clean_email
from app.contacts.times import from_ms, parse_time, to_us
from mappings.mapping import FieldMapping

SEARCHED = 200  # a search's longest page
HISTORIES = 50  # deals that are read with their history at once
SUBMISSIONS, MAIL = 50, 300
FORM_PAGES = 100  # of a hundred forms each
TIMED, SAME = "t", "s"  # pages that begin at a time, and those of records that changed in the same millisecond


def _ms(moment: datetime) -> int:
    return to_us(moment) // 1000


def _search(
    client: HubSpotClient, window: Window, kind: str, changed: str, names: Sequence[str]
) -> tuple[Page, list[Any]]:
    """One page of the records of a kind that changed in a window, and these as they are."""
    way, _, rest = (window.page or f"{TIMED}:{_ms(window.since)}").partition(":")
    at, _, after = rest.partition(":")
    until = {"propertyName": changed, "operator": "LT", "value": str(_ms(window.until))}
    if way == TIMED:
        filters = [{"propertyName": changed, "operator": "GTE", "value": at}, until]
    else:
        filters = [
            {"propertyName": changed, "operator": "BETWEEN", "value": at, "highValue": at},
            {"propertyName": "hs_object_id", "operator": "GT", "value": after},
        ]
    asked = {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": changed if way == TIMED else "hs_object_id", "direction": "ASCENDING"}],
        "properties": [*dict.fromkeys(names)],
        "limit": SEARCHED,
        "after": "0",
    }
    answer = client.raw("POST", f"/crm/v3/objects/{kind}/search", asked)
    found = [one for one in answer.get("results") or () if isinstance(one, Mapping) and one.get("id")]
    total = answer.get("total") if not window.page else None
    return Page(next=_next(way, at, found, changed), total=total), found


def _next(way: str, at: str, found: Sequence[Mapping[str, Any]], changed: str) -> str:
    full = len(found) >= SEARCHED
    if way == SAME:
        return f"{SAME}:{at}:{found[-1]['id']}" if full else f"{TIMED}:{int(at) + 1}"
    if not full:
        return ""
    last = _ms(parse_time((found[-1].get("properties") or {}).get(changed)))
    # Where a whole page changed in one moment (an import did it), those are gone through by their ids
    return f"{TIMED}:{last}" if last > int(at) else f"{SAME}:{at}:0"


def _changed(record: Mapping[str, Any], name: str) -> str:
    return str((record.get("properties") or {}).get(name) or record.get("updatedAt"))


# --- contacts


def fetch_contacts(client: HubSpotClient, window: Window, mapping: FieldMapping) -> Page:
    """Contacts by when they were last changed, as they are now."""
    changed = "lastmodifieddate"
    page, found = _search(client, window, "contacts", changed, [*ALWAYS, *mapping.sources])
    return msgspec.structs.replace(page, items=[contact_item(one) for one in found])


def contact_item(record: Mapping[str, Any]) -> Item:
    """A contact as HubSpot's API returns it."""
    return item(f"{record['id']}|{_changed(record, 'lastmodifieddate')}", record)


def parse_contacts(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Contacts as they were polled, each a snapshot as of its last change."""
    return each(request, lambda record: contact_events(record, request, mapping))


def contact_events(record: Any, request: WebhookRequest, mapping: FieldMapping) -> Iterable[Event]:
    """What is known of a contact by having read it. Raises Unreadable."""
    return contact_record(_record(record), mapping, request.received_at).events


def _record(record: dict[str, Any]) -> dict[str, Any]:
    if not str(record.get("id") or "").isdigit():
        raise Unreadable("a record without an id")
    return record


# --- deals


def fetch_deals(client: HubSpotClient, window: Window, mapping: FieldMapping) -> Page:
    """Deals by when they were last changed, with the times of their stages, as webhooks tell them."""
    page, found = _search(client, window, "deals", "hs_lastmodifieddate", ["createdate", "dealstage"])
    items: list[Item] = []
    for start in range(0, len(found), HISTORIES):
        items += deal_items(client, [str(one["id"]) for one in found[start : start + HISTORIES]])
    return msgspec.structs.replace(page, items=items)


def deal_items(client: HubSpotClient, ids: Sequence[str]) -> list[Item]:
    """Up to fifty deals with the times of their stages, those that HubSpot has, in one call."""
    asked = {
        "inputs": [{"id": one} for one in ids],
        "properties": ["createdate", "dealstage", "hs_lastmodifieddate"],
        "propertiesWithHistory": ["dealstage"],
    }
    answer = client.raw("POST", "/crm/v3/objects/deals/batch/read", asked)
    read = answer.get("results") or ()
    return [item(f"{one.get('id')}|{_changed(one, 'hs_lastmodifieddate')}", one) for one in read]


def parse_deals(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Each stage that a deal was in since it was opened, at its time."""
    return each(request, lambda record: deal_events(record, request))


def deal_events(record: Any, request: WebhookRequest) -> Iterator[Event]:
    """The stages of one deal. Raises Unreadable."""
    name = str(_record(record)["id"])
    history = (record.get("propertiesWithHistory") or {}).get("dealstage") or ()
    for entry in history if isinstance(history, list) else ():
        stage = str(entry.get("value") or "")
        try:
            at = parse_time(entry.get("timestamp"))
        except ValueError:
            raise Unreadable("a deal's stage without the time of it") from None
        yield Event(
            type=EventType.DEAL_STAGE_CHANGED,
            occurred_at=at,
            source_key=deal_key(name, stage, _ms(at)),
            refs=(Ref("deal", name),),
            properties={"deal": name, **deal_stage(stage, request.settings)},
        )


# --- form submissions


class _Forms(msgspec.Struct):
    """Where reading submissions goes on: the forms that are left, and the place in the first."""

    left: list[tuple[str, str]]
    after: str = ""


def fetch_submissions(client: HubSpotClient, window: Window, mapping: FieldMapping) -> Page:
    """What was typed into forms, form by form, the newest first: HubSpot sends no webhook for it."""
    if not window.page:
        forms = _Forms(list(_forms(client)))
        return Page(next=msgspec.json.encode(forms).decode() if forms.left else "")
    forms = msgspec.json.decode(window.page, type=_Forms)
    (guid, title), *others = forms.left
    query = {"limit": SUBMISSIONS, **({"after": forms.after} if forms.after else {})}
    answer = client.raw("GET", f"/form-integrations/v1/submissions/forms/{path_part(guid)}", query=query)
    found = [one for one in answer.get("results") or () if isinstance(one, Mapping)]
    since = _ms(window.since)
    items = [
        item(_submission_key(guid, one), {**one, "form": guid, "title": title})
        for one in found
        if int(one.get("submittedAt") or 0) >= since
    ]
    after = str(((answer.get("paging") or {}).get("next") or {}).get("after") or "")
    more = after and len(items) == len(found)
    rest = _Forms(forms.left, after) if more else _Forms(others)
    return Page(items=items, next=msgspec.json.encode(rest).decode() if rest.left else "")


def _forms(client: HubSpotClient) -> Iterator[tuple[str, str]]:
    after = ""
    for _ in range(FORM_PAGES):
        answer = client.raw("GET", "/marketing/v3/forms", query={"limit": 100, **({"after": after} if after else {})})
        for one in answer.get("results") or ():
            yield str(one["id"]), str(one.get("name") or "")[:200]
        after = str(((answer.get("paging") or {}).get("next") or {}).get("after") or "")
        if not after:
            return
    raise BadAnswer(f"the list of forms does not end after {FORM_PAGES} pages")


def _submission_key(guid: str, submission: Mapping[str, Any]) -> str:
    if submission.get("conversionId"):
        return str(submission["conversionId"])
    return digest_of([guid, submission.get("submittedAt"), submission.get("values")])


def parse_submissions(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """Form submissions as they were polled; what was typed is read like a contact's properties."""

    def read(submission: Any) -> Iterator[Event]:
        if not isinstance(submission.get("values"), list):
            raise Unreadable("a submission without values")
        said: dict[str, Any] = {}
        for value in submission["values"]:
            if isinstance(value, dict) and value.get("objectTypeId") in (None, "0-1") and value.get("name"):
                said[str(value["name"])] = value.get("value")
        email = clean_email(str(said.get("email") or ""))
        if email is None:
            raise Unreadable("a submission without an e-mail address")
        guid = str(submission.get("form") or "")
        event = Event(
            type=EventType.FORM_SUBMITTED,
            occurred_at=from_ms(int(submission.get("submittedAt") or 0)),
            source_key=f"form|{guid}|{_submission_key(guid, submission)}",
            identities=(Identity("email", email.address),),
            properties={
                "form": guid,
                "form_title": str(submission.get("title") or ""),
                "url": str(submission.get("pageUrl") or "")[:2000],
            },
            mapping=mapping.version,
        )
        yield from events_of(mapping.inbound(said), event, email.address)

    return each(request, read)


# --- e-mail events

MAIL_TYPES = {
    "DELIVERED": EventType.EMAIL_DELIVERED,
    "OPEN": EventType.EMAIL_OPENED,
    "CLICK": EventType.EMAIL_CLICKED,
    "BOUNCE": EventType.EMAIL_BOUNCED,
    "SPAMREPORT": EventType.EMAIL_COMPLAINED,
}
PROXIES = ("googleimageproxy", "apple privacy", "yahoomailproxy")


def fetch_mail(client: HubSpotClient, window: Window, mapping: FieldMapping) -> Page:
    """Opens, clicks, bounces and complaints of marketing e-mails; HubSpot has no webhook for them."""
    query = {"startTimestamp": _ms(window.since), "endTimestamp": _ms(window.until), "limit": MAIL}
    if window.page:
        query["offset"] = window.page  # type: ignore[assignment]
    answer = client.raw("GET", "/email/public/v1/events", query=query)
    found = [one for one in answer.get("events") or () if isinstance(one, Mapping)]
    items = [item(f"{one.get('created')}|{one.get('id')}", one) for one in found if one.get("type") in MAIL_TYPES]
    return Page(items=items, next=str(answer.get("offset") or "") if answer.get("hasMore") else "")


def parse_mail(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """E-mail events as they were polled."""

    def read(told: Any) -> Iterator[Event]:
        if told.get("type") not in MAIL_TYPES:
            raise Unreadable("an e-mail event of a kind that is not read")
        email = clean_email(str(told.get("recipient") or ""))
        if email is None or not told.get("id"):
            raise Unreadable("an e-mail event without a recipient or an id")
        kind = MAIL_TYPES[told["type"]]
        properties = {
            "message": str(told.get("emailCampaignId") or ""),
            "subject": str(told.get("subject") or "")[:500],
            "url": str(told.get("url") or "")[:2000],
        }
        event = Event(
            type=kind,
            occurred_at=from_ms(int(told.get("created") or 0)),
            source_key=f"mail|{told.get('created')}|{told['id']}",
            identities=(Identity("email", email.address),),
            properties={name: value for name, value in properties.items() if value},
            machine=_machine(kind, told),
        )
        if kind == EventType.EMAIL_BOUNCED:
            event.properties["permanent"] = str(told.get("status") or "").startswith("5")
        yield event

    return each(request, read)


def _machine(kind: str, told: Mapping[str, Any]) -> str | None:
    """Why an open or click was no person's, if so."""
    if kind not in (EventType.EMAIL_OPENED, EventType.EMAIL_CLICKED):
        return None
    if told.get("filteredEvent") is True:
        return "HubSpot takes it for a bot's"
    agent = str(told.get("userAgent") or "").lower()
    return next((f"opened by a mail program ({name})" for name in PROXIES if name in agent), None)


STREAMS = (
    Stream(
        "contacts",
        "Contacts",
        fetch_contacts,
        parse_contacts,
        complete="Every contact's properties as they are now.",
        limits=("search",),
        scope="crm.objects.contacts.read",
    ),
    Stream(
        "deletions",
        "Deleted contacts",
        fetch_deletions,
        parse_deletions,
        complete="Every contact that was deleted and not restored.",
        every=timedelta(hours=6),  # the whole bin is read to find what is new in it
        overlap=timedelta(hours=1),
        scope="crm.objects.contacts.read",
        history=False,
    ),
    Stream(
        "deals",
        "Deals",
        fetch_deals,
        parse_deals,
        complete="Every stage of every deal, at its time.",
        limits=("search", "default"),
        calls=1 + SEARCHED // HISTORIES,
        scope="crm.objects.deals.read",
    ),
    Stream(
        "forms",
        "Form submissions",
        fetch_submissions,
        parse_submissions,
        complete="Everything that was sent through HubSpot's forms, which no webhook tells.",
        every=timedelta(minutes=10),
        scope="forms",
    ),
    Stream(
        "mail",
        "E-mail events",
        fetch_mail,
        parse_mail,
        complete="Deliveries, opens, clicks, bounces and complaints of HubSpot's marketing e-mails: no webhook tells.",
        every=timedelta(minutes=10),
        overlap=timedelta(hours=1),
        scope="content",
    ),
)
