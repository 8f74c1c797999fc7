"""Changing one row of a mapping's text and nothing else: comments, order and spelling of all other rows stay.

What a YAML parser says of where things begin and end is used to replace exactly the text of a row. Comments within a
row that is changed are lost with it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from mappings.document import InvalidDocument, load_yaml

_SHORT = 110  # characters up to which a row stands on one line
_ORDER = ("contact", "vendor", "direction", "blank", "authority", "transform", "template", "values", "unmapped")
_DEFAULTS: Mapping[str, Any] = {
    "direction": "in", "blank": "keep", "authority": "newest", "transform": [], "template": "", "values": {},
    "unmapped": "hold",
}  # fmt: skip
PLACE = "mapping"


class CannotWrite(ValueError):
    """The text has no list of fields that a row could be put into; the message says what to do."""


def put_row(text: str, number: int, row: Mapping[str, Any]) -> str:
    """The text with this row at a place, from 0; one place after the last adds it. Raises CannotWrite."""
    fields = _fields(text)
    if number > len(fields.value):
        raise CannotWrite(f"there is no field {number + 1}")
    if number == len(fields.value):
        return _added(text, fields, row)
    return _replaced(text, fields, {number: _tidy(row)})


def remove_row(text: str, number: int) -> str:
    """The text without the row at a place, from 0. Raises CannotWrite."""
    fields = _fields(text)
    if not 0 <= number < len(fields.value):
        raise CannotWrite(f"there is no field {number + 1}")
    text = _replaced(text, fields, {}, without=number)
    fields = _fields(text)
    if len(fields.value) == 1:
        return text[: fields.start_mark.index] + "[]" + text[_end(fields) :]
    start, end = fields.value[number].start_mark.index, _end(fields.value[number])
    if fields.flow_style:
        if number + 1 < len(fields.value):
            end = fields.value[number + 1].start_mark.index
        else:
            start = _end(fields.value[number - 1])
        return text[:start] + text[end:]
    start = text.rindex("\n", 0, start) + 1
    line = text.find("\n", end)
    return text[:start] + (text[line + 1 :] if line >= 0 else "")


def set_name(text: str, name: str) -> str:
    """The text as the mapping of another name: of one connection instead of all of its tool. Raises CannotWrite."""
    root = _root(text)
    for key, value in root.value:
        if key.value == "name":
            return text[: value.start_mark.index] + _flow(name) + text[_end(value) :]
    raise CannotWrite('the text has no "name:"')


def rows_of(text: str) -> list[dict[str, Any]]:
    """The rows as they stand in a text, also in one that cannot be published; what is no row is left empty."""
    try:
        data = load_yaml(text, PLACE)
    except InvalidDocument:
        return []
    rows = data.get("fields") if isinstance(data, dict) else None
    return [row if isinstance(row, dict) else {} for row in rows] if isinstance(rows, list) else []


def _root(text: str) -> yaml.MappingNode:
    try:
        load_yaml(text, PLACE)  # bounded in size and depth
        root = yaml.compose(text, yaml.SafeLoader)
    except (InvalidDocument, yaml.YAMLError) as error:
        raise CannotWrite(f"the text cannot be read as YAML; mend it there first: {error}") from None
    if not isinstance(root, yaml.MappingNode):
        raise CannotWrite("the text is no mapping; mend it there first")
    return root


def _fields(text: str) -> yaml.SequenceNode:
    for key, value in _root(text).value:
        if key.value == "fields" and isinstance(value, yaml.SequenceNode):
            return value
    raise CannotWrite('the text has no list "fields:"; mend it there first')


def _end(node: yaml.Node) -> int:
    """Where a node's text ends. A block ends, for the parser, only where the next thing begins, comments included."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        return int(node.end_mark.index)
    last = node.value[-1] if node.value else None
    if last is None:
        return int(node.end_mark.index)
    return max(_end(part) for part in (last if isinstance(last, tuple) else (last,)))


def _replaced(
    text: str, fields: yaml.SequenceNode, rows: Mapping[int, Mapping[str, Any]], without: int | None = None
) -> str:
    """The text with these rows in place of those that are there. What other rows borrow from them by an anchor, they
    get as their own."""
    given = {number for number in (*rows, without) if number is not None}
    written = dict(rows)
    lost = {name for number in given for name in _anchors(text, fields.value[number])}
    if lost:
        known = rows_of(text)
        for number, node in enumerate(fields.value):
            if number not in given and lost & set(_borrowed(text, node)):
                written[number] = _tidy(known[number])
    for number in sorted(written, reverse=True):
        node = fields.value[number]
        made = _row(written[number], node.start_mark.column, flow=bool(fields.flow_style))
        text = text[: node.start_mark.index] + made + text[_end(node) :]
    return text


def _events(text: str, node: yaml.Node) -> Iterator[yaml.Event]:
    end = _end(node)
    for event in yaml.parse(text, yaml.SafeLoader):
        if event.start_mark is not None and node.start_mark.index <= event.start_mark.index < end:
            yield event


def _anchors(text: str, node: yaml.Node) -> Iterator[str]:
    for event in _events(text, node):
        if isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.AliasEvent) and event.anchor:
            yield event.anchor


def _borrowed(text: str, node: yaml.Node) -> Iterator[str]:
    for event in _events(text, node):
        if isinstance(event, yaml.AliasEvent) and event.anchor:
            yield event.anchor


def _added(text: str, fields: yaml.SequenceNode, row: Mapping[str, Any]) -> str:
    if not fields.value:
        start, end = fields.start_mark.index, _end(fields)
        return text[:start].rstrip(" ") + "\n  - " + _row(_tidy(row), 4) + text[end:]
    last = fields.value[-1]
    if fields.flow_style:
        return text[: _end(last)] + ", " + _row(_tidy(row), 0, flow=True) + text[_end(last) :]
    column = last.start_mark.column
    line = text.find("\n", _end(last))
    before, after = (text, "") if line < 0 else (text[:line], text[line:])
    dash = text[text.rindex("\n", 0, last.start_mark.index) + 1 : last.start_mark.index]
    return f"{before}\n{dash}{_row(_tidy(row), column)}{after}"


def _tidy(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what is so anyway, its words in the order in which people read them."""
    names = [*_ORDER, *(name for name in row if name not in _ORDER)]
    return {name: row[name] for name in names if name in row and row[name] != _DEFAULTS.get(name, ...)}


def _row(row: Mapping[str, Any], column: int, flow: bool = False) -> str:
    line = _flow(row)
    if flow or (len(line) <= _SHORT and "values" not in row):
        return line
    made = yaml.dump(dict(row), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=100, indent=2)
    return ("\n" + " " * column).join(made.rstrip("\n").split("\n"))


def _flow(value: Any) -> str:
    made = yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True, default_flow_style=True, width=10**6)
    return made.removesuffix("\n").removesuffix("\n...")


class _Plain(yaml.SafeDumper):
    """Writes everything out: an anchor would be a surprise to whoever reads it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
