"""What is made of ActiveCampaign's webhooks, beside the samples: keys, meaning, times, what cannot be read.

Catalogue: A3 (redelivery), A11 (quarantine), C2 (conversation), C5 (human or machine), I1 (bounces and
opt-outs), M3 (in).
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.activecampaign import ADAPTER
from adapters.activecampaign.webhook import parse
from adapters.contract import Unreadable
from app.contacts.contact import Contact
from app.contacts.event import Event, Identity
from app.contacts.fold import fold
from mappings.mapping import FieldMapping, mapping_file, read_mapping
from tests.adapters.making import NOW, arrived

MAPPING = mapping_file(ADAPTER.mapping)
FORM = "application/x-www-form-urlencoded"
ANN = {"contact[id]": "41", "contact[email]": "ann@example.com"}
AT = "2026-03-10T03:20:00-06:00"


def body(kind: str = "update", **more: str) -> dict[str, str]:
    """An account webhook; ``list__0__id`` is the name ``list[0][id]``."""
    named = {"][".join(name.split("__")).replace("][", "[", 1) + "]" * ("__" in name): v for name, v in more.items()}
    return {"type": kind, "date_time": AT, "initiated_from": "public", "initiated_by": "public", **ANN, **named}


def read(said: Any, mapping: FieldMapping = MAPPING, **more: Any) -> list[Any]:
    raw = said if isinstance(said, bytes) else urlencode(said).encode()
    return list(parse(arrived(raw, content_type=more.pop("content_type", FORM), **more), mapping))


def one(said: Any, **more: Any) -> Event:
    (event,) = read(said, **more)
    assert isinstance(event, Event)
    return event


def reason(said: Any, **more: Any) -> str:
    with pytest.raises(Unreadable) as refused:
        read(said, **more)
    return str(refused.value)


def folded(*events: Event) -> Contact:
    contact = Contact()
    for event in events:
        event.connection_id = 7
        fold(contact, event)
    return contact


# Redelivery -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["update", "open", "click", "deal_update", "subscriber_note", "a_new_one"])
def test_the_same_again_is_the_same_however_it_is_written_and_whenever_it_comes(kind):
    said = body(kind, note="Ann’s note & more")
    first = one(said).source_key
    assert one(said, at=NOW + timedelta(hours=3)).source_key == first
    assert one(urlencode(list(said.items())[::-1]).replace("+", "%20").encode()).source_key == first


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"kind": "click"}, id="another type"),
        pytest.param({"contact__id": "42"}, id="another contact"),
        pytest.param({"date_time": "2026-03-10T03:20:01-06:00"}, id="another second"),
        pytest.param({"campaign__id": "13"}, id="another campaign"),
        pytest.param({"link__url": "https://example.com/b"}, id="another link"),
    ],
)
def test_what_differs_is_another_event(other):
    link = {"campaign__id": "12", "link__url": "https://example.com/a"}
    first, second = one(body("open", **link)), one(body(**{"kind": "open", **link, **other}))
    assert first.source_key != second.source_key


def test_key_is_more_than_a_digest():
    assert one(body()).source_key.startswith("update|41|2026-03-10T09:20:00+00:00|")


def test_run_of_an_automation_is_one_a_day_since_it_says_no_time():
    said = {**ANN, "seriesid": "9"}
    first = one(said).source_key
    assert one(said, at=NOW + timedelta(hours=3)).source_key == first
    assert one(said, at=NOW + timedelta(days=1)).source_key != first
    assert one({**said, "seriesid": "10"}).source_key != first


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        pytest.param("subscribe", {"list": "3"}, id="list"),
        pytest.param("contact_tag_added", {"tag": "VIP"}, id="tag"),
    ],
)
def test_what_polling_finds_too_is_known_by_whom_what_and_when(kind, more):
    """Nothing of the body goes into these keys: the API tells the same without it."""
    keys = [event.source_key for event in read(body(kind, **more))]
    assert [event.source_key for event in read(body(kind, contact__first_name="Ann", **more))] == keys
    assert all("2026-03-10T09:20:00Z" in key for key in keys)


# Whom -----------------------------------------------------------------------------------------------------------------


def test_contact_is_known_by_id_address_and_phone():
    event = one(body(contact__email="ANN@Example.com", contact__phone="+1 202-555-0123"))
    assert event.identities == (
        Identity("activecampaign", "41"),
        Identity("email", "ann@example.com"),
        Identity("phone", "+12025550123"),
    )
    assert event.told["email"] == "ann@example.com"


def test_phone_without_a_country_is_read_by_the_mappings_region():
    rows = "[{contact: phone, vendor: phone, transform: [phone]}]"
    text = f"kind: mapping\nname: activecampaign\nregion: DE\nfields: {rows}\n"
    event = one(body(contact__phone="030 1234567"), mapping=read_mapping(text, "test"))
    assert event.identity("phone") == "+49301234567"
    assert event.fields["phone"] == "+49301234567"


def test_deal_of_nobody_is_looked_up():
    event = one({"type": "deal_update", "date_time": AT, "deal[id]": "88", "deal[status]": "0"})
    assert (event.identities, event.refs) == ((), (("deal", "88"),))
    assert not one(body("deal_update", deal__id="88")).refs


# What -----------------------------------------------------------------------------------------------------------------


def test_empty_value_was_not_said():
    event = one(body(contact__first_name="", contact__phone=" ", contact__fields__7="", contact__fields__8="||||"))
    assert event.fields == {"email": "ann@example.com"}
    assert event.told == {"email": "ann@example.com"}


@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_address_in_the_place_of_a_name_is_none(name):
    assert name not in one(body(**{f"contact__{name}": "ann@example.com"})).fields


def test_custom_fields_are_mapped_by_number_or_by_tag():
    rows = "[{contact: job_title, vendor: [fields.12, fields.job_title]}]"
    mapping = read_mapping(f"kind: mapping\nname: activecampaign\nfields: {rows}\n", "test")
    assert one(body(contact__fields__12="CTO"), mapping=mapping).fields["job_title"] == "CTO"
    assert one({**ANN, "contact[fields][JOB_TITLE]": "CTO"}, mapping=mapping).fields["job_title"] == "CTO"


def test_subscribing_is_consent_of_the_persons_own_only_where_they_did_it():
    for origin, own in (("public", True), ("admin", False), ("api", False), ("system", False)):
        consent, joined = read(body("subscribe", list="3", initiated_from=origin))
        assert (consent.type, joined.type) == ("consent.changed", "list.joined")
        held = folded(consent, joined)
        assert held.consent["email/marketing"].state == "granted"
        assert (held.consent["email/marketing"].by_person is not None) is own
        assert list(held.lists) == ["7:3"]


def test_contact_on_no_list_has_agreed_to_nothing():
    event = one(body("subscribe", list="0"))
    assert event.type == "contact.created"
    assert not folded(event).consent


def off(**more: str) -> dict[str, str]:
    return body("unsubscribe", **{"list": "3", **more})


@pytest.mark.parametrize(
    ("said", "settings", "stopped"),
    [
        pytest.param(off(active_subscriptions__0="4"), {}, False, id="still on another list"),
        pytest.param(off(), {}, True, id="on none any more"),
        pytest.param(off(active_subscriptions=""), {}, True, id="on none, said as an empty text"),
        pytest.param(off(active_subscriptions__0="0"), {}, True, id="on none, said as 0"),
        pytest.param(off(active_subscriptions__0="4"), {"list": "3"}, True, id="off the list that is consent"),
        pytest.param(off(active_subscriptions__0="3", list="4"), {"list": "3"}, False, id="off another than that"),
        pytest.param(off(list="0"), {}, True, id="off all at once"),
        pytest.param(off(active_subscriptions__0="3"), {}, True, id="the list that was left still counted in"),
        pytest.param(off(active_subscriptions__0="4", list__0__id="3"), {}, False, id="the list named twice"),
    ],
)
def test_unsubscribing_from_a_list_is_a_no_to_e_mail_only_where_it_is_meant(said, settings, stopped):
    events = read(said, settings=settings)
    state = folded(*events).consent
    assert ("email/marketing" in state and state["email/marketing"].state == "withdrawn") is stopped
    left = said["list"] if said["list"] != "0" else None
    assert [event.properties["list"] for event in events if event.type == "list.left"] == ([left] if left else [])


def test_lists_are_left_one_by_one_however_they_are_named():
    said = urlencode(off()) + "&list[][id]=4&list[][id]=5"
    events = read(said.encode())
    assert [event.properties["list"] for event in events if event.type == "list.left"] == ["3", "4", "5"]


@pytest.mark.parametrize(
    ("kind", "permanent"), [("hard", True), ("Hard", True), ("soft", False), ("", False), ("block", False)]
)
def test_only_a_hard_bounce_is_for_good(kind, permanent):
    event = one(body("bounce", bounce__type=kind, bounce__code="5.1.1", bounce__description="No such user"))
    assert (event.properties["permanent"], event.properties["reason"]) == (permanent, "No such user")
    assert (folded(event).deliverability["email"].bounced_at is not None) is permanent


@pytest.mark.parametrize(
    ("agent", "machine"),
    [
        pytest.param("", False, id="as ActiveCampaign mostly tells it"),
        pytest.param("Mozilla/5.0 (Macintosh) AppleWebKit/605 Safari/605", False, id="a browser"),
        pytest.param("Mozilla/5.0", True, id="Apple's privacy proxy"),
        pytest.param("Firefox/11.0 (via ggpht.com GoogleImageProxy)", True, id="Gmail's proxy"),
    ],
)
@pytest.mark.parametrize("name", ["User-Agent", "useragent"])
@pytest.mark.parametrize("kind", ["open", "click"])
def test_opens_and_clicks_of_machines_are_told_apart_where_the_body_says_so(kind, name, agent, machine):
    event = one({**body(kind), name: agent})
    assert (event.machine is not None) is machine
    assert bool(folded(event).activity) is not machine


@pytest.mark.parametrize(
    ("status", "open_"), [("0", True), ("", True), ("1", False), ("2", False)], ids=["open", "unsaid", "won", "lost"]
)
def test_open_deal_is_a_conversation(status, open_):
    deal = {"deal__id": "88", "deal__stage_title": "Closing", "deal__status": status}
    (signal,) = folded(one(body("deal_add", deal__id="88")), one(body("deal_update", **deal))).conversation.values()
    assert (signal.closed_at is None) is open_


@pytest.mark.parametrize(
    ("raw", "shown", "value"),
    [
        ("1044055", "1,044,055.00", 1_044_055),
        ("", "1,044,055.50", 1_044_055.5),
        ("0", "0.00", 0),
        ("free", "free", None),
    ],
)
def test_deals_amount_is_in_whole_units(raw, shown, value):
    event = one(body("deal_add", deal__id="1", deal__value_raw=raw, deal__value=shown, deal__currency="eur"))
    assert event.properties.get("value") == value
    assert event.properties["currency"] == "EUR"


def test_reps_task_is_a_conversation_until_it_is_done_and_one_of_ours_is_none():
    task = {"task__id": "9", "task__title": "Call", "task__edate_iso": "2026-03-12T09:00:00-06:00"}
    started = one(body("contact_task_add", initiated_from="admin", **task))
    (signal,) = folded(started).conversation.values()
    assert signal.until == datetime(2026, 3, 12, 15, tzinfo=UTC)
    done = one(body("deal_task_complete", initiated_from="admin", **task))
    done.occurred_at += timedelta(hours=1)
    (signal,) = folded(started, done).conversation.values()
    assert signal.closed_at == done.occurred_at
    assert one(body("contact_task_add", initiated_from="api", **task)).type == "unknown"


@pytest.mark.parametrize(("text", "kind"), [("Stop.", "sms.unsubscribed"), ("Stop by tomorrow", "sms.replied")])
def test_answer_to_a_text_may_be_a_no(text, kind):
    event = one(body("sms_reply", sms__phone="+12025550123", sms__reply=text))
    assert event.type == kind
    assert event.identity("phone") == "+12025550123"


def test_text_that_was_not_sent_has_bounced():
    said = {"sms__recipient": "+12025550123", "sms__comment": "carrier rejected"}
    bounced = one(body("sms_sent", sms__successful="0", **said))
    assert (bounced.type, bounced.properties["reason"]) == ("sms.bounced", "carrier rejected")
    assert bounced.identity("phone") == "+12025550123"
    assert one(body("sms_sent", sms__successful="1", **said)).type == "sms.delivered"


@pytest.mark.parametrize("kind", ["sent", "open", "contact_tag_added"])
def test_what_is_about_nobody_happened_to_nobody(kind):
    event = one({"type": kind, "date_time": AT, "list": "0", "tag": "VIP", "campaign[id]": "12"})
    assert (event.type, event.identities) == ("unknown", ())


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"account__fields__0__key": "City", "account__fields__0__value": "Bonn"}, id="as a list"),
        pytest.param({"account__fields__City": "Bonn", "account__fields__Zip": ""}, id="by name"),
    ],
)
def test_fields_of_accounts_are_read_by_name(said):
    assert one(body("account_update", account__id="5", **said)).properties["account_fields"] == {"City": "Bonn"}


def test_job_in_an_account_is_one():
    event = one(body("account_contact_add", account__id="5", accountContact__job_title="CTO"))
    assert event.fields["job_title"] == "CTO"


@pytest.mark.parametrize("said", [{"updated_fields__0": "stage"}, {"updated_fields__stage": "4"}])
def test_what_changed_of_a_deal_is_named(said):
    assert one(body("deal_update", deal__id="88", **said)).properties["changed"] == ["stage"]


def test_user_who_did_it_is_named():
    assert one(body(initiated_from="admin", initiated_by="jane")).actor == "ActiveCampaign user jane"
    assert one(body(initiated_from="admin", initiated_by="admin")).actor is None
    assert one(body(initiated_from="public", initiated_by="jane")).actor is None


def test_automation_says_in_its_address_what_it_means():
    url = "https://hub.example.com/webhooks/x/…?event=form.submitted&form=demo&by_person=true"
    event = one({**ANN, "seriesid": "9"}, url=url)
    assert event.type == "form.submitted"
    assert event.properties == {"form": "demo", "source": "automation", "automation": "9"}


# Times ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "settings", "at"),
    [
        pytest.param("2026-03-10T03:20:00-06:00", {}, datetime(2026, 3, 10, 9, 20, tzinfo=UTC), id="with a zone"),
        pytest.param("2026-03-10 03:20:00", {}, datetime(2026, 3, 10, 3, 20, tzinfo=UTC), id="without one"),
        pytest.param(
            "2026-03-10 03:20:00",
            {"time_zone": "America/Chicago"},
            datetime(2026, 3, 10, 8, 20, tzinfo=UTC),
            id="without one, of an account that has one",
        ),
        pytest.param("", {}, NOW, id="none"),
        pytest.param("0000-00-00 00:00:00", {}, NOW, id="as databases write none"),
    ],
)
def test_time_is_the_webhooks_own(said, settings, at):
    assert one(body(date_time=said), settings=settings).occurred_at == at


# What cannot be read --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "words"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param({"type": ""}, "type is empty", id="a type without a name"),
        pytest.param({"seriesid": "9"}, "neither a type nor a contact", id="an automation about nobody"),
        pytest.param({"hello": "world"}, "neither a type nor a contact", id="some form"),
        pytest.param({"type": "update", "contact[id]": "0", "contact[email]": "no"}, "neither an id", id="nobody"),
        pytest.param({**body(), "contact[id]": "41; DROP TABLE"}, "is no id", id="an id that is none"),
        pytest.param({**body(), "contact[id]": "9" * 40}, "is no id", id="an id without end"),
        pytest.param({**body("subscribe"), "list": "news"}, "is no id", id="a list that is none"),
        pytest.param({**body(), "date_time": "yesterday"}, "not a time", id="a time that is none"),
        pytest.param({**body(), "contact[first_name]": "a\0b"}, "NUL", id="a NUL"),
        pytest.param({f"contact[fields][{n}]": "" for n in range(3_001)}, "3000 fields", id="too many fields"),
        pytest.param({"contact" + "[x]" * 7: ""}, "nested deeper", id="too deep"),
        pytest.param({"contact[first_name]": "x" * 70_000}, "longer than", id="too long"),
    ],
)
def test_what_cannot_be_read_is_parked_with_its_reason(said, words):
    assert words in reason(said)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b'{"type": "update", "contact": {"id": 41}', "not JSON", id="broken"),
        pytest.param(b"[1]", "one form", id="a list"),
        pytest.param(b'{"type": "update", "contact": {"id": {"a": 1}}}', "neither an id", id="an id that is an object"),
    ],
)
def test_json_that_is_none_of_activecampaigns_is_parked(raw, words):
    assert words in reason(raw, content_type="application/json")


def test_many_custom_fields_are_no_reason_to_park():
    said = {**body(), **{f"contact[fields][{n}]": f"v{n}" for n in range(900)}}
    assert len([name for name in one(said).told if name.startswith("fields.")]) == 900


def test_address_that_means_nothing_is_said():
    assert "no event type" in reason(ANN, url="https://hub.example.com/webhooks/x?event=form.submited")


@pytest.mark.parametrize(
    ("name", "value", "wrong"),
    [
        ("webhook_token", "a/b", True),
        ("webhook_token", "Zm9v-_~.1", False),
        ("webhook_token", "", False),
        ("time_zone", "America/Chicago", False),
        ("time_zone", "Chicago", True),
        ("time_zone", "../etc/passwd", True),
        ("time_zone", "", False),
    ],
)
def test_setting_that_cannot_be_is_refused(name, value, wrong):
    setting = next(setting for setting in ADAPTER.settings if setting.name == name)
    assert setting.wrong is not None
    assert bool(setting.wrong(value)) is wrong
