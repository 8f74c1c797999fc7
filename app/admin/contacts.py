"""Contacts: finding one, and everything that is known of one."""

from contextlib import suppress
from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app import finding, past, portability, steering, views
from app.admin import asked, steps, words
from app.admin.blueprint import admin
from app.contacts.contact import LifecycleStage
from app.receive import answer, this_runtime
from app.runtime import Runtime
from app.store import search, timeline, turns

_MOMENTS, _DECISIONS = 20, 8


@admin.get("/contacts")
def contacts() -> str:
    """The list, or what a search finds: an address, a name, or an alias such as hubspot:123."""
    runtime = this_runtime()
    text, stage = asked.text("q"), asked.one_of("stage", tuple(LifecycleStage))
    place = asked.place("place")
    cut = False
    with runtime.database.read() as conn:
        if text:
            found = search.search_contacts(conn, text, stage, asked.PAGE, place)
            ids = list(found.ids)
            links = asked.onward(asked.place_text(found.next), "place", q=text, stage=stage)
            if place is None:
                named = _named(runtime, conn, text)
                ids = [*named, *(one for one in ids if one not in named)]
        else:
            turn = turns.contacts(conn, asked.PAGE, *asked.turning(), stage)
            ids, cut = [row["id"] for row in turn.rows], turn.cut
            links = asked.pages(turn, stage=stage)
        people = views.glances(runtime, conn, ids)
    shown = [people[one] for one in ids if one in people and stage in (None, people[one].stage)]
    return render_template("admin/contacts.html", people=shown, q=text, stage=stage, links=links, cut=cut)


def _named(runtime: Runtime, conn: Conn, text: str) -> list[int]:
    """Whose address, phone number or alias a search text is, where it can be one."""
    with suppress(finding.NoName):
        return finding.find(runtime, conn, text)[: asked.PAGE]
    return []


@admin.get(f"/contacts/<{asked.ROW}:contact_id>")
def contact(contact_id: int) -> Response | str:
    """One contact: who, what may be sent, the score, why and why not, what happened."""
    runtime = this_runtime()
    before, after = asked.moment("before"), asked.moment("after")
    why_before, why_after = asked.number("why_before"), asked.number("why_after")
    outcome = asked.one_of("outcome", tuple(words.OUTCOMES))
    with runtime.database.read() as conn:
        shown = views.contact(runtime, conn, contact_id)
        if shown is None:
            abort(404)
        if shown["id"] != contact_id:
            asked.say(f"Contact {contact_id} is the same person as this one; they were merged.")
            return redirect(url_for("admin.contact", contact_id=shown["id"]))
        may_be_sent = views.may_be_sent(runtime, conn, contact_id)
        moments, older, newer = timeline.turn(conn, contact_id, _MOMENTS, before, after)
        why = turns.decisions(conn, _DECISIONS, why_before, why_after, contact_id=contact_id, outcome=outcome)
    kept = {"outcome": outcome, "why_before": why_before, "why_after": why_after}
    place = {"before": asked.moment_text(before), "after": asked.moment_text(after)}

    def link(anchor: str, **query: Any) -> str:
        return url_for("admin.contact", contact_id=contact_id, _anchor=anchor, **query)

    return render_template(
        "admin/contact.html",
        contact=shown,
        channels=may_be_sent,
        moments=[_moment(runtime, row) for row in moments],
        older=link("timeline", before=asked.moment_text(older), **kept) if older else None,
        newer=link("timeline", after=asked.moment_text(newer), **kept) if newer else None,
        turned=bool(request.args),
        ways=[_way(runtime, one) for one in shown["enrolments"]],
        others=_others(runtime, shown),
        decisions=[views.decision(runtime, row) for row in why.rows],
        why_older=link("why", outcome=outcome, why_before=why.older, **place) if why.older is not None else None,
        why_newer=link("why", outcome=outcome, why_after=why.newer, **place) if why.newer is not None else None,
        outcome=outcome,
        now=runtime.clock(),
    )


@admin.get(f"/contacts/<{asked.ROW}:contact_id>/everything.json")
def contact_download(contact_id: int) -> Response:
    """Everything that is kept about a person, as a file for them."""
    found = portability.disclose(this_runtime(), current_user.email, contact_id)
    if found is None:
        abort(404)
    made = answer(found)
    made.headers["Content-Disposition"] = f'attachment; filename="contact-{contact_id}.json"'
    return made


@admin.get(f"/contacts/<{asked.ROW}:contact_id>/past")
def contact_past(contact_id: int) -> Response | str:
    """One contact as it was at a moment."""
    runtime = this_runtime()
    at = asked.instant("at")
    if at is None or at > runtime.clock():
        asked.say("Choose a moment in the past.", wrong=True)
        return redirect(url_for("admin.contact", contact_id=contact_id))
    with runtime.database.read() as conn:
        shown = past.contact(runtime, conn, contact_id, at)
    if shown is None:
        abort(404)
    return render_template("admin/contact_past.html", contact=shown, moment=at)


def _way(runtime: Runtime, enrolment: dict[str, Any]) -> dict[str, Any]:
    """A way through a sequence, with the step in a marketer's words; in the version that the person is in."""
    flow = runtime.rulebook().policies.sequences.pinned(enrolment["version"], enrolment["sequence"])
    return {**enrolment, "doing": steps.names_of(flow).get(enrolment["step"], "")}


def _others(runtime: Runtime, shown: dict[str, Any]) -> list[tuple[str, str]]:
    """The sequences that the person is not in, as (id, label)."""
    inside = {one["sequence"] for one in shown["enrolments"] if one["ended_at"] is None}
    known = runtime.rulebook().policies.sequences.newest.by_id.values()
    return [(one.id, one.label) for one in known if one.id not in inside]


@admin.post(f"/contacts/<{asked.ROW}:contact_id>/sequences")
def contact_enters(contact_id: int) -> Response:
    """Let somebody into a sequence."""
    with asked.telling("They come in in a moment, unless something speaks against it; “Why and why not” says so then."):
        steering.enter(current_user.email, contact_id, asked.text("sequence"))
    return asked.back(url_for("admin.contact", contact_id=contact_id))


@admin.post(f"/contacts/<{asked.ROW}:contact_id>/sequences/<name>/stop")
def contact_stops(contact_id: int, name: str) -> Response:
    """Let somebody out of a sequence."""
    with asked.telling("They are out of it in a moment. What has not left yet stays."):
        steering.stop(current_user.email, contact_id, name)
    return asked.back(url_for("admin.contact", contact_id=contact_id))


def _moment(runtime: Runtime, row: Any) -> dict[str, Any]:
    show = {"event": views.event, "decision": views.decision}
    return {"source": row["source"], **show[row["source"]](runtime, row)}
