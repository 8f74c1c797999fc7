"""Which answer fills which contact field.

The strongest claim wins: the row that an admin wrote for this form's own name, then the type that the builder declares
(e-mail, phone), then what the label or name means, then the shape of a lone e-mail address.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nameparser import HumanName

from adapters.submissions.labels import field_at, field_of, mentions, words_of
from adapters.submissions.submission import WORKED_OUT, Answer, compact
from adapters.submissions.words import EMAIL_WORDS, NOT_THEIRS, PHONE_WORDS, PHRASES, REPEATS, SALUTATIONS
from adapters.values import is_blank
from app.contacts.identity import EMAIL, PHONE, clean_email
from mappings.mapping import FieldMapping

NAMES = ("first_name", "last_name", "full_name")
# A contact is kept small; what was cut stays in the inbox, and too long an address is none anyway.
MAX_TEXT = 500
MAX_CLAIMS = 20  # answers that are looked at for one field: checking an address takes time
MAX_LENGTH = {EMAIL: 320, PHONE: 64, "message": 5000}

_ADDRESS = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")


@dataclass(frozen=True)
class OwnRows:
    """What the mapping's own rows for this form read: property → value, and the answers that they came from."""

    values: Mapping[str, Any]
    answers: frozenset[int]


def own_rows(answers: Iterable[Answer], mapping: FieldMapping, form: str) -> OwnRows:
    """The values for the rows that name this form's own fields, by key or label, of any form or (``demo:budget``)
    of one. Rows that name our own fields are not among them: those are filled by what a label means."""
    sources = set(mapping.sources) - set(PHRASES)
    values: dict[str, Any] = {}
    used: set[int] = set()
    for answer in answers if sources else ():
        for name in (answer.key, answer.label, f"{form}:{answer.key}", f"{form}:{answer.label}"):
            if name in sources and not is_blank(answer.value):
                values.setdefault(name, _cut(answer.value, MAX_LENGTH["message"]))
                used.add(id(answer))
    return OwnRows(values, frozenset(used))


def _cut(value: Any, length: int) -> Any:
    return value[:length] if isinstance(value, str) else value


def claim(answers: list[Answer], mapped: frozenset[int]) -> tuple[dict[str, str], list[Answer]]:
    """The contact fields that the answers fill, and the answers that fill none."""
    claims: dict[str, list[tuple[bool, int, int]]] = {}
    for number, answer in enumerate(answers):
        found = None if id(answer) in mapped else _field_for(answer)
        if found and len(claims.get(found[0], ())) < MAX_CLAIMS:
            name, rank = found
            claims.setdefault(name, []).append((not _fits(name, answer.text), rank, number))
    winners = {name: answers[min(listed)[2]] for name, listed in claims.items()}
    address = winners.get(EMAIL)
    lone = _lone_email([answer for answer in answers if id(answer) not in mapped])
    if lone and not (address and _fits(EMAIL, address.text)):
        winners = {name: answer for name, answer in winners.items() if answer is not lone} | {EMAIL: lone}
    values = {name: answer.text[: MAX_LENGTH.get(name, MAX_TEXT)] for name, answer in winners.items()}
    used = {id(answer) for answer in winners.values()} | mapped
    rest = [answer for answer in answers if id(answer) not in used and not _repeats(answer, values)]
    return values, rest


def _field_for(answer: Answer) -> tuple[str, int] | None:
    """The contact field that an answer claims, with the claim's rank; the lower the stronger."""
    if isinstance(answer.value, bool) or answer.type == WORKED_OUT:
        return None
    if answer.field:
        return answer.field, 0
    hidden = 10 if answer.hidden else 0
    words = (*words_of(answer.key), *words_of(answer.label))
    kind = answer.type.casefold()
    theirs = not mentions(words, NOT_THEIRS)
    if theirs and "email" in kind:
        return EMAIL, 1 + hidden
    if theirs and (kind in ("tel", "phone") or "phone" in kind):
        return PHONE, 1 + hidden
    by_label, by_key = (field_of(answer.label) if answer.label else None), field_at(answer.steps)
    if by_label == "full_name" and by_key in NAMES:
        return by_key, 2 + hidden  # "Name" on a field that is called last_name
    if found := by_label or by_key:
        return found, (2 if by_label else 3) + hidden
    if "title" in answer.names and compact(answer.text) in SALUTATIONS:
        return "salutation", 4 + hidden
    if theirs and mentions(words, EMAIL_WORDS) and _fits(EMAIL, answer.text):
        return EMAIL, 5 + hidden
    if theirs and mentions(words, PHONE_WORDS) and _fits(PHONE, answer.text):
        return PHONE, 5 + hidden
    return None


def _fits(name: str, text: str) -> bool:
    """Whether a value has the shape of its field, for the fields that have one."""
    if name == EMAIL:
        return _ADDRESS.fullmatch(text) is not None and clean_email(text) is not None
    if name == PHONE:
        return sum(letter.isdigit() for letter in text[:40]) >= 5 and not any(map(str.isalpha, text[:40]))
    return True


def _lone_email(answers: list[Answer]) -> Answer | None:
    """The one answer that is an e-mail address, if there is just one and it is not somebody else's."""
    found: dict[str, Answer] = {}
    written = [a for a in answers if isinstance(a.value, str) and _ADDRESS.fullmatch(a.value)]
    for answer in written[:MAX_CLAIMS]:
        words = (*words_of(answer.key), *words_of(answer.label))
        if not mentions(words, NOT_THEIRS) and _fits(EMAIL, answer.text):
            found.setdefault(answer.value.casefold(), answer)
    return next(iter(found.values())) if len(found) == 1 else None


def _repeats(answer: Answer, values: Mapping[str, str]) -> bool:
    """Whether an answer only says again what is known: "Confirm your e-mail"."""
    name = field_of(answer.label) or field_at(answer.steps)
    words = (*words_of(answer.key), *words_of(answer.label))
    repeated = (name,) if name else (EMAIL, PHONE) if mentions(words, REPEATS) else ()
    return any(values.get(one, "").casefold() == answer.text.casefold() for one in repeated)


def mend_names(values: dict[str, str], form_names: tuple[str, ...]) -> None:
    """Fill in first and last name. "Name" beside "Vorname" is the last name, beside "Cognome" the first; alone it is
    split. The form's own name or the e-mail address is nobody's name."""
    no_names = {name.casefold() for name in (*form_names, values.get(EMAIL, "")) if name}
    for name in NAMES:
        if values.get(name, "").casefold() in no_names:
            values.pop(name, None)
    full, first, last = (values.get(name, "") for name in ("full_name", "first_name", "last_name"))
    if not full:
        return
    if first and last:
        return
    if first and full.casefold().startswith(first.casefold()):
        last = full[len(first) :].strip()
    elif last and full.casefold().endswith(last.casefold()):
        first = full[: -len(last)].strip()
    elif first or last:
        first, last = first or full, last or full
        del values["full_name"]
    else:
        first, last = _split(full)
    values |= {name: text for name, text in (("first_name", first), ("last_name", last)) if text}


def _split(full: str) -> tuple[str, str]:
    """First and last name. Very long texts are no names; splitting them would only take time."""
    if len(full) > 100 or len(full.split()) > 8:
        return "", ""
    name = HumanName(full)
    return " ".join(f"{name.first} {name.middle}".split()), str(name.last)
