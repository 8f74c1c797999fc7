"""Changing a mapping row by row: what comes of it is the draft's text, saved as anybody saves a draft."""

from collections.abc import Mapping
from typing import Any

from app import drafts
from app.mapping.desk import MAPPING, Subject
from app.runtime import Runtime
from app.store.drafts import Draft, Overtaken
from mappings.document import InvalidDocument
from mappings.writing import CannotWrite, put_row, remove_row


class NotKept(Exception):
    """The draft is as it was; the message says why, in words."""


def keep_row(runtime: Runtime, who: str, about: Subject, number: int | None, row: Mapping[str, Any]) -> Draft:
    """Put a row at its place in the draft, or without a place at the end. Raises NotKept, also where somebody else was
    first."""
    try:
        text = put_row(about.text, len(about.rows) if number is None else number, row)
    except CannotWrite as refusal:
        raise NotKept(str(refusal)) from None
    return _save(runtime, who, about, text)


def drop_row(runtime: Runtime, who: str, about: Subject, number: int) -> Draft:
    """Take a row out of the draft. Raises NotKept."""
    try:
        text = remove_row(about.text, number)
    except CannotWrite as refusal:
        raise NotKept(str(refusal)) from None
    return _save(runtime, who, about, text)


def begin_own(runtime: Runtime, who: str, name: str, text: str) -> Draft:
    """Begin the draft of a mapping under another name. Raises NotKept."""
    try:
        return drafts.save(runtime, who, MAPPING, name, text, 0)
    except (Overtaken, drafts.Unknown, InvalidDocument) as refusal:
        raise NotKept(str(refusal)) from None


def _save(runtime: Runtime, who: str, about: Subject, text: str) -> Draft:
    try:
        return drafts.save(runtime, who, MAPPING, about.name, text, about.draft.revision if about.draft else 0)
    except (Overtaken, drafts.Unknown, InvalidDocument) as refusal:
        raise NotKept(str(refusal)) from None
