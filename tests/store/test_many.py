"""Many rows at once: by ones and twos, and as one COPY; what goes wrong is said as for any other statement."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam, literal_column, select, text, update
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from app.runtime import Runtime
from app.store.engine import is_unavailable
from app.store.many import AT_MOST, COPY_FROM, Adder, Among, Many
from app.store.tables import contacts, events, inbox

AT = datetime(2026, 11, 30, 2, 19, 1, 250_001, tzinfo=UTC)
NAMES = ("id", "contact_id", "connection_id", "inbox_id", "type", "occurred_at", "received_at", "body")
EVENTS = Adder(events, *NAMES)
sizes = pytest.mark.parametrize("size", [1, COPY_FROM - 1, COPY_FROM, 200])


def rows(size: int, first: int = 0, body: str = "{}") -> list[tuple[Any, ...]]:
    return [
        (f"{number:032x}", number, 1, None, "page.viewed", AT + timedelta(microseconds=number), AT, body)
        for number in range(first, first + size)
    ]


@sizes
def test_all_are_there_as_they_were(runtime: Runtime, size: int) -> None:
    asked = rows(size, body='{"a": "tab\\there, a \\\\ and Ünïcödé"}\n')
    with runtime.database.write() as conn:
        EVENTS.add(conn, asked)
    with runtime.database.read() as conn:
        assert conn.execute(select(*(events.c[name] for name in NAMES)).order_by(events.c.seq)).all() == asked


@sizes
def test_bytes_are_kept_as_they_are(runtime: Runtime, size: int) -> None:
    bodies = [bytes(range(256)) + bytes([number]) for number in range(size)]
    with runtime.database.write() as conn:
        Adder(inbox, "connection_id", "kind", "received_at", "body").add(conn, [(1, "form", AT, one) for one in bodies])
        assert [bytes(one) for one in conn.execute(select(inbox.c.body).order_by(inbox.c.id)).scalars()] == bodies


def test_none_is_nothing_to_do(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        EVENTS.add(conn, [])
        assert Many(update(contacts).where(contacts.c.id == bindparam("b_id")), "score", "b_id").run(conn, []) == 0


@sizes
def test_one_that_is_there_already_costs_all_and_is_not_repeated_in_words(runtime: Runtime, size: int) -> None:
    with runtime.database.write() as conn:
        EVENTS.add(conn, rows(1, first=300))
    with pytest.raises(IntegrityError) as caught, runtime.database.write() as conn:
        EVENTS.add(conn, rows(size, first=301 - size, body='"ann@acme.example"'))
    assert "unique" in str(caught.value).lower()
    assert "ann@acme" not in str(caught.value)
    with runtime.database.write() as conn:
        assert conn.execute(select(events.c.contact_id)).scalars().all() == [300]
        EVENTS.add(conn, rows(1, first=301))  # the connection is well


@pytest.mark.parametrize("runtime", ["postgresql"], indirect=True)
@sizes
def test_what_a_text_cannot_hold_is_said(runtime: Runtime, size: int) -> None:
    with pytest.raises(DataError), runtime.database.write() as conn:
        EVENTS.add(conn, rows(size, body="a\0b"))


@pytest.mark.parametrize("runtime", ["postgresql"], indirect=True)
@sizes
def test_a_database_that_is_gone_is_unavailable(runtime: Runtime, size: int) -> None:
    def add_after_the_end() -> None:
        with runtime.database.write() as conn:
            me = conn.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with runtime.database.engine.connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({me}, 5000)"))
            EVENTS.add(conn, rows(size))

    with pytest.raises(DBAPIError) as caught:
        add_after_the_end()
    assert is_unavailable(caught.value)
    with runtime.database.write() as conn:
        EVENTS.add(conn, rows(size))


def test_changes_are_counted(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        Adder(contacts, "state", "created_at", "updated_at").add(conn, [("{}", AT, AT)] * 3)
        numbers = conn.execute(select(contacts.c.id).order_by(contacts.c.id)).scalars().all()
        raise_score = Many(
            update(contacts)
            .where(contacts.c.id == bindparam("b_id"))
            .values(version=contacts.c.version + literal_column("1")),
            "b_id", "updated_at", "score",
        )  # fmt: skip
        later = AT + timedelta(days=1)
        changed = [(numbers[0], later, 5.5), (numbers[2], later, 7.0), (max(numbers) + 1, later, 1.0)]
        assert raise_score.run(conn, changed) == 2
        found = conn.execute(select(contacts.c.version, contacts.c.score).order_by(contacts.c.id)).all()
    assert found == [(2, 5.5), (1, 0.0), (2, 7.0)]


AGES = Among(select(events.c.id, events.c.occurred_at, events.c.contact_id).order_by(events.c.seq), events.c.id)
MIXED = Among(select(events.c.contact_id).where(events.c.type == literal_column("'page.viewed'")), events.c.contact_id)


@pytest.mark.parametrize("size", [1, 2, 3, 17, 200])
def test_among_finds_those_that_are_there_each_once(runtime: Runtime, size: int) -> None:
    with runtime.database.write() as conn:
        EVENTS.add(conn, rows(size))
        asked = [f"{number:032x}" for number in range(-size % 300, 300)] + [f"{number:032x}" for number in range(size)]
        wanted = [(one[0], one[5], one[1]) for one in rows(size)]
        assert AGES.all(conn, asked) == wanted
        assert MIXED.all(conn, [*range(size), size + 1]) == [(number,) for number in range(size)]
        assert AGES.all(conn, []) == []


def test_among_more_values_than_one_statement_takes(runtime: Runtime) -> None:
    with runtime.database.write() as conn:
        EVENTS.add(conn, rows(3, first=AT_MOST - 1))
        assert sorted(MIXED.all(conn, range(3 * AT_MOST))) == [(AT_MOST - 1,), (AT_MOST,), (AT_MOST + 1,)]
