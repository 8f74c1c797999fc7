"""What an import's row of the inbox came to: how many items are done, and which were not taken and why."""

import msgspec
from sqlalchemy import Connection

from app.store import imports
from app.store.imports import Skip
from jobs.reading import Reading

ORIGIN, ITEMS = "import:", "items"  # in the row's url, and in its headers
MAX_HELD = 4_000


def account(conn: Connection, reading: Reading, events: int) -> None:
    """Count a row's items for its import, in the transaction that settles the row."""
    import_id = int(reading.row.url.removeprefix(ORIGIN) or 0)
    skips = [_skip(item.body, item.reason) for item in reading.bad]
    if reading.parked:
        skips.append(Skip(0, reading.parked, "the whole request; it is parked in the inbox and can be read again"))
    imports.skip(conn, import_id, skips)
    imports.settle(conn, import_id, int(reading.row.headers.get(ITEMS, "0")), events)


def _skip(body: bytes, reason: str) -> Skip:
    held = body.decode("utf-8", "replace")
    try:
        row = msgspec.json.decode(body)
        if isinstance(row, dict) and isinstance(row.get("row"), int):
            cells = row.get("cells") or []
            return Skip(row["row"], reason, ", ".join(map(str, cells))[:MAX_HELD])
    except msgspec.DecodeError:
        pass
    return Skip(0, reason, held[:MAX_HELD])
