"""Gravity Forms: inputs by number (``1.3``), without labels."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from adapters import strict_json
from adapters.cleaning import clean
from adapters.contract import Unreadable
from adapters.submissions.plain import flatten
from adapters.submissions.submission import Answer, Submission
from adapters.submissions.words import vocabulary
from adapters.values import Document, is_blank, text_of

_INPUT = re.compile(r"(\d+)(?:[._](\d+))?")
_META = vocabulary(
    """
    id form_id post_id date_created date_updated is_starred is_read ip source_url source_id user_agent
    currency payment_status payment_date payment_amount payment_method transaction_id is_fulfilled
    created_by transaction_type status form_title
    """
)
_NAME = {"2": "salutation", "3": "first_name", "4": "", "6": "last_name", "8": ""}
_ADDRESS = {"1": "street", "2": "", "3": "city", "4": "state", "5": "zip", "6": "country"}


def recognises(document: Document, headers: Mapping[str, str], is_json: bool) -> bool:
    return "form_id" in document and any(_INPUT.fullmatch(name) for name in document)


def read(document: Document) -> Submission:
    groups: dict[str, dict[str, Any]] = {}
    for name, value in document.items():
        if found := _INPUT.fullmatch(name):
            groups.setdefault(found[1], {})[found[2] or ""] = _value(value)
    answers: list[Answer] = []
    for number, parts in groups.items():
        answers.extend(_answers(number, parts))
    for name, value in document.items():  # what an admin or another add-on put beside the entry's own
        if name not in _META and not _INPUT.fullmatch(name):
            answers.extend(flatten(value, (name,), name))
    entry = text_of(document.get("id"))
    return Submission(
        builder="gravityforms",
        answers=answers,
        key=f"{text_of(document.get('form_id'))}:{entry}" if entry else "",
        at=_time(document.get("date_created")),
        title=text_of(document.get("form_title")),
        form_id=text_of(document.get("form_id")),
        page_url=text_of(document.get("source_url")),
    )


def _answers(number: str, parts: dict[str, Any]) -> Iterator[Answer]:
    """One field's inputs. An entry has no labels, so names and addresses are known by which inputs they have."""
    given = {part for part, value in parts.items() if not is_blank(value)}
    if "" in parts:
        yield Answer(key=number, value=parts.pop(""))
    if set(parts) <= set(_NAME) and not given.isdisjoint(("3", "6")):
        for part, value in parts.items():
            yield Answer(key=f"{number}.{part}", value=value, field=_NAME[part])
    elif set(parts) == set(_ADDRESS) and re.search(r"\d", text_of(parts["5"])):
        for part, value in parts.items():
            yield Answer(key=f"{number}.{part}", value=value, field=_ADDRESS[part])
    elif set(parts) in ({"1", "2"}, {"1", "2", "3"}) and parts["1"] == "1" and len(text_of(parts["2"])) > 2:
        # A consent field: .1 is the tick, .2 the text beside it, .3 the form's revision.
        yield Answer(key=f"{number}.1", value="1", label=text_of(parts["2"]), type="consent")
    elif parts:
        chosen = [parts[part] for part in parts if part in given]
        yield Answer(key=number, value=chosen, type="checkbox")


def _value(value: Any) -> Any:
    """Several choices are a JSON list in a text."""
    if isinstance(value, str) and value.startswith('["'):
        try:
            listed = strict_json.loads(value.encode())
        except Unreadable:
            return value
        return clean(listed)
    return value


def _time(value: Any) -> datetime | None:
    """An entry's time is always UTC, and never says so."""
    text = text_of(value)
    return (
        datetime.fromisoformat(text).replace(tzinfo=UTC)
        if re.fullmatch(r"20\d\d-[01]\d-[0-3]\d [\d:]{8}", text)
        else None
    )
