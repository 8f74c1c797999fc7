"""A success that is none: whatever a tool, or what stands in front of it, answers with a 200, nothing counts as done
unless the answer is the one that belongs to the call. Catalogue: N4."""

from collections.abc import Mapping
from typing import Any

import pytest

from adapters.contract import Done
from adapters.registry import adapters
from adapters.sandbox.server import Server
from app.contacts import action
from app.contacts.consent import Grant
from tests.adapters.making import NOW, client_of, delivery, push
from tests.adapters.test_mailchimp import AUDIENCE

ANN, NEW = "ann@acme.example", "new@acme.example"
LIST = "5"
ACTIONS: dict[str, action.Action] = {
    "upsert": action.UpsertContact(properties={}),
    "ensure": action.EnsureContact(),
    "task": action.CreateTask(handoff=1, subject="Call", body="Call her [baton:x]", due_at=NOW, mark="baton:x"),
    "note": action.CreateNote(handoff=1, body="Call her [baton:x]", at=NOW, mark="baton:x"),
    "owner": action.AssignOwner(handoff=1, owner_id="1", email="rep@acme.example"),
    "stage": action.MoveStage(stage="customer", property="lifecyclestage", reason="won"),
    "unsubscribe": action.Unsubscribe(),
    "suppress": action.Suppress(),
    "subscribe": action.Subscribe(grant=Grant(NOW, "1", by_person=True, method="form", proof={"text": "Yes"})),
    "join": action.JoinList(list=LIST, rule="r", occurred_at=NOW),
    "leave": action.LeaveList(list=LIST),
    "event": action.TrackEvent(name="asked", occurred_at=NOW),
    "message": action.SendMessage(message="welcome", rule="r", occurred_at=NOW),
    "erase": action.Erase(email=ANN),
}
SETTINGS: dict[str, dict[str, str]] = {
    "hubspot": {},
    "klaviyo": {},
    "activecampaign": {},
    "mailchimp": {"api_key": "k-us6", "list": AUDIENCE},
    "kit": {"form": "55"},
    "drip": {"account_id": "9999999"},
    "marketo": {"client_id": "key", "client_secret": "s3cret-of-it", "campaigns": "welcome=1012"},
    "salesforce": {"client_id": "key", "client_secret": "s3cret-of-the-app"},
}
# What is written with these settings and, of that, what is answered with nothing (ActiveCampaign: an empty object)
WRITES: dict[str, tuple[str, str]] = {
    "hubspot": ("upsert ensure task note owner stage unsubscribe join leave erase", ""),
    "klaviyo": ("upsert unsubscribe suppress subscribe join leave event message erase", ""),
    "activecampaign": ("upsert ensure task note unsubscribe subscribe join erase", "erase"),
    "mailchimp": (
        "upsert unsubscribe suppress subscribe join leave event message erase", "join leave event message erase",
    ),
    "kit": ("upsert unsubscribe suppress subscribe join leave", "unsubscribe suppress leave"),
    "drip": (
        "upsert unsubscribe suppress subscribe join leave event message erase", "join leave event message erase",
    ),
    "marketo": ("upsert unsubscribe suppress join leave message erase", ""),
    "salesforce": ("upsert ensure task unsubscribe join erase", ""),
}  # fmt: skip


def known(adapter: Any, client: Any, kind: str) -> dict[str, str]:
    """Somebody whom the tool has, who gets mail and is on the list where that is to end; nobody yet for a profile."""
    if kind in ("upsert", "ensure"):
        return {"email": NEW}
    (made,) = push(adapter, client, delivery(action.UpsertContact(properties={}), email=ANN))
    assert isinstance(made, Done)
    to = {"email": ANN, "vendor_id": made.vendor_id}
    for before in {"unsubscribe": ("subscribe",), "suppress": ("subscribe",), "leave": ("join",)}.get(kind, ()):
        first = ACTIONS[before]
        if type(first) in adapter.pushes and before in WRITES[adapter.name][0].split():
            push(adapter, client, delivery(first, **to))  # type: ignore[arg-type]
    return to


@pytest.mark.parametrize("fault", ["error200", "html200", "empty200"])
@pytest.mark.parametrize(
    ("tool", "kind"), [(tool, kind) for tool, (kinds, _) in WRITES.items() for kind in kinds.split()]
)
def test_success_that_is_none_is_not_taken_for_one(vendors: Server, tool: str, kind: str, fault: str) -> None:
    adapter, vendor = adapters()[tool], vendors.vendors[tool]
    settings: Mapping[str, str] = SETTINGS[tool]
    if tool == "activecampaign":
        vendor.configure(rate_limits=False)
        settings = {"list": next(iter(vendors.activecampaign.lists))}
    if tool == "mailchimp":
        vendor.configure(calls_per_second=1_000)
    client = client_of(adapter, vendors, **settings)
    to = known(adapter, client, kind)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        vendor.fault(fault, method=method, share=1.0)
    before = vendors.calls[-1].n if vendors.calls else 0
    (outcome,) = push(adapter, client, delivery(ACTIONS[kind], **to))  # type: ignore[arg-type]
    assert any(call.method != "GET" for call in vendors.called(tool, since=before)), "nothing was written"
    is_whole_answer = fault == "empty200" and kind in WRITES[tool][1].split()
    assert isinstance(outcome, Done) == is_whole_answer
