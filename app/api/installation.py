"""The installation: its connections, and how much there is of everything."""

from typing import Any

from app.api.blueprint import api
from app.api.operation import Operation, operation
from app.receive import this_runtime
from app.store import lists


@operation(
    api,
    Operation(method="GET", path="/connections", summary="Connections and their state", answer="Connection", many=True),
)
def connections() -> Any:
    runtime = this_runtime()
    return {
        "items": [
            {
                "name": one.name,
                "kind": one.kind,
                "status": one.status,
                "status_reason": one.status_reason,
                "since": one.status_at,
                "checks": one.checks,
                "checked_at": one.checked_at,
            }
            for one in sorted(runtime.connections().values(), key=lambda one: one.name)
        ],
        "next": None,
    }


@operation(api, Operation(method="GET", path="/stats", summary="How much there is of everything", answer="Stats"))
def stats() -> Any:
    with this_runtime().database.read() as conn:
        return lists.counts(conn)
