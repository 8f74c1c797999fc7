"""A database full of contacts, made in seconds: one contact's requests go through Baton's own ingest, and what that
stored of it is copied, straight into the tables, with other names and numbers."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, cast

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Column, Table, func, select, text
from sqlalchemy import Connection as Conn

from app.contacts.times import to_us
from app.runtime import Runtime
from app.store import inbox
from app.store.columns import Hash
from app.store.connections import Connection
from app.store.engine import Database
from app.store.tables import aliases, contacts, decisions, events
from app.store.tables import inbox as inbox_table
from jobs import ingest

MODEL = 7_000_000_001  # the model contact's number at HubSpot; the copies have the ones after it
AGE, HOUR_MS = timedelta(days=20), 3_600_000  # how long ago its history began, and what lies between two events
CHUNK = 2_000
INGEST_SECONDS = 600
PROPERTIES = ("city", "company", "jobtitle", "firstname", "lastname", "phone", "website", "zip", "state", "address")

# What is copied, with the columns that hold other rows' numbers. Parents come first.
NUMBERS: dict[Table, dict[str, Table]] = {
    contacts: {"id": contacts},
    aliases: {"contact_id": contacts},
    inbox_table: {"id": inbox_table},
    events: {"seq": events, "contact_id": contacts, "inbox_id": inbox_table},
    decisions: {"id": decisions, "contact_id": contacts},
}


def email_of(number: int) -> str:
    """The address of the contact with this number, from 0 on."""
    return f"person{MODEL + number}@bench.example"


def notice(number: int, name: str, value: str, event: int, occurred_ms: int) -> dict[str, Any]:
    """One of HubSpot's notices: a property of the contact with this number has changed."""
    return {
        "eventId": event,
        "subscriptionId": 1,
        "portalId": 4242,
        "appId": 7,
        "occurredAt": occurred_ms,
        "subscriptionType": "contact.propertyChange",
        "attemptNumber": 0,
        "objectId": MODEL + number,
        "propertyName": name,
        "propertyValue": value,
        "changeSource": "CRM_UI",
        "sourceId": "userId:9",
    }


def arrive(runtime: Runtime, connection: Connection, notices: Iterable[dict[str, Any]]) -> None:
    """Put requests with one notice each in the inbox, as the web server would have."""
    now = runtime.clock()
    arrivals = [
        inbox.Arrival(
            connection_id=connection.id,
            kind="webhook",
            received_at=now,
            url=f"{runtime.settings.public_url}/webhooks/{connection.name}",
            headers={"content-type": "application/json"},
            body=json.dumps([one]).encode(),
        )
        for one in notices
    ]
    with runtime.database.write() as conn:
        inbox.accept(conn, arrivals)


def contact_ids(runtime: Runtime) -> list[int]:
    """The numbers that Baton gave to its contacts, in order."""
    with runtime.database.read() as conn:
        return list(conn.execute(select(contacts.c.id).order_by(contacts.c.id)).scalars())


# --- the model and its copies


def fill(runtime: Runtime, connection: Connection, people: int, events_each: int) -> None:
    """Have so many contacts in an installation without any, each with so many events in its history."""
    changes = [("email", email_of(0))]
    changes += [(PROPERTIES[n % len(PROPERTIES)], f"value {n}") for n in range(events_each - 1)]
    began_ms = int((runtime.clock() - AGE).timestamp() * 1000)
    history = [notice(0, *change, n + 1, began_ms + n * HOUR_MS) for n, change in enumerate(changes)]
    arrive(runtime, connection, history)
    ingest.drain(runtime, INGEST_SECONDS)
    copy(runtime, range(1, people))


def copy(runtime: Runtime, numbers: range) -> None:
    """Copy the contact with number 0, which nothing has happened to since, to these numbers."""
    with runtime.database.read() as conn:
        model = _Model(conn)
    for start in range(0, len(numbers), CHUNK):
        with runtime.database.write() as conn:
            copies = [_Copy(number, model.hashes) for number in numbers[start : start + CHUNK]]
            for table, rows in model.rows.items():
                _insert(conn, runtime.database, table, [row(one) for one in copies for row in rows])
    if not runtime.database.is_sqlite:
        with runtime.database.write() as conn:
            _go_on_counting(conn)


def multiply(runtime: Runtime, times: int) -> None:
    """Have everything that was made here so many times over, copied by the database itself: in a tenth of the time, but
    what is said in states and requests stays that of the first."""
    database = runtime.database
    with database.read() as conn:
        spans = {table: _span(conn, table) for table in NUMBERS}
    for number in range(1, times):
        for table, numbers in NUMBERS.items():
            name, counts = next((name, counts) for name, counts in numbers.items())
            names = ", ".join(column.name for column in table.c)
            cells = ", ".join(_multiplied(table, column, number, spans, database.is_sqlite) for column in table.c)
            rows = f"SELECT {cells} FROM {table.name} WHERE {name} <= {spans[counts]}"  # noqa: S608  ours
            with database.write(lasting=False) as conn:
                database.take_time(conn)
                conn.exec_driver_sql(f"INSERT INTO {table.name} ({names}) {rows}")
    if not database.is_sqlite:
        with database.write() as conn:
            _go_on_counting(conn)


