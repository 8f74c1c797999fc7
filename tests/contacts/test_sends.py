"""The ledger of messages: places reserved, confirmed and given up; what tools send by themselves. Catalogue: I3."""

from datetime import timedelta

from app.contacts.contact import Contact, Send
from app.contacts.fold import fold
from app.contacts.sends import KEPT, MAX_CAP, MAX_SENDS, place_of, release, reserve
from tests.contacts.making import HUBSPOT, KLAVIYO, NOW, ago, event, folded


def sent(at=NOW, key="d1", channel="email", **more):
    said = {"rule": "r", "message": "M", "decision": key, "channel": channel, "connection": KLAVIYO, **more}
    return event("message.sent", at, connection=0, properties=said)


def not_sent(at=NOW, key="d1"):
    return event("custom:message_not_sent", at, connection=0, decision=key)


def delivered(at=NOW, channel="email", connection=KLAVIYO, **more):
    return event(f"{channel}.delivered", at, connection=connection, **more)


def reserved(*keys: str) -> Contact:
    contact = Contact()
    for key in keys:
        reserve(contact, key, "r", "email", ago(hours=1))
    return contact


# Ours -----------------------------------------------------------------------------------------------------------------


def test_message_that_left_takes_the_place_that_was_reserved_for_it():
    contact = fold(reserved("d1"), sent())
    assert contact.sends == [Send(NOW, "r", "email", KLAVIYO, "d1")]
    assert contact.messages == 1


def test_message_that_did_not_leave_gives_its_place_up():
    assert fold(reserved("d1", "d2"), not_sent()).sends == reserved("d2").sends


def test_what_left_keeps_its_place_whatever_is_said_later():
    contact = fold(fold(reserved("d1"), sent(ago(minutes=2))), not_sent())
    assert [one.key for one in contact.sends] == ["d1"]


def test_message_that_left_after_it_was_given_up_has_a_place_again():
    contact = fold(fold(reserved("d1"), not_sent(ago(minutes=2))), sent())
    assert [(one.key, one.reserved) for one in contact.sends] == [("d1", False)]


def test_reserving_again_moves_what_waits_and_not_what_has_left():
    contact = reserved("d1")
    reserve(contact, "d1", "r", "email", NOW)
    assert [one.at for one in contact.sends] == [NOW]
    fold(contact, sent(ago(minutes=1)))
    reserve(contact, "d1", "r", "email", NOW)
    assert [one.at for one in contact.sends] == [ago(minutes=1)]


def test_one_without_a_key_is_nobodys_place():
    contact = folded(delivered())
    assert place_of(contact, "") is None
    release(contact, "")
    assert len(contact.sends) == 1


# Of tools by themselves -----------------------------------------------------------------------------------------------


def test_message_that_a_tool_sent_by_itself_has_a_place_on_any_channel():
    contact = folded(delivered(ago(hours=3)), delivered(ago(hours=2), "sms", HUBSPOT), delivered(NOW, "push"))
    assert [(one.channel, one.connection_id, one.rule) for one in contact.sends] == [
        ("email", KLAVIYO, ""),
        ("sms", HUBSPOT, ""),
        ("push", KLAVIYO, ""),
    ]


def test_what_a_machine_tells_is_no_message():
    assert folded(delivered(machine="a test")).sends == []


def test_delivery_of_our_own_message_is_not_counted_again():
    contact = folded(sent(ago(hours=47)), delivered())
    assert [(one.key, one.heard) for one in contact.sends] == [("d1", True)]


def test_only_one_delivery_is_taken_for_that_of_a_message():
    contact = folded(sent(ago(hours=2)), delivered(ago(hours=1)), delivered())
    assert [one.key for one in contact.sends] == ["d1", ""]


def test_delivery_that_is_told_before_its_send_was_noted_is_still_the_sends():
    contact = fold(fold(reserved("d1"), delivered(ago(seconds=2))), sent(ago(seconds=1)))
    assert [(one.key, one.heard) for one in contact.sends] == [("d1", True)]


def test_delivery_of_another_channel_or_much_later_is_another_message():
    assert len(folded(sent(ago(hours=1)), delivered(NOW, "sms")).sends) == 2
    assert len(folded(sent(ago(hours=49)), delivered()).sends) == 2
    assert len(folded(delivered(ago(hours=1)), sent()).sends) == 2, "and one before it"


def test_delivery_goes_to_the_message_of_the_tool_that_tells_it():
    by_hubspot = sent(ago(hours=3), "d1", connection=HUBSPOT)
    contact = folded(by_hubspot, sent(ago(hours=2), "d2"), delivered(NOW, connection=KLAVIYO))
    assert [(one.key, one.heard) for one in contact.sends] == [("d1", False), ("d2", True)]


def test_transactional_messages_are_known_and_do_not_count():
    contact = folded(sent(ago(hours=2), purpose="transactional"), delivered(ago(hours=1)))
    assert [(one.key, one.exempt, one.heard) for one in contact.sends] == [("d1", True, True)]
    assert folded(delivered(purpose="transactional")).sends[0].exempt, "also where a tool says so of its own"


# Bounds ---------------------------------------------------------------------------------------------------------------


def test_ledger_keeps_the_newest_of_a_burst_and_what_does_not_count_goes_first():
    contact = reserved("d1")
    for number in range(500):
        fold(contact, delivered(ago(seconds=500 - number), purpose="transactional" if number % 2 else "marketing"))
    assert len(contact.sends) == MAX_SENDS
    assert not [one for one in contact.sends if one.exempt]
    assert contact.sends[-1].at == ago(seconds=2)
    assert MAX_CAP * 2 <= MAX_SENDS, "though reserved places be given up, as many are known as a cap may ask for"


def test_ledger_forgets_what_no_cap_can_ask_for():
    old = delivered(NOW - KEPT)
    assert [one.at for one in folded(old, delivered()).sends] == [NOW]
    assert len(folded(delivered(NOW - KEPT + timedelta(seconds=1)), delivered()).sends) == 2
