"""Having payloads read again by the mapping that is in force now: how many, what that would change, and doing it."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection as Conn
from sqlalchemy import Select

from app.mapping.desk import MAPPING
from app.runtime import Runtime
from app.store import captured, counts, inbox, notes, rereads
from app.store.inbox import PARKED
from app.store.rereads import STOPPED, Reread
from jobs.reread import compare, connections_of

SPANS = (1, 7, 30, 90)  # days; requests are kept for the longest
USUAL = 7
LOOKED_AT = 200
MOST_PARKED, MOST_COUNTED = 10_000, 1_000_000


class NotBegun(Exception):
    """Nothing is read again; the message says why, in words."""


class Preview(Struct, kw_only=True):
    """What reading again would come to. ``cut``: there are more payloads than were counted. Of the newest ``looked_at``
    so many say something else now, hold news, or cannot be read any more."""

    payloads: int
    cut: bool
    parked: int
    looked_at: int = 0
    differing: int = 0
    news: int = 0
    failed: int = 0


def preview(runtime: Runtime, name: str, days: int, vendor: str = "") -> Preview:
    """Count the payloads of a mapping's connections, and try the newest of them. Nothing is changed."""
    since, mine = runtime.clock() - timedelta(days=days), connections_of(runtime, name)
    ids = [one.id for one in mine]
    with runtime.database.read() as conn:
        first = rereads.first_request(conn, since)
        asked = {"done": rereads.payloads(ids, first, since), "parked": rereads.payloads(ids, first, since, PARKED)}
        found = counts.up_to(conn, asked)
        requests = captured.several(conn, rereads.newest(conn, ids, first, since, LOOKED_AT))
    made = Preview(
        payloads=min(found["done"], counts.COUNT_UP_TO), cut=found["done"] > counts.COUNT_UP_TO, parked=found["parked"]
    )
    if mine and requests:
        read = compare(runtime, runtime.rulebook().mapping_for(mine[0]), requests, vendor)
        made.looked_at, made.differing = len(requests), read.differing
        made.news, made.failed = len(read.news), read.failed
    return made


def begin(runtime: Runtime, who: str, name: str, days: int, vendor: str = "", parked: bool = False) -> int:
    """Have the payloads of the last days read again; its id. With ``parked``, requests that could not be read are taken
    in as if they had come now. Raises NotBegun."""
    if days not in SPANS:
        raise NotBegun(f"payloads are read again over {', '.join(map(str, SPANS))} days")
    now, mine = runtime.clock(), connections_of(runtime, name)
    if not mine:
        raise NotBegun("no connection goes by this mapping")
    since = now - timedelta(days=days)
    version = runtime.rulebook().mapping_for(mine[0]).version
    ids = [one.id for one in mine]
    with runtime.database.read() as conn:  # not while nobody else can write
        total = _count(conn, rereads.payloads(ids, rereads.first_request(conn, since), since))
    with runtime.database.write() as conn:
        if any(one.is_open for one in rereads.of_mapping(conn, name)):
            raise NotBegun("its payloads are being read again already; wait for that, or stop it")
        made = rereads.add(
            conn, name=name, version=version, since=since, vendor=vendor, total=total, asked_by=who, now=now
        )
        count = inbox.replay(conn, rereads.parked(conn, ids, since, MOST_PARKED)) if parked else 0
        said = [f"{days} days, by {version}"]
        said += [f"only those with {vendor}"] if vendor else []
        said += [f"and {count} parked requests"] if parked else []
        notes.write_audit(conn, who, "mapping.reread", f"{MAPPING} {name}", now, ", ".join(said))
    return made


def _count(conn: Conn, payloads: Select[Any]) -> int:
    return counts.up_to(conn, {"": payloads}, MOST_COUNTED)[""]


def stop(runtime: Runtime, who: str, reread: Reread) -> bool:
    """Stop reading again; what contacts got by it stays. Whether it was under way."""
    now: datetime = runtime.clock()
    with runtime.database.write() as conn:
        stopped = rereads.end(conn, reread.id, STOPPED, now, f"stopped by {who}")
        if stopped:
            notes.write_audit(conn, who, "mapping.reread.stop", f"{MAPPING} {reread.name}", now)
    return stopped
