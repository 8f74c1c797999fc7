"""What every process of Baton has: settings, database, and the connections and policies as they are now.

Connections and policies change while Baton runs (a command adds one, an admin publishes one). Each process keeps a copy
and looks at most once a second whether it is still the newest.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, cached_property, lru_cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from adapters.contract import Account, Adapter, Client
from adapters.http import Http
from adapters.registry import acting, adapters
from app.rules.decide import Policies
from app.rules.policy import check_together, compile_policies, read_document
from app.rules.references import later_connections
from app.rules.sequences.pauses import Pauses
from app.rules.sequences.policy import Edition
from app.settings import Settings
from app.store import connections as stored_connections
from app.store import pauses as stored_pauses
from app.store import policies as stored_policies
from app.store.connections import Connection
from app.store.engine import Database, is_unavailable
from app.store.policies import Version
from app.store.tables import connections as connections_table
from app.store.vault import Vault
from mappings.document import InvalidDocument
from mappings.mapping import FieldMapping, mapping_file
from mappings.tally import Tally

LOOK_SECONDS = 1.0
NEVER = float("-inf")  # by time.monotonic(), which may have begun a moment ago

Clock = Callable[[], datetime]


def now_utc() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC)


class Rulebook(Struct, frozen=True):
    """Published policies, compiled: the rules, and the mapping of each connection and vendor."""

    policies: Policies
    mappings: Mapping[str, FieldMapping]
    documents: Mapping[str, Any] = {}  # the rules as they are written, by kind
    problems: tuple[str, ...] = ()  # what they name, of each other and of connections, that is not there
    connected: Mapping[str, str] | None = None  # the connections, name → kind, by which that was said

    def mapping_for(self, connection: Connection) -> FieldMapping:
        """The connection's own mapping, else its vendor's published one, else the shipped one."""
        for name in (f"{connection.kind}.{connection.name}", connection.kind):
            if name in self.mappings:
                return self.mappings[name]
        return _shipped(adapters()[connection.kind].mapping or "forms.yaml")


class Runtime:
    """Settings, database, and what is configured in it."""

    def __init__(self, settings: Settings, clock: Clock = now_utc, pool_size: int = 24) -> None:
        self.settings = settings
        self.clock = clock
        self.database = Database(settings.database_url, pool_size)
        self._lock = threading.Lock()
        self._connections: dict[int, Connection] = {}
        self._connections_seen: tuple[int, ...] = ()
        self._connections_at = NEVER
        self._rulebook: Rulebook | None = None
        self._rulebook_at = NEVER
        self._clients: dict[int, tuple[int, Client]] = {}
        self.tally = Tally()

    @cached_property
    def vault(self) -> Vault:
        """Opens and seals secrets."""
        return Vault(self.settings.keys)

    # --- connections

    def connections(self) -> Mapping[int, Connection]:
        """All connections by id, at most a second old."""
        if time.monotonic() - self._connections_at > LOOK_SECONDS:
            with self._lock:
                if time.monotonic() - self._connections_at > LOOK_SECONDS:
                    try:
                        self._look_at_connections()
                    except SQLAlchemyError as error:
                        if not self._connections or not is_unavailable(error):
                            raise
                        # The last copy will do: requests are told 503 when they cannot be stored, not 500 or 404
                        self._connections_at = time.monotonic()
        return self._connections

    def _look_at_connections(self) -> None:
        with self.database.read() as conn:
            table = connections_table.c
            seen = tuple(conn.execute(select(func.count(), func.sum(table.version), func.max(table.id))).one())
            if seen != self._connections_seen or not self._connections:
                self._connections = {one.id: one for one in stored_connections.load_all(conn, self.vault)}
                self._connections_seen = seen
        self._connections_at = time.monotonic()

    def connection(self, name: str) -> Connection | None:
        """The connection of this name, or None."""
        return next((one for one in self.connections().values() if one.name == name), None)

    def forget(self) -> None:
        """Look again at the next use, because this process has just changed something."""
        self._connections_at = self._rulebook_at = NEVER

    def adapter(self, connection: Connection) -> Adapter:
        """The adapter of a connection's vendor."""
        return adapters()[connection.kind]

    def client(self, connection: Connection) -> Client | None:
        """The SDK client of a connection, made once for each version of its settings; None for one that cannot call."""
        adapter = self.adapter(connection)
        if adapter.connect is None or not can_call(adapter, connection):
            return None
        with self._lock:
            known = self._clients.get(connection.id)
            if known is None or known[0] != connection.version:
                allowed = self.settings.allow_private_targets or is_sandbox(connection)
                http = Http(allowed, adapter.secrets(connection.settings))
                base_url = connection.base_url or adapter.base_url
                client = adapter.connect(Account(connection.settings, base_url, http))
                known = self._clients[connection.id] = (connection.version, client)
            return known[1]

    # --- policies

    def rulebook(self) -> Rulebook:
        """The published policies, at most a second old."""
        if self._rulebook is None or time.monotonic() - self._rulebook_at > LOOK_SECONDS:
            with self._lock:
                if self._rulebook is None or time.monotonic() - self._rulebook_at > LOOK_SECONDS:
                    self._look_at_policies()
        assert self._rulebook is not None
        return self._rulebook

    def _look_at_policies(self) -> None:
        with self.database.read() as conn:
            number = stored_policies.newest(conn) + stored_pauses.newest(conn)
            connected = stored_connections.kinds(conn)
            if self._rulebook is None or self._rulebook.policies.number != number:
                read = stored_policies.read_versions(stored_policies.published(conn))
                rules = {kind: (doc.model, version) for (kind, _), (doc, version) in read.items() if kind != "mapping"}
                self._rulebook = Rulebook(
                    compile_policies(
                        rules,
                        number,
                        editions_of(stored_policies.versions(conn, "sequences")),
                        Pauses(stored_pauses.all_of(conn)),
                    ),
                    {
                        name: FieldMapping(doc.model, version)
                        for (kind, name), (doc, version) in read.items()
                        if kind == "mapping"
                    },
                    {kind: model for kind, (model, _) in rules.items()},
                )
        if self._rulebook.connected != connected:
            self._rulebook = _looked_through(self._rulebook, connected)
        self._rulebook_at = time.monotonic()

    def close(self) -> None:
        """Close the database's connections."""
        self.database.close()


