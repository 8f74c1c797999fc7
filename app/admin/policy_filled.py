"""What was filled in on a policy's form, put back into its text.

A form is another view of a text: it is made of one, and ends in that text with the changed values cut in, so that
comments and layout stay. What is empty is not set, and what was not touched stays as it is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from msgspec import Struct

from app.admin.policy_form import NEVER, Control, Form, Posted, read_settings, schema_of
from app.rules.policy import KINDS
from mappings.document import InvalidDocument, Path
from mappings.edits import Rewritten, Snippet, rewrite

Moved = dict[Path, Sequence[int | None]]
_CAN = frozenset(("up", "down", "remove", "add", "before"))
_START = {"field": "score", "op": "at_least", "value": 50}


class CannotRead(ValueError):
    """A part of the form that is written in YAML is not; nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


class Asked(Struct):
    """What a button of a form asks for besides keeping the values, where: ``up``, ``down``, ``remove``, ``add`` at a
    list's end, or ``before`` one of its entries."""

    what: str = ""
    path: Path = ()
    key: str = ""  # of what is added: its name in a table, or what it does


def asked_of(form: Form, button: str, key: str) -> Asked:
    """What a button means: ``up:f/rules/2``. One that is not on the form asks for nothing."""
    what, _, name = button.partition(":")
    for control in _all(form.controls):
        if control.name == name and what in _CAN:
            return Asked(what, control.path, key)
    return Asked()


def _all(controls: Sequence[Control]) -> Iterator[Control]:
    for one in controls:
        yield one
        yield from _all(one.controls)


def place_of(form: Form, asked: Asked) -> Path:
    """Where what was moved or added is afterwards."""
    *head, last = asked.path or ("",)
    if asked.what in ("up", "down") and isinstance(last, int):
        return (*head, last + (1 if asked.what == "down" else -1))
    if asked.what == "before":
        return asked.path
    if asked.what == "add":
        control = _at(form, asked.path)
        return (*asked.path, asked.key if control.look == "table" else len(control.controls))
    return tuple(head)


def _at(form: Form, path: Path) -> Control:
    return next(one for one in _all(form.controls) if one.path == path)


def turned(form: Form, posted: Posted) -> Path:
    """The first part of the form that is to do another thing than before; none where all stay what they are."""
    return next((one.path for one in _all(form.controls) if _other_kind(one, posted)), ())


def text_of(form: Form, posted: Posted, asked: Asked) -> Rewritten:
    """The text that says what was filled in, with what a button asked for done to it.

    Raises CannotRead where a part in YAML is none.
    """
    data = read_settings(form.text) or {}
    wanted = _filled(form, form.controls, data, posted)
    moves: Moved = {}
    if asked.what:
        _do(form, wanted, asked, moves)
    return rewrite(form.text, wanted, moves)


def _filled(form: Form, controls: Sequence[Control], data: Mapping[str, Any], posted: Posted) -> dict[str, Any]:
    """The settings of an object with what was filled in; those that the form does not show stay."""
    made = dict(data)
    for control in controls:
        key = control.path[-1]
        value, is_set = _value(form, control, data.get(str(key)), posted)
        if is_set:
            made[str(key)] = value
        else:
            made.pop(str(key), None)
    return made


def _value(form: Form, control: Control, had: Any, posted: Posted) -> tuple[Any, bool]:
    """A control's value, and whether it is set at all."""
    if control.look in ("group", "table"):
        known = had if isinstance(had, dict) else {}
        made = _filled(form, control.controls, known, posted)
        if control.kinds:
            _turn(control, made, posted)
        if not made and had is not None and not isinstance(had, dict):
            return had, True  # a word that stands for none
        nothing = control.optional and not made and had != {}
        return made, bool(made) or (isinstance(had, dict) and not nothing)
    if control.look == "list":
        if not isinstance(had, list):
            return had, had is not None
        return [_value(form, one, had[number], posted)[0] for number, one in enumerate(control.controls)], True
    told = posted(control.name)
    if told is None or _plain(told) == _plain(control.was):
        return had, had is not None or control.was == NEVER
    return _read_value(control, _plain(told))


def _turn(control: Control, made: dict[str, Any], posted: Posted) -> None:
    """Let a group do another thing than before, where another one was chosen: it begins with what is easily changed."""
    told = _other_kind(control, posted)
    if not told:
        return
    for key in [*dict(control.kinds), *control.schema.get("beside", {})]:
        made.pop(key, None)
    made[told] = _start_of(control.schema, told)


def _other_kind(control: Control, posted: Posted) -> str:
    told = posted(control.kind_name) if control.look == "group" and control.kinds else ""
    return told if told and told != control.kind and told in dict(control.kinds) else ""


def _start_of(schema: Mapping[str, Any], kind: str) -> Any:
    return next(deepcopy(one["start"]) for one in schema["one_of"] if one["key"] == kind)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip("\n").rstrip()


