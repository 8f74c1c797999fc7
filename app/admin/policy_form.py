"""A policy as a form, made from the schema of its kind. What is filled in goes back in policy_filled.py."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from msgspec import Struct
from pydantic import BaseModel, ValidationError

from app.rules.condition import Condition
from app.rules.condition_words import in_line
from app.rules.policy import KINDS
from app.rules.sequences.outline import step_words
from mappings.document import InvalidDocument, Path, compose, load_yaml
from mappings.edits import snippet_at
from mappings.lines import Problem

FORMS = frozenset(KINDS) - {"mapping"}  # mappings have an editor of their own
_FIXED = ("kind", "name")
NEVER = "never"
KIND = "?"
_SHAPES: Mapping[str, type] = {"group": dict, "table": dict, "list": list}
Look = Literal["text", "prose", "number", "choice", "lines", "snippet", "group", "list", "table"]
Posted = Callable[[str], str | None]


class Control(Struct, kw_only=True):
    """One setting on the form, or several that belong together."""

    path: Path
    name: str  # of the field in the form
    id: str  # what links on the page lead to
    look: Look
    title: str
    key: str = ""  # what the setting is called in the text, where that is another word
    help: str = ""
    was: str = ""  # as it was written when the form was made
    value: str = ""  # as it is shown
    default: str = ""  # what holds where nothing is written
    required: bool = False
    options: list[tuple[str, str]] = []
    controls: "list[Control]" = []
    problems: list[str] = []
    words: str = ""  # a condition's, or an entry's in a list
    removable: bool = False
    optional: bool = False  # a group that may be left out
    kinds: list[tuple[str, str]] = []  # of a group that does one of several things, or of a list's entries: all of them
    kind: str = ""  # the one that it does
    schema: Mapping[str, Any] = {}

    @property
    def kind_name(self) -> str:
        """The name of the field that says which thing a group does."""
        return f"{self.name}/{KIND}"

    @property
    def unused(self) -> bool:
        """Whether it is a group that may be left out, and is."""
        return self.optional and not self.required and not self.wrong and not any(map(_is_used, self.controls))

    @property
    def wrong(self) -> bool:
        """Whether there is something to mend in it, or below it."""
        return bool(self.problems) or any(one.wrong for one in self.controls)


def _is_used(control: Control) -> bool:
    return bool(control.was or control.value) or any(map(_is_used, control.controls))


def name_of(path: Path) -> str:
    """A path as the name of a field: ``f/rules/0/points``."""
    return "/".join(["f", *(str(part).replace("/", "|") for part in path)])


def id_of(name: str) -> str:
    """A field's name as the id of its element."""
    return "".join(letter if letter.isalnum() or letter in "_|" else "-" for letter in name)


class Form(Struct):
    """A policy's form, and the problems that have no place on it."""

    kind: str
    text: str
    controls: list[Control]
    problems: list[tuple[Problem, str]]  # each with the id of the control that it is about, or ""


def form_of(kind: str, text: str, problems: Sequence[Problem] = (), posted: Posted | None = None) -> Form | None:
    """The form for a text; None for one that cannot be read as settings, or of a kind without a form."""
    data = read_settings(text)
    if kind not in FORMS or data is None:
        return None
    made = _Maker(KINDS[kind], text, posted)
    controls = made.properties(made.schema, data, ())
    return Form(kind, text, controls, [(one, _placed(controls, one)) for one in problems])


def read_settings(text: str) -> dict[str, Any] | None:
    """A text's settings, or None where it is not a table of any."""
    try:
        data = load_yaml(text, "document")
    except InvalidDocument:
        return None
    return data if isinstance(data, dict) else None


def _placed(controls: Sequence[Control], problem: Problem) -> str:
    """Put a problem where it belongs: the innermost control on its path; that one's id, or "" where there is none."""
    for control in controls:
        if problem.path[: len(control.path)] == control.path:
            inner = _placed(control.controls, problem)
            if not inner:
                control.problems = [*control.problems, problem.text]
            return inner or control.id
    return ""


