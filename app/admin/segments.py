"""Segments: who is in which, what each is there for, and which are worth a second look."""

from flask import abort, render_template

from app import segments as looked
from app import views
from app.admin import asked
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.store import lists


@admin.get("/segments")
def segments() -> str:
    """All segments, each with how many are in it and what the audit says of it."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = looked.listed(runtime, conn)
        audited = looked.audit(runtime, conn)
    return render_template(
        "admin/segments.html",
        segments=found,
        findings=looked.findings(audited, looked.labels(runtime)),
    )


@admin.get("/segments/<segment_id>")
def segment(segment_id: str) -> str:
    """One segment: whom it is for, who is in it, what uses it."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found = looked.detail(runtime, conn, segment_id)
        if found is None:
            abort(404)
        page = lists.contacts_page(conn, asked.PAGE, asked.number("before"), segment=segment_id)
        ids = [row["id"] for row in page.rows]
        people = views.glances(runtime, conn, ids)
    return render_template(
        "admin/segment.html",
        segment=found,
        people=[people[one] for one in ids if one in people],
        links=asked.onward(page.next, anchor="people"),
    )
