"""A row as it is written in a form: texts, whatever was typed; as a row of the document, and what is wrong with it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from pydantic import ValidationError

from mappings.fields import COMPUTED, CUSTOM, FIELDS, SIGNALS, type_of
from mappings.mapping import FieldMapping
from mappings.rows import MappingDocument, Row
from mappings.transforms import TRANSFORMS

MOST_SOURCES, MOST_STEPS, MOST_VALUES = 10, 20, 300
OWN = "own"  # the choice for a field of one's own
STEP_NAMES = tuple(TRANSFORMS)
_NUMBERED = frozenset(("pick",))
_SETTABLE = frozenset(("split", "join", "pick", "number", "date", "time", "phone"))  # steps that take a setting


class RowForm(Struct, kw_only=True):
    """What stands in the form."""

    contact: str = ""  # one of our fields, or OWN
    own: str = ""  # the name of a field of one's own, without its beginning
    sources: list[str] = field(default_factory=list)
    direction: str = "in"
    blank: str = "keep"
    authority: str = "newest"
    steps: list[tuple[str, str]] = field(default_factory=list)
    template: str = ""
    values: list[tuple[str, str]] = field(default_factory=list)
    unmapped: str = "hold"

    @property
    def field(self) -> str:
        """Our field, as a row names it."""
        return CUSTOM + self.own.strip() if self.contact == OWN else self.contact

    @property
    def kind(self) -> str:
        """The type of our field, or "" for none that is known."""
        return str(type_of(self.field) or "")

    def row(self) -> dict[str, Any]:
        """As a row of the document. What was left empty is not there."""
        sources = [one.strip() for one in self.sources if one.strip()]
        return {
            "contact": self.field,
            "vendor": sources[0] if len(sources) == 1 else sources,
            "direction": self.direction,
            "blank": self.blank,
            "authority": self.authority,
            "transform": [_step(name, setting) for name, setting in self.steps if name],
            "template": self.template,
            "values": {theirs: ours for theirs, ours in self.values if theirs},
            "unmapped": self.unmapped,
        }


def form_of(row: Mapping[str, Any]) -> RowForm:
    """A row of the document, also one that is not valid, as a form."""
    contact = str(row.get("contact", ""))
    known = contact in FIELDS or contact in SIGNALS or contact in COMPUTED
    vendor, values, steps = row.get("vendor", ""), row.get("values"), row.get("transform")
    return RowForm(
        contact=contact if known or not contact else OWN,
        own="" if known else contact.removeprefix(CUSTOM),
        sources=[str(one) for one in (vendor if isinstance(vendor, list) else [vendor])],
        direction=str(row.get("direction", "in")),
        blank=str(row.get("blank", "keep")),
        authority=str(row.get("authority", "newest")),
        steps=[_typed(step) for step in steps] if isinstance(steps, list) else [],
        template=str(row.get("template", "")),
        values=[(_text(a), _text(b)) for a, b in values.items()] if isinstance(values, dict) else [],
        unmapped=str(row.get("unmapped", "hold")),
    )


def read_form(sent: Any) -> RowForm:
    """What a browser sent; ``sent`` is a multi-dictionary of texts. Nothing that was typed is lost, wrong or not."""
    steps = zip(sent.getlist("step"), sent.getlist("setting"), strict=False)
    values = zip(sent.getlist("theirs"), sent.getlist("ours"), strict=False)
    return RowForm(
        contact=_line(sent.get("contact", "")),
        own=_line(sent.get("own", "")),
        sources=[_line(one) for one in sent.getlist("vendor")[:MOST_SOURCES]],
        direction=_line(sent.get("direction", "in")),
        blank=_line(sent.get("blank", "keep")),
        authority=_line(sent.get("authority", "newest")),
        steps=[(_line(name), setting[:200].replace("\0", "")) for name, setting in [*steps][:MOST_STEPS]],
        template=_line(sent.get("template", "")),
        values=[(_line(theirs), _line(ours)) for theirs, ours in [*values][:MOST_VALUES]],
        unmapped=_line(sent.get("unmapped", "hold")),
    )


def errors_of(form: RowForm) -> dict[str, str]:
    """What is wrong with a row by itself: the form's field → in words. Empty where all is well."""
    errors: dict[str, str] = {}
    if not form.field.removeprefix(CUSTOM):
        errors["contact"] = "Choose the field of ours that it fills or is read from."
    if not any(one.strip() for one in form.sources):
        errors["vendor"] = "Name the tool's field."
    seen: set[str] = set()
    for theirs, ours in form.values:
        if theirs in seen:
            errors["values"] = f"“{theirs}” stands twice; keep one."
        elif ours and not theirs:
            errors["values"] = f"“{ours}” has no value of the tool's before it."
        seen.add(theirs or "\0")
    try:
        Row.model_validate(form.row())
    except ValidationError as error:
        for problem in error.errors():
            where = str(problem["loc"][0]) if problem["loc"] else _place(problem["msg"])
            errors.setdefault(where, _sentence(problem["msg"].removeprefix("Value error, ")))
    return errors


def alone(form: RowForm, region: str | None) -> FieldMapping | None:
    """A mapping of this row alone, to try it; None where it cannot be used."""
    try:
        row = Row.model_validate(form.row())
    except ValidationError:
        return None
    return FieldMapping(MappingDocument(kind="mapping", name="row", region=region, fields=[row]), "row")


def takes_setting(step: str) -> bool:
    """Whether a step has something to set."""
    return step in _SETTABLE


def key_of(row: Mapping[str, Any]) -> str:
    """A row as one text, by which it is found again when others have changed the document."""
    return msgspec.json.encode(row, order="deterministic").decode()


def place_of(row: str, rows: Sequence[Mapping[str, Any]], number: int) -> int | None:
    """Where a row is by now: at its place, or wherever it was moved to; None where it is not there any more."""
    if number < len(rows) and key_of(rows[number]) == row:
        return number
    return next((at for at, one in enumerate(rows) if key_of(one) == row), None)


def _step(name: str, setting: str) -> str | dict[str, Any]:
    if not setting or name not in TRANSFORMS or not takes_setting(name):
        return name
    text = setting.strip()
    whole = text.removeprefix("-").isdecimal() and text.isascii()
    return {name: int(text) if name in _NUMBERED and whole else setting}


def _typed(step: Any) -> tuple[str, str]:
    if isinstance(step, dict) and step:
        name, setting = next(iter(step.items()))
        return str(name), "" if setting is None else str(setting)
    return str(step), ""


def _place(message: str) -> str:
    return "template" if "template" in message else "direction" if "direction" in message else "vendor"


def _sentence(text: str) -> str:
    said = text[:1].upper() + text[1:]
    return said if said.endswith((".", "!", "?")) else said + "."


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else "" if value is None else str(value)


def _line(text: str) -> str:
    return "".join(letter for letter in text[:300] if letter.isprintable()).strip()
