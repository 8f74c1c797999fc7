"""How far everybody has been scored by the rules in force, as people look at it."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection

from app.rules.rescore import KINDS
from app.runtime import Runtime
from app.store import recounts
from app.store.recounts import Recount

WAITING, RUNNING, DONE = "waiting", "running", "done"


class Standing(Struct, frozen=True):
    """A walk through all contacts, and which part of them it has done, from 0 to 1."""

    status: str
    share: float
    recount: Recount | None

    @property
    def percent(self) -> int:
        """The share in whole percents; 100 only at the end."""
        return int(self.share * 100)


def standing(runtime: Runtime, conn: Connection) -> Standing:
    """How far everybody has been scored by the rules in force."""
    found, by = recounts.read(conn), runtime.rulebook().policies.scored_by
    if found is None or found.by != by:
        return Standing(WAITING, 0.0, None)
    return Standing(DONE if found.ended_at else RUNNING, recounts.share(conn, found), found)


def of_kind(runtime: Runtime, conn: Connection, kind: str) -> Standing | None:
    """The same, for a kind of policies whose publication scores everybody anew; None for all others."""
    return standing(runtime, conn) if kind in KINDS else None


def shown(found: Standing) -> dict[str, Any]:
    """It as plain data."""
    known = found.recount
    counts = {name: getattr(known, name, 0) for name in ("seen", "changed", "rose", "fell", "failed")}
    return {
        "status": found.status,
        "share": round(found.share, 4),
        **counts,
        "began_at": known.began_at if known else None,
        "ended_at": known.ended_at if known else None,
    }
