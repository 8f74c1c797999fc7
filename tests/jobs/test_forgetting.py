"""Erasing somebody: nothing of them stays here, every tool is asked, and what comes in later stays out. On both
databases, with the vendors' real SDKs against the simulators. Catalogue: N8; S11."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, LargeBinary, insert, select

from adapters.sandbox.faults import Fault, Match
from adapters.sandbox.server import Server, serve
from app import erasure
from app.contacts.event import Event, Identity
from app.runtime import Runtime, now_utc
from app.setup import add_connection
from app.store import erasures, inbox, notes, people, tables
from app.store.engine import Conflict
from jobs import deliver, forgetting, ingest, landing
from tests.conftest import make_runtime
from tests.feeding import arrive, contact, contacts, drain, form, notice, rows, visit

ANN, BOB = "ann.canary@acme.example", "bob@globex.example"
SECRETS = (ANN, "Canaria", "+15005550006", "canary-visitor-1")


@pytest.fixture
def vendors() -> Iterator[Server]:
    with serve("127.0.0.1", 0) as server:
        server.klaviyo.configure(job_seconds=0.0)
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def live(request: pytest.FixtureRequest, tmp_path: Any, vendors: Server) -> Iterator[Runtime]:
    """An installation with a real clock, connected to the simulators."""
    runtime = make_runtime(request, request.param, tmp_path, now_utc)
    add_connection(runtime, "hubspot", "hubspot", {"access_token": "t", "client_secret": "s"}, f"{vendors.url}/hubspot")
    add_connection(runtime, "klaviyo", "klaviyo", {"api_key": "k", "webhook_secret": "s"}, f"{vendors.url}/klaviyo")
    yield runtime
    runtime.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.0)
    monkeypatch.setattr(landing, "FIRST_DELAY", 0.05)


def settle(runtime: Runtime) -> None:
    """Work until every erasure has come as far as it can."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        ingest.drain(runtime, 5)
        deliver.drain(runtime, 5)
        forgetting.look(runtime)
        left = [row for row in rows(runtime, "deliveries", "status") if row.status in ("pending", "sending")]
        if not left and not [row for row in rows(runtime, "erasures", "status") if row.status in ("asked", "cleaning")]:
            forgetting.look(runtime)
            return
        time.sleep(0.02)


def known_everywhere(runtime: Runtime, vendors: Server) -> int:
    """Somebody with a past in every tool and on the site; their id."""
    made = vendors.hubspot.act("create_contact", email=ANN, firstname="Canaria", phone="+15005550006")
    vendors.klaviyo.act("create_profile", email=ANN, first_name="Canaria")
    arrive(runtime, "hubspot", [notice(runtime.clock(), int(made["id"]), "creation", portalId=1)])
    form(runtime, "trial", email=ANN, first_name="Canaria", phone="+15005550006", newsletter="yes")
    visit(runtime, "canary-visitor-1", "/pricing")
    arrive(runtime, "forms", {"email": ANN, "submission_id": "v", "anonymous_id": "canary-visitor-1"}, kind="form")
    settle(runtime)
    return int(contact(runtime, email=ANN)["id"])


def standing(runtime: Runtime, number: int) -> dict[str, tuple[str, str]]:
    """What each tool has said of an erasure."""
    with runtime.database.read() as conn:
        found = erasures.receipts(conn, [number])[number]
    return {runtime.connections()[one.connection_id].name: (one.status, one.note) for one in found}


def everything(conn: Connection) -> str:
    """All that the database holds, as one text."""
    found: list[str] = []
    for table in tables.metadata.sorted_tables:
        for row in conn.execute(select(table)):
            found += [
                bytes(value).decode(errors="replace") if isinstance(column.type, LargeBinary) and value else str(value)
                for column, value in zip(table.columns, row, strict=True)
            ]
    return "\n".join(found)


def held(runtime: Runtime) -> list[str]:
    """Which of the person's own words are anywhere in the database."""
    with runtime.database.read() as conn:
        text = everything(conn).lower()
    return [word for word in SECRETS if word.lower() in text]


