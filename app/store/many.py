"""The same done with many rows, on each database in the way that costs it least.

Rows are tuples that go to the driver as they are: putting them through SQLAlchemy as dictionaries took as long as
writing them. PostgreSQL takes what is added as one COPY: a statement for each row costs three times as much, on both
sides.
"""

from collections.abc import Callable, Collection, Sequence
from itertools import chain, repeat
from typing import Any

import psycopg
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Dialect, Executable, Select, Table, any_, bindparam, insert
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import ClauseElement

COPY_FROM = 10  # rows; for fewer, beginning a COPY costs more than it saves

_BY_PLACE: Dialect = postgresql.psycopg.dialect(paramstyle="format")  # type: ignore[no-untyped-call]

AT_MOST = 16_384  # parameters of one statement; SQLite takes twice as many

Row = tuple[Any, ...]
_Processors = list[tuple[int, Callable[[Any], Any]]]


class Many:
    """A statement that is run once for each row. A row holds the values of the parameters of these names, in order."""

    def __init__(self, statement: Executable, *names: str) -> None:
        assert isinstance(statement, ClauseElement)
        self._statement, self._names = statement, names
        self._prepared: dict[str, tuple[str, list[int], _Processors]] = {}

    def run(self, conn: Connection, rows: Sequence[Row]) -> int:
        """Run it for these rows; how many rows of the table it met."""
        if not rows:
            return 0
        text, order, processors = self._for(conn.dialect)
        columns = _processed(rows, processors)
        ready = list(zip(*(columns[number] for number in order), strict=True))
        return conn.exec_driver_sql(text, ready).rowcount

    def _for(self, dialect: Dialect) -> tuple[str, list[int], _Processors]:
        """The statement's text, in which order its parameters come, and how values get the database's form."""
        known = self._prepared.get(dialect.name)
        if known is None:
            # Parameters by their places, as both drivers take them from a tuple
            by_place = dialect if dialect.positional else _BY_PLACE
            compiled = self._statement.compile(dialect=by_place, column_keys=list(self._names))
            asked: Any = compiled
            types = [asked.binds[name].type.dialect_impl(dialect) for name in self._names]
            order = [self._names.index(name) for name in asked.positiontup]
            known = self._prepared[dialect.name] = (str(compiled), order, _processors(types, dialect))
        return known


class Adder:
    """Adds rows to a table. A row holds the values of these columns, in order."""

    def __init__(self, table: Table, *names: str) -> None:
        self._table, self._names = table, names
        self._few = Many(insert(table), *names)

    def add(self, conn: Connection, rows: Sequence[Row]) -> None:
        """Add them all. Raises IntegrityError where one of them is there already."""
        if conn.dialect.name == "sqlite" or len(rows) < COPY_FROM:
            self._few.run(conn, rows)
            return
        quote = conn.dialect.identifier_preparer.quote
        types = [self._table.c[name].type.dialect_impl(conn.dialect) for name in self._names]
        columns = _processed(rows, _processors(types, conn.dialect))
        names = ", ".join(map(quote, self._names))
        _copy(conn, f"COPY {quote(self._table.name)} ({names}) FROM STDIN", list(zip(*columns, strict=True)))


class _Asked(Struct, frozen=True):
    """A query for one database: its text around the values, and how they and what is found get their form."""

    before: str
    after: str
    bind: Callable[[Any], Any] | None
    found: _Processors


class Among:
    """A query for the rows in which a column has one of many values.

    Written as ``IN`` by SQLAlchemy, each number of values is another statement, and writing it takes as long as running
    it. Here PostgreSQL is given all values as one array, and SQLite a place for each in one of a few numbers of places.
    The query has no parameters of its own.
    """

    def __init__(self, query: Select[Any], column: ColumnElement[Any]) -> None:
        self._query, self._column = query, column
        self._asked: dict[str, _Asked] = {}

    def all(self, conn: Connection, values: Collection[Any]) -> list[Row]:
        """The rows for these values; of more than some thousand on SQLite, in the order of the values at most."""
        asked = self._asked.get(conn.dialect.name) or self._ask(conn.dialect)
        given = list(values) if asked.bind is None else [asked.bind(value) for value in values]
        if not given:
            return []
        if conn.dialect.name != "sqlite":
            found: list[Any] = list(conn.exec_driver_sql(f"{asked.before}%s{asked.after}", (given,)).all())
        else:
            found = []
            for start in range(0, len(given), AT_MOST):
                found += _in_places(conn, asked, given[start : start + AT_MOST])
        if not asked.found or not found:
            return found
        return list(zip(*_processed(found, asked.found), strict=True))

    def _ask(self, dialect: Dialect) -> _Asked:
        by_place = dialect if dialect.positional else _BY_PLACE
        if dialect.name == "sqlite":
            wanted: ColumnElement[bool] = self._column.in_(bindparam("values", expanding=True))
        else:
            wanted = self._column == any_(bindparam("values", type_=postgresql.ARRAY(self._column.type)))
        compiled = self._query.where(wanted).compile(dialect=by_place)
        assert compiled.binds.keys() == {"values"}
        before, after = str(compiled).split("__[POSTCOMPILE_values]" if dialect.name == "sqlite" else "%s")
        types = [column.type.dialect_impl(dialect) for column in self._query.selected_columns]
        found = [(number, one.result_processor(dialect, None)) for number, one in enumerate(types)]
        asked = self._asked[dialect.name] = _Asked(
            before,
            after,
            self._column.type.dialect_impl(dialect).bind_processor(dialect),
            [(number, process) for number, process in found if process is not None],
        )
        return asked


def _in_places(conn: Connection, asked: _Asked, given: list[Any]) -> list[Any]:
    """The rows on SQLite; places that are left over hold the last value once more."""
    places = 1 << (len(given) - 1).bit_length()
    text = f"{asked.before}{', '.join('?' * places)}{asked.after}"
    return list(conn.exec_driver_sql(text, tuple(chain(given, repeat(given[-1], places - len(given))))).all())


def _processors(types: Sequence[Any], dialect: Dialect) -> _Processors:
    found = [(number, one.bind_processor(dialect)) for number, one in enumerate(types)]
    return [(number, process) for number, process in found if process is not None]


def _processed(rows: Sequence[Row], processors: _Processors) -> list[Sequence[Any]]:
    """The rows' columns, with each value in the form that the database keeps."""
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for number, process in processors:
        columns[number] = [process(value) for value in columns[number]]
    return columns


def _copy(conn: Connection, statement: str, rows: Sequence[Row]) -> None:
    driver: Any = conn.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        # As SQLAlchemy raises it, without the row that PostgreSQL repeats: errors end up in logs
        said = type(error)(error.diag.message_primary or str(error))
        raised = DBAPIError.instance(
            statement, None, said, psycopg.Error, connection_invalidated=driver.closed, dialect=conn.dialect
        )
        if driver.closed:
            conn.invalidate()
        raise raised from None
