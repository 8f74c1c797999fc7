"""Changing a YAML text to say something else while all of it that still holds stays as somebody wrote it.

A form changes values; whoever reads the text afterwards finds their comments, order and layout again, and the
difference between two versions shows what was changed and nothing else. So the text is cut where the change is, instead
of being written anew. Each change is checked: the text it ends in says exactly what was asked for.
"""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

import yaml

from mappings.document import InvalidDocument, Path, compose, load_yaml
from mappings.lines import child, walk

Moves = Mapping[Path, Sequence[int | None]]
_STEP = 2


class Snippet:
    """A part of a document as somebody wrote it: a condition with its layout and comments."""

    def __init__(self, text: str) -> None:
        self.text = text.strip("\n").rstrip()
        self.data = load_yaml(self.text, "here")


def snippet_at(text: str, path: Path, root: Any = None) -> str:
    """The text of a value as it stands in a document, without its indentation; "" where there is none. ``root`` is the
    document's, where it has been composed already."""
    node, walked = walk(root or compose(text), path)
    if walked != path:
        return ""
    lines = text[node.start_mark.index : _end(node)].split("\n")
    column = node.start_mark.column
    return "\n".join([lines[0], *[line[column:] if not line[:column].strip() else line.lstrip() for line in lines[1:]]])


def plain(value: Any) -> Any:
    """A value with its snippets read."""
    if isinstance(value, Snippet):
        return value.data
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value


class Rewritten(NamedTuple):
    """A changed text, and whether what was not changed stayed as it was written."""

    text: str
    kept: bool


def rewrite(text: str, wanted: dict[str, Any], moves: Moves | None = None) -> Rewritten:
    """The text, changed to say ``wanted``. ``moves`` says of a list, by its path in ``wanted``, which of its items each
    one was: numbers from 0, None for one that is new; without that, items are told apart by their place.

    Where the text is laid out in a way that cannot be cut, the values count more: it is written anew, and not kept.
    Raises InvalidDocument for a text that is not settings with values.
    """
    had = load_yaml(text, "document")
    if had is None and wanted:
        return Rewritten(text + _block(wanted, 0), True)
    if not isinstance(had, dict):
        raise InvalidDocument(["the document has to be settings with values"])
    try:
        made = _change(text if text.endswith("\n") else text + "\n", (), had, wanted, moves or {})
        if _same(load_yaml(made, "document"), plain(wanted)):
            return Rewritten(made, True)
    except (InvalidDocument, yaml.YAMLError, AssertionError):
        pass  # a cut went through something that belongs together: an anchor, a text over several lines
    return Rewritten(_block(plain(wanted), 0), False)


