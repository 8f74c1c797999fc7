"""What polling reads of ActiveCampaign: pages that miss nobody, and the events they amount to.

Catalogue: A5 (gaps), A6 (batches), M3 (polling).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.activecampaign import ADAPTER
from adapters.contract import BadItem, Item, Stream, Window
from adapters.sandbox.server import Server
from app.contacts.event import Event
from mappings.mapping import mapping_file
from tests.adapters.making import arrived, client_of

MAPPING = mapping_file(ADAPTER.mapping)


@pytest.fixture
def ac(vendors: Server) -> Any:
    vendors.activecampaign.configure(rate_limits=False)
    return vendors.activecampaign


@pytest.fixture
def client(vendors: Server, ac: Any) -> Any:
    return client_of(ADAPTER, vendors)


def stream(name: str) -> Stream:
    found = ADAPTER.stream(name)
    assert found is not None
    return found


def window(page: str = "", minutes: float = 60) -> Window:
    now = datetime.now(UTC)
    return Window(since=now - timedelta(minutes=minutes), until=now, page=page)


def polled(client: Any, name: str, **more: Any) -> list[Item]:
    found, page = [], ""
    for _ in range(20):
        answer = stream(name).fetch(client, window(page, **more), MAPPING)
        found += answer.items
        page = answer.next
        if not page:
            return found
    raise AssertionError("the pages have no end")


def events(name: str, items: list[Item]) -> list[Any]:
    body = b"[" + b",".join(item.body for item in items) + b"]"
    return list(stream(name).parse(arrived(body, at=datetime.now(UTC)), MAPPING))


def test_all_contacts_that_changed_are_read_and_no_others(ac, client):
    for n in range(230):
        ac.act("create_contact", email=f"p{n}@example.com")
    for one in list(ac.contacts.values())[:30]:
        one.updated -= 7_200
    items = polled(client, "contacts")
    assert len(items) == len({item.key for item in items}) == 200
    found = events("contacts", items)
    assert {event.identity("email") for event in found} == {f"p{n}@example.com" for n in range(30, 230)}


def test_who_changes_between_two_pages_moves_nobody_past_the_next(ac, client):
    numbers = [ac.act("create_contact", email=f"p{n}@example.com") for n in range(150)]
    first = stream("contacts").fetch(client, window(), MAPPING)
    for number in numbers[:60]:
        ac.act("update_contact", contact=number, first_name="Ann")
    second = stream("contacts").fetch(client, window(first.next), MAPPING)
    seen = {item.key.split("|")[0] for item in (*first.items, *second.items)}
    assert seen == set(numbers)


def test_record_is_another_item_once_it_says_something_else(ac, client):
    number = ac.act("create_contact", email="ann@example.com")
    (first,), (again,) = polled(client, "contacts"), polled(client, "contacts")
    assert first.key == again.key
    updated = ac.contact(number).updated
    ac.act("add_tag", contact=number, tag="VIP")
    ac.contact(number).updated = updated  # also where the contact's own time stays
    (other,) = polled(client, "contacts")
    assert other.key != first.key


def test_list_that_is_consent_counts_in_what_is_polled(ac, client):
    number = ac.act("create_contact", email="ann@example.com")
    for name in ("Newsletter", "Webinars"):
        ac.act("subscribe", contact=number, list=name)
    ac.act("unsubscribe", contact=number, list="Newsletter")
    (item,) = polled(client, "contacts")
    newsletter = next(iter(ac.lists))
    for settings, kinds in (({}, 0), ({"list": newsletter}, 1)):
        request = arrived(b"[" + item.body + b"]", at=datetime.now(UTC), settings=settings)
        found = [event for event in stream("contacts").parse(request, MAPPING) if isinstance(event, Event)]
        assert sum(event.type == "email.unsubscribed" for event in found) == kinds


def test_deals_say_how_they_stand_and_new_ones_are_opened(ac, client):
    number = ac.act("create_contact", email="ann@example.com")
    deal = ac.act("create_deal", contact=number, title="Rollout", value=1_250_050)
    (opened,) = events("deals", polled(client, "deals"))
    assert (opened.type, opened.source_key) == ("deal.created", f"deal|{deal}|created")
    assert (opened.properties["value"], opened.properties["currency"]) == (12_500.5, "USD")
    assert opened.identities == (("activecampaign", number),)
    ac.clock, real = (lambda: datetime.now(UTC).timestamp() + 60), ac.clock
    ac.act("move_deal", deal=deal, status="1")
    ac.clock = real
    body = polled(client, "deals")
    request = arrived(b"[" + body[0].body + b"]", at=datetime.now(UTC) + timedelta(minutes=5))
    first, second = stream("deals").parse(request, MAPPING)
    assert isinstance(first, Event)
    assert isinstance(second, Event)
    assert (first.source_key, first.properties.get("closed")) == (opened.source_key, None)
    assert (second.type, second.properties["outcome"]) == ("deal.stage_changed", "won")


def test_hundreds_of_deals_are_read_page_by_page(ac, client):
    number = ac.act("create_contact", email="ann@example.com")
    for n in range(130):
        ac.act("create_deal", contact=number, title=f"D{n}")
    answer = stream("deals").fetch(client, window(), MAPPING)
    assert (len(answer.items), answer.next, answer.total) == (100, "100", 130)
    assert len(polled(client, "deals")) == 130
    assert polled(client, "deals", minutes=-5) == []


@pytest.mark.parametrize("name", ["contacts", "deals"])
def test_bad_item_is_parked_alone(ac, client, name):
    number = ac.act("create_contact", email="ann@example.com")
    ac.act("create_deal", contact=number)
    (good,) = polled(client, name)
    found = events(name, [good, Item("x", b'{"contact": 7}'), Item("y", b'"text"')])
    assert [type(one) for one in found if isinstance(one, BadItem)] == [BadItem, BadItem]
    assert any(isinstance(one, Event) for one in found)
