"""The product's promise, told as stories: webhook in, state changed, the right calls out and the wrong ones withheld.

Simulated tools sign their webhooks, repeat a third of them, shuffle them and send back echoes of our own writes; the
calls go through the vendors' real SDKs.
"""

import time

from tests.stories.conftest import Hub

ANN, BEN, CLEO = "ann@acme.example", "ben@globex.example", "cleo@initech.example"
VISITOR = "visitor-of-these-stories-{}"


def director(hub: Hub, email: str, first: str) -> str:
    made = hub.hubspot.act(
        "create_contact", email=email, firstname=first, lastname="Lee", jobtitle="Director", company="Acme"
    )
    hub.until(lambda: hub.api(f"/contacts?email={email}")["items"], f"{first} has arrived")
    return str(made["id"])


def test_a_pricing_visit_of_a_ready_person_reaches_sales_with_everything_they_need(hub: Hub) -> None:
    director(hub, ANN, "Ann")
    visitor = VISITOR.format("ann")
    hub.visit(visitor, "/blog/how-to")
    hub.form("trial", visitor, email=ANN)
    hub.form("webinar", visitor, email=ANN)
    hub.form("guide", visitor, email=ANN)
    hub.rest()
    assert not hub.api("/handoffs")["items"], "not ready yet"

    hub.visit(visitor, "/pricing")

    (handoff,) = hub.until(lambda: hub.api("/handoffs?status=open")["items"], "a handoff is open")
    hub.rest()
    assert "pricing" in handoff["reason"].lower()
    assert len(hub.hubspot.tasks) == len(hub.hubspot.notes) == len(hub.tools.alerts) == 1
    (task,) = hub.hubspot.tasks.values()
    assert "Ann Lee" in task.properties["hs_task_subject"]
    ann = hub.contact(ANN)
    assert ann["score"]["total"] >= 50
    assert {"rule", "event", "points", "at", "expires_at"} <= set(ann["score"]["contributions"][0])
    assert ann["score"]["falls_below"]
    assert ann["lifecycle_stage"] == "mql"
    assert hub.hubspot.contact(ANN)["lifecyclestage"] == "marketingqualifiedlead"
    assert ann["suppressions"][0]["reason"] == "conversation"


def test_who_talks_with_sales_is_left_alone_and_the_record_says_why(hub: Hub) -> None:
    ben = director(hub, BEN, "Ben")
    hub.hubspot.act("create_deal", dealname="Globex rollout", contacts=[ben])
    visitor = VISITOR.format("ben")
    hub.form("newsletter", visitor, email=BEN, newsletter="yes")
    hub.until(lambda: hub.contact(BEN)["conversation"], "the deal counts as a conversation")
    hub.visit(visitor, "/pricing")

    (kept,) = hub.until(
        lambda: hub.api("/deliveries?status=withheld&type=send_message")["items"], "the message is withheld"
    )

    assert "in conversation with sales: deal" in kept["reason"]
    decisions = hub.api(f"/contacts/{kept['contact_id']}/decisions")["items"]
    (why,) = [one for one in decisions if one["what"] == "message"]
    assert why["outcome"] == "withheld"
    failed = [gate["name"] for gate in why["gates"] if not gate["passed"]]
    assert failed == ["conversation"]
    hub.rest()
    assert not hub.klaviyo.happened("Baton: Pricing follow-up")


def test_an_opt_out_in_klaviyo_stops_hubspot_too_and_no_write_of_ours_ever_lifts_it(hub: Hub) -> None:
    director(hub, CLEO, "Cleo")
    hub.klaviyo.act("create_profile", email=CLEO)
    visitor = VISITOR.format("cleo")
    hub.form("newsletter", visitor, email=CLEO, newsletter="yes")
    hub.rest()
    hub.klaviyo.act("unsubscribe", profile=CLEO)

    hub.until(lambda: hub.hubspot.opted_out, "HubSpot knows")
    hub.rest()
    assert CLEO in str(hub.hubspot.opted_out)
    assert hub.contact(CLEO)["consent"]["email"]["marketing"]["state"] == "withdrawn"

    lifting = len(hub.calls("klaviyo", "/api/profile-subscription-bulk-create-jobs"))
    hub.form("contact", visitor, email=CLEO, company="Initech Ltd")
    hub.visit(visitor, "/pricing")
    hub.rest()
    assert len(hub.calls("klaviyo", "/api/profile-subscription-bulk-create-jobs")) == lifting
    assert not hub.klaviyo.happened("Baton: Pricing follow-up")

    # Only Cleo herself can change her mind, and not within the second in which Klaviyo says that she said no
    time.sleep(1)
    hub.form("newsletter", visitor, email=CLEO, newsletter="yes")
    hub.until(
        lambda: len(hub.calls("klaviyo", "/api/profile-subscription-bulk-create-jobs")) > lifting,
        "her own later yes is written",
    )


