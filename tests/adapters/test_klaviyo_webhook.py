"""What is made of Klaviyo's webhooks, beside the samples: keys, meaning, times, what cannot be read.

Catalogue: A3 (redelivery), A6 (batches), A8 (commerce), A11 (quarantine), C5 (human or machine), I1 (bounces and
opt-outs), M2 (in).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.contract import BadItem, Unreadable
from adapters.klaviyo import ADAPTER
from adapters.klaviyo.metrics import TYPES, type_of
from adapters.klaviyo.webhook import parse
from app.contacts.event import EVENT_TYPES, Event
from mappings.mapping import mapping_file
from tests.adapters.making import NOW, arrived

MAPPING = mapping_file(ADAPTER.mapping)
PROFILE = "01KD4Z7Q8W9X0Y1Z2A3B4C5D6E"
HOOK = "a8b890458b4bbfaa"


def item(
    topic: str = "klaviyo.opened_email", told: Any = None, name: str = "7fx1", **attributes: Any
) -> dict[str, Any]:
    """One event of a system webhook."""
    attributes = {"timestamp": 1_773_129_600, "event_properties": told or {}, **attributes}
    return {
        "external_id": name,
        "topic": f"event:{topic}",
        "payload": {
            "data": {
                "type": "event",
                "id": name,
                "attributes": {key: value for key, value in attributes.items() if value is not None},
                "relationships": {"profile": {"data": {"type": "profile", "id": PROFILE}}},
            }
        },
    }


def system(*items: Any) -> dict[str, Any]:
    return {"data": list(items), "meta": {"klaviyo_webhook_id": HOOK}}


def read(body: Any, **more: Any) -> list[Event | BadItem]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return list(parse(arrived(raw, **more), MAPPING))


def one(body: Any, **more: Any) -> Event:
    (event,) = read(body, **more)
    assert isinstance(event, Event)
    return event


def happened(topic: str, **told: Any) -> Event:
    return one(system(item(topic, told)))


def reason(body: Any, **more: Any) -> str:
    with pytest.raises(Unreadable) as refused:
        read(body, **more)
    return str(refused.value)


# Redelivery -----------------------------------------------------------------------------------------------------------


def test_key_is_the_events_id_and_topic_and_nothing_else():
    first = one(system(item(told={"Subject": "Hello"}))).source_key
    again = one({**system(item(told={"Subject": "Hello you"}, timestamp=1)), "meta": {"timestamp": "later"}})
    assert again.source_key == first
    assert one(system(item(name="7fx2"))).source_key != first
    assert one(system(item("klaviyo.clicked_email"))).source_key != first


def test_flow_webhook_with_an_event_id_is_one_event_however_it_is_told():
    body = {"profile_id": PROFILE, "event": "Placed Order", "event_id": "1001"}
    later = {**body, "time": "2026-03-10T08:00:00Z", "first_name": "Ann"}
    assert one(body).source_key == one(later, at=NOW + timedelta(days=2)).source_key
    assert one({**body, "event": "Refunded Order"}).source_key != one(body).source_key


def test_flow_webhook_without_one_is_told_apart_by_content_and_time():
    body = {"profile_id": PROFILE, "event": "Viewed Pricing", "time": "2026-03-10T08:00:00Z"}
    assert one(body).source_key == one(dict(reversed(body.items())), at=NOW + timedelta(days=2)).source_key
    assert one({**body, "time": "2026-03-10T08:00:01Z"}).source_key != one(body).source_key
    timeless = {**body, "time": ""}
    assert one(timeless).source_key == one(timeless, at=NOW + timedelta(hours=2)).source_key
    assert one(timeless).source_key != one(timeless, at=NOW + timedelta(days=1)).source_key


# Batches --------------------------------------------------------------------------------------------------------------


def test_one_bad_event_of_a_thousand_is_parked_and_the_others_go_on():
    items = [item(name=f"e{n}") for n in range(1000)]
    items[500] = item(name="e500", timestamp="soon")
    made = read(system(*items))
    (bad,) = [one for one in made if isinstance(one, BadItem)]
    assert len(made) == 1000
    assert reason(bad.body) == bad.reason == "timestamp is not a time: 'soon'"
    assert json.loads(bad.body)["meta"] == {"klaviyo_webhook_id": HOOK}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"", "the body is empty", id="nothing"),
        pytest.param([], "is one JSON object", id="a list"),
        pytest.param(system(), "an empty list of events", id="an empty list"),
        pytest.param(system(1), "without a topic", id="a number"),
        pytest.param(system({"topic": 1}), "without a topic", id="a topic that is none"),
        pytest.param(system({"topic": "event:klaviyo.opened_email"}), "without an id", id="no id"),
        pytest.param(system(item(datetime="soon", timestamp=None)), "datetime is not a time", id="no time"),
        pytest.param(system(item(timestamp=10**17)), "timestamp is not a time", id="a time beyond time"),
        pytest.param({}, "without profile_id, email or phone_number", id="a flow webhook of nobody"),
        pytest.param({"email": "{{ person.email }}"}, "without profile_id, email", id="only unfilled tags"),
        pytest.param({"email": "ann@"}, "without profile_id, email", id="an address that is none"),
        pytest.param({"profile_id": "x" * 101}, "an id that is no id", id="an id without end"),
        pytest.param({"profile_id": ["x"]}, "an id that is no id", id="a list for an id"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_why(body, why):
    assert why in reason(body).replace("a profile's id that is no id", "an id that is no id")


def test_more_events_than_klaviyo_ever_sends_are_refused_unread():
    many = {"data": [{}] * 5001}
    assert reason(many) == "more than 5000 events in one request"


def test_webhook_of_another_id_than_the_header_says_is_parked():
    body = system(item())
    assert one(body, klaviyo_webhook_id=HOOK).type == "email.opened"
    assert one({"data": [item()]}, klaviyo_webhook_id=HOOK).type == "email.opened"
    assert "is not the webhook that the body names" in reason(body, klaviyo_webhook_id="another")


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"foo": "bar"}, [], "x", {"data": {"attributes": []}}, {"data": {"relationships": {"profile": 1}}}],
)
def test_event_without_a_profile_is_kept_as_unknown(payload):
    event = one(system({**item(), "payload": payload}))
    assert (event.type, event.identities) == ("unknown", ())


# What it means --------------------------------------------------------------------------------------------------------


def test_every_type_in_the_table_exists():
    assert set(TYPES.values()) <= EVENT_TYPES
    assert all(name == "".join(letter for letter in name if letter.isalnum()).lower() for name in TYPES)


@pytest.mark.parametrize(
    "name", ["opened_email", "Opened Email", "OPENED EMAIL", "opened-email", "Opened  Email ", "openedEmail"]
)
def test_metric_is_known_by_its_letters(name):
    assert type_of(name) == "email.opened"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("Trial Started!", "custom:trial_started", id="a team's own"),
        pytest.param("Größe gewählt", "custom:größe_gewählt", id="in its own language"),
        pytest.param("suppressed", "custom:klaviyo_suppressed", id="what only people decide"),
        pytest.param("Released", "custom:klaviyo_released", id="and take back"),
        pytest.param("***", "unknown", id="no letters"),
        pytest.param("x" * 500, "custom:" + "x" * 80, id="very long"),
    ],
)
def test_other_metrics_keep_their_name(name, kind):
    assert type_of(name) == kind


@pytest.mark.parametrize(
    ("topic", "told", "why"),
    [
        pytest.param("opened_email", {"machine_open": True}, "opened by a mail privacy proxy", id="a machine's open"),
        pytest.param("opened_email", {"machine_open": "true"}, "opened by a mail privacy proxy", id="said as a text"),
        pytest.param("opened_email", {"machine_open": False}, None, id="a person's open"),
        pytest.param("opened_email", {}, None, id="nothing said"),
        pytest.param("clicked_email", {"Bot Click": True}, "clicked by a link scanner", id="a scanner's click"),
        pytest.param("clicked_email", {"Bot Click": "False"}, None, id="a person's click"),
        pytest.param("received_email", {"machine_open": True}, None, id="no open at all"),
    ],
)
def test_machines_opens_and_clicks_are_marked_with_the_reason(topic, told, why):
    assert happened(f"klaviyo.{topic}", **told).machine == why


@pytest.mark.parametrize(
    ("told", "permanent"),
    [
        pytest.param({"Bounce Type": "Hard"}, True, id="hard"),
        pytest.param({"Bounce Type": "Soft"}, False, id="soft"),
        pytest.param(
            {"Bounce Type": "Soft", "$extra": {"$bounce_delivery_info": {"add_exclusion": True}}}, True,
            id="soft, but Klaviyo will not write there again",
        ),
        pytest.param({"Bounce Type": "Soft", "$extra": {"$bounce_delivery_info": []}}, False, id="an odd reason"),
        pytest.param({}, False, id="nothing said"),
    ],
)  # fmt: skip
def test_bounce_is_permanent_where_klaviyo_gives_up(told, permanent):
    assert happened("klaviyo.bounced_email", **told).properties["permanent"] is permanent


@pytest.mark.parametrize(
    ("failure", "permanent"),
    [("Landline", True), ("Invalid Number", True), ("Device Disconnected", True), ("Carrier unreachable", False)],
)
def test_text_message_fails_for_good_where_there_is_no_mobile(failure, permanent):
    event = happened("klaviyo.failed_to_deliver_sms", **{"Failure Type": failure})
    assert event.properties["permanent"] is permanent


@pytest.mark.parametrize(
    ("method", "by_person"),
    [("PREFERENCE_PAGE", True), ("preference_page", True), ("API_V3_SUBSCRIBE", False), ("IMPORT", False), ("", False)],
)
def test_yes_is_the_persons_own_only_where_the_person_gave_it(method, by_person):
    said = happened("klaviyo.subscribed_to_email_marketing", method=method).properties
    assert (said["state"], said["channel"], said["by_person"]) == ("granted", "email", by_person)


@pytest.mark.parametrize("text", ["STOP", "stop.", " Unsubscribe ", "JOIN", "start"])
def test_word_that_klaviyo_answers_itself_starts_no_conversation(text):
    assert happened("klaviyo.sent_sms", **{"Message Body": text}).type == "unknown"


@pytest.mark.parametrize("text", ["Yes", "Stop by tomorrow?", "", "END"])
def test_any_other_text_is_a_reply(text):
    assert happened("klaviyo.sent_sms", **{"Message Body": text}).type == "sms.replied"


def test_event_that_we_wrote_ourselves_is_an_echo():
    event = happened("api.placed_order", **{"$event_id": "baton-1f"})
    assert (event.type, event.properties) == ("unknown", {"echo": "baton-1f"})


@pytest.mark.parametrize(
    ("told", "value", "currency", "items"),
    [
        pytest.param({"$value": 9.5, "$value_currency": "USD"}, 9.5, "USD", None, id="as Klaviyo has it"),
        pytest.param({"value": "1,009.50", "currency": "EUR"}, 1009.5, "EUR", None, id="as a shop has it"),
        pytest.param({"$value": 0, "value": 7}, 0, None, None, id="nothing to pay is an amount"),
        pytest.param({"$value": "free"}, None, None, None, id="no amount"),
        pytest.param({"$value": True}, None, None, None, id="an amount that is yes"),
        pytest.param({"Items": ["Book"]}, None, None, [{"name": "Book"}], id="names of things"),
        pytest.param({"items": {"SKU": 1}}, None, None, [{"SKU": 1}], id="one thing"),
        pytest.param({"Items": 3}, None, None, None, id="a number of things"),
        pytest.param({"Items": [{"SKU": 1}] * 200}, None, None, [{"SKU": 1}] * 100, id="no end of things"),
    ],
)
def test_order_has_its_value_currency_and_items(told, value, currency, items):
    said = happened("api.placed_order", **told).properties
    assert [said.get(name) for name in ("value", "currency", "items")] == [value, currency, items]


@pytest.mark.parametrize(
    ("told", "other"),
    [
        pytest.param({"datetime": "2026-03-10 08:00:00+00:00"}, None, id="they agree"),
        pytest.param({"datetime": "2026-03-10T08:00:00"}, None, id="without a zone"),
        pytest.param({"datetime": "2026-03-10T10:00:00"}, "2026-03-10T10:00:00", id="they do not"),
        pytest.param({"datetime": "soon"}, "soon", id="one is no time"),
    ],
)
def test_timestamp_is_believed_and_another_datetime_noted(told, other):
    event = one(system(item(**told)))
    assert event.occurred_at == datetime(2026, 3, 10, 8, tzinfo=UTC)
    assert event.properties.get("other_time") == other


@pytest.mark.parametrize("text", ["2026-03-10T08:00:00Z", "2026-03-10 08:00:00+00:00", "2026-03-10T09:00:00+01:00"])
def test_datetime_is_read_in_both_spellings(text):
    assert one(system(item(timestamp=None, datetime=text))).occurred_at == datetime(2026, 3, 10, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "told",
    [{"email_address": "Ann@Example.com"}, {"email_address": " ann@example.com "}],
)
def test_consent_event_says_whose_address_it_is(told):
    assert happened("klaviyo.unsubscribed_from_email_marketing", **told).identity("email") == "ann@example.com"


def test_address_that_a_mail_bounced_from_is_nobodys_name():
    event = happened("klaviyo.bounced_email", **{"Recipient Email Address": "old@example.com"})
    assert event.identity("email") is None


# Flow webhooks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ["{{ person.first_name }}", "{{ x|default:'' }}", "{% if x %}", "", "  ", None])
def test_tag_that_was_not_filled_is_no_value(tag):
    event = one({"profile_id": PROFILE, "first_name": tag, "event": "Tried", "properties": {"plan": tag}})
    assert event.fields == {}
    assert "klaviyo" not in event.properties


def test_flow_webhook_fills_fields_by_the_mapping():
    event = one({"profile_id": PROFILE, "email": "ann@example.com", "organization": "Acme", "event": "Tried"})
    assert event.fields == {"email": "ann@example.com", "company": "Acme"}
    assert event.mapping == "klaviyo@default"
    assert {kind for kind, _ in event.identities} == {"klaviyo", "email"}


def test_flow_webhook_about_consent_says_for_what():
    event = one({"profile_id": PROFILE, "event": "Subscribed to SMS Marketing", "properties": {"method": "SMS"}})
    assert (event.type, event.properties["channel"], event.properties["by_person"]) == ("consent.changed", "sms", True)


@pytest.mark.parametrize("time", [None, "", "soon", "{{ event.time }}"])
def test_flow_webhook_without_a_time_happened_when_it_came(time):
    assert one({"profile_id": PROFILE, "event": "Tried", "time": time}).occurred_at == NOW
