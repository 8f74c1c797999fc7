"""From decisions and states to deliveries: which tool carries what, and what it need not be told.

Catalogue: C3 (only a named person moves a stage back), G2 and G3 (a handoff's deliveries), I2 (never un-suppress), I6
(an opt-out is written to the others), N3 (no difference, no call).
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.registry import adapters
from app.contacts.action import Action, JoinList, MoveStage, SendMessage, Subscribe, Suppress, Unsubscribe, kind_of
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.rules.route import (
    SUPPRESSED,
    Held,
    Plan,
    Target,
    consent_property,
    digest,
    mark_of,
    outward,
    route_decision,
    sync,
)
from app.rules.suppression import may_lift
from mappings.mapping import mapping_file
from tests.contacts.making import ANN, FORMS, HUBSPOT, KLAVIYO, NOW, ago, event, folded, no, yes
from tests.rules.making import DEFAULT, live, of


def target(name: str, number: int, create: str = "", **more: Any) -> Target:
    """A connection to a tool, as the rest of Baton makes it."""
    adapter = adapters()[name]
    values = {"subscription_id": "7"}

    def can(action: Action) -> bool:
        push = adapter.pushes.get(type(action))
        return push is not None and push.accepts(action, values)

    mapping = mapping_file(adapter.mapping) if adapter.mapping else None
    if mapping is not None and create:
        mapping.create = create  # type: ignore[assignment]
    kinds = frozenset(kind_of(kind) for kind in adapter.pushes)
    return Target(id=number, name=name, kind=name, can=can, kinds=kinds, mapping=mapping, **more)


HUB, KLA, ALERTS = target("hubspot", HUBSPOT), target("klaviyo", KLAVIYO), target("alerts", 9)
KNOWN = event("contact.updated", ago(days=30), fields={"email": ANN, "first_name": "Ann"})


def plans(contact: Contact, tool: Target = HUB, held: Held | None = None) -> list[Plan]:
    """What a tool has to be told of a contact."""
    return sync(contact, tool, held or Held(), outward(contact, DEFAULT, NOW), NOW)


def kinds(*args: Any) -> list[str]:
    return [one.kind for one in plans(*args)]


@pytest.mark.parametrize(
    ("tool", "is_kept"), [("hubspot", True), ("klaviyo", True), ("make", False), ("ga4", False), ("alerts", False)]
)
def test_tools_that_keep_people_are_kept_true(tool: str, is_kept: bool) -> None:
    assert target(tool, 1).is_kept_true is is_kept


def told(*events: Event, tool: Target = HUB, **properties: Any) -> list[Action]:
    """What a tool that holds these properties has to be told of consent."""
    held = Held("1", {"email": ANN, **{key.replace("__", ":"): value for key, value in properties.items()}})
    actions = [one.action for one in plans(folded(KNOWN, *events), tool, held)]
    return [one for one in actions if isinstance(one, Subscribe | Unsubscribe)]


# Profiles -------------------------------------------------------------------------------------------------------------


def test_only_the_difference_is_written():
    contact = folded(KNOWN, event("contact.updated", fields={"city": "Bonn"}))
    (plan,) = plans(contact, HUB, Held("1", {"email": ANN, "firstname": "Anna"}))
    assert plan.action.properties == {"firstname": "Ann", "city": "Bonn"}
    assert (plan.slot, plan.wait_seconds > 0) == ("profile", True), "it may wait for others to leave together"


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        pytest.param("Ann", "Ann", True, id="the same"),
        pytest.param("Ann", " Ann ", True, id="but for white space"),
        pytest.param("Ann", "ann", False, id="another case"),
        pytest.param(7, "7", True, id="a number as a text"),
        pytest.param(True, "true", True, id="yes as a text"),
        pytest.param(True, "True", True, id="in any case"),
        pytest.param(False, "false", True, id="no as a text"),
        pytest.param(False, "", False, id="no is not nothing"),
        pytest.param(0, None, False, id="zero is not nothing"),
    ],
)
def test_tool_that_holds_the_same_is_not_called(ours, theirs, same):
    contact = folded(KNOWN, event("contact.updated", fields={"city": ours}))
    held = Held("1", {"email": ANN, "firstname": "Ann", "city": theirs})
    assert (kinds(contact, HUB, held) == []) is same


def test_empty_value_is_written_only_where_there_is_something_to_empty():
    contact = folded(KNOWN)
    assert plans(contact, HUB, Held("1", {"email": ANN, "firstname": "Ann"})) == []
    assert kinds(contact, HUB, Held("1", {"email": ANN, "firstname": "Ann", "city": "Bonn"})) == [], "row keeps it"


@pytest.mark.parametrize(
    ("create", "events", "created"),
    [
        pytest.param("always", [], True, id="always"),
        pytest.param("consented", [], False, id="with consent, and there is none"),
        pytest.param("consented", [yes(ago(days=1))], True, id="with consent"),
        pytest.param("consented", [yes(ago(days=2)), no(ago(days=1), connection=FORMS)], False, id="taken back"),
        pytest.param("never", [yes(ago(days=1))], False, id="never"),
    ],
)
def test_contact_is_created_where_the_mapping_wants_it(create, events, created):
    assert ("upsert_contact" in kinds(folded(KNOWN, *events), target("hubspot", HUBSPOT, create))) is created


def test_contact_without_an_address_is_created_nowhere():
    contact = folded(event("contact.updated", fields={"first_name": "Ann"}))
    assert plans(contact) == []
    assert kinds(contact, HUB, Held("1", {})) == ["upsert_contact"], "but updated where it is known"


@pytest.mark.parametrize("gone", [event("contact.erased"), event("contact.deleted", connection=HUBSPOT)])
def test_who_was_erased_or_deleted_there_is_not_written_again(gone):
    assert plans(folded(KNOWN, yes(ago(days=1)), gone)) == []


def test_what_was_deleted_in_one_tool_is_still_written_to_another():
    contact = folded(KNOWN, yes(ago(days=1)), event("contact.deleted", connection=HUBSPOT))
    assert "upsert_contact" in kinds(contact, KLA)


def test_digest_changes_with_what_the_tool_should_hold_and_with_nothing_else():
    def seen(*events: Event) -> str:
        contact = folded(KNOWN, *events)
        return digest(contact, HUB, outward(contact, DEFAULT, NOW))

    assert seen() == seen(event("page.viewed", path="/a")) == seen(event("contact.updated", fields={"industry": "x"}))
    changes = [
        seen(event("contact.updated", fields={"city": "Bonn"})),
        seen(no(ago(days=1))),
        seen(yes(ago(days=1))),
        seen(yes(ago(hours=1))),
        seen(event("email.bounced", permanent=True, email=ANN)),
    ]
    assert len({seen(), *changes}) == 6


def test_values_that_baton_works_out_go_out_too():
    contact, _ = live([KNOWN, yes(ago(days=9)), event("form.submitted", ago(minutes=5), form="demo")])
    values = outward(contact, DEFAULT, NOW)
    assert values["score"] == 30
    assert (values["in_conversation"], values["handoff_open"]) == (True, True)
    (plan,) = [one for one in plans(contact, KLA) if one.kind == "upsert_contact"]
    assert plan.action.properties["properties.baton_score"] == 30


# Stages ---------------------------------------------------------------------------------------------------------------


def staged(by: str | None) -> Contact:
    """A contact that was moved back to lead, by a person or by nobody."""
    contact, _ = live([KNOWN, event("stage.changed", ago(days=2), stage="customer")])
    assert contact.stage is not None
    contact.stage.name, contact.stage.by, contact.stage.reason = "lead", by or "rule", "verdict of sales: lost"
    return contact


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        pytest.param("subscriber", "upsert_contact", id="forward"),
        pytest.param("", "upsert_contact", id="from nowhere"),
        pytest.param("customer", "move_stage", id="back"),
        pytest.param("12345678", "upsert_contact", id="from a stage that the table lacks"),
        pytest.param("lead", None, id="nowhere"),
    ],
)
def test_stage_moves_back_in_its_own_way(theirs, expected):
    held = Held("1", {"email": ANN, "firstname": "Ann", "lifecyclestage": theirs})
    assert kinds(staged("Rita"), HUB, held) == ([expected] if expected else [])


@pytest.mark.parametrize("by", ["rule", "tool"])
def test_tool_that_is_ahead_stays_ahead_unless_a_person_moved_the_stage(by):
    held = Held("1", {"email": ANN, "firstname": "Ann", "lifecyclestage": "customer"})
    assert plans(staged(by), HUB, held) == []
    (plan,) = plans(staged("Rita"), HUB, held)
    assert plan.action == MoveStage(stage="lead", property="lifecyclestage", reason="verdict of sales: lost")


# Consent --------------------------------------------------------------------------------------------------------------


STOP = Unsubscribe(at=ago(days=1))
CONSENT = consent_property("email", "marketing").replace(":", "__")


def test_no_that_one_tool_heard_is_written_to_the_others():
    assert told(no(ago(days=1), connection=KLAVIYO)) == [STOP]
    assert told(no(ago(days=1), connection=HUBSPOT)) == []
    assert told(no(ago(days=1), connection=FORMS), tool=KLA) == [STOP]


def test_no_is_written_once():
    assert told(no(ago(days=1), connection=KLAVIYO), consent__email=1) == [STOP]
    held = {CONSENT: f"withdrawn {ago(days=1).isoformat()}"}
    assert told(no(ago(days=1), connection=KLAVIYO), **held) == []


def test_tool_that_was_told_of_a_no_is_told_of_a_later_one_once_it_has_a_yes_of_its_own():
    held = {CONSENT: f"withdrawn {ago(days=9).isoformat()}"}
    agreed_there = event(
        "consent.changed", ago(days=5), connection=HUBSPOT, state="granted", channel="email", by_person=True
    )
    history = [no(ago(days=9), connection=KLAVIYO), agreed_there]
    assert told(*history, no(ago(days=1), connection=KLAVIYO), **held) == [Unsubscribe(at=ago(days=1))]
    held = {CONSENT: f"withdrawn {ago(days=1).isoformat()}"}
    assert told(*history, no(ago(days=1), connection=KLAVIYO), **held) == []


def test_tool_that_said_no_once_is_told_of_a_later_one_that_it_did_not_hear():
    """It said no, then the person agreed again, which was written to it; what it holds now is the yes."""
    history = [no(ago(days=9), connection=HUBSPOT), yes(ago(days=5)), no(ago(days=1), connection=KLAVIYO)]
    assert told(*history) == [STOP]
    agreed_there = event(
        "consent.changed", ago(days=5), connection=HUBSPOT, state="granted", channel="email", by_person=False
    )
    assert told(history[0], agreed_there, history[2]) == [STOP]
    assert told(history[0], history[2]) == [], "without a yes between, it holds the no"
    assert told(*history, no(ago(hours=1), connection=HUBSPOT)) == [], "now it has heard it"


def test_persons_own_yes_is_written_where_it_was_not_said():
    (action,) = told(yes(ago(days=1)))
    assert isinstance(action, Subscribe)
    assert action.grant.by_person
    assert told(yes(ago(days=1), connection=HUBSPOT)) == []


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([yes(ago(days=1), by_person=False)], id="a tool's yes"),
        pytest.param([no(ago(days=1), connection=HUBSPOT), yes(ago(days=2))], id="a no since"),
        pytest.param([event("consent.changed", state="pending")], id="one that waits to be confirmed"),
    ],
)
def test_no_other_yes_is_written_anywhere(events):
    assert [one for one in told(*events) if isinstance(one, Subscribe)] == []


def test_yes_goes_after_the_profile_unless_the_tool_takes_it_only_of_whom_it_does_not_know():
    agreed = folded(KNOWN, yes(ago(days=1)))
    assert [plan.kind for plan in plans(agreed, KLA)] == ["upsert_contact", "subscribe"]
    assert [plan.kind for plan in plans(agreed, replace(KLA, yes_first=True))] == ["subscribe", "upsert_contact"]


def test_yes_is_written_once_and_again_when_it_is_newer():
    first, name = ago(days=3), consent_property("email", "marketing").replace(":", "__")
    assert told(yes(first), **{name: f"granted {first.isoformat()}"}) == []
    assert len(told(yes(ago(days=1)), **{name: f"granted {first.isoformat()}"})) == 1


def test_consent_goes_by_address():
    nobody = folded(no(ago(days=1), connection=KLAVIYO))
    assert plans(nobody, HUB, Held("1", {})) == []
    assert told(event("sms.unsubscribed", connection=HUBSPOT), tool=KLA) == [], "no number is known"


def test_connection_that_does_not_write_consent_is_told_none():
    quiet = target("hubspot", HUBSPOT, writes_consent=False)
    assert told(no(ago(days=1), connection=KLAVIYO), tool=quiet) == []


def test_address_that_bounces_for_good_is_stopped_in_the_other_tools():
    bounced = event("email.bounced", connection=HUBSPOT, permanent=True, reason="no such user", email=ANN)
    contact = folded(KNOWN, bounced)
    stops = [one.action for one in plans(contact, KLA, Held("1", {})) if isinstance(one.action, Suppress)]
    assert stops == [Suppress(reason=f"{ANN} bounces: no such user")]
    assert "suppress" not in kinds(contact, KLA, Held("1", {SUPPRESSED: ANN}))
    assert "suppress" not in kinds(contact, KLA, Held()), "a tool that does not know the person sends nothing"


_moment = st.integers(0, 9).map(lambda hours: ago(hours=hours))
_tools = st.sampled_from([HUBSPOT, KLAVIYO, FORMS])
_streams = st.lists(
    st.one_of(
        st.builds(lambda at, tool, own: yes(at, by_person=own, connection=tool), _moment, _tools, st.booleans()),
        st.builds(lambda at, tool: no(at, connection=tool), _moment, _tools),
        st.builds(lambda at, tool: event("email.complained", at, connection=tool), _moment, _tools),
        st.builds(lambda at: event("custom:released", at), _moment),
    ),
    max_size=7,
)


@given(_streams, st.sampled_from(["", "withdrawn", f"granted {ago(hours=3).isoformat()}"]))
@settings(max_examples=200)
def test_no_plan_that_lifts_is_made_without_the_persons_own_later_consent(events, said):
    contact = folded(KNOWN, *events)
    for tool in (HUB, KLA):
        held = Held("1", {consent_property("email", "marketing"): said} if said else {})
        for plan in plans(contact, tool, held):
            if plan.action.lifts:
                proof = may_lift(contact, plan.action)
                assert proof is not None
                own = [one.occurred_at for one in events if one.properties.get("by_person")]
                against = [one.occurred_at for one in events if one.type in ("email.unsubscribed", "email.complained")]
                assert all(max(own) > when for when in against)


# Decisions ------------------------------------------------------------------------------------------------------------


def decided(what: str, *events: Event) -> Any:
    return of(live([KNOWN, yes(ago(days=20)), *events])[1], what)[-1]


def visit() -> Event:
    return event("page.viewed", path="/pricing")


def test_message_goes_through_the_first_tool_that_can_send():
    decision = decided("message", visit())
    (plan,) = route_decision(decision, Contact(), [HUB, ALERTS, KLA])
    assert (plan.connection_id, plan.kind, plan.decision_key) == (KLAVIYO, "send_message", decision.key)
    assert isinstance(plan.action, SendMessage)
    assert plan.slot is None, "nothing else may take its place"


@pytest.mark.parametrize(("through", "sent"), [("klaviyo", True), ("", True), ("hubspot", False), ("klaviyo-2", False)])
def test_message_goes_through_the_tool_that_was_named(through, sent):
    decision = decided("message", visit())
    decision.through = through
    assert bool(route_decision(decision, Contact(), [HUB, KLA])) is sent
    assert (decision.outcome == "taken") is sent
    if not sent:
        assert decision.summary.endswith(f"the connection {through} that sends email is missing")


def test_message_that_nothing_can_send_says_so():
    decision = decided("message", visit())
    assert route_decision(decision, Contact(), [HUB]) == []
    assert decision.outcome == "withheld"
    assert decision.summary == "“Pricing follow-up” by email: any connection that sends email is missing"


def test_handoff_is_a_contact_an_owner_a_task_a_note_and_alerts():
    decision = decided("handoff", event("form.submitted", form="demo"))
    made = route_decision(decision, Contact(), [HUB, KLA, ALERTS])
    assert [(one.connection_id, one.kind) for one in made] == [
        (HUBSPOT, "ensure_contact"),
        (HUBSPOT, "assign_owner"),
        (HUBSPOT, "create_task"),
        (HUBSPOT, "create_note"),
        (9, "alert"),
    ]
    assert {one.handoff_key for one in made} == {decision.handoff.key}
    assert {one.action.mark for one in made if hasattr(one.action, "mark")} == {mark_of(decision.handoff.key)}


def test_routing_again_makes_the_same_deliveries():
    decision = decided("handoff", event("form.submitted", form="demo"))
    first, again = (route_decision(decision, Contact(), [HUB, ALERTS]) for _ in range(2))
    assert [one.key for one in first] == [one.key for one in again]
    assert len({one.key for one in first}) == len(first)


def test_place_on_a_list_goes_through_its_tool():
    decision = decided("message", visit())
    decision.send, decision.what = JoinList(list="7", rule="r", occurred_at=NOW), "list"
    decision.through = "klaviyo"
    (plan,) = route_decision(decision, Contact(), [HUB, KLA])
    assert (plan.connection_id, plan.kind) == (KLAVIYO, "join_list")


def test_decision_that_asks_for_nothing_is_no_delivery():
    assert route_decision(decided("stage", event("form.submitted", form="x")), Contact(), [HUB, KLA, ALERTS]) == []
