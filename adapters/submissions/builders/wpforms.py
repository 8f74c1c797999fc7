"""WPForms: a table of fields by number, or plain pairs."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.submissions.plain import flatten, is_table, read_plain
from adapters.submissions.submission import Answer, Submission
from adapters.values import Document, joined, text_of


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    fields = document.get("fields")
    as_table = isinstance(fields, dict) and is_table(fields) and not {"form_id", "entry_id"}.isdisjoint(document)
    return as_table or "x-wpforms-webhook-id" in headers or {"form_id", "entry_id"} <= set(document)


def read(document: Document) -> Submission:
    fields = document.get("fields")
    if not (isinstance(fields, dict) and is_table(fields)):
        plain = {name: _value(value) for name, value in document.items()}
        return read_plain(plain, "wpforms", key=text_of(document.get("entry_id")))
    answers: list[Answer] = []
    for number, field in fields.items():
        answers.extend(_answers(number, field))
    rest = {name: value for name, value in document.items() if name not in ("fields", "entry_id")}
    return Submission(
        builder="wpforms",
        answers=[*answers, *flatten(rest)],
        key=text_of(document.get("entry_id")),
    )


def _answers(number: str, field: Document) -> Iterator[Answer]:
    label, kind = text_of(field.get("name")) or text_of(field.get("label")), text_of(field.get("type"))
    value = _value(field.get("value"))
    if kind == "name" and field.get("first"):
        yield Answer(key=f"{number}.first", value=joined(field, "first", "middle"), field="first_name")
        yield Answer(key=f"{number}.last", value=field.get("last"), field="last_name")
    elif kind == "address" and field.get("address1"):
        parts = {"street": ("address1", "address2"), "city": ("city",), "state": ("state",), "zip": ("postal",)}
        for name, steps in {**parts, "country": ("country",)}.items():
            yield Answer(key=f"{number}.{name}", value=joined(field, *steps, glue=", "), field=name)
    elif kind in ("checkbox", "payment-checkbox", "select", "gdpr-checkbox") and isinstance(value, str):
        lines = [line.strip() for line in value.splitlines() if line.strip()]
        yield Answer(key=number, value=lines if len(lines) > 1 else value, label=label, type=kind)
    else:
        yield Answer(key=number, value=value, label=label, type=kind, hidden=kind == "hidden")


def _value(value: Any) -> Any:
    """Several choices are one text with ``||`` between; a date is an object."""
    if isinstance(value, str) and "||" in value:
        return [part.strip() for part in value.split("||") if part.strip()]
    if isinstance(value, dict) and {"value", "unix"} <= set(value):
        return value["value"]
    return value
