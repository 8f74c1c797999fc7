"""Everything that is kept about one person, for who asks to see it."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection as Conn

from app import views
from app.contacts.contact import Contact
from app.contacts.own_events import JOINED, PARTED
from app.runtime import Runtime
from app.store import erasures, inbox, lists, notes, people, rows
from app.store.lists import Page

_Pages = Callable[..., Page]
_OF_TWO = frozenset((JOINED, PARTED))
_state = msgspec.json.Decoder(Contact).decode


def disclose(runtime: Runtime, who: str, contact_id: int) -> dict[str, Any] | None:
    """Everything that is kept about a person, with a line in the audit log of who has read it; None where there is no
    such person."""
    with runtime.database.snapshot() as conn:
        found = everything(runtime, conn, contact_id)
    if found is not None:
        with runtime.database.write() as conn:
            notes.write_audit(conn, who, "contact.export", str(found["contact"]["id"]), runtime.clock())
    return found


def everything(runtime: Runtime, conn: Conn, contact_id: int) -> dict[str, Any] | None:
    """A person's state, what happened to them, what was decided and done, and what tools and forms sent about them
    alone, as it came; None where there is no such person. A request that is also about others is named without its
    body, and nothing says who else bears their name or was once taken for them."""
    home = people.survivor(conn, contact_id)
    row = rows.contact_row(conn, home)
    if row is None:
        return None
    mine = {"contact_id": home}
    events = list(_all(conn, lists.events_page, **mine))
    requests = {event["inbox_id"] for event in events if event["inbox_id"] is not None}
    return {
        "contact": _contact(runtime, conn, row),
        "events": [_event(runtime, event) for event in events],
        "decisions": [views.decision(runtime, one) for one in _all(conn, lists.decisions_page, **mine)],
        "deliveries": [views.delivery(runtime, one) for one in _all(conn, lists.deliveries_page, **mine)],
        "handoffs": [views.handoff(runtime, one) for one in _all(conn, lists.handoffs_page, **mine)],
        "requests": _requests(conn, requests, home),
    }


def _contact(runtime: Runtime, conn: Conn, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        **views.of_state(runtime, _state(row["state"]), runtime.clock()),
        "aliases": views.aliases(runtime, people.known_by(conn, [row["id"]])[row["id"]]),
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def _event(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    """An event without what a person here wrote of why two contacts are one or two: it may speak of the other."""
    shown = views.event(runtime, row)
    if shown["type"] in _OF_TWO:
        shown["properties"] = {name: value for name, value in shown["properties"].items() if name != "reason"}
    return shown


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
