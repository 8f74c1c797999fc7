"""How each type of event changes what we know of a person.

Catalogue: A4 (order), A8 (commerce), C1 (one record: its state), C2 (in conversation), C5 (human or machine).
"""

from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.contact import Contact
from app.contacts.event import Event, EventType, position
from app.contacts.fold import fold
from app.contacts.interests import MAX_INTERESTS
from app.contacts.sends import MAX_SENDS
from app.contacts.talks import MAX_SIGNALS
from app.contacts.tool_ids import MAX_FORMER, current_id
from app.contacts.touches import MAX_TOUCHES
from tests.contacts.making import ANN, FORMS, HUBSPOT, KLAVIYO, NOW, ago, event, folded, no, yes

# Fields ---------------------------------------------------------------------------------------------------------------


def test_field_keeps_where_its_value_came_from():
    told = event("contact.updated", ago(days=1), fields={"company": "Acme"}, connection=KLAVIYO)
    told.mapping = "klaviyo@3"
    known = folded(told).fields["company"]
    assert (known.value, known.at, known.connection_id, known.mapping) == ("Acme", ago(days=1), KLAVIYO, "klaviyo@3")


def test_newest_word_on_a_field_wins_whenever_it_arrives():
    new = event("contact.updated", ago(days=1), fields={"company": "New"})
    old = event("contact.updated", ago(days=9), fields={"company": "Old"})
    assert folded(new, old).get("company") == "New"


def test_cleared_field_is_gone_until_it_is_said_again():
    said = event("contact.updated", ago(days=3), fields={"owner_id": "7"})
    cleared = event("contact.updated", ago(days=2), fields={"owner_id": None})
    again = event("contact.updated", ago(days=1), fields={"owner_id": "8"})
    assert folded(said, cleared).get("owner_id") is None
    assert folded(said, cleared, again).get("owner_id") == "8"


def test_address_that_only_identifies_fills_an_empty_field_and_no_other():
    assert folded(event("email.opened", who=[("email", ANN)])).email == ANN
    known = event("contact.updated", ago(days=1), fields={"email": "new@example.com"})
    assert folded(known, event("email.opened", who=[("email", ANN)])).email == "new@example.com"


def test_name_is_the_best_that_is_known():
    assert folded(event("contact.updated", fields={"first_name": "Ann", "last_name": "Lee"})).name == "Ann Lee"
    assert folded(event("contact.updated", fields={"email": ANN})).name == ANN
    assert folded(event("page.viewed")).name == ""


# What people do -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        *("page.viewed", "form.submitted", "asset.downloaded", "product.viewed", "checkout.started", "order.placed"),
        *("meeting.booked", "email.delivered", "email.opened", "email.clicked", "email.replied"),
        *("sms.clicked", "sms.replied", "push.opened"),
    ],
)
def test_what_a_person_does_is_counted_with_first_and_last_time(kind):
    contact = folded(event(kind, ago(days=3)), event(kind, ago(days=1)), event(kind, ago(days=2)))
    known = contact.activity[kind]
    assert (known.first_at, known.last_at, known.count) == (ago(days=3), ago(days=1), 3)
    assert contact.last_human(kind) == ago(days=1)


@pytest.mark.parametrize("kind", ["email.opened", "email.clicked", "page.viewed", "asset.downloaded", "product.viewed"])
def test_what_a_machine_does_is_no_sign_of_life(kind):
    contact = folded(event(kind, machine="opened by a mail privacy proxy", topic="Freight", path="/pricing"))
    assert contact.activity == {}
    assert contact.interests == {}
    assert contact.touches == []
    assert contact.last_human(kind) is None


def test_reply_of_a_machine_is_no_conversation():
    assert folded(event("email.replied", machine="out of office")).conversation == {}


def test_downloads_and_products_are_interests_under_one_spelling():
    contact = folded(
        event("asset.downloaded", ago(days=2), topic=" Freight "),
        event("product.viewed", ago(days=1), product="freight"),
        event("asset.downloaded", NOW, topic=""),
    )
    known = contact.interests["freight"]
    assert (list(contact.interests), known.count, known.last_at) == (["freight"], 2, ago(days=1))


def test_entry_point_is_kept_for_ever_and_a_visit_is_one_touch():
    first = event(
        "page.viewed", ago(days=9), path="/blog", utm_source="news", utm_campaign="may", referrer="https://x/"
    )
    same = event("page.viewed", ago(days=9) + timedelta(minutes=5), path="/pricing")
    other_origin = event("page.viewed", ago(days=9) + timedelta(minutes=6), path="/", utm_source="ads")
    later = event("form.submitted", ago(days=1), form="demo", path="/demo")
    touches = folded(first, same, other_origin, later).touches
    assert [(one.entry, one.source, one.landing_page) for one in touches] == [
        ("page /blog", "news", "/blog"),
        ("page /", "ads", "/"),
        ("form demo", "", "/demo"),
    ]
    assert (touches[0].campaign, touches[0].referrer) == ("may", "https://x/")


