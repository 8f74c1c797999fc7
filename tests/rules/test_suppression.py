"""Why we must not send, and the one place that says when an opt-out may be lifted.

Catalogue: C2 (in conversation), I1 (suppression reasons), I2 (never un-suppress).
"""

import pytest
from hypothesis import event as note
from hypothesis import given, settings
from hypothesis import strategies as st

from app.contacts.action import ACTIONS, SendMessage, Subscribe, Unsubscribe
from app.contacts.consent import Grant
from app.contacts.event import Event
from app.rules.suppression import SuppressionDocument, conversation, gates, may_lift, suppressions
from tests.contacts.making import ANN, FORMS, HUBSPOT, KLAVIYO, NOW, ago, event, folded, no, yes
from tests.rules.making import SUPPRESSION

KNOWN = event("contact.updated", ago(days=400), fields={"email": ANN, "phone": "+12025550123"})

MAIL = event("contact.updated", ago(days=9), fields={"email": ANN})
BEA = "bea@example.com"


def reasons(*events: Event, policy: SuppressionDocument = SUPPRESSION) -> set[tuple[str, str]]:
    return {(one.reason, one.scope) for one in suppressions(folded(*events), policy, NOW)}


# The reasons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], set(), id="none"),
        pytest.param([event("email.bounced", permanent=True)], {("bounce", "email")}, id="a hard bounce"),
        pytest.param(
            [event("email.bounced", ago(days=n)) for n in range(5)], {("bounce", "email")}, id="five soft bounces"
        ),
        pytest.param([event("email.bounced", ago(days=n)) for n in range(4)], set(), id="four soft bounces"),
        pytest.param([event("sms.bounced", permanent=True)], {("bounce", "sms")}, id="a bounce of another channel"),
        pytest.param(
            [MAIL, event("email.bounced", ago(days=1), permanent=True)], {("bounce", "email")}, id="the address it has"
        ),
        pytest.param(
            [
                MAIL,
                event("email.bounced", ago(days=1), permanent=True),
                event("contact.updated", fields={"email": BEA}),
            ],
            set(),
            id="an address it had",
        ),
        pytest.param(
            [MAIL, event("email.bounced", permanent=True, recipient=BEA)],
            set(),
            id="an address that is not its main one",
        ),
        pytest.param(
            [event("email.complained")], {("complaint", "email"), ("opt_out", "email/marketing")}, id="a complaint"
        ),
        pytest.param(
            [event("email.complained", ago(days=2)), yes(ago(days=1))],
            set(),
            id="a complaint that the person took back",
        ),
        pytest.param(
            [event("email.complained", ago(days=2)), yes(ago(days=1), by_person=False)],
            {("complaint", "email"), ("opt_out", "email/marketing")},
            id="a complaint that a tool took back",
        ),
        pytest.param([no(ago(days=1))], {("opt_out", "email/marketing")}, id="an opt-out"),
        pytest.param([event("sms.unsubscribed")], {("opt_out", "sms/marketing")}, id="an opt-out of another channel"),
        pytest.param(
            [event("email.unsubscribed", purpose="events")], {("opt_out", "email/events")}, id="an opt-out of a purpose"
        ),
        pytest.param([no(ago(days=2)), yes(ago(days=1))], set(), id="an opt-out that the person took back"),
        pytest.param([event("deal.created", deal="1")], {("conversation", "marketing")}, id="a conversation"),
        pytest.param(
            [event("email.delivered", ago(days=200))], {("dormant", "email/marketing")}, id="no sign for half a year"
        ),
        pytest.param(
            [event("email.delivered", ago(days=200)), event("page.viewed", ago(days=9))], set(), id="but still visiting"
        ),
        pytest.param([event("custom:suppressed", actor="Rita")], {("manual", "everything")}, id="by hand"),
        pytest.param(
            [event("custom:suppressed", actor="Rita", until=ago(days=1).isoformat())], set(), id="by hand, until then"
        ),
        pytest.param([event("contact.erased")], {("erased", "everything")}, id="erased"),
    ],
)
def test_each_reason_has_its_scope(events, expected):
    assert reasons(*events) == expected


