"""What is read of ActiveCampaign: contacts with what belongs to them, whose a deal is, what the key may do.

Catalogue: A3 (the same however it is heard), C1, I1 (opt-outs, bounces), M3, N6 (checks).
"""

import itertools
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.activecampaign import ADAPTER
from adapters.activecampaign.webhook import parse
from adapters.contract import Record
from adapters.http import BadAnswer, HttpError
from adapters.sandbox.server import Server
from app.contacts.contact import Contact
from app.contacts.event import Event, Identity, Ref
from app.contacts.fold import fold
from mappings.mapping import mapping_file
from tests.adapters.making import arrived, client_of

MAPPING = mapping_file(ADAPTER.mapping)
ANN = "ann@example.com"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def ac(vendors: Server) -> Any:
    vendors.activecampaign.configure(rate_limits=False)
    return vendors.activecampaign


@pytest.fixture
def client(vendors: Server, ac: Any) -> Any:
    return client_of(ADAPTER, vendors)


@pytest.fixture
def ann(ac: Any) -> str:
    return str(ac.act("create_contact", email=ANN, first_name="Ann", phone="+12025550123", job_title="CTO"))


def look(client: Any, *refs: Ref) -> dict[Ref, Record]:
    assert ADAPTER.lookup is not None
    return dict(ADAPTER.lookup(client, refs, MAPPING, now()))


def read(client: Any, number: str) -> Record:
    return look(client, Ref("contact", number))[Ref("contact", number)]


def state(record: Record) -> Contact:
    contact = Contact()
    for event in sorted(record.events, key=lambda event: event.occurred_at):
        event.connection_id = 7
        fold(contact, event)
    return contact


def test_contact_is_read_with_its_fields_by_number_and_by_name(ac, client, ann):
    record = read(client, ann)
    assert record.identities == (
        Identity("activecampaign", ann),
        Identity("email", ANN),
        Identity("phone", "+12025550123"),
    )
    (event,) = record.events
    (number,) = [number for number, field in ac.fields.items() if field["perstag"] == "JOB_TITLE"]
    assert event.told == {
        "email": ANN,
        "first_name": "Ann",
        "phone": "+12025550123",
        f"fields.{number}": "CTO",
        "fields.job_title": "CTO",
    }
    assert event.fields == {"email": ANN, "first_name": "Ann", "phone": "+12025550123"}
    assert event.properties == {"source": "read"}


def test_hundreds_of_contacts_are_read_a_hundred_at_a_time(vendors, ac, client):
    numbers = [ac.act("create_contact", email=f"p{n}@example.com") for n in range(150)]
    refs = [Ref("contact", number) for number in (*numbers, "999999")]
    found = look(client, *refs)
    assert set(found) == set(refs[:-1]), "what is not known is left out"
    assert [call.path for call in vendors.called("activecampaign")] == [
        "/api/3/contacts",
        "/api/3/fields",
        "/api/3/contacts",
    ]


@pytest.mark.parametrize(
    ("stays", "consent_list", "state_"),
    [
        pytest.param(True, "", "granted", id="off one list of two"),
        pytest.param(False, "", "withdrawn", id="off all"),
        pytest.param(True, "Newsletter", "withdrawn", id="off the list that stands for consent"),
    ],
)
def test_lists_say_what_somebody_agreed_to(vendors, ac, ann, stays, consent_list, state_):
    numbers = {name: number for number, name in ac.lists.items()}
    client = client_of(ADAPTER, vendors, list=numbers.get(consent_list, ""))
    for name in numbers:
        ac.act("subscribe", contact=ann, list=name)
    ac.act("unsubscribe", contact=ann, list="Newsletter")
    if not stays:
        ac.act("unsubscribe", contact=ann, list="Webinars")
    held = state(read(client, ann))
    assert held.consent["email/marketing"].state == state_
    assert held.consent["email/marketing"].by_person is None, "a record does not say that they did it themselves"
    assert list(held.lists) == ([f"7:{numbers['Webinars']}"] if stays else [])


def test_contact_on_no_list_says_nothing_of_consent(client, ann):
    assert not state(read(client, ann)).consent


def test_tags_are_read_by_name(ac, client, ann):
    for tag in ("VIP, gold", "Webinar"):
        ac.act("add_tag", contact=ann, tag=tag)
    assert set(state(read(client, ann)).tags) == {"VIP, gold", "Webinar"}