# Commerce -------------------------------------------------------------------------------------------------------------


def test_revenue_is_counted_per_currency_and_refunds_are_taken_off():
    contact = folded(
        event("order.placed", ago(days=4), value=100.10, currency="EUR"),
        event("order.placed", ago(days=3), value=50, currency="USD"),
        event("order.refunded", ago(days=2), value=30.05, currency="EUR"),
        event("checkout.started", ago(days=1), value=999, currency="EUR"),
    )
    assert contact.revenue == {"EUR": 70.05, "USD": 50}
    assert contact.activity["order.placed"].count == 2


@pytest.mark.parametrize("value", [None, "12", True, {}, 1e300])
def test_order_without_an_amount_earns_nothing_but_counts(value):
    contact = folded(event("order.placed", value=value))
    assert contact.revenue == {}
    assert contact.activity["order.placed"].count == 1


# Reaching them --------------------------------------------------------------------------------------------------------


def test_permanent_bounce_is_kept_with_its_reason():
    reach = folded(event("email.bounced", ago(days=1), permanent=True, reason="no such host")).deliverability["email"]
    assert (reach.bounced_at, reach.bounce) == (ago(days=1), "no such host")


def test_soft_bounces_are_counted_until_something_arrives():
    soft = [event("sms.bounced", ago(days=day)) for day in (9, 8, 7)]
    assert folded(*soft).deliverability["sms"].soft_bounces == 3
    assert folded(*soft, event("sms.delivered", ago(days=6))).deliverability["sms"].soft_bounces == 0
    assert folded(*soft).deliverability["sms"].bounced_at is None


def test_complaint_is_kept_and_is_a_no():
    contact = folded(yes(ago(days=9)), event("email.complained", ago(days=1), reason="marked as spam"))
    assert contact.deliverability["email"].complained_at == ago(days=1)
    assert contact.consent["email/marketing"].state == "withdrawn"


# Conversation ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opening", "key", "closing"),
    [
        pytest.param(
            event("deal.created", ago(days=2), deal="9", owner="Rita"),
            "deal:9",
            event("deal.stage_changed", ago(days=1), deal="9", stage="closedwon", closed=True),
            id="a deal",
        ),
        pytest.param(
            event("meeting.booked", ago(days=2), meeting="4", owner="Rita"),
            "meeting:4",
            event("meeting.canceled", ago(days=1), meeting="4"),
            id="a meeting",
        ),
        pytest.param(
            event("conversation.started", ago(days=2), kind="chat", thread="5", owner="Rita"),
            "chat:5",
            event("conversation.closed", ago(days=1), kind="chat", thread="5"),
            id="a chat",
        ),
        pytest.param(
            event("conversation.started", ago(days=2), kind="task", thread="6", owner="Rita"),
            "task:6",
            event("task.completed", ago(days=1), task="6"),
            id="a rep's task",
        ),
    ],
)
def test_conversation_opens_and_closes(opening, key, closing):
    opened = folded(opening).conversation[key]
    assert (opened.since, opened.who, opened.closed_at) == (ago(days=2), "Rita", None)
    assert dict(folded(opening).open_signals()) == {key: opened}
    closed = folded(opening, closing)
    assert closed.conversation[key].closed_at == ago(days=1)
    assert dict(closed.open_signals()) == {}


def test_reply_opens_a_conversation_on_its_channel():
    contact = folded(event("email.replied", ago(days=2)), event("email.replied", ago(days=1)))
    signal = contact.conversation["reply:email"]
    assert (signal.since, signal.last_at) == (ago(days=2), ago(days=1))


def test_open_deal_goes_on_with_each_stage_and_a_closed_one_can_open_again():
    created = event("deal.created", ago(days=5), deal="9", stage="new")
    moved = event("deal.stage_changed", ago(days=3), deal="9", stage="offer")
    lost = event("deal.stage_changed", ago(days=2), deal="9", stage="closedlost", closed=True)
    again = event("deal.stage_changed", ago(days=1), deal="9", stage="new")
    known = folded(created, moved).conversation["deal:9"]
    assert (known.since, known.last_at, known.detail) == (ago(days=5), ago(days=3), "offer")
    reopened = folded(created, moved, lost, again).conversation["deal:9"]
    assert (reopened.since, reopened.closed_at) == (ago(days=1), None)


def test_meeting_lasts_until_it_has_taken_place():
    booked = event("meeting.booked", ago(days=1), meeting="4", starts_at="2026-12-01T10:00:00Z")
    assert str(folded(booked).conversation["meeting:4"].until) == "2026-12-01 10:00:00+00:00"


