"""What a message says when it leaves: made on the last look, for the contact as it is then, through the real SDKs
against the simulators. Catalogue: J1, J3, J6, I2."""

from typing import Any

import msgspec
import pytest
import yaml

from adapters.hubspot.sandbox.state import SHELL
from adapters.sandbox.server import Server
from app.rules.policy import default_documents, read_document
from app.rules.template import raw_token
from app.runtime import Runtime, is_practice
from app.setup import add_connection
from app.store import policies
from app.store.connections import Connection
from mappings.document import InvalidDocument, load_yaml
from tests.feeding import arrive, drain, form, rows, visit
from tests.jobs.test_deliver import impatient, live, one, publish, settle, vendors

__all__ = ["impatient", "live", "one", "vendors"]

ANN = "ann@acme.example"
VISITOR = "ann".ljust(16, "x")


def looks_at_pricing(runtime: Runtime, **known: str) -> None:
    form(runtime, "newsletter", email=ANN, newsletter="yes", visitor_id=VISITOR, **known)
    visit(runtime, "ann", "/pricing")
    drain(runtime)


def planned(runtime: Runtime) -> Any:
    (row,) = [row for row in rows(runtime, "deliveries") if row.kind == "send_message"]
    return row


def own_site(runtime: Runtime) -> None:
    text = default_documents()["content"].text.replace("https://www.example.com ", "https://shop.test ")
    with runtime.database.write() as conn:
        policies.publish(conn, read_document(text), "test", "", runtime.clock())
    runtime.forget()


def test_klaviyo_gets_the_texts_and_what_left_can_be_read_afterwards(live: Runtime, vendors: Server) -> None:
    looks_at_pricing(live, first_name="Ann <b>")
    settle(live)
    (event,) = vendors.klaviyo.happened("Baton: Pricing follow-up")
    said = event.properties
    assert said["subject"] == "Which plan fits?"
    assert said["body_text"].startswith("Hi there,"), "a name that holds markup is none"
    assert '<a href="https://www.example.com/pricing?utm_source=baton&amp;utm_medium=email&amp;' in said["body_html"]
    assert said["path"] == "/pricing", "beside what the trigger includes"
    stored = msgspec.json.decode(planned(live).action)["properties"]
    assert {name: said[name] for name in stored} == stored
    (shown,) = [rows for title, _, rows, _ in vendors.klaviyo.overview() if title == "Messages"]
    assert shown[0][3:6] == ["email", "Which plan fits?", said["preview_text"]]


def test_texts_are_made_for_the_contact_of_the_moment_at_which_it_leaves(live: Runtime, vendors: Server) -> None:
    looks_at_pricing(live)
    assert "subject" not in msgspec.json.decode(planned(live).action)["properties"]
    form(live, "profile", email=ANN, first_name="Anna")
    drain(live)
    settle(live)
    (event,) = vendors.klaviyo.happened("Baton: Pricing follow-up")
    assert event.properties["body_text"].startswith("Hi Anna,")


def test_what_has_nothing_to_say_any_more_is_withheld_with_the_reason(one: Runtime, vendors: Server) -> None:
    looks_at_pricing(one)
    document = load_yaml(default_documents()["content"].text, "x")
    (message,) = [each for each in document["messages"] if each["id"] == "pricing_follow_up"]
    message["needs"] = ["company"]
    publish(one, "content", messages=document["messages"])
    settle(one)
    row = planned(one)
    assert (row.status, row.reason) == ("withheld", "“Pricing follow-up” needs what is not known: company")
    assert not vendors.klaviyo.happened("Baton: Pricing follow-up")


def test_shipped_texts_go_to_nobody_real_before_they_have_a_site_of_their_own(one: Runtime, monkeypatch: Any) -> None:
    monkeypatch.setattr("jobs.clearance.is_practice", lambda connection: False)
    looks_at_pricing(one)
    settle(one)
    row = planned(one)
    assert (row.status, row.reason) == (
        "withheld",
        "the content's site is still https://www.example.com: publish it with your own",
    )


def test_with_a_site_of_ones_own_they_leave(one: Runtime, vendors: Server, monkeypatch: Any) -> None:
    monkeypatch.setattr("jobs.clearance.is_practice", lambda connection: False)
    own_site(one)
    looks_at_pricing(one)
    settle(one)
    (event,) = vendors.klaviyo.happened("Baton: Pricing follow-up")
    assert event.properties["links"]["pricing"].startswith("https://shop.test/pricing?")


@pytest.mark.parametrize(
    ("settings", "base_url", "practice"),
    [
        pytest.param({}, "http://127.0.0.1:9000/klaviyo", True, id="a stand-in on this machine"),
        pytest.param({}, "http://localhost:9000", True, id="by name"),
        pytest.param({}, "http://[::1]:9000", True, id="by its newer address"),
        pytest.param({"sandbox": "1"}, "", True, id="the sandbox"),
        pytest.param({}, "", False, id="the vendor"),
        pytest.param({}, "https://10.0.0.1", False, id="a relay may lead to the vendor"),
        pytest.param({}, "https://127.0.0.1.example.net", False, id="only looks like it"),
    ],
)
def test_practice_is_what_runs_on_this_machine(settings: dict[str, str], base_url: str, practice: bool) -> None:
    fields: dict[str, Any] = dict.fromkeys(Connection.__struct_fields__)
    assert is_practice(Connection(**{**fields, "settings": settings, "base_url": base_url})) is practice


HOSTILE = {
    "first_name": "{{ person.email }}",
    "company": "[COMPANY NAME]",
    "city": "<script>alert(1)</script>",
    "job_title": "None",
    "last_name": "*|LNAME|*",
}


