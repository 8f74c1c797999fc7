"""Connecting a tool and changing what a connection is set to. For admins; what a secret is, no page ever says."""

from collections.abc import Mapping, Sequence

from flask import abort, render_template, request, url_for
from flask_login import current_user
from msgspec import Struct
from werkzeug.wrappers import Response

from adapters.contract import Adapter, Setting
from app.admin import asked, show, words
from app.admin.blueprint import admin
from app.receive import this_runtime
from app.repairs import rotate_settings
from app.setup import BASE_URL, NAME, InvalidConnection, add_connection, connectable
from app.store.connections import Connection

_MOST = 10_000  # letters of a value: more than the longest list of addresses that alerts go to
_TAKE_OUT, _FIELD = "out-", "set-"


class Field(Struct, frozen=True, kw_only=True):
    """A setting on a form. ``is_set``: it has a value, which is not shown where it is a secret."""

    name: str
    title: str
    help: str
    secret: bool
    required: bool
    number: bool
    is_set: bool
    still: str  # the setting that holds the value of before, where that is still accepted
    value: str


def _adapter(kind: str) -> Adapter:
    found = connectable().get(kind)
    if found is None:
        abort(404)
    return found


def _title(name: str) -> str:
    return show.label(name).replace("Api ", "API ").replace("Urls", "Addresses").replace(" url", " address")


def _fields(settings: Sequence[Setting], known: Mapping[str, str], given: Mapping[str, str]) -> list[Field]:
    """The settings as a form has them: with what was typed in, else with what is set and no secret."""
    return [
        Field(
            name=one.name,
            title=_title(one.name),
            help=one.help,
            secret=one.secret,
            required=one.required,
            number=one.number,
            is_set=bool(known.get(one.name)),
            still=previous if known.get(previous := f"{one.name}_previous") else "",
            value=given.get(one.name, "" if one.secret else known.get(one.name, "")),
        )
        for one in settings
        if not one.name.endswith("_previous")  # is kept by itself when its successor comes
    ]


def _posted(adapter: Adapter) -> dict[str, str]:
    """What was typed in, setting by setting; an empty field is one, too."""
    typed = {one.name: asked.text(_FIELD + one.name, _MOST) for one in adapter.settings if not one.local}
    return {name: value for name, value in typed.items() if _FIELD + name in request.form}


@admin.get("/connect")
def connect() -> str:
    """The tools that can be connected."""
    taken = {one.kind for one in this_runtime().connections().values()}
    return render_template("admin/connect.html", kinds=connectable(), taken=taken)


@admin.get("/connect/<kind>")
def connect_kind(kind: str) -> str:
    """The form to connect a tool of a kind."""
    adapter = _adapter(kind)
    known = {one.name for one in this_runtime().connections().values()}
    name = next(name for name in (kind, *(f"{kind}-{more}" for more in range(2, len(known) + 3))) if name not in known)
    return _form(adapter, {}, name, "")


def _form(
    adapter: Adapter, given: Mapping[str, str], name: str, base_url: str, problem: InvalidConnection | None = None
) -> str:
    return render_template(
        "admin/connect_kind.html",
        adapter=adapter,
        fields=_fields(adapter.settings, {}, given),
        same=sorted(one.name for one in this_runtime().connections().values() if one.kind == adapter.name),
        name=name,
        base_url=base_url,
        problem=_said(problem),
        wrong=problem.setting if problem else "",
    )


def _said(problem: InvalidConnection | None) -> str:
    return "" if problem is None else words.plain(str(problem)) + "."


@admin.post("/connect/<kind>")
def connect_add(kind: str) -> Response | tuple[str, int]:
    """Connect it, and lead to its page: with the address for the vendor, and the check of its credentials."""
    adapter, given = _adapter(kind), _posted(_adapter(kind))
    name, base_url = asked.text(NAME), asked.text(BASE_URL, _MOST)
    settings = {setting: value for setting, value in given.items() if value}
    try:
        added = add_connection(this_runtime(), kind, name, settings, base_url, current_user.email)
    except InvalidConnection as problem:
        return _form(adapter, given, name, base_url, problem), 400
    asked.say(f"{added.name} is connected. Check below what it can do, and give the vendor its address if it has one.")
    return asked.back(url_for("admin.connection", name=added.name))


@admin.get("/connections/<name>/settings")
def connection_settings(name: str) -> str:
    """The form to change a connection's settings."""
    one, adapter = _named(name)
    return _settings(one, adapter, {})


def _settings(
    one: Connection, adapter: Adapter, given: Mapping[str, str], problem: InvalidConnection | None = None
) -> str:
    return render_template(
        "admin/connection_settings.html",
        one=one,
        adapter=adapter,
        fields=_fields(adapter.settings, one.settings, given),
        problem=_said(problem),
        wrong=problem.setting if problem else "",
    )


@admin.post("/connections/<name>/settings")
def connection_change(name: str) -> Response | tuple[str, int]:
    """Change what was typed in and take out what was ticked; secrets that nobody typed stay as they are."""
    one, adapter = _named(name)
    given = _posted(adapter)
    secret = {setting.name for setting in adapter.settings if setting.secret}
    fresh = {
        setting: value
        for setting, value in given.items()
        if (value or setting not in secret) and value != one.settings.get(setting, "")
    }
    ticked = {setting.name for setting in adapter.settings if _TAKE_OUT + setting.name in request.form}
    fresh |= {setting: "" for setting in ticked if one.settings.get(setting)}
    if not fresh:
        asked.say("Nothing was changed.")
        return asked.back(url_for("admin.connection", name=name))
    try:
        kept = rotate_settings(this_runtime(), one, fresh, current_user.email)
    except InvalidConnection as problem:
        return _settings(one, adapter, given, problem), 400
    still = f" The old {words.listed([_title(setting).lower() for setting in kept])} stays valid until you refuse it "
    asked.say("Changed." + (still + "here: change it at the vendor now." if kept else ""))
    return asked.back(url_for("admin.connection", name=name))


def _named(name: str) -> tuple[Connection, Adapter]:
    found = this_runtime().connection(name)
    if found is None:
        abort(404)
    return found, _adapter(found.kind)
