"""The audit log: who changed what, and what it was before and after."""

import difflib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import abort, render_template, url_for
from msgspec import Struct
from sqlalchemy import Connection

from app.admin import asked, words
from app.admin.blueprint import admin, may
from app.numbers import whole
from app.receive import this_runtime
from app.store import audited, policies

# Subject → the screen of what was changed, and the name of its parameter
_SCREENS: Mapping[str, tuple[str, str]] = {
    "inbox": ("inbox_row", "row_id"),
    "delivery": ("delivery", "delivery_id"),
    "review": ("review", "review_id"),
    "merge": ("merge", "merge_id"),
    "connection": ("connection", "name"),
    "contact": ("contact", "contact_id"),
    "rehearsal": ("rehearsal", "rehearsal_id"),
    "erasure": ("one_erasure", "erasure_id"),
}
_BY_NUMBER = _SCREENS.keys() - {"connection"}


@admin.get("/audit")
def audit() -> str:
    """Entries, by person, subject and time."""
    who, on = asked.text("who") or None, asked.text("on") or None
    subject = asked.one_of("subject", words.CHANGE_SUBJECTS)
    first, last = asked.day("first"), asked.day("last")
    with this_runtime().database.read() as conn:
        turn = audited.page(
            conn,
            asked.PAGE,
            asked.number("before"),
            who=who,
            on=on,
            subject=subject,
            since=first,
            until=last + timedelta(days=1) if last else None,
        )
    kept: dict[str, Any] = {"who": who, "on": on, "subject": subject, "first": _text(first), "last": _text(last)}
    return render_template(
        "admin/audit.html",
        rows=[{**row, "subject": row["what"].partition(".")[0], "screen": _screen(row)} for row in turn.rows],
        links=asked.onward(turn.older, **kept),
        cut=turn.cut,
        filtered=any(kept.values()),
        **kept,
    )


def _text(day: datetime | None) -> str | None:
    return f"{day:%Y-%m-%d}" if day else None


@admin.get(f"/audit/<{asked.ROW}:entry_id>")
def audit_entry(entry_id: int) -> str:
    """One entry; of a policy with the lines that are different."""
    with this_runtime().database.read() as conn:
        row = audited.one(conn, entry_id)
        if row is None:
            abort(404)
        change = _policy_change(conn, row) if row["what"].startswith("policy.") else None
    return render_template("admin/audit_entry.html", row=row, screen=_screen(row), change=change)


def _screen(row: Mapping[str, Any]) -> str | None:
    """The address of what was changed, where it has a screen that may be looked at."""
    subject, on = row["what"].partition(".")[0], row["on"]
    route, parameter = _SCREENS.get(subject, ("", ""))
    if not route or not may(route):
        return None
    known: Any = whole(on) if subject in _BY_NUMBER else on if this_runtime().connection(on) else None
    return None if known is None else url_for(f"admin.{route}", **{parameter: known})


class Line(Struct, frozen=True):
    """A line of a text: the same as before, new, or gone; ``gap`` where lines that are the same were left out."""

    kind: str
    text: str


def _policy_change(conn: Connection, row: Mapping[str, Any]) -> list[Line] | None:
    """The lines that a publication changed, or None where its versions are not known."""
    name, _, said = row["on"].rpartition("@")
    number = whole(said)
    if number is None:
        return None
    found = [one for one in policies.versions(conn, name=name) if one.published_at is not None]
    mine = next((one for one in found if one.version == number), None)
    if mine is None:
        return None
    before = [one.body for one in found if one.kind == mine.kind and one.version < mine.version]
    return lines(before[-1] if before else "", mine.body)


def lines(before: str, after: str) -> list[Line]:
    """What is different between two texts, with three lines around each place."""
    kinds = {"+": "new", "-": "gone", "@": "gap", " ": "same"}
    made = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="")
    return [Line(kinds[one[0]], one[1:]) for one in list(made)[2:]]