def test_no_raw_token_reaches_a_vendor_whatever_forms_and_pages_say(one: Runtime, vendors: Server) -> None:
    form(one, "newsletter", email=ANN, newsletter="yes", visitor_id=VISITOR, **HOSTILE)
    url = "https://www.example.com/pricing"
    arrive(one, "site", {"anonymous_id": VISITOR, "url": url, "title": "{{ title }}"}, kind="track")
    drain(one)
    settle(one)
    (event,) = vendors.klaviyo.happened("Baton: Pricing follow-up")
    assert "title" not in event.properties
    for text in _texts(event.properties):
        assert not raw_token(text)


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def test_message_goes_through_hubspot_where_an_e_mail_is_named_for_it(one: Runtime, vendors: Server) -> None:
    settings = {"access_token": "t", "client_secret": "s", "emails": f"*={SHELL}"}
    add_connection(one, "hubspot", "mail", settings, f"{vendors.url}/hubspot")
    viewed = {"id": "look", "label": "Look", "on": "page.viewed", "once_in_days": 0}
    sends = {"name": "Look", "content": "pricing_follow_up", "through": "mail"}
    publish(one, "triggers", triggers=[{**viewed, "message": sends}])
    looks_at_pricing(one)
    settle(one)
    (mail,) = vendors.hubspot.mails
    assert (mail["to"], mail["properties"]["subject"]) == (ANN, "Which plan fits?")
    assert planned(one).status == "sent"


def test_message_goes_by_sms_to_whom_prefers_that(one: Runtime, vendors: Server) -> None:
    viewed = {"id": "basket", "label": "Basket", "on": "page.viewed", "once_in_days": 0}
    publish(one, "triggers", triggers=[{**viewed, "message": {"name": "Basket", "content": "abandoned_checkout"}}])
    publish(one, "suppression", require_consent={"email": True, "sms": False})
    publish(one, "frequency", quiet={"channels": []})  # it is night somewhere whenever this is run
    looks_at_pricing(one, phone="+12025550123", preferred_channel="SMS")
    settle(one)
    (event,) = vendors.klaviyo.happened("Baton: Basket")
    said = event.properties
    assert said["channel"] == "sms"
    assert said["body_text"].startswith("Your basket is still here. Go on: https://www.example.com/pricing?")
    assert "utm_medium=sms" in said["links"]["checkout"]
    assert said["body_html"] == ""


# --- what documents say of each other


def test_trigger_that_names_no_message_is_not_published(one: Runtime) -> None:
    triggers = load_yaml(default_documents()["triggers"].text, "x")["triggers"]
    triggers[0]["message"]["content"] = "pricing_folow_up"
    with pytest.raises(InvalidDocument, match='which is not one of its messages; did you mean "pricing_follow_up"'):
        publish(one, "triggers", triggers=triggers)


def test_message_that_a_trigger_names_is_not_taken_away(one: Runtime) -> None:
    messages = load_yaml(default_documents()["content"].text, "x")["messages"]
    with pytest.raises(InvalidDocument, match=r"trigger 1 \(pricing_follow_up\) names the content"):
        publish(one, "content", messages=messages[:1])


def test_both_can_be_published_together_in_any_order(one: Runtime) -> None:
    kinds = ("content", "triggers", "sequences")
    content, triggers, sequences = (load_yaml(default_documents()[kind].text, "x") for kind in kinds)
    sequences["sequences"] = []
    content["messages"] = [{**each, "id": each["id"] + "_2"} for each in content["messages"]]
    for each in triggers["triggers"]:
        if "content" in each.get("message", {}):
            each["message"]["content"] += "_2"
    both = [read_document(yaml.safe_dump(each, sort_keys=False)) for each in (triggers, content, sequences)]
    with one.database.write() as conn:
        for document in both:
            policies.publish(conn, document, "test", "", one.clock(), beside=both)
    one.forget()
    message = one.rulebook().policies.triggers.by_id["pricing_follow_up"].message
    assert message is not None
    assert message.content in one.rulebook().policies.content.messages


def _for_segment(name: str, shared: bool = False) -> dict[str, Any]:
    """Blocks and messages of which the last has a variant for a segment, in a block of its own or of the document."""
    content = load_yaml(default_documents()["content"].text, "x")
    block = {"id": "few", "variants": [{"segment": [name], "text": "For you."}, {"text": "For all."}]}
    if shared:
        content["blocks"].append(block)
    content["messages"][-1]["blocks"].append({"use": "few"} if shared else block)
    return {name: content[name] for name in ("blocks", "messages")}


@pytest.mark.parametrize(
    ("shared", "place"),
    [
        pytest.param(False, r"content: message 9 \(review_request\), block few, variant 1", id="of its own"),
        pytest.param(True, "content: block few, variant 1", id="of the document"),
    ],
)
def test_variant_for_a_segment_that_does_not_exist_is_not_published(one: Runtime, shared: bool, place: str) -> None:
    said = f'^{place} is for the segment "lapsin", which is not one of the segments; did you mean "lapsing"'
    with pytest.raises(InvalidDocument, match=said):
        publish(one, "content", **_for_segment("lapsin", shared))
    with pytest.raises(InvalidDocument, match="add it to the segments policy, or take it out here"):
        publish(one, "content", **_for_segment("qqqq", shared))
    publish(one, "content", **_for_segment("lapsing", shared))


def test_segment_that_a_variant_is_for_is_not_taken_away(one: Runtime) -> None:
    publish(one, "content", **_for_segment("lapsing"))
    segments = load_yaml(default_documents()["segments"].text, "x")["segments"]
    with pytest.raises(InvalidDocument, match='is for the segment "lapsing", which is not one of the segments'):
        publish(one, "segments", segments=[each for each in segments if each["id"] != "lapsing"])
    publish(one, "segments", segments=segments[2:])
