"""Captured payloads of a connection: each time its adapter asked the mapping, with what it asked and was told."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct, field
from sqlalchemy import Connection as Conn

from adapters.contract import BadItem, Unreadable
from app.contacts.event import Event, event_id
from app.runtime import Runtime
from app.store import captured
from app.store.captured import Request
from app.store.connections import Connection
from jobs.reading import parsed, request_of
from mappings.listening import Listening
from mappings.mapping import FieldMapping, Mapped

LOOKED_AT = 200  # requests, and as many payloads
READ = "read"  # the kind of a payload that Baton asked the vendor for


class Capture(Struct, kw_only=True):
    """One payload: the properties that the adapter found in it under the vendor's names, and what came of them.

    ``key`` names it in addresses: ``12.0`` is the first payload of request 12, ``e55`` was read with event 55. ``rest``
    are answers of a form that no row read; ``labels`` what stood beside them. ``error`` says why nothing came of it.
    """

    key: str
    inbox_id: int | None
    at: datetime
    kind: str
    route: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    rest: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    mapped: Mapped = field(default_factory=Mapped)
    error: str = ""
    parked: bool = False
    contact_id: int | None = None

    @property
    def failed(self) -> bool:
        """Whether something in it found no place, or nothing came of it at all."""
        return bool(self.error or self.mapped.held or self.mapped.skip)

    @property
    def all_properties(self) -> dict[str, Any]:
        """What rows can read: what they read already, and the rest."""
        return {**self.rest, **self.properties}


def captures(
    runtime: Runtime, conn: Conn, connection: Connection, mapping: FieldMapping, most: int = LOOKED_AT
) -> list[Capture]:
    """The last payloads of a connection as a mapping reads them, the newest first. Nothing is asked of the vendor."""
    found: list[Capture] = []
    events: dict[str, Capture] = {}
    for request in captured.requests(conn, connection.id, most):
        found += _of_request(runtime, connection, mapping, request, events)
        if len(found) >= most:
            break
    owners = captured.owners(conn, events)
    for name, capture in events.items():
        capture.contact_id = capture.contact_id or owners.get(name)
    read = [_of_read(one, mapping) for one in captured.reads(conn, connection.id, most)]
    return sorted([*found, *read], key=lambda one: one.at, reverse=True)[:most]


def reread(
    runtime: Runtime, conn: Conn, connection: Connection, mapping: FieldMapping, request: Request
) -> list[Capture]:
    """The payloads of one request as a mapping reads them."""
    events: dict[str, Capture] = {}
    found = _of_request(runtime, connection, mapping, request, events)
    for name, contact_id in captured.owners(conn, events).items():
        events[name].contact_id = contact_id
    return found


def read_again(
    runtime: Runtime, conn: Conn, connection: Connection, mapping: FieldMapping, most: int = LOOKED_AT
) -> dict[str, Capture]:
    """The same payloads by key, as another mapping reads them."""
    return {one.key: one for one in captures(runtime, conn, connection, mapping, most)}


def _of_request(
    runtime: Runtime, connection: Connection, mapping: FieldMapping, request: Request, events: dict[str, Capture]
) -> list[Capture]:
    listening, row = Listening(mapping), request.row
    found: list[Capture] = []
    taken = 0

    def more() -> None:
        nonlocal taken
        for number, (properties, mapped) in enumerate(listening.heard[taken:], taken):
            found.append(
                Capture(
                    key=f"{row.id}.{number}",
                    inbox_id=row.id,
                    at=row.received_at,
                    kind=row.kind,
                    route=row.route,
                    properties=properties,
                    mapped=mapped,
                )
            )
        taken = len(listening.heard)

    try:
        for item in parsed(runtime.adapter(connection), connection, listening, row):
            if isinstance(item, BadItem):
                taken = len(listening.heard)  # it is parked as a request of its own
            more()
            if found and isinstance(item, Event) and item.mapping:
                events.setdefault(event_id(connection.id, item.source_key), found[-1])
                _keep_rest(found[-1], item.properties)
    except Unreadable as error:
        more()
        if not found:
            found.append(
                Capture(key=f"{row.id}.0", inbox_id=row.id, at=row.received_at, kind=row.kind, route=row.route)
            )
        found[-1].error = str(error)
        found[-1].parked = request.status == "parked"
        found[-1].rest, found[-1].labels = _held(runtime, connection, request)
    return found


def _held(runtime: Runtime, connection: Connection, request: Request) -> tuple[dict[str, Any], dict[str, str]]:
    """What stands in a request of which nothing came."""
    holds = runtime.adapter(connection).holds
    if holds is None:
        return {}, {}
    try:
        properties, labels = holds(request_of(request.row, connection))
    except Unreadable:
        return {}, {}
    return dict(properties), dict(labels)


def _keep_rest(capture: Capture, properties: Mapping[str, Any]) -> None:
    rest, labels = properties.get("custom"), properties.get("labels")
    capture.rest = rest if isinstance(rest, dict) else {}
    capture.labels = labels if isinstance(labels, dict) else {}


def as_read_by(capture: Capture, mapping: FieldMapping) -> Capture:
    """A payload that was read from the tool, as another mapping reads it."""
    return Capture(
        key=capture.key, inbox_id=None, at=capture.at, kind=capture.kind, properties=capture.properties,
        mapped=mapping.inbound(capture.properties),
    )  # fmt: skip


def _of_read(read: captured.Read, mapping: FieldMapping) -> Capture:
    return Capture(
        key=f"e{read.seq}",
        inbox_id=None,
        at=read.event.received_at,
        kind=READ,
        properties=read.event.told,
        mapped=mapping.inbound(read.event.told),
        contact_id=read.contact_id,
    )
