"""Pairs of names and values as one document. Names with brackets nest, as PHP and Rails read them:
``fields[email][value]`` is ``{"fields": {"email": {"value": …}}}``, ``topics[]`` is a list. A name that comes twice
becomes a list too.
"""

import re
from collections.abc import Iterable
from typing import Any

from adapters.cleaning import FORBIDDEN, MAX_VALUE, clean_text
from adapters.contract import Unreadable

MAX_PAIRS = 500
MAX_DEPTH = 6
MAX_NAME = 4 * 1024  # some builders use the label as a name, and a consent's label is long

# Fields in which builders send the whole form as JSON (Jotform, Unbounce and others); its own values have the limit.
PACKED = frozenset(("rawRequest", "data.json", "data", "payload", "json", "form_data", "submission"))
MAX_PACKED = 1024 * 1024

_NAME = re.compile(r"([^\[\]]*)((?:\[[^\[\]]*\])*)")
_STEP = re.compile(r"\[([^\[\]]*)\]")


def nest(pairs: Iterable[tuple[str, str]], max_pairs: int = MAX_PAIRS) -> dict[str, Any]:
    """The pairs as one document. A name that contradicts an earlier one (``a=1&a[b]=2``) keeps its brackets."""
    document: dict[str, Any] = {}
    for number, (name, raw) in enumerate(pairs, 1):
        if number > max_pairs:
            raise Unreadable(f"the form has more than {max_pairs} fields")
        if len(name) > MAX_NAME:
            raise Unreadable(f"a field's name is longer than {MAX_NAME} characters")
        value = clean_text(raw, MAX_PACKED if name in PACKED else MAX_VALUE)
        steps = _steps(clean_text(name))
        if steps and not FORBIDDEN.intersection(steps) and not _put(document, steps, value):
            _put(document, [name], value)
    return document


def unbracketed(document: dict[str, Any]) -> dict[str, Any]:
    """A JSON document whose names have brackets, as tools pass on a form that they took: nested like the form."""
    nested = {name: value for name, value in document.items() if not isinstance(value, str)}
    for name, value in document.items():
        steps = _steps(name)
        if isinstance(value, str) and not FORBIDDEN.intersection(steps) and not _put(nested, steps, value):
            nested[name] = value
    return nested


def _steps(name: str) -> list[str]:
    """``fields[email][value]`` as its steps; a list's ``[]`` is an empty last step."""
    found = _NAME.fullmatch(name)
    if found is None or not found[1]:
        return [name] if name else []
    if found[2].count("[") >= MAX_DEPTH:
        raise Unreadable(f"a field is nested deeper than {MAX_DEPTH} levels")
    return [found[1], *_STEP.findall(found[2])]


def _put(document: dict[str, Any], steps: list[str], value: str) -> bool:
    """Put a value at its place. False when something else stands in the way."""
    as_list = len(steps) > 1 and steps[-1] == ""
    *above, last = steps[:-1] if as_list else steps
    for step in above:
        below = document.setdefault(step, {})
        if not isinstance(below, dict):
            return False
        document = below
    known = document.get(last)
    if isinstance(known, dict):
        return False
    if known is None:
        document[last] = [value] if as_list else value
    elif isinstance(known, list):
        known.append(value)
    else:
        document[last] = [known, value]
    return True
