"""Documents that people write in YAML: read safely, and refused with a line for each problem."""

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import ValidationError

MAX_BYTES, MAX_NODES = 256 * 1024, 20_000
Path = tuple[str | int, ...]
Place = int | Path | None


class InvalidDocument(ValueError):
    """A document that an admin wrote cannot be used; each line says where, what is wrong and what to do.

    ``places`` says of each problem, where that is known, its line (from 1) or its path (keys, and numbers from 0).
    """

    def __init__(self, problems: list[str], places: Sequence[Place] = ()) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.places = [*places, *[None] * (len(problems) - len(places))]


def _loader(base: Any) -> Any:
    """YAML as people expect it: only true and false are booleans (``on:`` is a key, NO is Norway), dates are texts."""
    made: Any = type("Loader", (base,), {})
    made.yaml_implicit_resolvers = {
        letter: [
            (tag, pattern)
            for tag, pattern in resolvers
            if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
        ]
        for letter, resolvers in base.yaml_implicit_resolvers.items()
    }
    made.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$", re.IGNORECASE), list("tTfF"))
    return made


# libyaml is ten times as fast; what it refuses is read once more in Python, which says better what is wrong
_Fast, _Plain = _loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)), _loader(yaml.SafeLoader)


def _parse(text: str) -> Any:
    try:
        return yaml.load(text, _Fast)  # noqa: S506  a safe loader
    except (yaml.YAMLError, RecursionError, ValueError):
        return yaml.load(text, _Plain)  # noqa: S506  a safe loader


def load_yaml(text: str, place: str) -> Any:
    """The document in a YAML text. Raises InvalidDocument with line and column where it is not YAML, and for one
    that is, or by its anchors unfolds to be, too large."""
    if len(text) > MAX_BYTES:
        raise InvalidDocument([f"{place}: longer than {MAX_BYTES // 1024} KiB"])
    try:
        data = _parse(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{place}, line {mark.line + 1}, column {mark.column + 1}" if mark else place
        what = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        raise InvalidDocument([f"{where}: {what}"], [mark.line + 1 if mark else None]) from None
    except (RecursionError, ValueError):
        raise InvalidDocument([f"{place}: nested too deeply, or a value that cannot be read"]) from None
    if _unfolded(data, {}) > MAX_NODES:
        raise InvalidDocument([f"{place}: more than {MAX_NODES} values"])
    return data


def _unfolded(value: Any, seen: dict[int, int]) -> int:
    """How many values a document has with every anchor written out; shared parts are counted once and multiplied."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) in seen:
        return seen[id(value)]
    seen[id(value)] = MAX_NODES + 1  # a part that contains itself is endless
    parts = [*value.keys(), *value.values()] if isinstance(value, dict) else value
    size = 1 + sum(_unfolded(part, seen) for part in parts)
    seen[id(value)] = size
    return size


def paths_of(error: ValidationError) -> list[Place]:
    """Where each problem of a validation error is, in the order of :func:`problems_of`."""
    return [tuple(problem["loc"]) for problem in error.errors()]


def compose(text: str) -> Any:
    """The document as nodes that know their places in the text; None for an empty one. Raises YAMLError."""
    return yaml.compose(text, Loader=_Fast)


def problems_of(error: ValidationError, place: str) -> list[str]:
    """A validation error as one line per problem, in an admin's words."""
    return list(_lines(error, place))


_ITEMS = {
    "fields": "field", "rules": "rule", "steps": "step", "triggers": "trigger", "people": "person",
    "messages": "message", "blocks": "block", "variants": "variant", "resources": "resource", "links": "link",
    "sequences": "sequence", "segments": "segment", "branch": "branch", "split": "variant", "exits": "exit",
}  # fmt: skip


def _lines(error: ValidationError, place: str) -> Iterator[str]:
    for problem in error.errors():
        path, before = [], ""
        for part in problem["loc"]:
            if isinstance(part, int):
                path.append(f"{_ITEMS.get(before, before)} {part + 1}")
            elif part not in _ITEMS and part not in ("str", "list[str]", "[key]"):
                path.append(part)
            before = str(part)
        if before in _ITEMS:  # the list itself: missing, or too short
            path.append(before)
        where = ", ".join(path)
        text = _plainly(problem)
        yield f"{place}: {where + ' ' if where and text[:1].islower() else where + ': ' if where else ''}{text}"


# What pydantic says, in the words of somebody who has never programmed
_PLAIN = {
    "extra_forbidden": "is not a setting that belongs here; take it out, or mend its name",
    "missing": "is missing",
    "float_parsing": "has to be a number",
    "float_type": "has to be a number",
    "int_parsing": "has to be a whole number",
    "int_type": "has to be a whole number",
    "int_from_float": "has to be a whole number",
    "bool_parsing": "has to be true or false",
    "bool_type": "has to be true or false",
    "string_type": "has to be a text",
    "list_type": "has to be a list",
    "dict_type": "has to be settings with values, as in “name: value”",
    "model_type": "has to be settings with values, as in “name: value”",
    "model_attributes_type": "has to be settings with values, as in “name: value”",
    "greater_than": "has to be more than {gt}",
    "greater_than_equal": "has to be at least {ge}",
    "less_than": "has to be less than {lt}",
    "less_than_equal": "has to be at most {le}",
    "literal_error": "has to be {expected}",
    "enum": "has to be {expected}",
    "too_short": "has too few entries: at least {min_length}",
    "too_long": "has too many entries: at most {max_length}",
    "string_too_short": "is too short: at least {min_length} letters",
    "string_too_long": "is too long: at most {max_length} letters",
    "string_pattern_mismatch": "may not be written like that; it has to fit {pattern}",
    "date_from_datetime_parsing": "has to be a date, as in 2026-12-01",
    "date_parsing": "has to be a date, as in 2026-12-01",
}


def _plainly(problem: Any) -> str:
    said = _PLAIN.get(problem["type"])
    if said is None:
        return str(problem["msg"]).removeprefix("Value error, ")
    told = problem.get("ctx", {})
    return said.format(**{name: f"{one:g}" if isinstance(one, float) else one for name, one in told.items()})


def did_you_mean(name: str, known: Mapping[str, Any] | list[str], otherwise: str = "") -> str:
    """``; did you mean "…"?`` with the closest known name, else what else to say."""
    close = get_close_matches(name, list(known), n=1)
    return f'; did you mean "{close[0]}"?' if close else otherwise
