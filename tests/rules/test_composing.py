"""From the content to what leaves: the channel, whether it suits the person, and the texts that the tool gets.

Catalogue: J1 (fallbacks), J3 (completeness), J6 (channels).
"""
# ruff: noqa: E501  rows of tables are long

from datetime import timedelta
from html import unescape

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.action import SendMessage
from app.contacts.contact import Contact, Interest
from app.rules.composing import MAX_SAID, compose, prepare, suits
from app.rules.policy import check_together, read_document
from app.rules.rendering import MAX_PROPERTY, Withheld
from app.rules.template import raw_token
from tests.contacts.making import ANN, NOW, ago, event, yes
from tests.rules.making import DEFAULT, SUPPRESSION, gate, live, of, policies
from tests.rules.test_content import NASTY, VALUES, agreed, contacts, person

CONTENT = """
kind: content
site: https://shop.test
links: [{id: go, url: /go, take: event.url}]
messages:
  - id: nurture
    label: Nurture
    subject: 'More on {{ interest | default: "this" }}'
    preview: One idea
    needs: [interest]
    blocks: [{text: 'About {{ interest | default: "this" }}. [Go](go)'}]
  - id: urgent
    label: Urgent
    priority: high
    subject: 'Only {{ event.left | default: "a few" }} left'
    preview: Be quick
    short: '{{ product | default: "It" }} is going. [Go](go)'
    blocks:
      - variants:
          - {when: {field: event.value, op: at_least, value: 100}, text: 'A big one.'}
          - {text: 'A small one.'}
    specific: 0
  - {id: receipt, label: Receipt, class: transactional, subject: Thanks, preview: Soon, blocks: [{text: Thanks.}]}
"""
TRIGGER = """
kind: triggers
triggers:
  - id: {content}
    label: Test
    on: page.viewed
    message: {{name: Test, content: {content}, include: [path]{more}}}
"""


def by(content: str, more: str = ""):
    return policies(CONTENT, TRIGGER.format(content=content, more=more))


def decided(content: str, *events, more: str = "", **viewed):
    """The decision on a page view by somebody with these events before it."""
    _, decisions = live([*events, event("page.viewed", NOW, path="/x", **viewed)], by(content, more))
    (found,) = of(decisions, "message")
    return found


def known(**fields):
    return [event("contact.updated", ago(days=9), fields={"email": ANN, **fields}), yes(ago(days=9))]


def interested(topic: str):
    return event("asset.downloaded", ago(days=1), asset="guide", topic=topic)


# J3: who would read nothing of their own is not sent it ---------------------------------------------------------------


def test_who_lacks_what_a_message_needs_is_not_sent_it_and_the_decision_says_what():
    found = decided("nurture", *known())
    assert (found.outcome, found.send.content) == ("withheld", "nurture")
    assert gate(found, "something to say").detail == "“Nurture” needs what is not known: interest"
    assert found.summary == "“Test” by email: “Nurture” needs what is not known: interest"


def test_who_has_what_it_needs_is_sent_it():
    found = decided("nurture", *known(), interested("sms"))
    assert found.outcome == "taken"
    assert gate(found, "something to say").passed


def test_interest_that_has_run_out_is_none():
    over = Contact(interests={"sms": Interest(ago(days=99), ago(days=99), 5, until=ago(days=1))})
    action = SendMessage(message="Test", rule="r", occurred_at=NOW, content="nurture")
    (found,) = suits(action, over, by("nurture").content, DEFAULT.scoring.read, NOW)
    assert found.detail == "“Nurture” needs what is not known: interest"
    (before,) = suits(action, over, by("nurture").content, DEFAULT.scoring.read, ago(days=2))
    assert before.passed


def test_reason_not_to_send_at_all_is_named_first():
    found = decided("nurture", event("contact.updated", ago(days=9), fields={"email": ANN}))
    assert "no consent for email marketing" in found.summary
    assert not gate(found, "something to say").passed


def test_content_that_does_not_exist_is_told():
    _, decisions = live([*known(), event("page.viewed", path="/x")], policies(TRIGGER.format(content="gone", more="")))
    assert of(decisions, "message")[0].summary == (
        '“Test” by email: the content has no message "gone": publish it, or take it out of the rule'
    )