def test_a_verdict_in_hubspot_ends_the_handoff_and_lets_marketing_go_on(hub: Hub) -> None:
    ann = director(hub, ANN, "Ann")
    visitor = VISITOR.format("verdict")
    for name in ("trial", "webinar", "guide"):
        hub.form(name, visitor, email=ANN, newsletter="yes")
    hub.rest()
    hub.visit(visitor, "/pricing")
    hub.until(lambda: hub.api("/handoffs?status=open")["items"], "a handoff is open")
    hub.rest()

    hub.hubspot.act("verdict", contact=ann, value="Nurture Further")

    (closed,) = hub.until(lambda: hub.api("/handoffs?status=closed")["items"], "the handoff is closed")
    assert closed["verdict"] == "nurture"
    assert closed["verdict_by"] == "HubSpot user 9001"
    hub.until(lambda: hub.contact(ANN)["lifecycle_stage"] == "lead", "the stage went back")
    hub.rest()
    assert not hub.contact(ANN)["suppressions"]
    assert hub.hubspot.contact(ANN)["lifecyclestage"] == "lead", "set back in HubSpot as well"


def test_a_claim_and_a_verdict_over_the_api(hub: Hub) -> None:
    director(hub, ANN, "Ann")
    visitor = VISITOR.format("api")
    for name in ("trial", "webinar", "guide"):
        hub.form(name, visitor, email=ANN)
    hub.rest()
    hub.visit(visitor, "/pricing")
    (handoff,) = hub.until(lambda: hub.api("/handoffs?status=open")["items"], "a handoff is open")
    claimed = hub.api(f"/handoffs/{handoff['id']}/claim", "POST", by="Rita")
    assert (claimed["status"], claimed["claimed_by"]) == ("claimed", "Rita")
    judged = hub.api(f"/handoffs/{handoff['id']}/verdict", "POST", verdict="accepted", by="Rita")
    assert (judged["status"], judged["verdict"]) == ("closed", "accepted")
    hub.until(lambda: hub.contact(ANN)["lifecycle_stage"] == "sql", "accepted means sales-qualified")
    assert hub.contact(ANN)["conversation"]["who"] == "Rita"


def test_echoes_of_our_own_writes_come_to_rest(hub: Hub) -> None:
    director(hub, ANN, "Ann")
    hub.form("contact", VISITOR.format("echo"), email=ANN, company="Acme Holding", phone="+1 202 555 0123")
    hub.rest()
    before = len(hub.tools.calls)
    hub.rest()
    assert len(hub.tools.calls) == before
    assert hub.hubspot.contact(ANN)["company"] == "Acme Holding"
    written = [call for call in hub.calls("hubspot", "/contacts/batch/") if not call.path.endswith("/read")]
    assert len(written) <= 3


def test_nothing_is_sent_twice_although_webhooks_repeat(hub: Hub) -> None:
    for name, email in (("Ann", ANN), ("Ben", BEN)):
        director(hub, email, name)
        visitor = VISITOR.format(name)
        hub.form("newsletter", visitor, email=email, newsletter="yes")
        hub.rest()
        hub.visit(visitor, "/pricing")
    hub.rest()
    sent = hub.klaviyo.happened("Baton: Pricing follow-up")
    assert len(sent) == 2
    assert len({str(call.body) for call in hub.calls("klaviyo", "/api/events")}) == len(
        hub.calls("klaviyo", "/api/events")
    )
    repeated = [row for row in hub.api("/inbox?connection=hubspot&limit=200")["items"] if row["status"] == "done"]
    assert len(repeated) > 2
