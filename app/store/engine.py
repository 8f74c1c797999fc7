"""The database: one set of code for SQLite and PostgreSQL, with the differences kept in this file.

On PostgreSQL a unit of work is one transaction that locks the rows it reads for change. SQLite has a single write
lock, so there a unit reads and computes without it and takes it only to write, when it checks that nothing it read has
changed; the web process can then store what comes in while a worker computes.

A commit waits until it is on the disk, unless it need not last (see docs/decisions/09-commits-that-last.md): then a
power cut may take it back, together with all that came after it, but never what came before.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    Table,
    bindparam,
    create_engine,
    event,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from app.store import turnstile
from app.store.columns import UtcTime

SQLITE_BUSY_MS = 15_000
# PostgreSQL ends the transaction, and with it the locks, of a process that has said nothing for so long (a stopped one)
IDLE_MS = 60_000
# ... unless it fell silent between two messages of one statement, which only PostgreSQL 17 and later notices. No
# transaction of ours takes nearly as long
TRANSACTION_MS = 120_000
RESTED_SECONDS = 1.0
# ... and a machine that does not even acknowledge what it is sent is given up; the default is a quarter of an hour
SILENT_MS = 15_000


class db_now(GenericFunction[Any]):  # noqa: N801  named as it reads in SQL
    """The database's own clock, which all workers share."""

    type = UtcTime()
    inherit_cache = True


@compiles(db_now, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **kw: Any) -> str:
    # Milliseconds; unixepoch('subsec') would be plainer, but is NULL before SQLite 3.42
    return "(CAST(ROUND((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000)"


@compiles(db_now, "postgresql")
def _postgresql_now(element: Any, compiler: Any, **kw: Any) -> str:
    # The wall clock, not the transaction's start: a lease must not look younger than it is
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"


def db_in(seconds: float) -> ColumnElement[Any]:
    """So many seconds from now, by the database's clock."""
    return type_coerce(type_coerce(db_now(), BigInteger) + int(seconds * 1_000_000), UtcTime)


def db_in_param(name: str) -> ColumnElement[Any]:
    """So many microseconds from now as a statement is given as this parameter."""
    return type_coerce(type_coerce(db_now(), BigInteger) + bindparam(name, type_=BigInteger), UtcTime)


class Conflict(Exception):
    """Somebody else changed what this unit of work read; do it again from the start."""


class Collision(Conflict):
    """What was to be written is there already: another was first or, where that goes on, we are at fault."""


class Database:
    """A pool of connections. ``read`` is a snapshot, ``write`` a transaction, ``unit`` reads first and writes last."""

    def __init__(self, url: str, pool_size: int = 24) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        if self.is_sqlite:
            self.engine = create_engine(
                url,
                pool_size=pool_size,
                max_overflow=8,
                hide_parameters=True,  # errors end up in logs
                connect_args={"timeout": SQLITE_BUSY_MS / 1000},
            )
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            self.engine = create_engine(
                url,
                pool_size=pool_size,
                max_overflow=8,
                hide_parameters=True,
                connect_args={
                    "connect_timeout": 5,
                    "tcp_user_timeout": SILENT_MS,
                    "keepalives_idle": SILENT_MS // 1_000,
                    "keepalives_interval": 5,
                    "keepalives_count": 3,
                    "options": f"-c timezone=utc -c idle_in_transaction_session_timeout={IDLE_MS}",
                },
            )
            event.listen(self.engine, "connect", _prepare_postgresql)
            event.listen(self.engine, "begin", _begin_postgresql)
            event.listen(self.engine, "checkin", _note_rest)
            event.listen(self.engine, "checkout", _try_rested)
        self._writing: Engine = self.engine.execution_options(baton_write=True)
        self._passing: Engine = self.engine.execution_options(baton_write=True, baton_passing=True)
        # On PostgreSQL each statement sees a state of its own anyway; a transaction around it is two round trips more
        self._reading = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that changes nothing; on SQLite all that is read within it is of one state."""
        with self._reading.connect() as conn:
            yield conn

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one state of the database, for what is read piece by piece."""
        with self.engine.connect() as conn:
            yield conn

    @contextmanager
    def write(self, lasting: bool = True) -> Iterator[Connection]:
        """A transaction; on SQLite it takes the write lock at once (a deferred one fails under load). One that is not
        ``lasting`` does not wait for the disk: for what would only be done again."""
        with (self._writing if lasting else self._passing).begin() as conn:
            yield conn

    @contextmanager
    def unit(self) -> Iterator["Unit"]:
        """A unit of work that reads, computes, and writes all at the end; as one that is not lasting."""
        if self.is_sqlite:
            yield Unit(self, None)
        else:
            with self._passing.begin() as conn:
                yield Unit(self, conn)

    def insert(self, table: Table) -> "postgresql.Insert | sqlite.Insert":
        """An INSERT that knows ON CONFLICT on the database at hand."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def take_time(self, conn: Connection) -> None:
        """Let this transaction take as long as it needs: a migration of many rows."""
        if not self.is_sqlite and _limits_transactions(conn.connection.driver_connection):
            conn.exec_driver_sql("SET LOCAL transaction_timeout = 0")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


class Upsert:
    """An INSERT that changes what is there already. Built once for each database: that costs more than to run it."""

    def __init__(self, table: Table, build: Callable[[Any], "postgresql.Insert | sqlite.Insert"]) -> None:
        self._table, self._build = table, build
        self._built: dict[bool, postgresql.Insert | sqlite.Insert] = {}

    def on(self, database: Database) -> "postgresql.Insert | sqlite.Insert":
        """The statement for this database."""
        if database.is_sqlite not in self._built:
            self._built[database.is_sqlite] = self._build(database.insert(self._table))
        return self._built[database.is_sqlite]


class Unit:
    """Reads through ``reader()``, then everything it changes within one ``writer()``."""

    def __init__(self, database: Database, conn: Connection | None) -> None:
        self._database, self._conn = database, conn

    @contextmanager
    def reader(self) -> Iterator[Connection]:
        """Read what will be changed: locked on PostgreSQL, a snapshot on SQLite."""
        if self._conn is not None:
            yield self._conn
        else:
            with self._database.read() as conn:
                yield conn

    @contextmanager
    def writer(self) -> Iterator[Connection]:
        """Write. Raises :class:`Collision` where another writer was first."""
        try:
            if self._conn is not None:
                yield self._conn
            else:
                with self._database.write(lasting=False) as conn:
                    yield conn
        except IntegrityError as error:
            raise Collision(in_words(error)) from None


def in_words(error: DBAPIError) -> str:
    """What the database says, without the row's values, which PostgreSQL puts into its details."""
    diagnosis = getattr(error.orig, "diag", None)
    return str(getattr(diagnosis, "message_primary", None) or error.orig)