def test_reason_says_since_when_until_when_and_why():
    contact = folded(
        event("email.bounced", ago(days=3), permanent=True, reason="no such host"),
        event("custom:suppressed", ago(days=2), actor="Rita", reason="asked", until="2026-12-01T00:00:00Z"),
        event("deal.created", ago(days=1), deal="1", owner="Rolf"),
    )
    found = {one.reason: one for one in suppressions(contact, SUPPRESSION, NOW)}
    assert (found["bounce"].since, found["bounce"].until, found["bounce"].detail) == (ago(days=3), None, "no such host")
    assert (found["manual"].since, str(found["manual"].until)) == (ago(days=2), "2026-12-01 00:00:00+00:00")
    assert (found["conversation"].until, found["conversation"].detail) == (ago(days=1 - 90), "deal with Rolf")


# In conversation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opening", "days"),
    [
        pytest.param("deal.created", 90, id="a deal"),
        pytest.param("email.replied", 14, id="a reply"),
        pytest.param("meeting.booked", 3, id="a meeting"),
        pytest.param("conversation.started", 3, id="a chat"),
    ],
)
def test_conversation_holds_for_its_days_after_it_was_last_heard(opening, days):
    contact = folded(event(opening, ago(days=days)))
    assert conversation(contact, SUPPRESSION, ago(minutes=1)) is not None
    assert conversation(contact, SUPPRESSION, NOW) is None


def test_meeting_holds_until_days_after_it_takes_place():
    contact = folded(event("meeting.booked", ago(days=9), meeting="1", starts_at=ago(days=2).isoformat()))
    talk = conversation(contact, SUPPRESSION, NOW)
    assert talk is not None
    assert talk.until == ago(days=2 - 3)


def test_longest_of_several_conversations_counts():
    contact = folded(event("email.replied", ago(days=1)), event("deal.created", ago(days=1), deal="1", owner="Rita"))
    talk = conversation(contact, SUPPRESSION, NOW)
    assert talk is not None
    assert (talk.kind, talk.who, talk.since) == ("deal", "Rita", ago(days=1))


@pytest.mark.parametrize("kind", ["videocall", "model_config", "copy", ""])
def test_kind_of_conversation_without_days_of_its_own_holds_like_a_chat(kind):
    contact = folded(event("conversation.started", ago(days=2), kind=kind, thread="1"))
    assert conversation(contact, SUPPRESSION, NOW) is not None
    assert conversation(contact, SUPPRESSION, ago(days=-2)) is None


def test_conversation_that_has_not_begun_is_none_yet():
    contact = folded(event("deal.created", NOW, deal="1"))
    assert conversation(contact, SUPPRESSION, ago(days=1)) is None


# The gates ------------------------------------------------------------------------------------------------------------


def blocked(*events: Event, channel: str = "email", purpose: str = "marketing", **policy) -> list[str]:
    """The gates that keep a message back."""
    message = SendMessage(message="News", rule="r", occurred_at=NOW, channel=channel, purpose=purpose)
    document = SuppressionDocument(kind="suppression", **policy)
    return [gate.name for gate in gates(folded(KNOWN, *events), message, document, NOW) if not gate.passed]


AGREED = [yes(ago(days=9)), event("consent.changed", ago(days=9), state="granted", channel="sms", by_person=True)]


