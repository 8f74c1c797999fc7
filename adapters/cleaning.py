"""Texts as they may be kept: in Unicode's composed form, without invisible characters, and not too long."""

import re
import unicodedata
from typing import Any

from adapters.contract import Unreadable

MAX_VALUE = 64 * 1024  # characters of one value

# Names that mean something to JavaScript objects, which is where these values may end up.
FORBIDDEN = frozenset(("__proto__", "constructor", "prototype"))

_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
# More marks on one letter than any script has; putting thousands in order takes Unicode minutes.
_PILE_OF_MARKS = re.compile(r"[^\w\x00-\u02ff]{32}")


def clean(node: Any, depth: int = 0) -> Any:
    """A JSON document with every text cleaned and forbidden names left out. strict_json has bounded its depth."""
    if isinstance(node, str):
        return clean_text(node)
    if isinstance(node, list):
        return [clean(value, depth + 1) for value in node]
    if isinstance(node, dict):
        return {clean_text(name): clean(value, depth + 1) for name, value in node.items() if name not in FORBIDDEN}
    return node


def clean_text(text: str, longest: int = MAX_VALUE) -> str:
    """The text in Unicode's composed form, without surrounding white space and invisible control characters."""
    if len(text) > longest:
        raise too_long()
    if "\0" in text:
        raise Unreadable("a field holds a NUL character")
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _CONTROL.sub("", text)
    return (text if _PILE_OF_MARKS.search(text) else unicodedata.normalize("NFC", text)).strip()


def too_long() -> Unreadable:
    """The refusal of a text that is."""
    return Unreadable(f"a field is longer than {MAX_VALUE // 1024} thousand characters")