def is_unavailable(error: Exception) -> bool:
    """Whether an error means that the database cannot be reached, is busy or full, and not that we asked wrongly."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return isinstance(error, PoolTimeout)
    code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""
    return code != "SQLITE_ERROR" and not code.startswith("54")  # 54: a value or a statement is too large


def _prepare_sqlite(connection: Any, record: Any) -> None:
    connection.isolation_level = None  # transactions begin where we say, see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA temp_store=MEMORY")
    cursor.execute("PRAGMA cache_size=-16000")
    # Pages of 4 KiB. By default what a batch of events writes is copied into the database after each
    cursor.execute("PRAGMA wal_autocheckpoint=4000")
    cursor.close()


def _limits_transactions(connection: Any) -> bool:
    return bool(connection.info.server_version >= 170_000)


def _prepare_postgresql(connection: Any, record: Any) -> None:
    if _limits_transactions(connection):
        with connection.cursor() as cursor:
            cursor.execute(f"SET transaction_timeout = {TRANSACTION_MS}")
        connection.commit()


def _note_rest(connection: Any, record: Any) -> None:
    record.info["since"] = time.monotonic()


def _try_rested(connection: Any, record: Any, proxy: Any) -> None:
    """Ask a connection that has not been used for a while whether it still lives; of one just used that is known."""
    if time.monotonic() - record.info.get("since", 0.0) < RESTED_SECONDS:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except Exception as error:
        raise DisconnectionError from error  # the pool tries another one


def _begin_postgresql(conn: Connection) -> None:
    if conn.get_execution_options().get("baton_passing"):
        conn.exec_driver_sql("SET LOCAL synchronous_commit = off")


def _begin_sqlite(conn: Connection) -> None:
    options = conn.get_execution_options()
    if not options.get("baton_write"):
        conn.exec_driver_sql("BEGIN")
        return
    driver: Any = conn.connection.driver_connection
    driver.execute(f"PRAGMA synchronous = {'NORMAL' if options.get('baton_passing') else 'FULL'}")
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        turnstile.take(conn.engine.url.database or "", partial(_is_answered, driver), SQLITE_BUSY_MS / 1_000)
        if not driver.in_transaction:
            conn.exec_driver_sql("BEGIN IMMEDIATE")  # the last time: says what is wrong
    finally:
        driver.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MS}")


def _is_answered(driver: Any) -> bool:
    """Ask for the write lock; False while somebody else has it."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return not error.sqlite_errorname.startswith("SQLITE_BUSY")
    return True
