"""Rehearsals: what drafts would have done on the stored past, counted and contact by contact. Nothing is sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from flask import abort, redirect, render_template, request, url_for
from flask_login import current_user
from msgspec import Struct
from sqlalchemy import Connection as Conn
from werkzeug.wrappers import Response

from app import actions, views
from app import drafts as acts
from app import policies as looked
from app import rehearsal as acted
from app.admin import asked, rehearsed, words
from app.admin.blueprint import admin
from app.admin.policies import address_of, may_be_rehearsed
from app.policies import Standing
from app.receive import this_runtime
from app.runtime import Runtime
from app.store import drafts, policies, rehearsals
from app.store.policies import MAPPING
from app.store.rehearsals import KEPT, WAITING, Outline, Rehearsal
from mappings.document import InvalidDocument

DAYS = (7, 30, 90)
EVERY = ((1, "Everybody"), (10, "Every tenth"), (100, "Every hundredth"))
_OWN = "own"
_PATIENCE = timedelta(minutes=1)
_RULE = 200  # letters of a rule's id
MOST_TEXTS = 40


# --- all of them, and a new one


@admin.get("/rehearsals/", endpoint="rehearsals")
def all_rehearsals() -> str:
    """All rehearsals, the newest first."""
    with this_runtime().database.read() as conn:
        page = rehearsals.page(conn, asked.PAGE, asked.number("before"))
        waits = bool(drafts.listed(conn))
    return render_template(
        "admin/rehearsals.html",
        rehearsals=page.rows,
        title_of=title_of,
        drafts=waits,
        links=asked.onward(page.next),
    )


def title_of(rehearsal: Outline) -> str:
    """What is rehearsed: ``Scoring and Segments``."""
    return words.listed([looked.title_of(one.kind, one.name) for one in rehearsal.policies])


@admin.get("/rehearsals/new")
def rehearsal_new() -> str:
    """Which drafts, and over which part of the past."""
    return _form()


class _Offered(Struct, frozen=True):
    """A draft that can be rehearsed; ``problems`` keep it from that."""

    policy: Standing
    problems: int
    chosen: bool

    @property
    def value(self) -> str:
        """The draft's name in the form."""
        return f"{self.policy.kind}/{self.policy.name}"


def _form(wrong: Sequence[str] = ()) -> str:
    runtime = this_runtime()
    wanted = request.values.getlist("draft")
    with runtime.database.read() as conn:
        standing = [one for one in looked.listed(conn) if one.draft and may_be_rehearsed(one.kind, one.name)]
        offered = [
            _Offered(one, len(looked.problems(runtime, conn, one)), f"{one.kind}/{one.name}" in wanted)
            for one in standing
        ]
    if len(offered) == 1:
        offered = [_Offered(offered[0].policy, offered[0].problems, True)]
    missing = [one for one in wanted if one not in {offer.value for offer in offered}]
    segments = runtime.rulebook().policies.segments.every
    span = asked.text("span")
    return render_template(
        "admin/rehearsal_new.html",
        offered=offered,
        missing=[_named(one) for one in missing],
        wrong=wrong,
        days=DAYS,
        span=span if span in (*map(str, DAYS), _OWN) else "30",
        first=asked.text("first", 10),
        last=asked.text("last", 10),
        today=runtime.clock().date(),
        segments=[(one.id, one.label) for one in segments],
        segment=asked.text("segment"),
        every=EVERY,
        chosen_every=asked.text("every"),
    )


def _named(value: str) -> tuple[str, str]:
    """What a draft's policy is called, and where it is written: "" for one that cannot be tried on the past; both empty
    for one that cannot be."""
    kind, _, name = value.partition("/")
    try:
        acts.check_name(kind, name)
    except acts.Unknown:
        return "", ""
    return looked.title_of(kind, name), address_of(kind, name) if may_be_rehearsed(kind, name) else ""


@admin.post("/rehearsals/")
def rehearsal_ask() -> Response | tuple[str, int]:
    """Have drafts rehearsed, as they were saved last."""
    runtime = this_runtime()
    try:
        since, until = _span(runtime.clock())
        texts = _texts(runtime)
        every = next((size for size, _ in EVERY if str(size) == asked.text("every")), 1)
        number = acted.ask(runtime, current_user.email, texts, since, until, asked.text("segment"), every)
    except acted.NotRehearsed as refused:
        return _form([f"{refused}."]), 400
    except InvalidDocument as invalid:
        return _form(invalid.problems), 400
    actions.begin_rehearsing()
    return redirect(url_for("admin.rehearsal", rehearsal_id=number), 303)


def _texts(runtime: Runtime) -> list[tuple[str, str]]:
    """The drafts that were ticked, as (where each is from, text)."""
    ticked = [one.partition("/") for one in request.form.getlist("draft")[:MOST_TEXTS]]
    if not ticked:
        raise acted.NotRehearsed("Tick at least one draft")
    with runtime.database.read() as conn:
        return acted.drafts_named(conn, [(kind, name) for kind, _, name in ticked])


