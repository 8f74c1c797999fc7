"""An installation to measure: `baton run` as its users start it, in a folder and on a port of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import requests
from sqlalchemy import exists, inspect, select, text

from app.rules.policy import read_document
from app.runtime import Runtime
from app.settings import Settings
from app.setup import add_connection, prepare
from app.store import deliveries, inbox, policies
from app.store.connections import Connection
from app.store.engine import Database
from app.store.tables import deliveries as deliveries_table
from app.store.tables import metadata

START_SECONDS, STOP_SECONDS = 60.0, 40.0
LOG_LINES = 5
RUN = (sys.executable, "-m", "app.cli", "run", "--no-demo")
_VERSION_TABLE = "alembic_version"


class Hub:
    """One Baton. ``runtime`` is the same installation as this process sees it: to set it up and to look inside."""

    def __init__(self, home: Path, database_url: str = "", workers: int = 2) -> None:
        home.mkdir(parents=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = home / "output.log"
        # Nothing of an installation that this machine may have, but whatever Python needs
        own = ("BATON_", "DATABASE_URL", "REDIS_URL")
        self._env = {name: value for name, value in os.environ.items() if not name.startswith(own)} | {
            "BATON_HOME": str(home),
            "BATON_PORT": str(self.port),
            "BATON_PUBLIC_URL": self.url,
            "BATON_WORKERS": str(workers),
            "BATON_ALLOW_PRIVATE_TARGETS": "1",
            **({"DATABASE_URL": database_url} if database_url else {}),
        }
        self.runtime = Runtime(Settings.from_environment(self._env), pool_size=4)
        prepare(self.runtime)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Database:
        """The installation's database."""
        return self.runtime.database

    @property
    def pid(self) -> int:
        """The number of the process that supervises all others."""
        assert self._process is not None, "it has not been started"
        return self._process.pid

    # --- setting it up

    def connect(self, kind: str, name: str, base_url: str = "", **settings: str) -> Connection:
        """Connect a tool."""
        return add_connection(self.runtime, kind, name, settings, base_url)

    def policy(self, name: str) -> str:
        """The text of the policy of this name that is in force."""
        with self.database.read() as conn:
            return next(version.body for version in policies.published(conn) if version.name == name)

    def publish(self, texts: Mapping[str, str]) -> None:
        """Put policies in force, given as file name → text."""
        documents = [read_document(text, name) for name, text in texts.items()]
        with self.database.write() as conn:
            for document in documents:
                policies.publish(conn, document, "bench", "", self.runtime.clock())
        self.runtime.forget()

    # --- running it

    def start(self) -> None:
        """Start it; it may take some seconds until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(RUN, env=self._env, stdout=log, stderr=log)

    def started(self) -> None:
        """Start it, and wait until it answers."""
        self.start()
        self.until(lambda: requests.get(f"{self.url}/readyz", timeout=2).ok, START_SECONDS, "Baton to start")

    def stop(self) -> None:
        """Stop it as Ctrl-C would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()  # its parts hear of that and end as well
                self._process.wait()
        self.runtime.close()

    def until(self, holds: Callable[[], object], seconds: float, what: str, pause: float = 0.05) -> None:
        """Wait until this holds. Raises TimeoutError with what was waited for and what Baton printed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(requests.RequestException):
                if holds():
                    return
            time.sleep(pause)
        raise TimeoutError(f"waited {seconds:.0f} s in vain for {what}; Baton said: {self.said()}")

    def said(self) -> str:
        """The last lines of what it printed."""
        lines = self._log.read_text(errors="replace").splitlines() if self._log.exists() else []
        return " / ".join(lines[-LOG_LINES:])

    # --- looking inside

    def at_rest(self) -> bool:
        """Whether everything that came in is worked off and everything that follows from it has left."""
        waiting = select(exists().where(deliveries_table.c.status.in_(("pending", "sending"))))
        with self.database.read() as conn:
            return inbox.oldest_pending(conn) is None and not conn.execute(waiting).scalar()

    def waiting(self, connection: Connection) -> int:
        """How many deliveries wait for a connection."""
        with self.database.read() as conn:
            return deliveries.backlog(conn).get(connection.id, (0, None))[0]

    def rest(self, seconds: float) -> float:
        """Wait until it is at rest; the moment at which it was. Raises TimeoutError."""
        self.until(self.at_rest, seconds, "everything to be worked off")
        return time.monotonic()


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the database


def tables_of_baton(database: Database) -> list[str]:
    """The tables of an installation that are there already, by name."""
    names = inspect(database.engine).get_table_names()
    return sorted({*metadata.tables, _VERSION_TABLE} & set(names))


def drop_tables(database: Database) -> None:
    """Leave an empty database behind."""
    with database.write() as conn:
        metadata.drop_all(conn)
        conn.execute(text(f"DROP TABLE IF EXISTS {_VERSION_TABLE}"))


def version_of(database: Database) -> str:
    """Which PostgreSQL this is."""
    with database.read() as conn:
        return f"PostgreSQL {conn.execute(text('SHOW server_version')).scalar()}"
