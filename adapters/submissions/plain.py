"""Plain pairs and nested JSON: what a form sends that no builder is known for, and what builders' shapes share."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from adapters import strict_json
from adapters.cleaning import FORBIDDEN, clean
from adapters.contract import Unreadable
from adapters.nesting import MAX_DEPTH, MAX_PAIRS, PACKED
from adapters.submissions.submission import Answer, Submission
from adapters.submissions.words import vocabulary
from adapters.values import Document, as_text, is_blank, text_of, zoned_time

# Names under which a sender may say what makes a submission the same one, and when it was made.
KEYS = vocabulary("submissionid submissionuuid entryid responseid eventid leadid")
TIMES = vocabulary("submittedat submissiontime submissiondate createdat timestamp datecreated sentat")
_NAMES = ("name", "key", "label", "title", "question", "field", "fieldName", "field_name", "ref", "id")
_LABELS = ("label", "title", "question", "name", "fieldLabel")
_VALUES = ("value", "values", "answer", "answers", "response")
_TYPES = ("type", "fieldType", "field_type")


def read_plain(document: Document, builder: str, key: str = "") -> Submission:
    """Pairs or nested JSON of no known builder, or of one that sends its fields by name."""
    if builder == "html":
        document = {name: _unpacked(value) if name in PACKED else value for name, value in document.items()}
    # One more than may be, so that the limit is noticed and no time is spent on the rest.
    answers = list(islice(flatten(document, brackets=builder != "json"), MAX_PAIRS + 1))
    return Submission(builder=builder, answers=answers, key=key)


def _unpacked(value: Any) -> Any:
    """The object in a pair that holds JSON, as some builders post theirs; the text itself if it is none."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return clean(strict_json.loads(value.encode()))
        except Unreadable:
            return value
    return value


def key_of(answers: Iterable[Answer]) -> str:
    """What the sender repeats when it sends the same submission again, under one of the usual names; or nothing."""
    return next((answer.text for answer in answers if answer.name in KEYS and answer.text), "")


def time_of(answers: Iterable[Answer]) -> datetime | None:
    """When the submission was made, under one of the usual names; only if the instant is certain."""
    times = (zoned_time(answer.value) for answer in answers if answer.name in TIMES)
    return next(filter(None, times), None)


def pair_of(item: Any) -> tuple[str, Any] | None:
    """Name and value of ``{"name": "email", "value": "…"}`` and its relatives; None for any other object."""
    if not isinstance(item, dict):
        return None
    name = next((text_of(item[key]) for key in _NAMES if text_of(item.get(key))), "")
    value = next((key for key in _VALUES if key in item), None)
    return (name, item[value]) if name and value is not None else None


def is_table(fields: Document) -> bool:
    """Whether an object's values are objects with a value each: ``{"email": {"value": "…", "type": "email"}}``."""
    return bool(fields) and all(isinstance(field, dict) and "value" in field for field in fields.values())


def flatten(node: Any, path: tuple[str, ...] = (), key: str = "", *, brackets: bool = False) -> Iterator[Answer]:
    """The answers below a node. Lists of choices stay lists; lists of pairs are answers of their own."""
    if len(path) > MAX_DEPTH:
        raise Unreadable(f"a field is nested deeper than {MAX_DEPTH} levels")
    if isinstance(node, dict):
        as_table = is_table(node)
        for name, value in node.items():
            if name not in FORBIDDEN:
                below = name if not key else f"{key}[{name}]" if brackets else f"{key}.{name}"
                if as_table:
                    yield _answer(name, below, value, value["value"])
                else:
                    yield from flatten(value, (*path, name), below, brackets=brackets)
    elif isinstance(node, list) and any(isinstance(item, dict) for item in node):
        for number, item in enumerate(node):
            pair = pair_of(item)
            if pair is not None:
                yield _answer(pair[0], pair[0], item, pair[1])
            else:
                yield from flatten(item, (*path, str(number)), f"{key}.{number}", brackets=brackets)
    else:
        if isinstance(node, list) and len(node) == 1:
            node = node[0]
        # A sentence as a name is what the visitor read.
        label = path[-1] if path and " " in path[-1] else ""
        yield Answer(key=key, value=_flat(node), label=label, path=path)


def _answer(name: str, key: str, field: Document, value: Any) -> Answer:
    kind = next((text for listed in _TYPES if (text := text_of(field.get(listed)))), "")
    label = next((text for listed in _LABELS if (text := text_of(field.get(listed))) and text != name), "")
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return Answer(key=key, value=_flat(value), label=label, path=(name,), type=kind, hidden=kind == "hidden")


def _flat(value: Any) -> Any:
    """Scalars and lists of texts as they are; anything deeper as text, since a field holds no objects."""
    if isinstance(value, list):
        return [item if isinstance(item, str | int | float) else as_text(item) for item in value if not is_blank(item)]
    return as_text(value) if isinstance(value, dict) else value