def _span(now: datetime) -> tuple[datetime, datetime | None]:
    """From when until when; None: until now. A last day counts whole."""
    said = asked.text("span")
    if said != _OWN:
        days = int(said) if said in map(str, DAYS) else 30
        return now - timedelta(days=days), None
    first, last = asked.day("first"), asked.day("last")
    if first is None or (last is None and asked.text("last", 10)):
        raise acted.NotRehearsed("Write the days as in 2027-03-31")
    return first, last + timedelta(days=1) if last else None


# --- one of them


@admin.get(f"/rehearsals/<{asked.ROW}:rehearsal_id>")
def rehearsal(rehearsal_id: int) -> str:
    """One rehearsal: how far it has come, or what it found."""
    runtime = this_runtime()
    effect, side = asked.text("effect", 40) or None, asked.one_of("side", tuple(words.SIDES))
    rule, after = asked.text("rule", _RULE) or None, asked.number("after")
    with runtime.database.read() as conn:
        found = rehearsals.find(conn, rehearsal_id)
        if found is None:
            abort(404)
        ahead = [one for one in rehearsals.open_ones(conn) if one < found.id] if found.status == WAITING else []
        page, more = rehearsals.changes_page(conn, found.id, asked.PAGE, after, effect=effect, rule=rule, side=side)
        people = views.glances(runtime, conn, {one.contact_id for one in page})
        newer = _newer(conn, found)
    chosen = runtime.rulebook().policies
    labels = rehearsed.rule_labels(chosen)

    return render_template(
        "admin/rehearsal.html",
        rehearsal=found,
        title=title_of(found),
        groups=rehearsed.groups(found.tally, chosen),
        fields=rehearsed.fields(found.tally.ours),
        told=rehearsed.fields(found.tally.told),
        of_mapping=[one for one in found.texts if one.kind == MAPPING],
        foremost=rehearsed.foremost(found.tally),
        ahead=len(ahead),
        left=_left(found),
        idle=found.status == WAITING and not ahead and runtime.clock() - found.created_at > _PATIENCE,
        newer=newer,
        drafts=[(looked.title_of(one.kind, one.name), address_of(one.kind, one.name), one) for one in found.texts],
        others=[f"{one.kind}/{one.name}" for one in found.beside],
        changes=page,
        people=people,
        rule_label=lambda rule, effect="": rehearsed.rule_label(rule, labels, effect),
        effects=rehearsed.effects_in(found.tally),
        effect=effect,
        rule=rule,
        side=side,
        kept=KEPT,
        segment=next((one.label for one in chosen.segments.every if one.id == found.segment), found.segment),
        links=asked.onward(more, "after", "one-by-one", effect=effect, rule=rule, side=side),
    )


class _Newer(Struct, frozen=True):
    """What has happened to what was rehearsed: drafts by title that read otherwise by now, that are in force, that are
    gone; and whether other rules are in force than those it was held against."""

    changed: list[str]
    published: list[str]
    gone: list[str]
    rules: bool

    @property
    def as_rehearsed(self) -> bool:
        """Whether what would be published now is what was rehearsed."""
        return not (self.changed or self.published or self.gone)


def _newer(conn: Conn, found: Rehearsal) -> _Newer:
    changed, published, gone = [], [], []
    for one in found.texts:
        draft, in_force = drafts.find(conn, one.kind, one.name), acts.in_force_text(conn, one.kind, one.name)
        title = looked.title_of(one.kind, one.name)
        if draft is not None and draft.body != one.body:
            changed.append(title)
        elif draft is None and in_force == one.body:
            published.append(title)
        elif draft is None:
            gone.append(title)
    mappings = policies.mappings_chosen(conn, found.rules)
    rules = policies.numbers(conn, mappings) != found.rules
    return _Newer(changed, published, gone, rules=not published and rules)


def _left(found: Rehearsal) -> timedelta | None:
    """How long it will take still, if it goes on as before; None where nobody can tell."""
    if not found.is_open or not found.seen or found.payloads or not found.total or found.seconds < 2:
        return None
    return timedelta(seconds=found.seconds / found.seen * max(0, found.total - found.seen))


@admin.post(f"/rehearsals/<{asked.ROW}:rehearsal_id>/again")
def rehearsal_again(rehearsal_id: int) -> Response:
    """Ask for the same once more."""
    try:
        number = acted.again(this_runtime(), current_user.email, rehearsal_id)
    except acted.Unknown:
        abort(404)
    except (acted.NotRehearsed, InvalidDocument) as error:
        asked.say(f"Not done: {error}.", wrong=True)
        number = rehearsal_id
    else:
        actions.begin_rehearsing()
    return redirect(url_for("admin.rehearsal", rehearsal_id=number), 303)


@admin.post(f"/rehearsals/<{asked.ROW}:rehearsal_id>/cancel")
def rehearsal_cancel(rehearsal_id: int) -> Response:
    """Stop it."""
    if acted.cancel(this_runtime(), current_user.email, rehearsal_id):
        asked.say("Stopped. What it had counted by then is below.")
    else:
        asked.say("It was over already.")
    return redirect(url_for("admin.rehearsal", rehearsal_id=rehearsal_id), 303)