def _same(one: Any, other: Any) -> bool:
    """Equal, and true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _has_snippets(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_snippets, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Snippet)


def _change(text: str, path: Path, had: Any, wanted: Any, moves: Moves) -> str:
    if not _has_snippets(wanted) and _same(had, wanted):
        return text
    node, walked = walk(compose(text), path)
    assert walked == path
    if isinstance(wanted, dict) and isinstance(had, dict) and (wanted or node.flow_style):
        return _change_mapping(text, path, had, wanted, moves)
    if isinstance(wanted, list) and isinstance(had, list):
        if path in moves and not node.flow_style and wanted and had:
            return _change_list(text, path, had, wanted, moves)
        if len(wanted) == len(had) and any(isinstance(one, dict) for one in wanted):
            for number, (before, after) in enumerate(zip(had, wanted, strict=True)):
                text = _change(text, (*path, number), before, after, moves)
            return text
    return _replace(text, path, wanted)


def _change_mapping(text: str, path: Path, had: dict[Any, Any], wanted: dict[Any, Any], moves: Moves) -> str:
    keys = {str(key): key for key in wanted}
    old = {str(key): key for key in had}
    rest = dict(had)
    for name, key in old.items():
        if name not in keys:
            del rest[key]
            text = _remove(text, path, name, rest)
    for name, key in keys.items():
        if name in old:
            text = _change(text, (*path, name), had[old[name]], wanted[key], moves)
        else:
            text = _add(text, path, key, wanted[key])
    return text


def _change_list(text: str, path: Path, had: list[Any], wanted: list[Any], moves: Moves) -> str:
    """Put the items of a list into another order, each with the comments before it, take out what is gone, and write
    what is new behind; then change what is in them."""
    node, _ = walk(compose(text), path)
    was = moves[path]
    lines = text.splitlines(keepends=True)
    starts = [_with_comments(lines, item.start_mark.line) for item in node.value]
    ends = [*starts[1:], _line_after(text, _end(node))] if starts else []
    column = _dash_column(lines, node)
    pieces = ["".join(lines[start:end]) for start, end in zip(starts, ends, strict=True)]
    parts = [
        pieces[origin] if origin is not None else _item(one, column) for origin, one in zip(was, wanted, strict=True)
    ]
    text = "".join([*lines[: starts[0]], *parts, *lines[ends[-1] :]])
    for number, (origin, one) in enumerate(zip(was, wanted, strict=True)):
        if origin is not None:
            text = _change(text, (*path, number), had[origin], one, moves)
    return text


def _dash_column(lines: list[str], node: Any) -> int:
    first = lines[node.value[0].start_mark.line]
    return len(first) - len(first.lstrip(" "))


def _with_comments(lines: list[str], line: int) -> int:
    """Where an item begins: with the comments right above it that are indented as it is."""
    indent = len(lines[line]) - len(lines[line].lstrip(" "))
    while line and lines[line - 1].lstrip(" ").startswith("#") and lines[line - 1].startswith(" " * indent + "#"):
        line -= 1
    return line


def _item(value: Any, column: int) -> str:
    inner = _block(value, column + _STEP) if _blocky(value) else f"{' ' * (column + _STEP)}{_inline(value)}\n"
    return f"{' ' * column}- {inner[column + _STEP :]}"


def _replace(text: str, path: Path, wanted: Any) -> str:
    root = compose(text)
    node, _ = walk(root, path)
    start, end = node.start_mark.index, _end(node)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        end = start + len(text[start:end].rstrip())  # such a text reaches to where the next thing begins
    parent, _ = walk(root, path[:-1])
    if (prose := _prose(wanted)) and isinstance(parent, yaml.MappingNode) and not _in_flow(root, path):
        key = next(key for key, value in parent.value if value is node)
        before = text[:start].rstrip(" \n")
        return f"{before} {_indented(prose, key.start_mark.column + _STEP)}{text[end:]}"
    inline = not _blocky(wanted) or _in_flow(root, path)
    if inline:
        if text[start - 1 : start] not in (" ", "", "[", "{", ","):
            return text[:start] + " " + _inline(wanted) + text[end:]
        # A block under its key moves up beside it
        before = text[:start].rstrip() + " " if text[:start].rstrip().endswith(":") else text[:start]
        return before + _inline(wanted) + text[end:]
    if isinstance(parent, yaml.SequenceNode):
        column = node.start_mark.column
        return text[:start] + _laid_out(wanted, column)[column:].rstrip("\n") + text[end:]
    key = next(key for key, value in parent.value if value is node)
    column = key.start_mark.column
    before = text[:start].rstrip(" \n")
    return f"{before}\n{_laid_out(wanted, column + _STEP).rstrip(chr(10))}{text[end:]}"


def _remove(text: str, path: Path, name: str, rest: dict[Any, Any]) -> str:
    root = compose(text)
    node, _ = walk(root, path)
    pair = next(one for one in node.value if one[0].value == name)
    if _in_flow(root, (*path, name)) or len(node.value) == 1:
        pairs = [text[key.start_mark.index : _end(value)] for key, value in node.value if key.value != name]
        left = "{" + ", ".join(pairs) + "}" if node.flow_style else _inline(rest)
        return text[: node.start_mark.index] + left + text[_end(node) :]
    lines = text.splitlines(keepends=True)
    first, last = pair[0].start_mark.line, _line_after(text, _end(pair[1]))
    lead = lines[first][: pair[0].start_mark.column]
    if lead.strip():  # beside the dash of a list's item: the next key takes its place
        following = next(key for key, _ in node.value[node.value.index(pair) + 1 :])
        rest_line = lines[following.start_mark.line][following.start_mark.column :]
        return "".join([*lines[:first], lead + rest_line, *lines[following.start_mark.line + 1 :]])
    return "".join([*lines[:first], *lines[last:]])


def _add(text: str, path: Path, name: Any, wanted: Any) -> str:
    root = compose(text)
    node, _ = walk(root, path)
    if (node.flow_style and path) or not node.value:
        inside = text[node.start_mark.index + 1 : _end(node) - 1].strip().rstrip(",")
        pair = f"{_inline(name)}: {_inline(wanted)}"
        made = f"{{{inside}, {pair}}}" if inside else f"{{{pair}}}"
        return text[: node.start_mark.index] + made + text[_end(node) :]
    column = node.value[0][0].start_mark.column
    at = _line_after(text, _end(node))
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:at], _pair(name, wanted, column), *lines[at:]])


def _pair(name: Any, value: Any, column: int) -> str:
    lead = " " * column
    if prose := _prose(value):
        return f"{lead}{_inline(name)}: {_indented(prose, column + _STEP)}\n"
    if _blocky(value):
        return f"{lead}{_inline(name)}:\n{_laid_out(value, column + _STEP)}"
    return f"{lead}{_inline(name)}: {_inline(value)}\n"


def _prose(value: Any) -> list[str]:
    """A text of several lines, or a long one, as the lines of a block scalar, its header first; none for any other
    value, and where such a block would say something else."""
    if not isinstance(value, str) or not ("\n" in value or len(value) > _LONG):
        return []
    if "\n" in value:
        ends = len(value) - len(value.rstrip("\n"))
        made = ["|-" if not ends else "|" if ends == 1 else "|+", *value.removesuffix("\n").split("\n")]
    else:
        made = [">-", *wrap(value, _LONG, break_long_words=False, break_on_hyphens=False)]
    try:
        says = load_yaml(f"x: {_indented(made, _STEP)}\n", "here")
    except InvalidDocument:
        return []
    return made if says == {"x": value} else []


def _indented(prose: list[str], column: int) -> str:
    lines = (f"{' ' * column}{line}" if line else "" for line in prose[1:])
    return "\n".join([prose[0], *lines])


def _laid_out(value: Any, column: int) -> str:
    """A value as lines that are indented so far."""
    if isinstance(value, Snippet):
        return "".join(f"{' ' * column}{line}".rstrip() + "\n" for line in value.text.split("\n"))
    return _block(value, column)


def _block(value: Any, column: int) -> str:
    if isinstance(value, dict) and value:
        return "".join(_pair(key, one, column) for key, one in value.items())
    if isinstance(value, list) and value:
        return "".join(_item(one, column) for one in value)
    return f"{' ' * column}{_inline(value)}\n"


def _blocky(value: Any) -> bool:
    """Whether a value is laid out over several lines."""
    if isinstance(value, Snippet):
        return isinstance(value.data, dict | list) and bool(value.data) and value.text[:1] not in ("{", "[")
    if isinstance(value, dict):
        return any(map(_nested, value.values())) or len(_inline(value)) > _WIDTH
    if isinstance(value, list):
        return any(isinstance(one, dict | list | Snippet) for one in value) or len(_inline(value)) > _WIDTH
    return False


def _nested(value: Any) -> bool:
    return (
        isinstance(value, Snippet) or (isinstance(value, dict) and bool(value)) or _blocky(value) or bool(_prose(value))
    )


_WIDTH, _LONG = 90, 100


def _inline(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Snippet):
        one_line = "\n" not in value.text and "#" not in value.text
        return value.text if one_line and value.text else _inline(value.data)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inline(key)}: {_inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, str) and _reads_as(value, value) and not any(mark in value for mark in ",[]{}#\n"):
        return value
    said = yaml.safe_dump(value, default_style='"' if isinstance(value, str) else None, width=10**9, allow_unicode=True)
    return said.removesuffix("...\n").strip()


def _reads_as(text: str, value: str) -> bool:
    try:
        return bool(load_yaml(f"x: {text}", "here") == {"x": value} and load_yaml(f"[{text}]", "here") == [value])
    except InvalidDocument:
        return False


def _end(node: Any) -> int:
    """Where a value's own text ends: a block's node reaches over the comments and blank lines behind it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)


def _in_flow(root: Any, path: Path) -> bool:
    """Whether a value stands within brackets or braces."""
    node = root
    for part in path:
        if getattr(node, "flow_style", False):
            return True
        node = child(node, part)
        if node is None:
            return False
    return False


def _line_after(text: str, index: int) -> int:
    """The number of the line behind the one in which an index lies; an index at a line's start lies before it."""
    return text.count("\n", 0, index) + (0 if text[index - 1 : index] == "\n" else 1)