@cache
def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a kind's document."""
    return model.model_json_schema(by_alias=True)


class _Maker:
    """Makes the controls for the data of one text."""

    def __init__(self, model: type[BaseModel], text: str, posted: Posted | None) -> None:
        self.schema = schema_of(model)
        self.text, self.posted = text, posted or (lambda name: None)
        self._data, self._root = read_settings(text), compose(text)
        self._defs = self.schema.get("$defs", {})

    def properties(self, schema: Mapping[str, Any], data: Any, path: Path) -> list[Control]:
        """The controls for the settings of an object; where it does one of several things, those of what it does."""
        required = schema.get("required", ())
        known = data if isinstance(data, dict) else {}
        done = done_by(schema, known)
        hidden = {key for key in kinds_of(schema) if key not in done} | {
            key for key, kind in schema.get("beside", {}).items() if kind not in done and key not in known
        }
        return [
            self.control(one, known.get(key), (*path, key), key in required or key in done)
            for key, one in schema["properties"].items()
            if (path or key not in _FIXED) and key not in hidden
        ]

    def control(self, schema: Mapping[str, Any], data: Any, path: Path, required: bool = False) -> Control:
        """The control for one value."""
        found, nullable = self._resolved(schema)
        if data in _words_of(schema):
            data = None  # a word that stands for none
        key, name = str(path[-1]), name_of(path)
        made = Control(
            path=path,
            name=name,
            id=id_of(name),
            look=_look(found),
            title=(title := _title(schema, key)),
            key="" if title.casefold() == key.replace("_", " ").casefold() or isinstance(path[-1], int) else key,
            help=_sentence(schema.get("description", "")),
            default=_default(schema),
            required=required,
            optional=nullable,
            schema=found,
        )
        if data is not None and not isinstance(data, _SHAPES.get(made.look, object)):
            made.look = "snippet"  # written in another way than the form knows
        fill = {"group": self._group, "list": self._list, "table": self._table}.get(made.look, self._leaf)
        fill(made, data)
        return made

    def _resolved(self, schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """The schema itself behind references, and whether there may be none."""
        nullable = False
        while True:
            if "anyOf" in schema:
                others = [one for one in schema["anyOf"] if one.get("type") != "null" and "const" not in one]
                nullable = nullable or len(others) < len(schema["anyOf"])
                if len(others) != 1:
                    return schema, nullable
                schema = others[0]
            elif "$ref" in schema:
                schema = self._defs[schema["$ref"].rpartition("/")[2]]
            else:
                return schema, nullable

    def _group(self, made: Control, data: Any) -> None:
        made.controls = self.properties(made.schema, data, made.path)
        made.kinds = list(kinds_of(made.schema).items())
        made.kind = next(iter(done_by(made.schema, data if isinstance(data, dict) else {})), "")

    def _list(self, made: Control, data: Any) -> None:
        entries = data if isinstance(data, list) else []
        made.controls, made.kinds = [], list(kinds_of(self._resolved(made.schema["items"])[0]).items())
        for number, one in enumerate(entries):
            entry = self.control(made.schema["items"], one, (*made.path, number))
            entry.title, entry.words, entry.removable = _entry_title(made, number), _entry_words(one), True
            entry.key = ""
            made.controls.append(entry)

    def _table(self, made: Control, data: Any) -> None:
        known = data if isinstance(data, dict) else {}
        fixed = made.schema.get("propertyNames", {}).get("enum", ())
        made.controls = []
        for key in [*fixed, *(key for key in known if key not in fixed)]:
            entry = self.control(made.schema["additionalProperties"], known.get(key), (*made.path, str(key)))
            entry.title, entry.key, entry.removable = str(key), "", key not in fixed
            entry.help = ""
            made.controls.append(entry)
        made.optional = bool(fixed)  # nothing is added to a table whose keys are known

    def _leaf(self, made: Control, data: Any) -> None:
        if made.look == "choice":
            made.options = _options(made)
        if made.look == "snippet":
            made.was = snippet_at(self.text, made.path, self._root) if data is not None else ""
            made.words = _condition_words(data)
        elif made.look == "lines":
            made.was = "\n".join(map(_said, data)) if isinstance(data, list) else _said(data)
        else:
            made.was = NEVER if data is None and self._is_null(made.path) else _said(data)
        told = self.posted(made.name)
        made.value = made.was if told is None else told

    def _is_null(self, path: Path) -> bool:
        """Whether a value is written and empty, which is not the same as none."""
        data: Any = self._data
        for part in path[:-1]:
            data = data[int(part)] if isinstance(data, list) else (data or {}).get(part)
        return isinstance(data, dict) and path[-1] in data


def kinds_of(schema: Mapping[str, Any]) -> dict[str, str]:
    """key → what it is called, of an object that does exactly one of several things; none for any other."""
    return {one["key"]: one["title"] for one in schema.get("one_of", ())}


def done_by(schema: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """What such an object does: one thing, or in a text that is not right yet none or several."""
    return [key for key in kinds_of(schema) if data.get(key) not in (None, False, "", [])]


def _words_of(schema: Mapping[str, Any]) -> list[Any]:
    """The words that may stand in place of settings."""
    return [one["const"] for one in schema.get("anyOf", ()) if "const" in one]


def _look(schema: Mapping[str, Any]) -> Look:
    if schema.get("title") == "Condition" or "anyOf" in schema:
        return "snippet"
    if "enum" in schema or schema.get("type") == "boolean":
        return "choice"
    if schema.get("type") in ("number", "integer"):
        return "number"
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return "lines" if items.get("type") in ("string", "number", "integer") else "list"
    if "properties" in schema:
        return "group"
    if isinstance(schema.get("additionalProperties"), dict):
        return "table"
    if schema.get("type") == "string":
        return "prose" if schema.get("format") == "prose" else "text"
    return "snippet"


def _title(schema: Mapping[str, Any], key: str) -> str:
    made_up = key.replace("_", " ").title()
    given = schema.get("title", made_up)
    return given if given != made_up else key.replace("_", " ").capitalize()


def _sentence(text: str) -> str:
    return text.replace("\n", " ").strip()


def _default(schema: Mapping[str, Any]) -> str:
    default = schema.get("default")
    return "" if isinstance(default, dict | list) else _said(default)


def _options(made: Control) -> list[tuple[str, str]]:
    if made.schema.get("type") == "boolean":
        found = [("true", "Yes"), ("false", "No")]
    else:
        found = [(str(one), str(one).replace("_", " ")) for one in made.schema["enum"]]
    if made.required:
        return found
    said = dict(found).get(made.default)
    return [("", f"Not set: {said.lower()}" if said else "Not set"), *found]


def _said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


_ONE = {"people": "person", "branch": "way", "split": "variant", "else": "step"}
_CALLED = ("label", "name", "topic", "because", "title", "id", "use", "text")


def _entry_title(made: Control, number: int) -> str:
    key = str(made.path[-1])
    return f"{(_ONE.get(key) or key.removesuffix('s')).replace('_', ' ').capitalize()} {number + 1}"


def _entry_words(entry: Any) -> str:
    """What an entry of a list is called, and the numbers that matter most."""
    if not isinstance(entry, dict):
        return ""
    if said := step_words(entry):
        return said
    name = next((str(entry[key]) for key in _CALLED if entry.get(key)), "")
    given = _said(entry.get("points", ""))
    points = f"{given} {'point' if given in ('1', '-1') else 'points'}" if given else ""
    to = str(entry.get("to", ""))
    cap = f"at most {_said(entry['max'])} in {_said(entry.get('days'))} days" if "max" in entry else ""
    return ", ".join(one for one in (to, " ".join(name.split()), points, cap) if one)


def _condition_words(data: Any) -> str:
    if not data:
        return ""
    try:
        return in_line(Condition.model_validate(data))
    except ValidationError:
        return ""