def test_nothing_of_them_stays_and_every_tool_has_forgotten_them(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    form(live, "trial", email=BOB, first_name="Bob")
    drain(live)
    assert set(held(live)) == set(SECRETS), "they were known"

    number = erasure.erase(live, "dpo@team.example", ann)

    assert contacts(live, email=ANN) == [], "at once"
    settle(live)
    assert held(live) == []
    assert not vendors.hubspot.contact(ANN)
    assert not vendors.klaviyo.profile(ANN)
    assert {name: status for name, (status, _) in standing(live, number).items()} == {
        "hubspot": "done",
        "klaviyo": "done",
    }
    assert [row.status for row in rows(live, "erasures", "status")] == ["done"]
    assert contact(live, email=BOB)["fields"]["first_name"] == "Bob", "others are as they were"
    events = rows(live, "events", "type", contact_id=ann)
    assert [row.type for row in events] == ["contact.erased"]
    said = rows(live, "audit", "who", "what", "on")
    assert ("dpo@team.example", "contact.erase", str(ann)) in [tuple(row) for row in said]


def test_what_comes_in_later_stays_out(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    hubspot_id = next(row.value for row in rows(live, "aliases", "kind", "value") if row.kind == "hubspot")
    old = [row.body for row in rows(live, "inbox", "body", kind="form")]
    erasure.erase(live, "dpo", ann)
    settle(live)

    for body in old:
        arrive(live, "forms", bytes(body), kind="form", route="trial")
    both = [notice(live.clock(), int(hubspot_id), name="firstname", value="Canaria", portalId=1)]
    both += [notice(live.clock(), 77, name="firstname", value="Dora", portalId=1)]
    arrive(live, "hubspot", both)
    visit(live, "canary-visitor-1", "/pricing")
    settle(live)

    assert held(live) == []
    assert contacts(live, email=ANN) == []
    assert contact(live, hubspot="77")["fields"]["first_name"] == "Dora", "what came with it went in"
    (row,) = rows(live, "erasures", "late")
    assert row.late >= len(old) + 2
    kept = [json.loads(bytes(row.body)) for row in rows(live, "inbox", "body", kind="webhook") if bytes(row.body)]
    assert all(str(item["objectId"]) != hubspot_id for body in kept for item in body)


def test_requests_that_were_never_read_hold_nothing_either(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    form(live, "trial", email=ANN, first_name="Canaria")  # a repeat of nothing, read and then sent again
    arrive(live, "hubspot", f"not json, about {ANN}".encode())
    with live.database.write() as conn:
        conn.execute(
            insert(tables.refusals).values(
                connection_id=1, at=live.clock(), reason="r", url="u", headers="{}", body=ANN.encode()
            )
        )
    with live.database.write() as conn:
        conn.execute(insert(tables.import_skips).values(import_id=1, row=2, reason="no address", held=f"x;{ANN}"))
    drain(live)
    assert [row.status for row in rows(live, "inbox", "status") if row.status == "parked"]

    erasure.erase(live, "dpo", ann)
    settle(live)

    assert held(live) == []
    assert not rows(live, "refusals")
    empty = [row.id for row in rows(live, "inbox", "id", reason=inbox.ERASED)]
    assert empty
    with live.database.write() as conn:
        assert inbox.replay(conn, empty) == 0, "there is nothing to read again"


def test_a_tool_that_says_so_has_everybody_forget(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    hubspot_id = int(next(row.value for row in rows(live, "aliases", "kind", "value") if row.kind == "hubspot"))

    arrive(live, "hubspot", [notice(live.clock(), hubspot_id, "privacyDeletion", portalId=1)])
    settle(live)

    assert held(live) == []
    assert not vendors.klaviyo.profile(ANN)
    (row,) = rows(live, "erasures", "id", "contact_id", "asked_by", "status")
    assert tuple(row)[1:] == (ann, "hubspot", "done")
    assert standing(live, row.id)["hubspot"] == ("done", "it told of it")


def test_a_tool_that_refuses_is_shown_until_a_person_has_seen_to_it(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    vendors.klaviyo.faults.add(Fault(fault="400", match=Match(path="data-privacy-deletion-jobs"), times=50))

    number = erasure.erase(live, "dpo", ann)
    settle(live)

    assert standing(live, number)["hubspot"][0] == "done"
    assert standing(live, number)["klaviyo"][0] == "stuck"
    ids = {one.name: one.id for one in live.connections().values()}
    assert [row.status for row in rows(live, "erasures", "status")] == ["waiting"]
    with pytest.raises(erasure.NotErased, match="has done it"):
        erasure.said_so(live, "dpo", number, ids["hubspot"])
    erasure.said_so(live, "dpo", number, ids["klaviyo"])
    settle(live)
    assert [row.status for row in rows(live, "erasures", "status")] == ["done"]
    assert held(live) == []


def test_a_batch_that_is_under_way_brings_nobody_back(live: Runtime, vendors: Server) -> None:
    """Somebody is erased between the look-up of their names and the writing of a new one."""
    ann = known_everywhere(live, vendors)
    form(live, "trial", email=ANN, first_name="Canaria")
    owners, asked = people.owners, []

    def resolve_after_erasing(*args: Any, **more: Any) -> Any:
        found = owners(*args, **more)
        if not asked and f"email:{ANN}" in args[1]:
            asked.append(True)
            if live.database.is_sqlite:
                erasure.erase(live, "dpo", ann)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "owners", resolve_after_erasing)
        drain(live)
    if not live.database.is_sqlite:  # there the contact is locked, and the erasure waits for the batch
        erasure.erase(live, "dpo", ann)
    settle(live)
    assert held(live) == []


def test_what_baton_itself_noted_of_them_meanwhile_stays_out_too(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    read = Event(
        type="contact.updated", occurred_at=live.clock(), source_key="read again|1",
        identities=(Identity("contact", str(ann)), Identity("email", ANN)), fields={"first_name": "Canaria"},
    )  # fmt: skip
    erasure.erase(live, "dpo", ann)
    with live.database.write() as conn:
        inbox.note(conn, [read], live.clock())
    settle(live)
    assert held(live) == []
    assert [row.late for row in rows(live, "erasures", "late")] == [0], "nobody else spoke of them"


def test_who_was_merged_more_than_once_leaves_no_name_in_any_merge(live: Runtime, vendors: Server) -> None:
    for number, email in enumerate((ANN, "ann.old@acme.example", "ann.older@acme.example")):
        form(live, "trial", email=email, user_id=f"u{number}")
    drain(live)
    first, second, third = sorted(
        int(contact(live, email=one)["id"]) for one in (ANN, "ann.old@acme.example", "ann.older@acme.example")
    )
    for number, (one, other) in enumerate(((third, second), (second, first))):
        met = Event(
            type="contact.updated", occurred_at=live.clock(), source_key=f"met|{number}",
            identities=(Identity("contact", str(one)), Identity("contact", str(other))),
        )  # fmt: skip
        with live.database.write() as conn:
            inbox.note(conn, [met], live.clock())
        drain(live)
    assert {(row.winner_id, row.loser_id) for row in rows(live, "merges")} == {(second, third), (first, second)}

    erasure.erase(live, "dpo", third)
    settle(live)

    assert held(live) == []
    assert "@" not in "".join(str(tuple(row)) for row in rows(live, "merges"))


def test_an_inbox_that_has_shrunk_is_gone_through_to_its_end(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    with live.database.write() as conn:  # where an earlier erasure stood when the inbox was longer
        notes.mark(conn, live.database, forgetting.SCAN, "1000000", live.clock())
    erasure.erase(live, "dpo", ann)
    settle(live)
    assert [row.status for row in rows(live, "erasures", "status")] == ["done"]
    assert held(live) == []


def test_erasing_takes_up_where_it_was_cut_off(live: Runtime, vendors: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = known_everywhere(live, vendors)
    with monkeypatch.context() as patch:

        def die(*_: Any) -> None:
            raise Conflict("killed")

        patch.setattr(erasures, "drop_events", die)
        with pytest.raises(Conflict):
            erasure.erase(live, "dpo", ann)
    assert contacts(live, email=ANN) == [], "the person is forgotten already"

    settle(live)

    assert held(live) == []
    assert [row.status for row in rows(live, "erasures", "status")] == ["done"]


def test_somebody_nobody_here_knows_is_erased_in_the_tools(live: Runtime, vendors: Server) -> None:
    vendors.klaviyo.act("create_profile", email=ANN)
    number = erasure.erase_unknown(live, "dpo", ANN)
    settle(live)
    assert not vendors.klaviyo.profile(ANN)
    with live.database.read() as conn:
        found = erasures.load(conn, number)
    assert found is not None
    assert found.status == erasures.FINISHED
    form(live, "trial", email=ANN)
    drain(live)
    assert held(live) == []


def test_who_comes_back_is_let_in_by_a_person(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    erasure.erase(live, "dpo", ann)
    settle(live)
    with pytest.raises(erasure.NotErased, match="nobody of this name"):
        erasure.let_in(live, "dpo", BOB)
    erasure.let_in(live, "dpo", ANN.upper())
    form(live, "trial", email=ANN)
    drain(live)
    back = contact(live, email=ANN)
    assert back["id"] != ann
    assert back["erased_at"] is None


def test_a_phone_that_somebody_else_has_by_now_keeps_them_out_of_nothing(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    erasure.erase(live, "dpo", ann)
    settle(live)
    form(live, "trial", email=BOB, phone="+15005550006")
    drain(live)
    assert contact(live, email=BOB)["fields"]["phone"] == "+15005550006"


def test_after_an_old_backup_the_list_erases_them_again(
    request: pytest.FixtureRequest, live: Runtime, vendors: Server, tmp_path: Any
) -> None:
    ann = known_everywhere(live, vendors)
    erasure.erase(live, "dpo", ann)
    settle(live)
    said = erasure.kept_out(live)
    assert ANN.encode() not in said

    restored = make_runtime(request, "sqlite", tmp_path, now_utc)
    form(restored, "trial", email=ANN, first_name="Canaria")
    drain(restored)
    assert erasure.erase_again(restored, "dpo", said)[0] == 1
    settle(restored)
    assert held(restored) == []
    with pytest.raises(erasure.NotErased, match="no list"):
        erasure.erase_again(restored, "dpo", b"{}")
    restored.close()


def test_it_is_found_by_whatever_they_go_by(live: Runtime, vendors: Server) -> None:
    ann = known_everywhere(live, vendors)
    with live.database.read() as conn:
        for text in (ANN.upper(), f"email:{ANN}", "+1 500 555 0006", f"contact:{ann}"):
            assert erasure.find(live, conn, text) == [ann], text
        with pytest.raises(erasure.NotErased, match="no e-mail address"):
            erasure.find(live, conn, "ann")
        assert erasure.find(live, conn, BOB) == []