@pytest.mark.parametrize(
    ("events", "channel", "gates_closed"),
    [
        pytest.param(AGREED, "email", [], id="all well"),
        pytest.param([], "email", ["consent"], id="no consent on record"),
        pytest.param([event("consent.changed", state="pending")], "email", ["consent"], id="consent not confirmed"),
        pytest.param([*AGREED, no(ago(days=1))], "email", ["consent"], id="opted out"),
        pytest.param([*AGREED, no(ago(days=1))], "sms", [], id="opted out of another channel"),
        pytest.param([*AGREED, event("email.bounced", permanent=True)], "email", ["bounce"], id="bounces"),
        pytest.param([*AGREED, event("email.bounced", permanent=True)], "sms", [], id="bounces elsewhere"),
        pytest.param([*AGREED, event("email.complained")], "email", ["complaint", "consent"], id="complained"),
        pytest.param([*AGREED, event("deal.created", deal="1")], "email", ["conversation"], id="in conversation"),
        pytest.param([*AGREED, event("deal.created", deal="1")], "sms", ["conversation"], id="on every channel"),
        pytest.param([*AGREED, event("custom:suppressed")], "email", ["manual"], id="by hand"),
        pytest.param([*AGREED, event("email.delivered", ago(days=300))], "email", ["dormant"], id="dormant"),
        pytest.param(
            [*AGREED, event("contact.updated", fields={"phone": "030 1234"})], "sms", ["reachable"], id="no such number"
        ),
        pytest.param(
            [*AGREED, event("contact.updated", fields={"email": None})], "email", ["reachable"], id="no address"
        ),
        pytest.param([event("contact.erased")], "email", ["reachable", "erased", "consent"], id="erased"),
    ],
)
def test_marketing_passes_every_gate_or_does_not_leave(events, channel, gates_closed):
    assert blocked(*events, channel=channel) == gates_closed


@pytest.mark.parametrize(
    ("events", "gates_closed"),
    [
        pytest.param([no(ago(days=1)), event("deal.created", deal="1")], [], id="opted out, in conversation"),
        pytest.param([event("email.bounced", permanent=True)], ["bounce"], id="bounces"),
        pytest.param([event("custom:suppressed")], ["manual"], id="by hand"),
        pytest.param([event("contact.erased")], ["reachable", "erased"], id="erased"),
    ],
)
def test_transactional_mail_needs_no_consent_but_an_address(events, gates_closed):
    assert blocked(*events, purpose="transactional") == gates_closed


def test_purpose_needs_its_own_yes_and_a_general_no_is_a_no_to_it():
    agreed = event("consent.changed", ago(days=5), state="granted", channel="email", purpose="events", by_person=True)
    assert blocked(yes(ago(days=9)), purpose="events") == ["consent"]
    assert blocked(agreed, purpose="events") == []
    assert blocked(agreed, no(ago(days=1)), purpose="events") == ["consent"]


def test_channel_for_which_the_policy_asks_no_consent_still_hears_a_no():
    free = {"require_consent": {"email": False}}
    assert blocked(**free) == []
    assert blocked(no(ago(days=1)), **free) == ["consent"]


def test_gate_says_why_in_words():
    message = SendMessage(message="News", rule="r", occurred_at=NOW)
    contact = folded(KNOWN, *AGREED, event("deal.created", ago(days=1), deal="1", owner="Rita"))
    closed = next(gate for gate in gates(contact, message, SUPPRESSION, NOW) if not gate.passed)
    assert closed.detail == "in conversation with sales: deal with Rita (since 2026-11-21 until 2027-02-19)"


# Lifting an opt-out ---------------------------------------------------------------------------------------------------

GRANT = Grant(NOW, "3", True)
SUBSCRIBE = Subscribe(grant=GRANT)


@pytest.mark.parametrize(
    ("events", "may"),
    [
        pytest.param([yes(ago(days=1))], True, id="there was nothing to lift"),
        pytest.param([no(ago(days=2)), yes(ago(days=1))], True, id="the person's own yes, later"),
        pytest.param([yes(ago(days=2)), no(ago(days=1))], False, id="the person's own yes, earlier"),
        pytest.param([no(ago(days=1)), yes(ago(days=1))], False, id="in the same instant"),
        pytest.param([no(ago(days=2)), yes(ago(days=1), by_person=False)], False, id="a tool's yes"),
        pytest.param([yes(ago(days=1), by_person=False)], False, id="a tool's yes, with nothing to lift"),
        pytest.param([no(ago(days=3)), yes(ago(days=2)), no(ago(days=1), connection=HUBSPOT)], False, id="a later no"),
        pytest.param([event("email.complained", ago(days=2)), yes(ago(days=1))], True, id="after a complaint"),
        pytest.param([yes(ago(days=2)), event("email.complained", ago(days=1))], False, id="before a complaint"),
        pytest.param(
            [yes(ago(days=2)), event("email.unsubscribed", ago(days=1), purpose="events")],
            False,
            id="a later no to one purpose of the channel",
        ),
        pytest.param([yes(ago(days=2)), event("sms.unsubscribed", ago(days=1))], True, id="a no on another channel"),
        pytest.param([yes(ago(days=2)), event("contact.erased", ago(days=1))], False, id="erased"),
        pytest.param([], False, id="nothing on record, whatever the action claims"),
    ],
)
def test_only_the_persons_own_later_yes_may_lift(events, may):
    assert (may_lift(folded(*events), SUBSCRIBE) is not None) is may


