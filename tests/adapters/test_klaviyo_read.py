"""What Klaviyo holds of a profile, read by its own SDK: who it is, its fields, its consents.

Catalogue: A5 (look before deciding), B1 and B4 (identities, clean), I1 and I2 (the strictest word), M2.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import Record
from adapters.klaviyo import ADAPTER
from adapters.klaviyo.read import check, flat, lookup, profile_record
from adapters.sandbox.server import Server
from app.contacts.action import Subscribe
from app.contacts.contact import Contact
from app.contacts.event import Event, Ref, position
from app.contacts.fold import fold
from app.rules.suppression import may_lift
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, client_of
from tests.contacts.making import yes

MAPPING = mapping_file(ADAPTER.mapping)
LATER = datetime(2099, 1, 1, tzinfo=UTC)  # the sandbox goes by today's clock


@pytest.fixture
def client(vendors: Server) -> Any:
    return client_of(ADAPTER, vendors)


def record(**attributes: Any) -> Record:
    told = {"updated": "2026-03-01T08:00:00+00:00", **attributes}
    return profile_record({"id": "01KANN", "type": "profile", "attributes": told}, MAPPING, NOW)


def said(channel: str = "email", **held: Any) -> list[Event]:
    """The events about consent of a profile with such a subscription."""
    read = record(subscriptions={channel: {"marketing": held}})
    return [event for event in read.events if event.type != "contact.updated"]


# From the vendor ------------------------------------------------------------------------------------------------------


def test_profiles_are_read_a_hundred_at_a_time(vendors, client):
    ids = [vendors.klaviyo.act("create_profile", email=f"p{n}@example.com") for n in range(120)]
    found = lookup(client, [Ref("contact", one) for one in ids], MAPPING, LATER)
    assert [found[Ref("contact", one)].identities[0].value for one in ids] == ids
    assert len(vendors.called("klaviyo", method="GET")) == 2


def test_profile_that_klaviyo_does_not_have_is_left_out(vendors, client):
    known = vendors.klaviyo.act("create_profile", email="ann@example.com")
    refs = [Ref("contact", known), Ref("contact", "01KNOBODY"), Ref("list", "X")]
    assert list(lookup(client, refs, MAPPING, LATER)) == refs[:1]


@pytest.mark.parametrize("odd", ['x"),equals(email,"a', "x\\", 'a","b'])
def test_id_with_quotes_stays_one_id(vendors, client, odd):
    assert lookup(client, [Ref("contact", odd)], MAPPING, LATER) == {}


def test_what_happened_in_klaviyo_is_what_is_read(vendors, client):
    ann = vendors.klaviyo.act("create_profile", email="ann@example.com", phone_number="+12025550123", first_name="Ann")
    vendors.klaviyo.act("subscribe", profile=ann)
    vendors.klaviyo.act("spam", profile=ann)
    read = lookup(client, [Ref("contact", ann)], MAPPING, LATER)[Ref("contact", ann)]
    contact = Contact()
    for event in sorted(read.events, key=position):
        fold(contact, event)
    assert (contact.email, contact.get("phone"), contact.get("first_name")) == (
        "ann@example.com",
        "+12025550123",
        "Ann",
    )
    assert contact.consent["email/marketing"].state == "withdrawn"
    assert contact.deliverability["email"].complained_at is not None


def test_check_says_what_a_key_may_do(vendors, client):
    assert all(one.works for one in check(client))
    vendors.klaviyo.fault("403")
    vendors.klaviyo.fault("401")
    vendors.klaviyo.fault("500")
    advice = [one.advice for one in check(client)]
    assert advice[0] == "make a key with the scope profiles:read"
    assert advice[1] == "Klaviyo refuses the API key: make a new one and set it"
    assert "500" in advice[2]


# What a profile says --------------------------------------------------------------------------------------------------


def test_profile_is_a_snapshot_as_of_its_last_change():
    (event,) = record(email="Ann@Example.com", first_name="Ann ", location={"city": "Bonn"}, title=None).events
    assert event.occurred_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert event.fields == {"email": "ann@example.com", "first_name": "Ann", "city": "Bonn"}
    assert event.told["location.city"] == "Bonn"
    assert "title" not in event.told


@pytest.mark.parametrize("updated", [None, "", "soon", "2031-01-01T00:00:00Z"])
def test_profile_that_does_not_say_when_is_as_of_now(updated):
    assert record(updated=updated).events[0].occurred_at == NOW


def test_profile_has_all_its_identities_clean():
    read = record(email=" Ann@Example.com", phone_number="+1 202-555-0123", external_id=7)
    assert {tuple(one) for one in read.identities} == {
        ("klaviyo", "01KANN"),
        ("email", "ann@example.com"),
        ("phone", "+12025550123"),
        ("external", "7"),
    }
    assert [kind for kind, _ in record(email="no address", phone_number="12").identities] == ["klaviyo"]


def test_attributes_are_named_as_mappings_name_them():
    assert flat({"a": 1, "location": {"city": "Bonn"}, "properties": None, "subscriptions": {"x": 1}}) == {
        "a": 1,
        "location.city": "Bonn",
    }


# Consent --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "state", "by_person"),
    [
        pytest.param({"consent": "SUBSCRIBED", "method": "PREFERENCE_PAGE"}, "granted", True, id="the person's yes"),
        pytest.param({"consent": "SUBSCRIBED", "method": "API_V3_SUBSCRIBE"}, "granted", False, id="a tool's yes"),
        pytest.param({"consent": "SUBSCRIBED"}, "granted", False, id="a yes from nowhere"),
        pytest.param({"consent": "UNSUBSCRIBED", "method": "PREFERENCE_PAGE"}, "withdrawn", False, id="a no"),
        pytest.param({"consent": "unsubscribed"}, "withdrawn", False, id="a no in small letters"),
    ],
)
def test_consent_of_a_profile_is_heard(held, state, by_person):
    (event,) = said(**held)
    assert (event.type, event.properties["state"], event.properties["by_person"]) == (
        "consent.changed",
        state,
        by_person,
    )


@pytest.mark.parametrize("held", [{"consent": "NEVER_SUBSCRIBED"}, {"consent": None}, {}, {"consent": "MAYBE"}])
def test_who_never_said_anything_says_nothing(held):
    assert said(**held) == []


@pytest.mark.parametrize(("name", "channel"), [("email", "email"), ("sms", "sms"), ("mobile_push", "push")])
def test_each_channel_has_its_own(name, channel):
    assert said(name, consent="SUBSCRIBED")[0].properties["channel"] == channel


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("HARD_BOUNCE", "email.bounced"),
        ("INVALID_EMAIL", "email.bounced"),
        ("SPAM_COMPLAINT", "email.complained"),
        ("SPAM_REPORT", "email.complained"),
        ("UNSUBSCRIBE", "consent.changed"),
        ("USER_SUPPRESSED", "consent.changed"),
        ("SOMETHING_NEW", "consent.changed"),
        ("", "consent.changed"),
    ],
)
def test_suppression_beats_consent(reason, kind):
    stopped, agreed = said(consent="SUBSCRIBED", suppression=[{"reason": reason, "timestamp": "2026-02-01T00:00:00Z"}])
    assert (stopped.type, agreed.type) == (kind, "consent.changed")
    assert stopped.occurred_at == datetime(2026, 2, 1, tzinfo=UTC)
    if kind == "consent.changed":
        assert stopped.properties["state"] == "withdrawn"


def test_no_is_never_put_before_its_time():
    """A no may be newer than the profile's own last change; of two times that it has, the newer counts. Put earlier,
    it could be lifted by a yes that it came after."""
    own = yes(datetime(2026, 3, 5, tzinfo=UTC))
    for held in (
        {"suppression": [{"reason": "USER_SUPPRESSED", "timestamp": "2026-03-08T00:00:00Z"}]},
        {"consent": "UNSUBSCRIBED", "consent_timestamp": "2026-03-08T00:00:00Z"},
        {
            "consent": "UNSUBSCRIBED",
            "consent_timestamp": "2026-01-01T00:00:00Z",
            "last_updated": "2026-03-08T00:00:00Z",
        },
    ):
        (no,) = said(**held)
        assert no.occurred_at == datetime(2026, 3, 8, tzinfo=UTC)
        contact = Contact()
        for event in (own, no):
            fold(contact, event)
        assert may_lift(contact, Subscribe(grant=contact.consent["email/marketing"].by_person)) is None


def test_same_consent_read_again_is_the_same_event():
    held = {
        "consent": "SUBSCRIBED",
        "consent_timestamp": "2026-02-01T00:00:00Z",
        "last_updated": "2026-02-01T00:00:00Z",
    }
    (first,) = said(**held)
    (again,) = [one for one in profile_record({"id": "01KANN", "attributes": {
        "updated": "2026-03-09T00:00:00Z", "subscriptions": {"email": {"marketing": held}},
    }}, MAPPING, NOW + timedelta(days=9)).events if one.type == "consent.changed"]  # fmt: skip
    assert again.source_key == first.source_key


@pytest.mark.parametrize("odd", [{"email": []}, {"email": {"marketing": "yes"}}, {"email": None}, {}])
def test_odd_subscriptions_are_passed_over(odd):
    assert [event.type for event in record(subscriptions=odd).events] == ["contact.updated"]
