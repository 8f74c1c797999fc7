"""Whom a tool's record is, after it has merged some: what Baton writes goes to the record that is left.

Catalogue: B2 (identities), M1 (out).
"""

from collections.abc import Iterator
from typing import Any

import pytest

from adapters.sandbox.server import Server, serve
from app.runtime import Runtime, now_utc
from app.setup import add_connection
from jobs import deliver, landing
from tests.conftest import make_runtime
from tests.feeding import arrive, contact, drain, form, notice, rows

ANN, HOME = "ann@acme.example", "ann@home.example"


@pytest.fixture(scope="module")
def serving() -> Iterator[Server]:
    with serve() as server:
        yield server


@pytest.fixture
def vendors(serving: Server) -> Server:
    serving.reset()
    return serving


@pytest.fixture
def hub(request: pytest.FixtureRequest, tmp_path: Any, vendors: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.01)
    runtime = make_runtime(request, "sqlite", tmp_path, now_utc)
    add_connection(runtime, "hubspot", "hubspot", {"access_token": "t", "client_secret": "s"}, f"{vendors.url}/hubspot")
    yield runtime
    runtime.close()


def settle(runtime: Runtime) -> None:
    for _ in range(3):
        drain(runtime)
        deliver.drain(runtime, 5)


def known(runtime: Runtime, vendors: Server, email: str) -> int:
    """Somebody in HubSpot whom Baton has heard of; their id there."""
    made = int(vendors.hubspot.act("create_contact", email=email, firstname="Ann")["id"])
    arrive(runtime, "hubspot", [notice(runtime.clock(), made, "creation")])
    settle(runtime)
    return made


def written(vendors: Server) -> list[str]:
    """The ids by which contacts were written to, in order."""
    calls = vendors.called("hubspot", method="POST") + vendors.called("hubspot", method="PATCH")
    batches = [call.body["inputs"] for call in calls if call.path.endswith(("batch/update", "batch/upsert"))]
    return [str(one["id"]) for inputs in batches for one in inputs]


@pytest.mark.parametrize("told", ["webhook", "read"])
@pytest.mark.parametrize("new_id", [False, True])
def test_what_is_written_goes_to_the_record_that_is_left_of_a_merge(
    hub: Runtime, vendors: Server, told: str, new_id: bool
) -> None:
    """The merged record's id was learned last, and HubSpot tells besides that this record is gone."""
    vendors.hubspot.configure(merge_makes_new_id=new_id)
    first, last = known(hub, vendors, ANN), known(hub, vendors, HOME)
    left = int(vendors.hubspot.act("merge_contacts", primary=str(first), other=str(last))["id"])
    merge = notice(hub.clock(), first, "merge", primaryObjectId=first, mergedObjectIds=[last], newObjectId=left)
    deletions = [notice(hub.clock(), gone, "deletion") for gone in {first, last} - {left}]
    if told == "webhook":
        arrive(hub, "hubspot", [merge, *deletions])
    else:  # as polling shows it, once the webhook was missed
        record = vendors.hubspot.shown(vendors.hubspot.contacts[str(left)], None)
        arrive(hub, "hubspot", [record], kind="poll", route="contacts")
        arrive(hub, "hubspot", deletions)
    settle(hub)
    assert len(rows(hub, "contacts", "id", merged_into=None)) == 1
    before = len(written(vendors))
    form(hub, "contact", email=ANN, job_title="Director")
    settle(hub)
    assert written(vendors)[before:] == [str(left)]
    assert vendors.hubspot.contacts[str(left)].properties["jobtitle"] == "Director"
    assert contact(hub, email=ANN)["id"] == contact(hub, email=HOME)["id"]


def test_who_was_deleted_is_not_written_to_any_more(hub: Runtime, vendors: Server) -> None:
    first = known(hub, vendors, ANN)
    vendors.hubspot.act("delete_contact", contact=str(first))
    arrive(hub, "hubspot", [notice(hub.clock(), first, "deletion")])
    settle(hub)
    before = len(written(vendors))
    form(hub, "contact", email=ANN, job_title="Director")
    settle(hub)
    assert len(written(vendors)) == before
