"""As much of SOQL as is asked of the simulated organisation: one object, conditions, an order and a limit."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][\w.]*)|(?P<mark><=|>=|!=|[=<>(),]))"
)
_ESCAPE = re.compile(r"\\(.)")
_WORDS = {"true": True, "false": False, "null": None}
_NEWLINES = {"n": "\n", "r": "\r", "t": "\t"}

Record = Mapping[str, Any]
Look = Callable[[Record, str], Any]  # what stands in a column, be it another record's


class Malformed(Exception):
    """A query that Salesforce would refuse as MALFORMED_QUERY."""


class Query(msgspec.Struct, kw_only=True):
    """A query that was read. ``holds`` says whether a record fulfils its conditions."""

    fields: list[str]
    kind: str
    holds: Callable[[Record, Look], bool]
    columns: list[str]  # of the conditions and the order
    order: list[tuple[str, bool]]  # by which columns, and whether the greatest is first
    limit: int


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.columns: list[str] = []
        at = 0
        while at < len(text.rstrip()):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise Malformed(f"unexpected token: {text[at : at + 20]!r}")
            self.tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()
        self.at = 0

    def sees(self, *words: str) -> bool:
        kind, said = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        return kind in ("word", "mark") and said.upper() in words

    def take(self, *words: str) -> str:
        if self.at >= len(self.tokens) or (words and not self.sees(*words)):
            raise Malformed(f"expected {' or '.join(words) or 'more'}")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def may_take(self, word: str) -> bool:
        if self.sees(word):
            self.at += 1
            return True
        return False

    def names(self) -> list[str]:
        found = [self.take()]
        while self.may_take(","):
            found.append(self.take())
        return found

    def value(self) -> Any:
        kind, said = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        self.at += 1
        if kind == "text":
            return _ESCAPE.sub(lambda found: _NEWLINES.get(found[1], found[1]), said[1:-1])
        if kind == "time":
            return datetime.fromisoformat(said)
        if kind == "number":
            return float(said)
        if kind == "word" and said.lower() in _WORDS:
            return _WORDS[said.lower()]
        raise Malformed(f"unexpected value: {said}")

    def order(self) -> list[tuple[str, bool]]:
        """The columns that records are sorted by, each with whether the greatest is first."""
        found = []
        while True:
            name = self.take()
            found.append((name, self.may_take("DESC")))
            self.may_take("ASC")
            if not self.may_take(","):
                return found

    # conditions

    def either(self) -> Callable[[Record, Look], bool]:
        parts = [self.both()]
        while self.may_take("OR"):
            parts.append(self.both())
        return lambda record, look: any(part(record, look) for part in parts)

    def both(self) -> Callable[[Record, Look], bool]:
        parts = [self.one()]
        while self.may_take("AND"):
            parts.append(self.one())
        return lambda record, look: all(part(record, look) for part in parts)

    def one(self) -> Callable[[Record, Look], bool]:
        if self.may_take("("):
            inner = self.either()
            self.take(")")
            return inner
        column = self.take()
        self.columns.append(column)
        if self.may_take("IN"):
            self.take("(")
            values = [self.value()]
            while self.may_take(","):
                values.append(self.value())
            self.take(")")
            return lambda record, look: any(_compared("=", look(record, column), value) for value in values)
        mark, value = self.take("=", "!=", "<", "<=", ">", ">="), self.value()
        return lambda record, look: _compared(mark, look(record, column), value)


def _compared(mark: str, held: Any, value: Any) -> bool:
    if isinstance(value, datetime) and isinstance(held, str):
        held = datetime.fromisoformat(held)
    if isinstance(value, str) and isinstance(held, str):  # without regard to case, as Salesforce compares texts
        exact = len(value) in (15, 18) and value[:1] == "0"
        held, value = (held, value) if exact else (held.lower(), value.lower())
    if mark in ("=", "!="):
        return (held == value) is (mark == "=")
    if held is None or value is None:
        return False
    return bool({"<": held < value, "<=": held <= value, ">": held > value, ">=": held >= value}[mark])


def read(text: str) -> Query:
    """The query in a text. Raises Malformed."""
    reader = _Reader(text)
    reader.take("SELECT")
    fields = reader.names()
    reader.take("FROM")
    kind = reader.take()
    holds: Callable[[Record, Look], bool] = lambda record, look: True  # noqa: E731
    if reader.may_take("WHERE"):
        holds = reader.either()
    order: list[tuple[str, bool]] = []
    if reader.may_take("ORDER"):
        reader.take("BY")
        order = reader.order()
    limit = 2_000
    if reader.may_take("LIMIT"):
        limit = int(reader.take())
    if reader.at < len(reader.tokens):
        raise Malformed(f"unexpected token: {reader.tokens[reader.at][1]}")
    return Query(
        fields=fields,
        kind=kind,
        holds=holds,
        columns=[*reader.columns, *(name for name, _ in order)],
        order=order,
        limit=limit,
    )
