"""Jotform: names such as ``q3_email``, and objects for names, phones, addresses and dates."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

from adapters import strict_json
from adapters.cleaning import clean
from adapters.contract import Unreadable
from adapters.nesting import MAX_PAIRS
from adapters.submissions.plain import flatten
from adapters.submissions.submission import Answer, Submission
from adapters.submissions.words import vocabulary
from adapters.values import Document, joined, object_of, text_of

_NAME = re.compile(r"q(\d+)_(.+)")
_NOISE = vocabulary(
    """
    slug jsExecutionTracker submitSource buildDate uploadServerUrl eventObserver timeToSubmit preview path
    temp_upload validatedNewRequiredFieldIDs event_id website simple_spc formID embedUrl referer formTitle
    submissionID ip pretty type action webhookURL username
    """
)


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    if isinstance(document.get("rawRequest"), str | dict):
        return True
    return not {"formID", "submissionID"}.isdisjoint(document) and any(map(_NAME.fullmatch, document))


def read(document: Document) -> Submission:
    raw = document.get("rawRequest", document)
    if isinstance(raw, str):
        try:
            raw = clean(strict_json.loads(raw.encode()))
        except Unreadable as error:
            raise Unreadable(f"rawRequest: {error}") from None
    fields = ((name, value) for name, value in object_of(raw).items() if name not in _NOISE)
    answers = chain.from_iterable(_answers(name, value) for name, value in fields)
    return Submission(
        builder="jotform",
        answers=[*islice(answers, MAX_PAIRS + 1)],
        key=text_of(document.get("submissionID")),
        title=text_of(document.get("formTitle")),
        form_id=text_of(document.get("formID")),
        referrer=text_of(object_of(raw).get("referer")),
    )


def _answers(name: str, value: Any) -> Iterator[Answer]:
    found = _NAME.fullmatch(name)
    label = found[2] if found else name
    if not isinstance(value, dict):
        yield Answer(key=name, value=value, path=(label,))
    elif {"first", "last"} <= set(value):
        yield Answer(key=f"{name}.first", value=joined(value, "first", "middle"), field="first_name")
        yield Answer(key=f"{name}.last", value=value["last"], field="last_name")
        yield Answer(key=f"{name}.prefix", value=value.get("prefix"), field="salutation")
    elif "full" in value or "phone" in value:
        number = text_of(value.get("full")) or joined(value, "country", "area", "phone")
        yield Answer(key=name, value=number, path=(label,), type="phone")
    elif "addr_line1" in value:
        parts = {"street": ("addr_line1", "addr_line2"), "city": ("city",), "state": ("state",), "zip": ("postal",)}
        for field, steps in {**parts, "country": ("country",)}.items():
            yield Answer(key=f"{name}.{field}", value=joined(value, *steps, glue=", "), field=field)
    elif {"year", "month", "day"} <= set(value):
        date = [text_of(value[part]).zfill(2) for part in ("year", "month", "day")]
        yield Answer(key=name, value="-".join(date) if text_of(value["year"]) else "", path=(label,))
    else:
        yield from flatten(value, (label,), name)