def _read_value(control: Control, told: str) -> tuple[Any, bool]:
    if not told.strip():
        return None, False
    match control.look:
        case "snippet":
            return _snippet(control, told), True
        case "lines":
            return [line.strip() for line in told.split("\n") if line.strip()], True
        case "number":
            return _number(told.strip()), True
        case "choice" if control.schema.get("type") == "boolean" and told in ("true", "false"):
            return told == "true", True
    if control.look == "prose":
        return told, True
    if told.strip() == NEVER and control.optional:
        return None, True
    return told.strip(), True


def _snippet(control: Control, told: str) -> Snippet:
    try:
        return Snippet(told)
    except InvalidDocument as error:
        raise CannotRead(control.path, error.problems[0].removeprefix("here, ").removeprefix("here: ")) from None


def _number(told: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(told)
        except ValueError:
            continue
    return told  # kept as it is: what is wrong with it is said beside it


def _do(form: Form, wanted: dict[str, Any], asked: Asked, moves: Moved) -> None:
    """Do what a button asks for."""
    home = _inside(wanted, asked.path[:-1])
    last = asked.path[-1]
    if asked.what == "add":
        _add(form, _at(form, asked.path), home, asked, moves)
    elif asked.what == "before":
        if isinstance(home, list) and isinstance(last, int):
            _put(form, _at(form, asked.path[:-1]), home, last, asked.key, moves)
    elif asked.what == "remove" and isinstance(home, dict):
        home.pop(str(last), None)
    elif isinstance(home, list) and isinstance(last, int):
        order: list[int | None] = list(range(len(home)))
        if asked.what == "remove":
            del order[last]
        else:
            other = last + (1 if asked.what == "down" else -1)
            if 0 <= other < len(order):
                order[last], order[other] = order[other], order[last]
        home[:] = [home[number] for number in order if number is not None]
        moves[asked.path[:-1]] = order


def _add(form: Form, control: Control, home: Any, asked: Asked, moves: Moved) -> None:
    last = asked.path[-1]
    if control.look == "table":
        entries = home.setdefault(str(last), {}) if isinstance(home, dict) else {}
        if asked.key and asked.key not in entries:
            entries[asked.key] = _blank(control.schema["additionalProperties"], form, [])
        return
    known = home.get(str(last)) if isinstance(home, dict) else home[last]
    if isinstance(known, list):
        _put(form, control, known, len(known), asked.key, moves)
    else:
        home[str(last) if isinstance(home, dict) else last] = [_entry(control, form, [], asked.key)]


def _put(form: Form, control: Control, entries: list[Any], at: int, key: str, moves: Moved) -> None:
    """Put a new entry into a list."""
    moves[control.path] = [*range(at), None, *range(at, len(entries))]
    entries.insert(at, _entry(control, form, entries, key))


def _entry(control: Control, form: Form, beside: Sequence[Any], kind: str) -> Any:
    """A new entry of a list; of those that do one of several things, one that does this."""
    schema = _behind(control.schema["items"], form)
    if not control.kinds:
        return _blank(schema, form, beside)
    kind = kind if kind in dict(control.kinds) else control.kinds[0][0]
    # What stands at the top of a document is what the rest of it names
    named = {"id": _blank_value("id", {}, form, beside)} if len(control.path) == 1 else {}
    return {**named, kind: _start_of(schema, kind)}


def _behind(schema: Mapping[str, Any], form: Form) -> Mapping[str, Any]:
    """The schema that a reference leads to."""
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = schema_of(KINDS[form.kind])["$defs"][schema["$ref"].rpartition("/")[2]]
    return found


def _blank(schema: Mapping[str, Any], form: Form, beside: Sequence[Any]) -> Any:
    """A new entry: what has to be set, with something that is easily changed."""
    found = _behind(schema, form)
    if found.get("title") == "Condition":
        return dict(_START)
    if found.get("type") in ("number", "integer"):
        return 1
    if "enum" in found:
        return found["enum"][0]
    if found.get("type") == "array":
        return []
    if "properties" not in found:
        return ""
    made: dict[str, Any] = {}
    start = found.get("start", {})
    for key in found.get("required", ()):
        made[key] = deepcopy(start[key]) if key in start else _blank_value(key, found["properties"][key], form, beside)
    return made | {key: deepcopy(one) for key, one in start.items() if key not in made}


def _blank_value(key: str, schema: Mapping[str, Any], form: Form, beside: Sequence[Any]) -> Any:
    if key == "id":
        taken = {one.get("id") for one in beside if isinstance(one, dict)}
        return next(name for number in range(1, len(taken) + 2) if (name := f"new_{number}") not in taken)
    if key == "group":
        groups = (read_settings(form.text) or {}).get("groups")
        return next(iter(groups), "") if isinstance(groups, dict) else ""
    if key in ("label", "name", "topic", "because"):
        return "New"
    return _blank(schema, form, beside)


def _inside(data: Any, path: Path) -> Any:
    for part in path:
        data = data[int(part)] if isinstance(data, list) else data.setdefault(str(part), {})
    return data
