"""Tally: a webhook with fields under random keys, each with its label and options."""

from collections.abc import Mapping
from typing import Any

from adapters.submissions.submission import Answer, Submission
from adapters.values import Document, as_text, first_of, object_of, objects_of, text_of, zoned_time


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    data = object_of(document.get("data"))
    return isinstance(data.get("fields"), list) and (
        document.get("eventType") == "FORM_RESPONSE" or "responseId" in data or "respondentId" in data
    )


def read(document: Document) -> Submission:
    data = object_of(document["data"])
    fields = objects_of(data.get("fields"))
    questions = {text_of(field.get("key")) for field in fields if isinstance(field.get("value"), list)}
    answers = [_answer(field) for field in fields if not _is_twin(field, questions)]
    return Submission(
        builder="tally",
        answers=answers,
        key=text_of(document.get("eventId")) or first_of(data, "submissionId", "responseId"),
        at=zoned_time(data.get("createdAt")) or zoned_time(document.get("createdAt")),
        title=text_of(data.get("formName")),
        form_id=text_of(data.get("formId")),
    )


def _is_twin(field: Document, questions: set[str]) -> bool:
    """Checkboxes come twice: once as a list of choices, and then each choice as yes or no."""
    key = text_of(field.get("key"))
    return isinstance(field.get("value"), bool) and any(key.startswith(f"{question}_") for question in questions)


def _answer(field: Document) -> Answer:
    kind, value = text_of(field.get("type")), field.get("value")
    names = {
        text_of(option.get("id")): option.get("text", option.get("name", ""))
        for listed in ("options", "rows", "columns")
        for option in objects_of(field.get(listed))
    }
    if isinstance(value, list):
        value = [item.get("url") or item.get("name") if isinstance(item, dict) else item for item in value]
        value = [names.get(text_of(item), item) for item in value]
        if kind in ("DROPDOWN", "MULTIPLE_CHOICE") and len(value) == 1:
            value = value[0]
    elif isinstance(value, dict):  # a matrix: row → chosen columns
        value = [
            f"{names.get(row, row)}: {as_text([names.get(text_of(one), one) for one in _listed(chosen)])}"
            for row, chosen in value.items()
        ]
    else:
        value = names.get(text_of(value), value)
    label = text_of(field.get("label"))
    hidden = kind in ("HIDDEN_FIELDS", "CALCULATED_FIELDS")
    # Its keys are random letters; among those may be words
    return Answer(
        key=text_of(field.get("key")) or label, value=value, label=label, type=kind, path=(label,), hidden=hidden
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