def test_shipped_triggers_with_content_send_to_everybody_who_may_be_written_to():
    for name in ("pricing_follow_up", "abandoned_checkout", "review_request"):
        trigger = DEFAULT.triggers.by_id[name]
        assert trigger.message.content == name
        assert DEFAULT.content.messages[name].document.specific == 0
    _, decisions = live([*known(), event("page.viewed", path="/pricing")])
    assert [one.outcome for one in of(decisions, "message")] == ["taken"]


# J6: by which way -----------------------------------------------------------------------------------------------------


def decided_for(contact: Contact, content: str = "urgent"):
    _, decisions = live([event("page.viewed", NOW, path="/x")], by(content), contact)
    return of(decisions, "message")[0]


def test_channel_is_the_contacts_and_the_decision_says_why():
    found = decided_for(agreed("email", "sms", preferred_channel="sms"))
    assert (found.outcome, found.send.channel) == ("taken", "sms")
    assert gate(found, "channel").detail == "the contact prefers it"
    assert found.summary == "“Test” by sms: Test"


@pytest.mark.parametrize(
    ("seen", "channel"),
    [
        pytest.param([("sms.clicked", 3)], "sms", id="answered a text"),
        pytest.param([("sms.clicked", 3), ("email.replied", 1)], "email", id="answered a mail since"),
        pytest.param([("sms.clicked", 91)], "email", id="long ago"),
        pytest.param([("sms.delivered", 1)], "email", id="only got one"),
    ],
)
def test_channel_of_somebody_who_said_nothing_is_the_one_they_answered_by(seen, channel):
    contact = agreed("email", "sms")
    contact, _ = live([event(kind, ago(days=days)) for kind, days in seen], contact=contact)
    assert decided_for(contact).send.channel == channel


def test_what_somebody_said_counts_more_than_what_they_did():
    contact, _ = live([event("sms.clicked", ago(days=1))], contact=agreed("email", "sms", preferred_channel="email"))
    assert decided_for(contact).send.channel == "email"


def test_channel_without_consent_is_not_taken():
    found = decided_for(agreed("email", preferred_channel="sms"))
    assert (found.outcome, found.send.channel) == ("taken", "email")
    assert gate(found, "channel").detail == "not by sms: no consent for sms marketing is on record, so by email"


def test_nobody_is_written_to_by_a_channel_they_did_not_agree_to():
    found = decided_for(agreed())
    assert found.outcome == "withheld"
    assert not gate(found, "channel").passed


def test_message_that_is_not_urgent_goes_by_its_own_channel():
    assert decided("nurture", *known(preferred_channel="sms"), interested("x")).send.channel == "email"


def test_purpose_is_that_of_the_content():
    found = decided("receipt", event("contact.updated", ago(days=9), fields={"email": ANN}))
    assert (found.outcome, found.send.purpose) == ("taken", "transactional")


# What leaves ----------------------------------------------------------------------------------------------------------


def composed(contact: Contact, content: str, happened=None, **more) -> SendMessage:
    rules = by(content)
    action = SendMessage(message="Test", rule="r", occurred_at=NOW, content=content, **more)
    prepare(action, happened, contact, rules.content, SUPPRESSION, NOW)
    found = compose(action, contact, rules.content, DEFAULT.scoring.read, NOW)
    assert isinstance(found, SendMessage), found
    return found


def test_what_leaves_has_the_texts_beside_what_the_trigger_includes():
    viewed = event("page.viewed", left=3, value=200, secret="x", url="https://shop.test/cart/7")
    found = composed(person(email=ANN), "urgent", viewed, properties={"path": "/x"})
    assert found.said == {"left": 3, "value": 200, "url": "https://shop.test/cart/7"}, "only what the texts use"
    assert found.properties["path"] == "/x"
    assert found.properties["subject"] == "Only 3 left"
    assert found.properties["body_text"] == "A big one."
    assert found.properties["links"]["go"].startswith("https://shop.test/cart/7?utm_source=baton&utm_medium=email")


def test_contact_is_the_one_of_the_moment_at_which_it_leaves():
    rules = by("nurture")
    action = SendMessage(message="Test", rule="r", occurred_at=NOW, content="nurture")
    fan = Contact(interests={"sms": Interest(NOW, NOW, until=NOW + timedelta(days=1))})
    sent = compose(action, fan, rules.content, DEFAULT.scoring.read, NOW)
    assert sent.properties["subject"] == "More on sms"
    later = compose(action, fan, rules.content, DEFAULT.scoring.read, NOW + timedelta(days=2))
    assert later == Withheld("nurture", "“Nurture” needs what is not known: interest")


