"""A condition laid out for reading: what it asks, and where it asks for several things, how they go together. Pure."""

from msgspec import Struct

from app.rules.condition import Condition, Facts, compile_condition
from app.rules.condition_words import words

_ALL, _ANY = "All of these", "At least one of these"
_NOT_ALL, _NONE = "Not all of these together", "None of these"


class Outline(Struct, frozen=True):
    """One line, and the lines below it where it is about several."""

    text: str
    parts: tuple["Outline", ...] = ()


def outline(condition: Condition) -> Outline:
    """The condition, line by line."""
    return _lay(condition, False)


def _lay(condition: Condition, denied: bool) -> Outline:
    if condition.not_ is not None:
        return _lay(condition.not_, not denied)
    if condition.all is not None:
        return _group((_NOT_ALL if denied else _ALL), condition.all)
    if condition.any is not None:
        return _group((_NONE if denied else _ANY), condition.any)
    return Outline(f"not: {words(condition)}" if denied else words(condition))


def failing(condition: Condition | None, facts: Facts) -> str:
    """What keeps a condition from holding, in words: its first part that does not; an empty text where it holds."""
    if condition is None or compile_condition(condition)(facts):
        return ""
    for part in condition.all or ():
        if said := failing(part, facts):
            return said
    if condition.any is not None:
        return f"one of: {', or '.join(outline_words(part) for part in condition.any)}"
    return outline_words(condition)


def outline_words(condition: Condition) -> str:
    """The condition in one line."""
    laid = outline(condition)
    return f"{laid.text.lower()}: {'; '.join(one.text for one in laid.parts)}" if laid.parts else laid.text


def _group(text: str, parts: list[Condition]) -> Outline:
    return Outline(text, tuple(_lay(part, False) for part in parts))
