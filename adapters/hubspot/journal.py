"""The webhooks journal as one more stream: which contacts and deals changed, file by file, and these as they are now.

An entry says which object changed, when and how; with what values is not documented, so the objects are read. The
stream's place is the last file that was worked through: a reader that is killed goes on with what is left of the next.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct

from adapters.contract import Item, Page, Parsed, Stream, Unreadable, WebhookRequest, Window
from adapters.digest import digest_of
from adapters.hubspot.client import HubSpotClient
from adapters.hubspot.deletions import deal_deletion_key, deletion_key, restoral_key
from adapters.hubspot.journal_files import NEEDS, SCOPE, BrokenFile, Expired
from adapters.hubspot.poll import HISTORIES, contact_events, contact_item, deal_events, deal_items
from adapters.hubspot.read import BATCH, contacts_by_id
from adapters.polled import each, item
from app.contacts.event import Event, EventType, Identity, Ref
from app.contacts.times import from_ms, parse_time
from mappings.mapping import FieldMapping

READS = 5  # calls for contacts and deals of one page
CONTACT, DEAL = "0-1", "0-3"
GONE, BACK, ERASED = "DELETE", "RESTORE", "GDPR_DELETE"
MAX_ID = 40  # characters


def wrong_yes(value: str) -> str:
    """What is wrong with a setting that is on or off, in words; empty where nothing is."""
    return "" if value in ("", "yes") else "say yes, or leave it empty"


class _Entry(Struct, rename="camel"):
    """One change, as far as we read it. Subscriptions bring other kinds of entries along, which lack some of it."""

    type: str = ""
    portal_id: int | str | None = None
    occurred_at: str | int | None = None
    action: str = ""
    object_type_id: str = ""
    object_id: int | str | None = None


class _Left(Struct, rename="camel", omit_defaults=True):
    """What is left of a file: who changed and was not read yet."""

    place: str
    contacts: list[str] = []
    deals: list[str] = []

    def page(self) -> str:
        """It as the place in a round at which to go on."""
        return msgspec.json.encode(self).decode()


def fetch_journal(client: HubSpotClient, window: Window, mapping: FieldMapping) -> Page:
    """The journal's next file, or the next objects that it says have changed."""
    left = msgspec.json.decode(window.page, type=_Left) if window.page else None
    if left is not None and (left.contacts or left.deals):
        return _read(client, left, mapping)
    return _next_file(client, window.place)


def _next_file(client: HubSpotClient, place: str) -> Page:
    items: list[Item] = []
    reset: str | None = None
    try:
        found = client.journal.after(place)
    except Expired:
        items.append(
            _unread(
                f"gap|{place}",
                "HubSpot's journal does not reach back to where it was read: some days are missing. "
                "Polling still finds contacts and deals that changed; it begins again at the earliest entry",
                place,
            )
        )
        place = reset = ""
        found = client.journal.after(place)
    if found is None:
        return Page(items=items, place=reset)
    here = found.current_offset
    try:
        entries = client.journal.entries(place, found)
    except BrokenFile as error:
        items.append(_unread(f"broken|{here}", f"a file of HubSpot's journal cannot be read: {error}", here))
        return Page(items=items, next=_Left(here).page(), place=here)
    told, left = _sorted(entries, here, client.settings.get("portal_id", ""))
    through = not (left.contacts or left.deals)
    return Page(items=[*items, *told], next=left.page(), place=here if through else reset)


def _sorted(entries: Sequence[msgspec.Raw], place: str, portal: str) -> tuple[list[Item], _Left]:
    """What entries tell by themselves, and what has to be read because of them, each once."""
    items: list[Item] = []
    contacts: dict[str, None] = {}
    deals: dict[str, None] = {}
    for raw in entries:
        try:
            entry = msgspec.json.decode(raw, type=_Entry)
            kind = _kind(entry)
            if not kind:
                continue
            name = _id(entry.object_id)
            if str(entry.portal_id) != portal:
                raise Unreadable(f"from HubSpot account {entry.portal_id}; this connection is account {portal}")
        except (msgspec.DecodeError, Unreadable) as error:
            items.append(
                _unread(
                    f"entry|{digest_of([bytes(raw).decode('utf-8', 'replace')])}",
                    f"an entry of HubSpot's journal cannot be read: {error}",
                    place,
                )
            )
            continue
        action = ERASED if _erases(entry) else entry.action
        if action in (GONE, ERASED) or (action, kind) == (BACK, "contact"):
            said = {"action": action, "kind": kind, "id": name, "at": entry.occurred_at}
            items.append(item(f"{action}|{kind}|{name}|{entry.occurred_at}", said))
        if action not in (GONE, ERASED):
            (contacts if kind == "contact" else deals)[name] = None
    return items, _Left(place, list(contacts), list(deals))