def _span(conn: Conn, table: Table) -> int:
    """The highest of a table's own numbers; 0 where it has none."""
    name = next((name for name, counts in NUMBERS[table].items() if counts is table), None)
    return 0 if name is None else int(conn.execute(select(func.max(table.c[name]))).scalar() or 0)


def _multiplied(table: Table, column: Column[Any], number: int, spans: Mapping[Table, int], is_sqlite: bool) -> str:
    """What stands in a column of the so-many-th copy, in SQL."""
    counted = NUMBERS[table].get(column.name)
    if counted is not None:
        return f"{column.name} + {number * spans[counted]}"
    if isinstance(column.type, Hash):
        # A hash of nothing stays nothing
        made = "randomblob(16)" if is_sqlite else "decode(md5(random()::text), 'hex')"
        return f"CASE WHEN {column.name} IS NULL THEN NULL ELSE {made} END"
    if (table.name, column.name) in (("aliases", "key"), ("aliases", "value"), ("contacts", "email")):
        return f"{column.name} || '.{number}'"
    return column.name


class _Copy:
    """One copy: its number, and what stands in it where the model has its own name or a hash."""

    def __init__(self, number: int, hashes: Sequence[str]) -> None:
        self.number = number
        salt = str(number).encode()
        self.words = {one: blake2b(one.encode(), digest_size=len(one) // 2, salt=salt).hexdigest() for one in hashes}
        self.words[str(MODEL)] = str(MODEL + number)


Cell = Callable[[_Copy], Any]


class _Model:
    """What Baton stored of the contact with number 0: table → rows, each as a function of the copy."""

    def __init__(self, conn: Conn) -> None:
        me = conn.execute(select(aliases.c.contact_id).where(aliases.c.value == str(MODEL))).scalar_one()
        mine = select(events.c.inbox_id).where(events.c.contact_id == me)
        found = {
            contacts: contacts.c.id == me,
            aliases: aliases.c.contact_id == me,
            inbox_table: inbox_table.c.id.in_(mine),
            events: events.c.contact_id == me,
            decisions: decisions.c.contact_id == me,
        }
        stored = {table: conn.execute(select(table).where(which)).mappings().all() for table, which in found.items()}
        self.hashes = sorted(
            {row[c.name] for table, rows in stored.items() for c in table.c for row in rows if _is_hash(c, row[c.name])}
        )
        self._steps = {table: _step(table, rows) for table, rows in stored.items()}
        self._names = re.compile("|".join([str(MODEL), *self.hashes]))
        self.rows = {table: [self._row(table, row) for row in rows] for table, rows in stored.items()}

    def _row(self, table: Table, row: Mapping[Any, Any]) -> Callable[[_Copy], tuple[Any, ...]]:
        cells = [self._cell(table, column, row[column.name]) for column in table.c]
        return lambda copy: tuple(cell(copy) for cell in cells)

    def _cell(self, table: Table, column: Column[Any], value: Any) -> Cell:
        """How a column's value follows from the number of the copy, as the driver takes it."""
        counted = NUMBERS[table].get(column.name)
        if counted is not None and value is not None:
            step = self._steps[counted]
            return lambda copy: value + copy.number * step
        if _is_hash(column, value):
            return lambda copy: bytes.fromhex(copy.words[value])
        if isinstance(value, bytes):
            return lambda copy: value.replace(str(MODEL).encode(), copy.words[str(MODEL)].encode())
        if isinstance(value, datetime):
            moment = to_us(value)
            return lambda copy: moment
        if isinstance(value, str) and self._names.search(value):
            pattern = self._names.sub(lambda name: f"%({name.group()})s", value.replace("%", "%%"))
            return lambda copy: pattern % copy.words
        return lambda copy: value


def _is_hash(column: Column[Any], value: Any) -> bool:
    return isinstance(column.type, Hash) and value is not None


def _step(table: Table, rows: Sequence[Mapping[Any, Any]]) -> int:
    """How far apart the numbers of two copies are: as many as the model uses up itself."""
    (key, *_) = table.primary_key.columns
    numbers = [row[key.name] for row in rows if isinstance(row[key.name], int)]
    return max(numbers) - min(numbers) + 1 if numbers else 0


def _insert(conn: Conn, database: Database, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows the fastest way that the database has; values are as its driver takes them."""
    if not rows:
        return
    if database.is_sqlite:
        conn.exec_driver_sql(str(table.insert().compile(dialect=conn.dialect)), list(rows))
        return
    names = SQL(", ").join(Identifier(column.name) for column in table.c)
    statement = SQL("COPY {} ({}) FROM STDIN").format(Identifier(table.name), names)
    driver = cast(psycopg.Connection, conn.connection.driver_connection)
    with driver.cursor() as cursor, cursor.copy(statement) as stream:
        for row in rows:
            stream.write_row(row)


def _go_on_counting(conn: Conn) -> None:
    """Have PostgreSQL give out numbers above those that were written, and know how many rows there are."""
    for table in NUMBERS:
        (key, *_) = table.primary_key.columns
        if NUMBERS[table].get(key.name) is table:
            sequence = func.pg_get_serial_sequence(table.name, key.name)
            conn.execute(select(func.setval(sequence, select(func.max(key)).scalar_subquery())))
    conn.execute(text("ANALYZE"))