def test_closing_what_was_never_open_changes_nothing():
    assert folded(event("conversation.closed", thread="5")).conversation == {}


# Membership, sends, switches ------------------------------------------------------------------------------------------


def test_lists_and_tags_are_joined_and_left():
    joined = event("list.joined", ago(days=2), connection=KLAVIYO, list="XW5")
    tagged = event("tag.added", ago(days=2), tag="vip")
    assert list(folded(joined, tagged).lists) == ["2:XW5"]
    assert list(folded(joined, tagged).tags) == ["vip"]
    left = folded(
        joined, tagged, event("list.left", ago(days=1), connection=KLAVIYO, list="XW5"), event("tag.removed", tag="vip")
    )
    assert (left.lists, left.tags) == ({}, {})


def test_list_of_one_tool_is_not_the_list_of_another():
    joined = event("list.joined", ago(days=2), connection=KLAVIYO, list="1")
    assert list(folded(joined, event("list.left", connection=HUBSPOT, list="1")).lists) == ["2:1"]


def test_sent_messages_are_counted_and_the_newest_kept():
    sends = [event("message.sent", ago(minutes=n), rule="r", channel="email", connection=KLAVIYO) for n in range(60)]
    contact = folded(*sends)
    assert (contact.messages, len(contact.sends), contact.sends[-1].at) == (60, MAX_SENDS, NOW)


def test_hand_suppresses_and_releases():
    stopped = event(
        "custom:suppressed", ago(days=2), actor="Rita", reason="asked by phone", until="2026-12-01T00:00:00Z"
    )
    manual = folded(stopped).manual
    assert manual is not None
    assert (manual.by, manual.reason, str(manual.until)) == ("Rita", "asked by phone", "2026-12-01 00:00:00+00:00")
    assert folded(stopped, event("custom:released", ago(days=1), actor="Rita")).manual is None


def test_deletion_in_a_tool_is_noted_until_the_contact_is_back_there():
    gone = event("contact.deleted", ago(days=2), connection=HUBSPOT)
    assert folded(gone).deleted_in == {"1": ago(days=2)}
    assert folded(gone, event("contact.created", ago(days=1), connection=HUBSPOT)).deleted_in == {}
    assert folded(gone, event("contact.created", ago(days=1), connection=KLAVIYO)).deleted_in == {"1": ago(days=2)}


def test_erased_person_is_forgotten_and_stays_so():
    contact = folded(
        event("form.submitted", ago(days=9), fields={"email": ANN, "first_name": "Ann"}, path="/"),
        yes(ago(days=8)),
        event("order.placed", ago(days=7), value=10, currency="EUR"),
        event("contact.erased", ago(days=6)),
        event("contact.updated", ago(days=5), fields={"email": ANN}, who=[("email", ANN)]),
        yes(ago(days=4)),
    )
    blank = Contact(
        first_seen_at=ago(days=9), newest=contact.newest, erased_at=ago(days=6)
    )  # when, and that: nothing of whom
    assert contact == blank


# Consent in events ----------------------------------------------------------------------------------------------------


def test_form_says_several_consents_at_once():
    said = [
        {"channel": "email", "state": "granted", "by_person": True, "method": "form", "proof": {"form": "demo"}},
        {"channel": "sms", "state": "withdrawn"},
    ]
    contact = folded(event("form.submitted", ago(days=1), connection=FORMS, consent=said))
    grant = contact.consent["email/marketing"].by_person
    assert grant is not None
    assert (grant.at, grant.source, grant.method, grant.proof) == (ago(days=1), "3", "form", {"form": "demo"})
    assert contact.consent["sms/marketing"].state == "withdrawn"


@pytest.mark.parametrize("by_person", ["false", "true", 1, None, [True]])
def test_only_a_plain_yes_counts_as_the_persons_own(by_person):
    contact = folded(yes(NOW, by_person=by_person))
    assert contact.consent["email/marketing"].by_person is None


def test_consent_that_claims_to_come_from_the_future_is_as_old_as_its_event():
    claimed = yes(ago(days=2), since="2099-01-01T00:00:00Z")
    contact = folded(claimed, no(ago(days=1)))
    assert contact.consent["email/marketing"].state == "withdrawn"


def test_snapshot_that_is_read_later_dates_consent_by_when_it_was_given():
    read_today = yes(NOW, since="2026-11-01T00:00:00Z")
    assert folded(read_today, no(ago(days=3))).consent["email/marketing"].state == "withdrawn"


# In any order, whatever is said ---------------------------------------------------------------------------------------

_odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
_SAID = [
    *("path", "utm_source", "referrer", "click_id", "form", "topic", "product", "permanent", "reason", "channel"),
    *("purpose", "state", "by_person", "method", "since", "deal", "stage", "closed", "owner", "until", "meeting"),
    *("kind", "thread", "task", "list", "tag", "value", "currency", "rule"),
    *("consent", "proof", "connection"),
]
_kinds = st.sampled_from([*map(str, EventType), "custom:suppressed", "custom:released", "custom:anything"])
_events = st.lists(
    st.builds(
        lambda kind, minutes, machine, said: event(kind, ago(minutes=minutes), machine=machine, properties=said),
        _kinds,
        st.integers(0, 6),
        st.none() | st.just("a scanner"),
        st.dictionaries(st.sampled_from(_SAID), _odd, max_size=4),
    ),
    max_size=12,
)


@given(_events, st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_whatever_is_said_the_state_can_be_stored_and_read_and_no_order_matters(events, random):
    contact = folded(*events)
    assert msgspec.json.decode(msgspec.json.encode(contact), type=Contact) == contact
    random.shuffle(events)
    assert folded(*events) == contact


@pytest.mark.parametrize("kind", sorted({*map(str, EventType), "custom:suppressed"}))
@given(said=st.fixed_dictionaries({}, optional=dict.fromkeys(_SAID, _odd)))
@settings(max_examples=15)
def test_no_property_brings_a_fold_down(kind, said):
    contact = folded(event(kind, ago(minutes=1), properties=said), event(kind, properties=said))
    assert msgspec.json.decode(msgspec.json.encode(contact), type=Contact) == contact


@given(_events)
@settings(max_examples=100)
def test_fold_goes_on_where_it_stopped(events):
    events.sort(key=position)
    half = folded(*events[: len(events) // 2])
    kept = msgspec.json.decode(msgspec.json.encode(half), type=Contact)
    for one in events[len(events) // 2 :]:
        fold(kept, one)
    assert kept == folded(*events)


def test_contact_stays_small_whatever_happens_to_it():
    contact = Contact()
    for number in range(300):
        at = ago(minutes=300 * 60 - 60 * number)
        for one in (
            event("page.viewed", at, path=f"/{number}", utm_source=f"s{number}", utm_term="x" * 2_000),
            event("asset.downloaded", at, topic=f"topic {number} " + "x" * 2_000),
            event("deal.created", at, deal=str(number)),
            event("message.sent", at, rule="r"),
        ):
            fold(contact, one)
    assert len(contact.touches) == MAX_TOUCHES
    assert contact.touches[0].landing_page == "/0"
    assert contact.touches[-1].landing_page == "/299"
    assert len(contact.interests) == MAX_INTERESTS
    assert len(contact.conversation) == MAX_SIGNALS
    assert "deal:299" in contact.conversation
    assert len(contact.sends) == MAX_SENDS
    assert len(msgspec.json.encode(contact)) < 32_000


# Ids in a tool --------------------------------------------------------------------------------------------------------


def merged(at: datetime, *ids: str) -> Event:
    return event("contact.merged", at, connection=HUBSPOT, who=[("hubspot", one) for one in ids])


def gone(at: datetime, name: str) -> Event:
    return event("contact.deleted", at, connection=HUBSPOT, who=[("hubspot", name)])


@pytest.mark.parametrize("before", [ago(days=2, minutes=1), ago(days=2), ago(days=1)], ids=["before", "with", "after"])
def test_record_that_was_only_merged_away_is_no_deleted_person(before):
    """HubSpot tells of a merge and, at once, that the merged record is gone; in any order."""
    contact = folded(merged(ago(days=2), "1", "2"), gone(before, "2"))
    assert contact.deleted_in == {}
    assert folded(merged(ago(days=2), "1", "2"), gone(ago(days=1), "1")).deleted_in == {"1": ago(days=1)}


def test_newest_id_that_was_not_merged_away_is_the_one_to_write_to():
    contact = folded(merged(ago(days=2), "1", "2"))
    assert current_id(contact, HUBSPOT, ["1", "2"]) == "1", "although the other was learned later"
    assert current_id(contact, KLAVIYO, ["1", "2"]) == "2"
    contact = folded(merged(ago(days=2), "1", "2"), merged(ago(days=1), "3", "1"))
    assert current_id(contact, HUBSPOT, ["3", "1", "2"]) == "3"
    assert current_id(contact, HUBSPOT, ["2"]) == "2", "better than none: the tool itself knows whose it is now"
    assert current_id(contact, HUBSPOT, []) == ""
    back = folded(merged(ago(days=2), "1", "2"), event("contact.created", connection=HUBSPOT, who=[("hubspot", "2")]))
    assert current_id(back, HUBSPOT, ["1", "2"]) == "2"


def test_only_so_many_merged_ids_are_remembered():
    contact = folded(merged(ago(days=2), *(str(number) for number in range(MAX_FORMER + 50))))
    assert contact.former_ids["1"][-1] == str(MAX_FORMER + 49)
    assert len(contact.former_ids["1"]) == MAX_FORMER
