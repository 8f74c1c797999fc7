"""Whoever is looked for is found by the same texts everywhere: screens, API, erasures, command line."""

import pytest
from sqlalchemy import event, update

from app import finding
from app.numbers import LARGEST, whole
from app.runtime import Runtime
from app.setup import add_connection
from app.store import people, tables
from tests.app.doors import Api
from tests.app.screens import Browser, new_app
from tests.conftest import NOW
from tests.feeding import PORTAL, arrive, contact, drain, form, hubspot, notice

ANN = "ann@acme.example"


@pytest.fixture
def known(sqlite_runtime: Runtime) -> Runtime:
    """Ann, with a number in each of two HubSpots, of which one has a name of its own."""
    hubspot(sqlite_runtime)
    add_connection(sqlite_runtime, "hubspot", "Hub-EU", {"client_secret": "another", "portal_id": PORTAL})
    form(sqlite_runtime, email=ANN, phone="+1 202 555 0123")
    for connection, number in (("hubspot", 7), ("Hub-EU", 9)):
        arrive(sqlite_runtime, connection, [notice(NOW, number, name="email", value=ANN)])
    drain(sqlite_runtime)
    return sqlite_runtime


def found(runtime: Runtime, text: str) -> list[int]:
    with runtime.database.read() as conn:
        return finding.find(runtime, conn, text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(" ANN@acme.example ", id="an address"),
        pytest.param(f"Email: {ANN}", id="an address as an alias"),
        pytest.param("+12025550123", id="a phone number"),
        pytest.param("phone:+1 202 555-0123", id="a phone number as an alias"),
        pytest.param("hubspot:7", id="a kind of tool"),
        pytest.param("hubspot:9", id="a kind of tool, the other one"),
        pytest.param("hub-eu:9", id="a connection's name"),
        pytest.param("contact:1", id="our own number"),
    ],
)
def test_somebody_is_found_by_what_they_go_by(known: Runtime, text: str) -> None:
    ann = contact(known, email=ANN)["id"]
    assert found(known, text) == [ann]
    assert [one["id"] for one in Api(known).get(f"/contacts?{alias_query(text)}")["items"]] == [ann]
    assert ANN in Browser(new_app(known), "admin").get("/admin/contacts", query_string={"q": text}).text


def alias_query(text: str) -> str:
    text = text.strip().replace("+", "%2B").replace(" ", "%20")
    return f"alias={text}" if ":" in text else f"alias=phone:{text}" if text[0] == "%" else f"email={text}"


@pytest.mark.parametrize(
    "text",
    ["hub-eu:7", "nowhere:7", "contact:999", f"contact:{10**30}", "contact:²", "contact:1_0", "hubspot:²", "phone:no"],
)
def test_who_is_not_here_is_not_found(known: Runtime, text: str) -> None:
    assert found(known, text) == []
    assert Api(known).get("/contacts?alias=" + text) == {"items": [], "next": None}


@pytest.mark.parametrize("text", ["", "ann", "hubspot:", "hubspot:a\0b", "email:ann", "12"])
def test_what_nobody_can_go_by_is_said(sqlite_runtime: Runtime, text: str) -> None:
    with pytest.raises(finding.NoName):
        found(sqlite_runtime, text)


def test_survivors_of_many_merges_take_a_query_for_each_link_of_the_longest_chain(sqlite_runtime: Runtime) -> None:
    nobody = people.Contact(first_seen_at=NOW)
    with sqlite_runtime.database.write() as conn:
        first, second, third, fourth = people.create(
            conn, [people.Person(id=0, version=0, state=nobody, score=0.0)] * 4, NOW
        )
        for loser, winner in ((first, second), (second, third)):
            conn.execute(update(tables.contacts).where(tables.contacts.c.id == loser).values(merged_into=winner))
    asked: list[str] = []

    def note(*said: object) -> None:
        if said[2] != "BEGIN":
            asked.append(str(said[2]))

    with sqlite_runtime.database.read() as conn:
        event.listen(sqlite_runtime.database.engine, "before_cursor_execute", note)
        homes = people.survivors(conn, [first, second, third, fourth, 999])
        event.remove(sqlite_runtime.database.engine, "before_cursor_execute", note)
    assert homes == {first: third, second: third, third: third, fourth: fourth, 999: 999}
    assert len(asked) == 1
    with sqlite_runtime.database.read() as conn:
        assert people.survivor(conn, first) == third


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), (str(LARGEST), LARGEST), (str(LARGEST + 1), None), ("9" * 5_000, None), ("", None)]
    + [(text, None) for text in ("²", "٣", "-1", "+1", "1_0", " 1", "1.0", "\0")],
)
def test_only_plain_digits_are_a_number(text: str, number: int | None) -> None:
    assert whole(text) == number