def _erases(entry: _Entry) -> bool:
    return entry.action == ERASED or "gdpr" in entry.type.lower()


def _kind(entry: _Entry) -> str:
    """What an entry is about, where that is read."""
    if _erases(entry):
        return "contact" if entry.object_type_id in ("", CONTACT) else ""
    if entry.type.replace("_", "").lower() != "crmobject":
        return ""
    return {CONTACT: "contact", DEAL: "deal"}.get(entry.object_type_id, "")


def _id(given: int | str | None) -> str:
    name = str(given)
    if not (name.isascii() and name.isdigit() and len(name) <= MAX_ID):
        raise Unreadable(f"objectId {name[:MAX_ID]!r} is no id")
    return name


def _unread(key: str, reason: str, place: str) -> Item:
    return item(key, {"unread": reason, "offset": place})


def _read(client: HubSpotClient, left: _Left, mapping: FieldMapping) -> Page:
    """Some of those who changed, as they are now. Who is not there any more has an entry that says so."""
    items: list[Item] = []
    for _ in range(READS):
        if left.contacts:
            some, left.contacts = left.contacts[:BATCH], left.contacts[BATCH:]
            read = [contact_item(one) for one in contacts_by_id(client, some, mapping)]
            items += [_wrapped("contact", one) for one in read]
        elif left.deals:
            some, left.deals = left.deals[:HISTORIES], left.deals[HISTORIES:]
            items += [_wrapped("deal", one) for one in deal_items(client, some)]
    through = not (left.contacts or left.deals)
    return Page(items=items, next=left.page(), place=left.place if through else None)


def _wrapped(kind: str, one: Item) -> Item:
    return item(f"{kind}|{one.key}", {kind: msgspec.Raw(one.body)})


def parse_journal(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """What was read because of the journal, as the streams of contacts and deals read it, and what it told itself."""

    def read(told: Any) -> Iterable[Event]:
        if "unread" in told:
            raise Unreadable(str(told["unread"]))
        if isinstance(told.get("contact"), dict):
            return contact_events(told["contact"], request, mapping)
        if isinstance(told.get("deal"), dict):
            return deal_events(told["deal"], request)
        return (_told(told),)

    return each(request, read)


def _told(told: dict[str, Any]) -> Event:
    """An end or a return. It has the key under which webhooks tell it, where these have no id of their own for it."""
    name, at = _id(told.get("id")), _time(told.get("at"))
    match told.get("action"), told.get("kind"):
        case "DELETE", "contact":
            kind, key = EventType.CONTACT_DELETED, deletion_key(name, at)
        case "RESTORE", "contact":
            kind, key = EventType.CONTACT_CREATED, restoral_key(name, at)
        case "GDPR_DELETE", "contact":
            kind, key = EventType.CONTACT_ERASED, f"erased|{name}|{int(at.timestamp())}"
        case "DELETE", "deal":
            return Event(
                type=EventType.DEAL_STAGE_CHANGED,
                occurred_at=at,
                source_key=deal_deletion_key(name, at),
                refs=(Ref("deal", name),),
                properties={"deal": name, "closed": True, "outcome": "deleted"},
            )
        case _:
            raise Unreadable("an entry of a kind that is not read")
    identities = (Identity("hubspot", name),)
    return Event(type=kind, occurred_at=at, source_key=key, identities=identities, properties={"source": "read"})


def _time(given: Any) -> datetime:
    try:
        return from_ms(given) if isinstance(given, int) else parse_time(given)
    except (ValueError, OverflowError, TypeError):
        raise Unreadable(f"occurredAt is not a time: {str(given)[:40]!r}") from None


JOURNAL = Stream(
    "journal",
    "Webhooks journal",
    fetch_journal,
    parse_journal,
    complete="Every contact and deal that the app's journal names, as far as it is subscribed: three days back.",
    every=timedelta(minutes=1),
    limits=("journal", "default"),
    calls=7,  # two tokens, three places, the file twice; else five times contacts or deals
    needs=NEEDS,
    scope=f"portal_id, and client_id and client_secret of an app with {SCOPE}",
    history=False,
)
