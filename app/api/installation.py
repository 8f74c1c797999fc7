"""The installation: its connections, and how much there is of everything."""

from collections.abc import Collection
from typing import Any

from app import connections as looked
from app.api.blueprint import api
from app.api.operation import Operation, existing, operation
from app.receive import this_runtime
from app.store import lists, notes
from app.store.connections import Connection


@operation(
    api,
    Operation(method="GET", path="/connections", summary="Connections and their state", answer="Connection", many=True),
)
def connections() -> Any:
    return {"items": _shown(this_runtime().connections().values()), "next": None}


@operation(
    api,
    Operation(
        method="GET",
        path="/connections/{name}",
        summary="One connection and its state",
        answer="Connection",
        statuses=(200, 404),
    ),
)
def connection(name: str) -> Any:
    return _shown([existing(this_runtime().connection(name), "connection")])[0]


def _shown(known: Collection[Connection]) -> list[dict[str, Any]]:
    runtime = this_runtime()
    with runtime.database.read() as conn:
        marks, refused = notes.read_marks(conn), notes.refusals_by_connection(conn)
        found = looked.look(runtime, conn, known)
    return [looked.plain(runtime, one, marks, refused.get(one.connection.id)) for one in found]


@operation(api, Operation(method="GET", path="/stats", summary="How much there is of everything", answer="Stats"))
def stats() -> Any:
    with this_runtime().database.read() as conn:
        return lists.counts(conn)
