"""Where in a YAML text something stands: the line of a problem, for a page to point at."""

import re
from typing import Any

import yaml
from msgspec import Struct

from mappings.document import InvalidDocument, Path, Place, compose

# "rule 3", "trigger 1", "block greeting", "subject", as problems name them, and the lists that hold them
_PLACES = re.compile(
    r"\b(rule|trigger|sequence|segment|message|block|topic|field|step|person|variant|link|resource) (\d+)\b"
    r"|(?:^|[,:] )(block) ([a-z0-9_]+)\b|, (subject|preview|short|fallbacks|needs)\b"
)
_LISTS = {"person": "people"}


class Problem(Struct, frozen=True):
    """What is wrong in a text, and where: its line from 1, and its path as far as there is one."""

    text: str
    line: int | None = None
    path: Path = ()


def located(error: InvalidDocument, text: str) -> list[Problem]:
    """The problems of a text, each with its line where it has one."""
    try:
        root = compose(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        root = None
    return [_located(*pair, root) for pair in zip(error.problems, error.places, strict=True)]


def problems_at(problems: list[str], text: str) -> list[Problem]:
    """Problems that are known only by their words, each with its line as far as the words name a place."""
    return located(InvalidDocument(problems), text)


def _located(problem: str, place: Place, root: Any) -> Problem:
    if isinstance(place, int):
        return Problem(problem, place)
    path = _in_words(problem) if place is None else place
    if root is None or not path:
        return Problem(problem)
    node, walked = walk(root, path)
    return Problem(problem, _line(root, node, walked), walked if place is None else path)


def _in_words(problem: str) -> Path:
    found: list[str | int] = []
    for word, number, named, name, setting in _PLACES.findall(problem):
        if setting:
            found.append(setting)
        else:
            found += [_LISTS.get(word or named, f"{word or named}s"), int(number) - 1 if number else name]
    return tuple(found)


def walk(root: Any, path: Path) -> tuple[Any, Path]:
    """The node at a path, or the last one on the way to it; and the part of the path that leads there. An item of a
    list may be named by its id, or by what it uses."""
    node, walked = root, []
    for part in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, str):
            part = next((number for number, one in enumerate(node.value) if _is_called(one, part)), part)
        inner = child(node, part)
        if inner is not None:
            node = inner
            walked.append(part)
    return node, tuple(walked)


def _is_called(item: Any, name: str) -> bool:
    return any(getattr(child(item, key), "value", None) == name for key in ("id", "use"))


def child(node: Any, part: str | int) -> Any:
    """The value of a key, or the item of a number; None where there is none."""
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and 0 <= part < len(node.value):
        return node.value[part]
    return None


def _line(root: Any, node: Any, walked: Path) -> int:
    """Of a value that stands under its key, the key's line: that is what somebody looks for."""
    parent, _ = walk(root, walked[:-1])
    if walked and isinstance(parent, yaml.MappingNode):
        keys = [key for key, value in parent.value if value is node]
        return int((keys[0] if keys else node).start_mark.line) + 1
    return int(node.start_mark.line) + 1