def test_tags_whose_names_do_not_stand_beside_are_looked_up(vendors, ac, client, ann, monkeypatch):
    monkeypatch.setattr("adapters.activecampaign.read.INCLUDED", "fieldValues,contactLists,contactTags")
    ac.act("add_tag", contact=ann, tag="VIP")
    assert set(state(read(client, ann)).tags) == {"VIP"}
    read(client, ann)
    assert len(vendors.called("activecampaign", path="/tags")) == 1


def test_hard_bounce_is_read_once(ac, client, ann):
    ac.act("bounce", contact=ann)
    first, again = read(client, ann), read(client, ann)
    assert state(first).deliverability["email"].bounced_at is not None
    assert [event.source_key for event in first.events] == [event.source_key for event in again.events]


def test_what_is_read_is_known_like_what_a_webhook_told(ac, client, ann):
    """A tag, a list joined and one left are one event, however they are heard."""
    heard: list[Any] = []
    moments = itertools.count(time.time() - 100)
    ac.tell = lambda kind, origin, pairs: heard.append(
        {"type": kind, "date_time": ac.stamp(), "initiated_from": origin, "list": "0", **pairs}
    )
    for act, name in (
        ("subscribe", "Newsletter"),
        ("subscribe", "Webinars"),
        ("unsubscribe", "Webinars"),
        ("unsubscribe", "Newsletter"),
        ("add_tag", "VIP"),
    ):
        moment = next(moments)
        ac.clock = lambda moment=moment: moment
        ac.act(act, contact=ann, **{"tag" if act == "add_tag" else "list": name})
    told: set[str] = set()
    for said in heard:
        request = arrived(urlencode(said).encode(), content_type="application/x-www-form-urlencoded")
        told |= {event.source_key for event in parse(request, MAPPING) if isinstance(event, Event)}
    known = {(event.type, event.source_key) for event in read(client, ann).events if event.type != "contact.updated"}
    assert sorted(kind for kind, _ in known) == ["email.unsubscribed", "list.left", "list.left", "tag.added"]
    assert {key for _, key in known} < told


def test_deal_is_about_its_contact(ac, client, ann):
    deal = ac.act("create_deal", contact=ann)
    gone = Ref("deal", "999999")
    found = look(client, Ref("deal", deal), gone)
    assert found[Ref("deal", deal)].contacts == (Identity("activecampaign", ann),)
    assert found[gone] == Record()
    ac.configure(deals=False)
    assert look(client, Ref("deal", deal))[Ref("deal", deal)] == Record()


def test_deal_that_cannot_be_read_now_is_not_taken_for_nobodys(ac, client, ann):
    """A key that is refused, or too many calls, says nothing of whose it is."""
    deal = ac.act("create_deal", contact=ann)
    ac.configure(api_key="another")
    with pytest.raises(HttpError, match="403"):
        look(client, Ref("deal", deal))
    ac.configure(api_key="pk_x", deals=False)
    ac.fault("429", path="/users/me")
    with pytest.raises(HttpError, match="429"):
        look(client, Ref("deal", deal))


def checks(client: Any) -> dict[str, tuple[bool, str]]:
    assert ADAPTER.check is not None
    return {check.capability: (check.works, check.advice) for check in ADAPTER.check(client)}


def test_each_capability_is_tried_and_nothing_changed(vendors, ac, client):
    found = checks(client)
    assert all(works for works, _ in found.values())
    assert {"Sign in", "Read contacts", "Deals and tasks"} <= set(found)
    assert {call.method for call in vendors.called("activecampaign")} == {"GET"}


def test_check_waits_where_it_asks_too_much_at_once(ac, client, monkeypatch):
    ac.configure(rate_limits=True)
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        ac.windows = type(ac.windows)(ac.clock)

    monkeypatch.setattr("adapters.activecampaign.read.time.sleep", wait)
    assert all(works for works, _ in checks(client).values())
    assert waited == [1.0]


def test_check_says_what_is_missing_and_what_to_do(vendors, ac):
    ac.configure(deals=False)
    client = client_of(ADAPTER, vendors, list="999")
    assert {name for name, (works, _) in checks(client).items() if not works} == {"Deals and tasks", "List 999"}
    assert "handoffs=no" in checks(client)["Deals and tasks"][1]
    assert "Deals and tasks" not in checks(client_of(ADAPTER, vendors, handoffs="no"))
    ac.configure(api_key="another")
    assert not any(works for works, _ in checks(client).values())
    assert "key" in checks(client)["Sign in"][1]


def test_list_that_does_not_end_is_no_answer(client, monkeypatch):
    monkeypatch.setattr(client, "ask", lambda *args, **more: {"tags": [{"id": "1"}] * 100})
    with pytest.raises(BadAnswer, match="does not end"):
        list(client.pages("/tags", "tags"))
