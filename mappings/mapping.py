"""Field mappings: which of a vendor's properties is which of our contact fields, in which direction, with which values.

A mapping is a YAML document that an admin edits (the default of each vendor lies beside this file). It is validated
here, all errors at once and each with its place and mend, and compiled into a table that costs one dictionary look-up
per property.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, field
from pydantic import ValidationError

from mappings.document import InvalidDocument, load_yaml, problems_of
from mappings.fields import SIGNALS, type_of
from mappings.rows import NEWEST, PLACEHOLDER, MappingDocument, Row, as_text, step_of
from mappings.transforms import COERCE, TRANSFORMS, CannotTransform, Step, is_blank

FOLDER = Path(__file__).parent


class Held(Struct, frozen=True):
    """A value that the mapping had no place for; counted and shown, and never dropped (the raw payload is kept)."""

    vendor: str
    value: str
    reason: Literal["unmapped", "mismatch"]


class Mapped(Struct):
    """What a vendor's properties became. A field that is None is to be cleared."""

    fields: dict[str, Any] = field(default_factory=dict)
    signals: dict[str, Any] = field(default_factory=dict)
    authority: dict[str, str] = field(default_factory=dict)  # of fields whose newest word is not simply what stands
    held: list[Held] = field(default_factory=list)
    skip: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether the properties said nothing about the contact."""
        return not (self.fields or self.signals or self.held or self.skip)


class _Rule(Struct, frozen=True):
    """A compiled row."""

    contact: str
    sources: tuple[str, ...]
    steps: tuple[Step, ...]
    blank: str
    values: Mapping[str, str]
    back: Mapping[str, str]
    hold: bool
    template: str
    writes: bool
    reads: bool
    authority: str
    number: int  # the row's place in the document, from 0
    words: tuple[str, ...]  # what the steps are called


FOUND, TABLE, TYPE = "found", "table", "type"  # what is done to a value, beside its row's steps
Note = Callable[[str, Any], None]  # hears what a value is after each thing that is done to it


class Trace(Struct):
    """What one row made of a payload: its place in the document, from 0, the value after each thing that was done to
    it (``found``: property and value as they came; the steps; ``table``; ``type``), and what came of it."""

    number: int
    heard: list[tuple[str, Any]] = field(default_factory=list)
    mapped: Mapped = field(default_factory=Mapped)

    def hear(self, what: str, value: Any) -> None:
        """Keep what a value is by now."""
        self.heard.append((what, value))


def _unheard(what: str, value: Any) -> None:
    """Nobody asks how a value came about."""


class FieldMapping:
    """A mapping, ready to use in both directions."""

    def __init__(self, document: MappingDocument, version: str = "") -> None:
        self.name, self.title, self.create = document.name, document.title, document.create
        self.region = document.region
        self.version = version
        self._rules = [_compile(row, number, document.region) for number, row in enumerate(document.fields)]
        self._by_source: dict[str, list[_Rule]] = {}
        for rule in self._rules:
            if rule.reads:
                for source in rule.sources:
                    self._by_source.setdefault(source, []).append(rule)
        self._writers = [rule for rule in self._rules if rule.writes]
        # What is kept of what the vendor holds: what we write there, and what we read, so that news can be told from it
        self.remembered = frozenset((*(rule.sources[0] for rule in self._writers), *self._by_source))

    @property
    def sources(self) -> list[str]:
        """The vendor properties that the mapping reads; what to ask a vendor for."""
        return list(self._by_source)

    @property
    def targets(self) -> list[tuple[str, str]]:
        """The (contact field, vendor property) pairs that the mapping writes."""
        return [(rule.contact, rule.sources[0]) for rule in self._writers]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every (contact field, vendor property) pair, whatever its direction, in the rows' order."""
        return [(rule.contact, source) for rule in self._rules for source in rule.sources]

    @property
    def readers(self) -> dict[str, list[int]]:
        """Vendor property → the places, from 0, of the rows that read it."""
        return {source: [rule.number for rule in rules] for source, rules in self._by_source.items()}

    def fields_of(self, vendor: str) -> list[str]:
        """Our fields that a vendor's property fills."""
        return [rule.contact for rule in self._by_source.get(vendor, ())]

    def read_with(self, properties: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Of a vendor's properties those that are read together with one of these, and these."""
        wanted = {source for name in names for rule in self._by_source.get(name, ()) for source in rule.sources}
        return {name: value for name, value in properties.items() if name in wanted}

    def stage(self, theirs: str) -> str:
        """Our lifecycle stage for the vendor's value; the value itself where the table lacks it."""
        for rule in self._writers:
            if rule.contact == "lifecycle_stage":
                return rule.values.get(theirs, theirs)
        return theirs

    def inbound(self, properties: Mapping[str, Any]) -> Mapped:
        """What a vendor's properties say about the contact. Properties that no row reads are passed over;
        what cannot be converted is held, never raised."""
        mapped = Mapped()
        done: set[int] = set()
        for name in properties:
            for rule in self._by_source.get(name, ()):
                if id(rule) not in done:
                    done.add(id(rule))
                    self._take(rule, properties, mapped)
        return mapped

    def trace(self, properties: Mapping[str, Any]) -> list[Trace]:
        """What each row that reads makes of a vendor's properties, one thing after the other, by the very function
        that :meth:`inbound` uses. A row of whose properties none is there is not among them."""
        traces = []
        for rule in self._rules:
            if rule.reads and any(source in properties for source in rule.sources):
                traces.append(trace := Trace(rule.number))
                self._take(rule, properties, trace.mapped, trace.hear)
        return traces

    def _take(self, rule: _Rule, properties: Mapping[str, Any], mapped: Mapped, note: Note = _unheard) -> None:
        source, value = _first(rule, properties)
        note(FOUND, (source, value))
        if is_blank(value):
            if rule.blank == "clear" and rule.contact not in SIGNALS:
                mapped.fields[rule.contact] = None
                if rule.authority != NEWEST:
                    mapped.authority[rule.contact] = rule.authority
            elif rule.blank == "skip":
                mapped.skip = f'{self.name}: "{source}" is empty and its row says to skip such records'
            return
        try:
            for word, step in zip(rule.words, rule.steps, strict=True):
                value = step(value)
                note(word, value)
            if rule.values:
                value = _look_up(rule, source, value, mapped)
                if value is None:
                    return
                note(TABLE, value)
            if is_blank(value):
                return
            kind = type_of(rule.contact)
            value = COERCE[kind](value) if kind else value
            note(TYPE, value)
            if is_blank(value):  # there was nothing in it that anybody could see
                return
        except CannotTransform as error:
            mapped.held.append(Held(source, f"{str(properties.get(source))[:200]} ({error})", "mismatch"))
            return
        (mapped.signals if rule.contact in SIGNALS else mapped.fields)[rule.contact] = value
        if rule.authority != NEWEST:
            mapped.authority[rule.contact] = rule.authority

    def outbound(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The vendor's properties for our values. A value that is missing is left out, or sent empty where the
        row says ``clear``; a value that the table lacks is left out."""
        properties: dict[str, Any] = {}
        for rule in self._writers:
            value = values.get(rule.contact)
            if is_blank(value):
                if rule.blank == "clear" and rule.contact in values:
                    properties[rule.sources[0]] = ""
                continue
            if rule.values:
                value = rule.back.get(as_text(value), None if rule.hold else value)
                if value is None:
                    continue
            properties[rule.sources[0]] = value
        return properties


def _first(rule: _Rule, properties: Mapping[str, Any]) -> tuple[str, Any]:
    if rule.template:

        def filled(hole: re.Match[str]) -> str:
            value = properties.get(hole[1])
            return "" if is_blank(value) else str(value)

        text = PLACEHOLDER.sub(filled, rule.template)
        return rule.sources[0], " ".join(text.split())
    for source in rule.sources:
        value = properties.get(source)
        if not is_blank(value):
            return source, value
    return rule.sources[0], properties.get(rule.sources[0])


def _norm(value: str) -> str:
    return "".join(letter for letter in value.casefold() if letter.isalnum())


def _look_up(rule: _Rule, source: str, value: Any, mapped: Mapped) -> Any:
    found = rule.values.get(as_text(value), rule.values.get(_norm(as_text(value))))
    if found is not None:
        return found
    if not rule.hold:
        return value
    mapped.held.append(Held(source, as_text(value)[:200], "unmapped"))
    return None


def _compile(row: Row, number: int, region: str | None) -> _Rule:
    sources = tuple(row.vendor) if isinstance(row.vendor, list) else (row.vendor,)
    steps = []
    for name, setting in map(step_of, row.transform):
        if name == "phone" and setting is None:
            setting = region
        steps.append(TRANSFORMS[name][1](setting))
    values = {**{_norm(key): value for key, value in row.values.items()}, **row.values}
    back: dict[str, str] = {}
    for theirs, ours in row.values.items():
        back.setdefault(ours, theirs)
    return _Rule(
        row.contact,
        sources,
        tuple(steps),
        row.blank,
        values,
        back,
        row.unmapped == "hold",
        row.template,
        row.direction != "in",
        row.direction != "out",
        row.authority,
        number,
        tuple(name for name, _ in map(step_of, row.transform)),
    )


def read_mapping(text: str, place: str, version: str = "") -> FieldMapping:
    """The mapping in a YAML text. Raises InvalidDocument with every problem, each with its place."""
    data = load_yaml(text, place)
    try:
        return FieldMapping(MappingDocument.model_validate(data), version)
    except ValidationError as error:
        raise InvalidDocument(problems_of(error, place)) from None


@cache
def default_text(name: str) -> str:
    """The YAML of a shipped mapping. ``name`` is a file name in this folder: ``hubspot.yaml``."""
    return (FOLDER / name).read_text(encoding="utf-8")


SHIPPED = tuple(sorted(file.stem for file in FOLDER.glob("*.yaml")))


def shipped_text(name: str) -> str:
    """The YAML that Baton ships for a mapping (``hubspot``, or ``hubspot.eu`` for one connection); "" where none."""
    vendor = name.partition(".")[0]
    return default_text(f"{vendor}.yaml") if vendor in SHIPPED else ""


def mapping_file(name: str) -> FieldMapping:
    """A shipped mapping, compiled."""
    return read_mapping(default_text(name), f"mappings/{name}", f"{name.removesuffix('.yaml')}@default")
