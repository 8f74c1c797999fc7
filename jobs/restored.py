"""Finding out that the database was put back from a backup: it has then forgotten what was sent since.

The sweep counts, in the database; each machine keeps the highest count that it has seen in a file in BATON_HOME. Where
the database's count is behind that, everything that goes out is paused until a person has looked.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from app.runtime import Runtime
from app.store import notes

log = structlog.get_logger("baton.restored")

FILE = "last-seen.json"
INSTALLATION, SWEPT = "installation", "swept"
TOLERATED = 12  # sweeps, about a minute: a standby that takes over may lack the last seconds
REASON = "The database was restored from a backup: what was sent since then waits in it as if it had not been."


class Seen(Struct):
    """How far an installation had come."""

    installation: str
    count: int


def look(runtime: Runtime) -> bool:
    """Remember how far the database is; whether it is behind what was seen, so that sending was paused."""
    with runtime.database.read() as conn:
        marks = notes.read_marks(conn)
    if INSTALLATION not in marks:
        return False
    now = Seen(marks[INSTALLATION][0], count_of(marks))
    file = runtime.settings.home / FILE
    before = _read(file)
    restored = before is not None and before.installation == now.installation and now.count < before.count - TOLERATED
    if restored:
        _pause(runtime)
    if restored or before is None or before.installation != now.installation or before.count < now.count:
        _write(file, now)
    return restored


def count_of(marks: notes.Marks) -> int:
    """How often the sweep has gone round."""
    value = marks[SWEPT][0] if SWEPT in marks else ""
    return int(value) if value.isdecimal() else 0


def _pause(runtime: Runtime) -> None:
    log.error("restored", consequence="nothing is sent until somebody resumes it")
    at = runtime.clock()
    with runtime.database.write() as conn:
        if notes.PAUSED not in notes.read_marks(conn):
            value = msgspec.json.encode({"by": "Baton", "reason": REASON}).decode()
            notes.mark(conn, runtime.database, notes.PAUSED, value, at)
            notes.write_audit(conn, "Baton", "sending.paused", "all connections", at, REASON)


def _read(file: Path) -> Seen | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Seen)
    except (OSError, msgspec.DecodeError):
        return None


def _write(file: Path, seen: Seen) -> None:
    fresh = file.with_name(f".{FILE}.{os.getpid()}")
    with suppress(OSError):  # without a home that lasts, a restore goes unnoticed; nothing else is lost
        fresh.write_bytes(msgspec.json.encode(seen))
        fresh.replace(file)