def test_yes_to_one_purpose_lifts_no_general_no():
    agreed = event("consent.changed", ago(days=1), state="granted", channel="email", purpose="events", by_person=True)
    action = Subscribe(grant=GRANT, purpose="events")
    assert may_lift(folded(agreed), action) is not None
    assert may_lift(folded(no(NOW), agreed), action) is None


def test_only_actions_that_need_a_grant_can_lift():
    lifting = {name for name, kind in ACTIONS.items() if kind.lifts}
    assert lifting == {"subscribe"}
    with pytest.raises(TypeError, match="grant"):
        Subscribe()  # type: ignore[call-arg]
    assert may_lift(folded(yes(NOW)), Unsubscribe()) is None


# Over everything that may happen: noes, yeses and claims, of all tools, on all channels, for all purposes
_moment = st.integers(0, 12).map(lambda hours: ago(hours=hours))
_purpose = st.sampled_from(["marketing", "marketing", "events"])
_channel = st.sampled_from(["email", "email", "sms"])
_tool = st.sampled_from([HUBSPOT, KLAVIYO, FORMS])
_since = st.none() | st.integers(-48, 12).map(lambda hours: ago(hours=hours).isoformat())


def _said(state: str) -> st.SearchStrategy[Event]:
    return st.builds(
        lambda at, tool, channel, purpose, by_person, since: event(
            "consent.changed", at, connection=tool, state=state, channel=channel, purpose=purpose,
            by_person=by_person, since=since,
        ),
        _moment, _tool, _channel, _purpose, st.booleans(), _since,
    )  # fmt: skip


def _plain(kind: str) -> st.SearchStrategy[Event]:
    return st.builds(
        lambda at, tool, channel, purpose: event(f"{channel}.{kind}", at, connection=tool, purpose=purpose),
        _moment, _tool, _channel, _purpose,
    )  # fmt: skip


_streams = st.lists(
    st.one_of(
        _said("granted"),
        _said("granted"),
        _said("withdrawn"),
        _plain("unsubscribed"),
        _plain("complained"),
        _plain("bounced"),
        st.builds(
            lambda at, kind: event(kind, at),
            _moment,
            st.sampled_from(["custom:released", "contact.created", "email.opened", "contact.updated"]),
        ),
    ),
    max_size=8,
)


@given(_streams, _channel, _purpose)
@settings(max_examples=400)
def test_no_write_lifts_an_opt_out_without_the_persons_own_later_consent(events, channel, purpose):
    action = Subscribe(grant=Grant(ago(days=-365), "3", True), channel=channel, purpose=purpose)
    proof = may_lift(folded(*events), action)
    note(f"allowed: {proof is not None}")
    if proof is None:
        return

    def when(one: Event) -> object:
        return min(one.properties.get("since") or one.occurred_at.isoformat(), one.occurred_at.isoformat())

    own = [
        when(one)
        for one in events
        if one.properties.get("state") == "granted"
        and one.properties["by_person"]
        and (one.properties["channel"], one.properties["purpose"]) == (channel, purpose)
    ]
    against = [
        when(one)
        for one in events
        if one.type in (f"{channel}.unsubscribed", f"{channel}.complained")
        or (one.properties.get("state") == "withdrawn" and one.properties["channel"] == channel)
    ]
    assert own
    assert all(max(own) > said_no for said_no in against)
    assert proof.by_person
    assert proof.at.isoformat() == max(own)
