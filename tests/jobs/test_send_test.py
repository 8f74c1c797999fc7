"""A mapping is tried on one contact for real: exactly what was shown leaves, once, and nothing else.

Catalogue: D6 (sending to one test contact is separate and confirmed), N7 (audit).
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from adapters.sandbox.server import Server, serve
from app import drafts
from app.mapping import desk, outward, sending
from app.mapping.outward import Written
from app.mapping.sending import NotSent
from app.runtime import Runtime, now_utc
from app.setup import add_connection
from app.store import connections, notes, tables
from app.store.connections import Connection
from jobs import deliver
from mappings.mapping import FieldMapping
from mappings.writing import put_row, rows_of
from tests.conftest import make_runtime
from tests.feeding import contact, drain, form, rows

ANN = "ann@acme.example"
ADMIN = "ada@example.com"


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path: Any, vendors: Server) -> Iterator[Runtime]:
    """An installation with Ann in it, and a HubSpot that holds nothing yet; what Baton wrote of itself is out."""
    runtime = make_runtime(request, request.param, tmp_path, now_utc)
    settings = {"access_token": "t", "client_secret": "s"}
    add_connection(runtime, "hubspot", "hubspot", settings, f"{vendors.url}/hubspot")
    form(runtime, email=ANN, first_name="Ann", city="Bonn")
    drain(runtime)
    with runtime.database.write() as conn:
        conn.execute(tables.deliveries.delete())
    yield runtime
    runtime.close()


def shown(runtime: Runtime, draft: bool = False) -> tuple[Connection, FieldMapping, int, str]:
    """What a person sees before they confirm: connection, mapping, contact and the request's digest."""
    connection = runtime.connection("hubspot")
    assert connection is not None
    who = contact(runtime, email=ANN)["id"]
    with runtime.database.read() as conn:
        about = desk.subject(runtime, conn, connection)
        mapping = about.mapping if draft and about.mapping else runtime.rulebook().mapping_for(connection)
        said = outward.said_of(runtime, conn, connection, mapping, who)
    assert said is not None
    assert isinstance(said.request, Written)
    return connection, mapping, who, sending.digest(said)


def held(vendors: Server) -> list[dict[str, Any]]:
    return [dict(one.properties) for one in vendors.hubspot.records["contacts"].values()]


def test_exactly_what_was_shown_leaves_once_and_is_in_the_audit_log(live: Runtime, vendors: Server) -> None:
    with live.database.read() as conn:
        text = drafts.in_force_text(conn, "mapping", "hubspot")
    city = next(at for at, row in enumerate(rows_of(text)) if row["contact"] == "city")
    text = put_row(text, city, {"contact": "city", "vendor": "state", "direction": "both"})
    drafts.save(
        live, ADMIN, "mapping", "hubspot", text.replace("  - {contact: state, vendor: state, direction: both}\n", ""), 0
    )
    connection, mapping, who, seen = shown(live, draft=True)
    number = sending.send(live, ADMIN, connection, mapping, who, seen)
    deliver.drain(live, 10)
    (delivery,) = rows(live, "deliveries")
    assert (delivery.id, delivery.kind, delivery.status) == (number, "upsert_contact", "sent")
    (there,) = held(vendors)
    assert (there["email"], there["state"], "city" in there) == (ANN, "Bonn", False)
    (entry,) = rows(live, "audit", "who", "on", "detail", what="mapping.send")
    assert (entry.who, entry.on) == (ADMIN, "mapping hubspot")
    assert f"contact {who}, draft" in entry.detail
    assert ANN not in entry.detail


def test_what_was_not_seen_is_not_sent(live: Runtime) -> None:
    connection, mapping, who, seen = shown(live)
    form(live, email=ANN, city="Berlin")
    drain(live)
    with live.database.write() as conn:
        conn.execute(tables.deliveries.delete())
    with pytest.raises(NotSent, match="another one by now"):
        sending.send(live, ADMIN, connection, mapping, who, seen)
    assert not rows(live, "deliveries")


def pause(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        found = connections.load_by_name(conn, runtime.vault, "hubspot")
        assert found is not None
        connections.set_status(conn, found.id, connections.PAUSED, "x", runtime.clock())


def pause_all(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        notes.mark(conn, runtime.database, notes.PAUSED, "{}", runtime.clock())


def never_create(runtime: Runtime) -> None:
    with runtime.database.read() as conn:
        text = drafts.in_force_text(conn, "mapping", "hubspot").replace("create: always", "create: never")
    draft = drafts.save(runtime, ADMIN, "mapping", "hubspot", text, 0)
    drafts.publish(runtime, ADMIN, "mapping", "hubspot", draft.revision, "never")


def erase(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        at = "2026-11-22T12:00:00Z"
        state = f'{{"erased_at":"{at}","fields":{{"email":{{"value":"a@b.example","at":"{at}"}}}}}}'
        conn.execute(update(tables.contacts).values(state=state))


@pytest.mark.parametrize(
    ("first", "why"),
    [
        pytest.param(pause, "nothing leaves through hubspot now: paused", id="paused"),
        pytest.param(pause_all, "everything is paused", id="all paused"),
        pytest.param(never_create, "not be created there", id="not in the tool"),
        pytest.param(erase, "the person was erased", id="erased"),
    ],
)
def test_what_would_not_leave_now_or_must_not_is_refused(live: Runtime, first: Any, why: str) -> None:
    connection, mapping, who, seen = shown(live)
    first(live)
    live.forget()
    mapping = live.rulebook().mapping_for(connection)
    with pytest.raises(NotSent, match=why):
        sending.send(live, ADMIN, connection, mapping, who, seen)
    assert not rows(live, "deliveries")