def test_composing_again_gives_the_same_texts():
    once = composed(person(email=ANN), "urgent", event("page.viewed", left=3))
    again = compose(once, person(email=ANN), by("urgent").content, DEFAULT.scoring.read, NOW)
    assert again == once


def test_what_an_event_said_is_kept_within_bounds():
    found = composed(person(email=ANN), "urgent", event("page.viewed", left="x" * MAX_SAID, url="https://shop.test/a"))
    assert found.said == {"url": "https://shop.test/a"}
    assert found.properties["subject"] == "Only a few left"


def test_event_that_waited_still_has_what_the_texts_use():
    met = [event("contact.updated", ago(days=30), fields={"email": ANN}), yes(ago(days=30))]
    bought = event("order.fulfilled", ago(days=14), order="7", items=[{"name": "Trail jacket"}], secret="x")
    _, decisions = live([*met, bought, event("email.opened", NOW)])
    (found,) = [one for one in of(decisions, "message") if one.rule == "review_request"]
    sent = compose(found.send, person(email=ANN), DEFAULT.content, DEFAULT.scoring.read, NOW)
    assert found.send.said == {"items": [{"name": "Trail jacket"}]}
    assert "You have had Trail jacket long enough" in sent.properties["body_text"]


def storable(value) -> bool:
    """Whether an event can hold it: half a character is refused at the door."""
    try:
        return bool(msgspec.json.encode(value))
    except UnicodeEncodeError:
        return False


WORST = st.sampled_from(["{{ x }}", "[FIRST NAME]", "None", "<script>alert(1)</script>", "مرحبا \u202eabc", "🎉" * 9, "x" * 10_000])  # fmt: skip


@settings(max_examples=200)
@given(
    contacts(),
    st.sampled_from(["first_name", "company", "city"]),
    WORST | NASTY.filter(storable),
    VALUES.filter(storable),
)
def test_whatever_is_known_nothing_raw_reaches_a_vendor(contact, name, worst, said):
    contact.fields |= person(**{name: worst}).fields
    happened = event("page.viewed", path=said, left=worst, product=said, url=worst)
    for rules, content in ((by("urgent"), "urgent"), (DEFAULT, "abandoned_checkout"), (DEFAULT, "pricing_follow_up")):
        message = rules.content.messages[content]
        trigger = next(iter(by(content).triggers.by_id.values())).message
        action = trigger.action("r", happened)
        prepare(action, happened, contact, rules.content, SUPPRESSION, NOW)
        for channel in message.document.channels:
            action.channel = channel
            sent = compose(action, contact, rules.content, DEFAULT.scoring.read, NOW)
            assert isinstance(sent, SendMessage), sent
            for text in texts(sent.properties):
                assert not raw_token(unescape(text))
                assert len(text.encode()) <= MAX_PROPERTY
            assert "<script" not in sent.properties["body_html"]


def texts(value):
    """Every text in a value."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [value] if isinstance(value, str) else []


# What triggers and content say of each other --------------------------------------------------------------------------


def together(trigger: str) -> list[str]:
    return check_together({"triggers": read_document(trigger).model, "content": read_document(CONTENT).model})


def test_trigger_that_names_no_message_is_told_with_the_nearest():
    assert together(TRIGGER.format(content="nurtur", more="")) == [
        'triggers: trigger 1 (nurtur) names the content "nurtur", which is not one of its messages; '
        'did you mean "nurture"?'
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(", channel: sms", 'says channel "sms", but its content nurture has "email"; take channel out', id="channel"),
        pytest.param(", purpose: transactional", 'says purpose "transactional", but its content nurture has "marketing"; take purpose out', id="purpose"),
    ],
)  # fmt: skip
def test_trigger_cannot_say_otherwise_than_its_content(more, said):
    assert together(TRIGGER.format(content="nurture", more=more)) == [f"triggers: trigger 1 (nurture) {said}"]
    assert together(TRIGGER.format(content="nurture", more=", channel: email")) == []
