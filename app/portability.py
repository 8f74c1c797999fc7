"""Everything that is kept about one person, for who asks to see it."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection as Conn

from app import views
from app.runtime import Runtime
from app.store import erasures, inbox, lists
from app.store.lists import Page

_Pages = Callable[..., Page]


def everything(runtime: Runtime, conn: Conn, contact_id: int) -> dict[str, Any] | None:
    """A person's state, what happened to them, what was decided and done, and what tools and forms sent about them
    alone, as it came; None where there is no such person. A request that is also about others is named without its
    body."""
    known = views.contact(runtime, conn, contact_id)
    if known is None:
        return None
    mine = {"contact_id": known["id"]}
    events = list(_all(conn, lists.events_page, **mine))
    rows = {row["inbox_id"] for row in events if row["inbox_id"] is not None}
    return {
        "contact": known,
        "events": [views.event(runtime, row) for row in events],
        "decisions": [views.decision(runtime, row) for row in _all(conn, lists.decisions_page, **mine)],
        "deliveries": [views.delivery(runtime, row) for row in _all(conn, lists.deliveries_page, **mine)],
        "handoffs": [views.handoff(runtime, row) for row in _all(conn, lists.handoffs_page, **mine)],
        "requests": _requests(conn, rows, known["id"]),
    }


def _all(conn: Conn, page: _Pages, **filters: Any) -> Iterator[Any]:
    before: int | None = None
    while True:
        found = page(conn, lists.MAX_LIMIT, before, **filters)
        yield from found.rows
        before = found.next
        if before is None:
            return


def _requests(conn: Conn, rows: set[int], contact_id: int) -> list[dict[str, Any]]:
    others = erasures.others_in(conn, rows, contact_id)
    bodies = inbox.bodies(conn, rows - others)
    return [
        {"id": row_id, "body": bodies[row_id].decode(errors="replace") if row_id in bodies else None}
        for row_id in sorted(rows)
    ]
