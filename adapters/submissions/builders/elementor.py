"""Elementor Pro: with *Advanced Data* a table of fields, without it labels only."""

from collections.abc import Mapping

from adapters.submissions.plain import is_table, read_plain
from adapters.submissions.submission import Answer, Submission
from adapters.values import Document, object_of, text_of

_META = frozenset(("Date", "Time", "User Agent", "Remote IP", "Powered by"))


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    fields = document.get("fields")
    return isinstance(document.get("form"), dict) and isinstance(fields, dict) and is_table(fields)


def read(document: Document) -> Submission:
    form, meta = object_of(document["form"]), object_of(document.get("meta"))
    answers = []
    for name, field in document["fields"].items():
        kind, value = text_of(field.get("type")), field.get("value")
        label = text_of(field.get("title")) or text_of(field.get("label"))
        answers.append(Answer(key=name, value=value, label=label, type=kind, hidden=kind == "hidden"))
    return Submission(
        builder="elementor",
        answers=answers,
        title=text_of(form.get("name")),
        form_id=text_of(form.get("id")),
        page_url=text_of(object_of(meta.get("page_url")).get("value")),
    )


def recognises_flat(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    if not ("form_name" in document or "form_id" in document):
        return False
    return any(name.startswith("No Label ") for name in document) or "Elementor" in (
        value for value in document.values() if isinstance(value, str)
    )


def read_flat(document: Document) -> Submission:
    rest = {name: value for name, value in document.items() if name not in _META and value != "Elementor"}
    return read_plain(rest, "elementor")