def _looked_through(rulebook: Rulebook, connected: Mapping[str, str]) -> Rulebook:
    """The policies, with what they name and is not there while these connections are."""
    documents, tools = rulebook.documents, acting()
    problems = [
        *check_together(documents, connected, tools),
        *later_connections(documents, connected, tools),
    ]
    return replace(rulebook, problems=tuple(problems), connected=connected)


def editions_of(versions: Sequence[Version]) -> list[Edition]:
    """Every published version of the sequences. One that this Baton cannot read any more is as if it were not there:
    who is pinned to it leaves, and the decision says so."""
    made = (_edition(version) for version in versions if version.published_at is not None)
    return [edition for edition in made if edition is not None]


@lru_cache(500)
def _edition(version: Version) -> Edition | None:
    """A version in the form that is applied, made once: all of them are looked at again with each publication."""
    assert version.published_at is not None
    name = f"{version.name}@{version.version}"
    try:
        document = read_document(version.body, name)
    except InvalidDocument:
        return None
    return Edition(document.model, name, version.published_at)


SANDBOX_SETTING = "sandbox"


def is_sandbox(connection: Connection) -> bool:
    """Whether a connection was made by Baton to its own simulators, which run on this machine."""
    return connection.settings.get(SANDBOX_SETTING) == "1"


def is_practice(connection: Connection) -> bool:
    """Whether nobody real can be reached through a connection: what it calls runs on this machine."""
    return is_sandbox(connection) or is_on_this_machine(connection.base_url)


def is_on_this_machine(url: str) -> bool:
    """Whether an address leads no further than to the machine that asks."""
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def can_call(adapter: Adapter, connection: Connection) -> bool:
    """Whether the connection has what it needs to call its vendor: HubSpot without a token only sends to us."""
    if adapter.own_address and not connection.base_url:
        return False
    return all(connection.settings.get(name) for name in adapter.needs)


@cache
def _shipped(file: str) -> FieldMapping:
    """A shipped mapping, read once: it is asked for with every request."""
    return mapping_file(file)
