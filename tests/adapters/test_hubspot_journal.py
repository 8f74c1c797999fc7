"""HubSpot's webhooks journal, call by call: its tokens, its signed files, entries of all kinds. Catalogue: A5, N1."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from adapters.contract import Account, BadItem, Page, Window
from adapters.http import BadAnswer, Http, HttpError
from adapters.hubspot import ADAPTER
from adapters.hubspot.journal import fetch_journal, parse_journal
from adapters.hubspot.journal_files import NEEDS, Found, Journal, JournalRefused
from adapters.hubspot.sandbox.journal import kept
from adapters.sandbox.server import Server
from app.contacts.event import Event, EventType, Identity, Ref
from tests.adapters.making import NOW, arrived, client_of
from tests.adapters.test_hubspot_read import MAPPING

SETTINGS = {"client_id": "app", "client_secret": "s", "journal": "yes", "portal_id": "4242"}
AT = "2026-03-10T09:00:00.250Z"
SECOND = 1773133200


@pytest.fixture
def client(vendors: Server) -> Any:
    vendors.hubspot.configure(journal=True)
    return client_of(ADAPTER, vendors, **SETTINGS)


def read(client: Any, place: str = "", page: str = "") -> Page:
    return fetch_journal(client, Window(since=NOW, until=NOW, place=place, page=page), MAPPING)


def entry(action: str = "UPDATE", kind: str = "0-1", name: Any = 17, **more: Any) -> dict[str, Any]:
    known = {"type": "crmObject", "portalId": 4242, "occurredAt": AT, "action": action, "objectTypeId": kind}
    return {**known, "objectId": name, **more}


def told(*items: Any) -> list[Any]:
    return list(parse_journal(arrived(msgspec.json.encode(items), at=NOW), MAPPING))


def of_page(page: Page) -> list[Any]:
    return list(parse_journal(arrived(b"[" + b",".join(one.body for one in page.items) + b"]", at=NOW), MAPPING))


def publish(vendors: Server, *entries: Any) -> None:
    vendors.hubspot.entries = list(entries)


# tokens ---------------------------------------------------------------------------------------------------------------


def test_token_is_asked_for_once_and_again_when_it_has_ended(vendors, client):
    for _ in range(3):
        client.journal.latest()
    assert len(vendors.called("hubspot", path="/token")) == 1
    vendors.hubspot.tokens.clear()
    assert client.journal.latest() is None
    (_, again) = vendors.called("hubspot", path="/token")
    assert "grant_type=client_credentials" in again.body
    assert "scope=developer.webhooks_journal.read" in again.body


def test_older_address_of_tokens_is_asked_where_the_dated_one_gives_none(vendors, client):
    vendors.hubspot.fault("400", path="/oauth/2026-03/token")
    assert client.journal.latest() is None
    assert [call.path for call in vendors.called("hubspot", path="/token")] == [
        "/oauth/2026-03/token",
        "/oauth/v1/token",
    ]


def test_whoever_gives_no_token_for_the_moment_is_no_refusal(vendors, client):
    vendors.hubspot.fault("503", times=1, path="/token")
    with pytest.raises(HttpError) as error:
        client.journal.latest()
    assert error.value.status == 503


@pytest.mark.parametrize(
    ("setting", "value", "advice"), [("client_secret", "x", "client_id"), ("journal", False, "scope")]
)
def test_check_says_what_the_journal_lacks(vendors, client, setting, value, advice):
    (works,) = [one for one in ADAPTER.check(client) if "journal" in one.capability]
    assert works.works
    if setting == "client_secret":
        client = client_of(ADAPTER, vendors, **SETTINGS)
    else:
        vendors.hubspot.fault("403", path="/webhooks-journal/")
    vendors.hubspot.configure(**{setting: value})
    (lacks,) = [one for one in ADAPTER.check(client) if "journal" in one.capability]
    assert not lacks.works
    assert advice in lacks.advice


def test_check_says_nothing_of_a_journal_that_nobody_asked_for(vendors):
    assert not [one for one in ADAPTER.check(client_of(ADAPTER, vendors)) if "journal" in one.capability]
    (setting,) = [one for one in ADAPTER.settings if one.name == "journal"]
    assert setting.wrong("no")
    assert not setting.wrong("yes")


def test_refusal_is_of_the_journal_alone(vendors, client):
    vendors.hubspot.fault("401", times=2, path="/webhooks-journal/")
    with pytest.raises(JournalRefused) as error:
        client.journal.latest()
    assert error.value.status == 403, "a 401 would stop all that goes by the account's token"


# files ----------------------------------------------------------------------------------------------------------------


def test_without_the_account_nothing_is_read_and_a_check_says_so(vendors):
    vendors.hubspot.configure(journal=True)
    assert "portal_id" in NEEDS, "other accounts' contacts have the ids of ours"
    client = client_of(ADAPTER, vendors, **{**SETTINGS, "portal_id": ""})
    (check,) = [one for one in ADAPTER.check(client) if one.capability == "Read the webhooks journal"]
    assert (check.works, check.advice) == (False, "set portal_id")
    assert vendors.called("hubspot", path="/webhooks-journal/") == []


def test_file_is_fetched_without_a_token(vendors, client):
    publish(vendors, entry())
    read(client)  # the simulator refuses one that comes with a token
    (call,) = vendors.called("hubspot", path="/journal-files/")
    assert call.status == 200


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/file", "https://169.254.169.254/latest", "http://files.example.com/x"]
)
def test_file_on_a_private_address_is_not_fetched(url):
    journal = Journal(Account(SETTINGS, "https://api.example.com", Http()))
    with pytest.raises(BadAnswer, match="does not go"):
        journal.entries("", Found(url=url, current_offset="1"))


def test_nothing_new_ends_the_round(client):
    page = read(client)
    assert (list(page.items), page.next, page.place) == ([], "", None)


def test_place_moves_with_the_last_that_was_read(vendors, client, monkeypatch):
    monkeypatch.setattr("adapters.hubspot.journal.BATCH", 2)
    monkeypatch.setattr("adapters.hubspot.journal.READS", 1)
    names = [int(vendors.hubspot.act("create_contact", email=f"p{n}@example.com")["id"]) for n in range(3)]
    publish(vendors, *(entry(name=name) for name in names))
    file = kept(vendors.hubspot)[0]
    first = read(client)
    assert (len(first.items), first.place) == (0, None)
    second = read(client, page=first.next)
    assert (len(second.items), second.place) == (2, None)
    third = read(client, page=second.next)
    assert (len(third.items), third.place) == (1, file.place)
    assert len({first.next, second.next, third.next}) == 3
    end = read(client, place=file.place, page=third.next)
    assert (end.items, end.next) == ([], "")


def test_file_of_another_shape_is_parked(vendors, client):
    publish(vendors, entry())
    kept(vendors.hubspot)[0].spoilt = b'{"events": []}'
    page = read(client)
    (bad,) = of_page(Page(items=[*page.items, page.items[0]]))[:1]
    assert isinstance(bad, BadItem)
    assert "cannot be read" in bad.reason
    assert page.place == kept(vendors.hubspot)[0].place


# entries --------------------------------------------------------------------------------------------------------------


def test_who_changed_is_read_once_whatever_changed(vendors, client):
    ann = int(vendors.hubspot.act("create_contact", email="ann@example.com", company="Acme")["id"])
    deal = int(vendors.hubspot.act("create_deal", contacts=[str(ann)])["id"])
    changes: list[Any] = [entry(action, name=ann) for action in ("CREATE", "UPDATE", "MERGE", "SOMETHING_NEW")]
    strange: dict[str, Any] = {"propertyChanges": {"company": [1, {"a": None}]}}
    publish(vendors, *changes, entry(name=str(ann), **strange), entry(kind="0-3", name=deal), entry(kind="0-5", name=9))
    page = read(client, page=read(client).next)
    found = of_page(page)
    (contact,) = [one for one in found if one.type == EventType.CONTACT_UPDATED]
    assert contact.fields["company"] == "Acme"
    assert contact.source_key.startswith(f"read|{ann}|"), "as polling and looking up call it"
    (stage,) = [one for one in found if one.type == EventType.DEAL_STAGE_CHANGED]
    assert stage.refs == (Ref("deal", str(deal)),)


def test_ends_and_returns_are_told_under_the_keys_of_webhooks(vendors, client):
    gone = [entry("DELETE", name=1), entry("RESTORE", name=2), entry("DELETE", "0-3", 3), entry("GDPR_DELETE", name=4)]
    also = entry("GDPR_DELETE", name=5, type="gdprPrivacyDeletion")
    publish(vendors, *gone, also, entry("RESTORE", "0-3", 6))
    page = read(client)
    found = of_page(page)
    assert [(one.type, one.source_key) for one in found] == [
        (EventType.CONTACT_DELETED, f"gone|1|{SECOND}"),
        (EventType.CONTACT_CREATED, f"restored|2|{SECOND}"),
        (EventType.DEAL_STAGE_CHANGED, f"deal gone|3|{SECOND}"),
        (EventType.CONTACT_ERASED, f"erased|4|{SECOND}"),
        (EventType.CONTACT_ERASED, f"erased|5|{SECOND}"),
    ]
    assert found[0].identities == (Identity("hubspot", "1"),)
    assert msgspec.json.decode(page.next) == {"place": page_place(vendors), "contacts": ["2"], "deals": ["6"]}
    at = SECOND * 1000 + 250
    notices = [
        {"subscriptionType": "contact.deletion", "objectId": 1},
        {"subscriptionType": "contact.restore", "objectId": 2},
        {"subscriptionType": "deal.deletion", "objectId": 3},
    ]
    body = msgspec.json.encode([{**one, "occurredAt": at, "eventId": 77, "portalId": 4242} for one in notices])
    assert ADAPTER.parse is not None
    heard = [one for one in ADAPTER.parse(arrived(body), MAPPING) if isinstance(one, Event)]
    assert [one.source_key for one in heard] == [one.source_key for one in found[:3]]
    assert [one.type for one in heard] == [one.type for one in found[:3]]


def page_place(vendors: Server) -> str:
    return kept(vendors.hubspot)[0].place


def test_entry_that_cannot_be_read_costs_no_other(vendors, client):
    ann = int(vendors.hubspot.act("create_contact", email="ann@example.com")["id"])
    odd = [entry(name="x"), entry(name=None), entry(portalId=1), entry(name=[1]), "a text", 17, None]
    others: list[Any] = [{}, {"type": "association"}, entry(type="list_membership")]
    publish(vendors, *odd, *others, entry("DELETE", name=8, occurredAt="soon"), entry(name=ann))
    first = read(client)
    found = of_page(first)
    assert all(isinstance(one, BadItem) for one in found)
    reasons = Counter(one.reason.partition(": ")[0] for one in found)
    assert reasons == {"an entry of HubSpot's journal cannot be read": 7, "occurredAt is not a time": 1}
    assert msgspec.json.decode(first.next)["contacts"] == [str(ann)]


@pytest.mark.parametrize(
    "item", [{"action": "DELETE"}, {"action": "X", "kind": "contact", "id": "1", "at": AT}, {"deal": 1}]
)
def test_item_that_says_nothing_is_parked_alone(item):
    found = told(item, {"action": "DELETE", "kind": "contact", "id": "1", "at": AT})
    assert [type(one) for one in found] == [BadItem, Event]
