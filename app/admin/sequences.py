"""Sequences: how many are in each and what comes of it, step by step; stopping one, and moving who is inside."""

from collections.abc import Mapping
from typing import Any

from flask import render_template, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from app import sequences as looked
from app import steering, views
from app.admin import asked, steps, words
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.store import enrolments, lists

admin.add_app_template_filter(steps.line_words)
admin.add_app_template_filter(steps.remark)

INSIDE = "inside"


@admin.get("/sequences")
def sequences() -> str:
    """All sequences in force."""
    runtime = this_runtime()
    with runtime.database.read() as conn:
        found, paused = looked.listed(runtime, conn), looked.every_paused(conn)
    return render_template("admin/sequences.html", sequences=found, paused=paused, most=enrolments.LOOK - 1)


@admin.post("/sequences/pause")
def sequences_pause() -> Response:
    """Let all of them stand still for everybody."""
    with asked.telling("All sequences are paused. Nobody goes on and nobody is lost: what falls due waits."):
        steering.pause_every(current_user.email, asked.text("reason"))
    return asked.back(url_for("admin.sequences"))


@admin.post("/sequences/resume")
def sequences_resume() -> Response:
    """Let all of them go on."""
    with asked.telling("Resumed. What fell due in the meantime is done now; a sequence paused by itself stays so."):
        steering.resume_every(current_user.email)
    return asked.back(url_for("admin.sequences"))


@admin.get("/sequences/<name>")
def sequence(name: str) -> str:
    """One sequence: steps, people, results, exits, versions."""
    runtime, flow = this_runtime(), steering.flow_named(name)
    who = asked.one_of("who", (INSIDE, *words.EXITS)) or INSIDE
    with runtime.database.read() as conn:
        found = looked.detail(runtime, conn, name)
        places, elsewhere = looked.places(runtime, conn, flow)
        known_steps = steps.names_of(flow)
        step = asked.one_of("step", known_steps)
        page = lists.enrolments_page(
            conn,
            asked.PAGE,
            asked.number("before"),
            sequence=name,
            step=step,
            running=True if who == INSIDE else None,
            exit=None if who == INSIDE else who,
        )
        inside = looked.people(runtime, conn, page.rows)
        shown = {
            "results": looked.results(runtime, conn, name)["splits"],
            "versions": looked.versions(runtime, conn, name),
            "people": views.glances(runtime, conn, {row["contact_id"] for row in page.rows}),
        }
    return render_template(
        "admin/sequence.html",
        sequence=found,
        frame=steps.frame(flow.document),
        places=places,
        elsewhere=elsewhere,
        rows=[{**row, "doing": _doing(row["version"], name, row["step"])} for row in inside],
        who=who,
        step=step,
        steps=known_steps,
        links=asked.onward(page.next, anchor="people", who=who if who != INSIDE else None, step=step),
        most=enrolments.LOOK - 1,
        **shown,
    )


def _doing(version: str, name: str, step: str) -> str:
    """What a step does in the version that somebody is in."""
    flow = this_runtime().rulebook().policies.sequences.pinned(version, name)
    return steps.names_of(flow).get(step, f"Step {step}")


@admin.post("/sequences/<name>/pause")
def sequence_pause(name: str) -> Response:
    """Let it stand still for everybody."""
    with asked.telling("Paused. Nobody goes on and nobody is lost: what falls due waits until you resume."):
        steering.pause(current_user.email, name, asked.text("reason"))
    return asked.back(url_for("admin.sequence", name=name))


@admin.post("/sequences/<name>/resume")
def sequence_resume(name: str) -> Response:
    """Let it go on."""
    with asked.telling("Resumed. What fell due in the meantime is done now, unless all sequences are paused."):
        steering.resume(current_user.email, name)
    return asked.back(url_for("admin.sequence", name=name))


@admin.get("/sequences/<name>/move")
def sequence_move(name: str) -> str:
    """What would become of those inside if they were moved; nobody is yet."""
    steering.flow_named(name)
    return _preview(name, asked.text("to"))


@admin.post("/sequences/<name>/move")
def sequence_moved(name: str) -> Response | tuple[str, int]:
    """Move them, to where the page with the preview said."""
    flow, to = steering.flow_named(name), asked.text("to")
    target = steering.flow_named(to or name)
    if asked.text("version") != target.version:
        return _preview(name, to, "A newer version was published after you opened this page. Look again"), 409
    found = steering.move(current_user.email, name, to, True)
    moved = words.plural(max(found["moved"] - _staying(found), 0), "person", "people")
    said = f"{moved} will be moved from “{flow.label}” in a moment"
    asked.say(f"{said}; there are more: move again." if found["more"] else f"{said}.")
    return asked.back(url_for("admin.sequence", name=name))


def _staying(found: Mapping[str, Any]) -> int:
    """How many would stay where they are: the newest version has no such step."""
    return sum(one["contacts"] for one in found["places"] if one["stays"])


def _preview(name: str, to: str, problem: str = "") -> str:
    known = this_runtime().rulebook().policies.sequences.newest.by_id
    to = to if to in known and to != name else ""
    found = steering.move(current_user.email, name, to, False)
    places: list[dict[str, Any]] = [
        {**one, "doing": _doing(one["version"], name, one["step"])} for one in found["places"]
    ]
    return render_template(
        "admin/sequence_move.html",
        sequence=known[name],
        target=known[to or name],
        others=[(one.id, one.label) for one in known.values() if one.id != name],
        to=to,
        found={**found, "places": places},
        stays=_staying(found),
        problem=problem,
    )
