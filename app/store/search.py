"""Finding things by what they say: people by address or name, requests by what stands in them."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from msgspec import Struct
from sqlalchemy import Connection, or_, select

from app.store.lists import INBOX, LOOK
from app.store.tables import contacts, inbox
from app.store.turns import Turn

# One search of the inbox reads so many requests, and so much of them; the next click goes on from there
SEARCHED_REQUESTS, SEARCHED_BYTES = 2_000, 64 * 1024 * 1024
_AT_ONCE = 50


class Found(Struct, frozen=True):
    """Contacts that a search found, in the order of what they were found by, and where the search goes on."""

    ids: tuple[int, ...]
    next: tuple[str, str, int] | None = None


def search_contacts(
    conn: Connection, text: str, stage: str | None, limit: int, place: tuple[str, str, int] | None = None
) -> Found:
    """Contacts whose address begins with the text, then those whose name does.

    Both in the order of the alphabet: that is the order of the indexes, so that a page costs the same however many
    there are.
    """
    text = text.strip().lower()
    end = text + "\U0010ffff"
    found: list[int] = []
    by, value, last = place or ("email", text, 0)
    seen, together = 0, limit * 4
    while seen < LOOK:
        column = contacts.c.email if by == "email" else contacts.c.name
        query = (
            select(contacts.c.id, column.label("text"), contacts.c.stage, contacts.c.email, contacts.c.merged_into)
            .where(column >= value, column < end, or_(column > value, contacts.c.id > last))
            .order_by(column, contacts.c.id)
            .limit(together)
        )
        rows = conn.execute(query).all()
        for row in rows:
            value, last = row.text, row.id
            listed_before = by == "name" and row.email is not None and text <= row.email < end
            if row.merged_into is None and not listed_before and (stage is None or row.stage == stage):
                found.append(row.id)
                if len(found) == limit:
                    return Found(tuple(found), (by, value, last))
        seen += len(rows)
        if len(rows) < together:
            if by == "name":
                return Found(tuple(found))
            by, value, last = "name", text, 0
    return Found(tuple(found), (by, value, last))


# --- requests


def search_inbox(conn: Connection, text: str, limit: int, before: int | None, **filters: Any) -> Turn:
    """Requests in whose body, headers or address a text stands, in upper or lower case, newest first.

    Bodies have no index, so this reads them: the newest ``SEARCHED_REQUESTS`` of the filters (``status``,
    ``connection_id``), or of those before a key. ``older`` says where to go on, and ``cut`` that there is more to read.
    """
    query = select(*(inbox.c[name] for name in INBOX), inbox.c.url, inbox.c.headers, inbox.c.body)
    for name, value in filters.items():
        if value is not None:
            query = query.where(inbox.c[name] == value)
    if before is not None:
        query = query.where(inbox.c.id < before)
    query = query.order_by(inbox.c.id.desc()).limit(SEARCHED_REQUESTS + 1)
    wanted = _spellings(text)
    found: list[Mapping[str, Any]] = []
    looked, read, last = 0, 0, None
    # Row by row from the database's side too: thousands of bodies at once would be gigabytes
    with conn.execute(query, execution_options={"stream_results": True, "max_row_buffer": _AT_ONCE}) as rows:
        for row in rows:
            if len(found) == limit or looked == SEARCHED_REQUESTS or read >= SEARCHED_BYTES:
                return Turn(found, older=last, cut=len(found) < limit)
            body, looked, last = bytes(row.body), looked + 1, row.id
            read += len(body)
            about = f"{row.url}\n{row.headers}".lower()
            if any(one in about for one in wanted) or any(one.encode() in body.lower() for one in wanted):
                found.append({name: row._mapping[name] for name in INBOX})
    return Turn(found)


def _spellings(text: str) -> set[str]:
    """A text as it may stand in a request: plain, inside JSON, and in a form's encoding."""
    plain = text.lower()
    return {plain, json.dumps(text)[1:-1].lower(), quote(text).lower(), quote_plus(text).lower()}
