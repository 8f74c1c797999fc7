"""What every builder's shape is read into, before anything is made of it."""

from datetime import datetime
from typing import Any

from msgspec import Struct

from adapters.submissions.labels import words_of
from adapters.submissions.words import WRAPPERS
from adapters.values import as_text

MARKETING_CONSENT = "marketing_consent"  # the type of an answer that the builder itself calls one
WORKED_OUT = "worked_out"  # the type of a value that the form's logic made: only a row of the mapping's takes it


class Answer(Struct, frozen=True, kw_only=True):
    """One field of a form and what was put in. ``key`` is the form's own name for it, ``path`` that name in its steps,
    ``label`` what the visitor read, ``type`` the builder's word; ``field`` is our contact field where the builder says
    as much (a name's first part)."""

    key: str
    value: Any
    label: str = ""
    type: str = ""
    path: tuple[str, ...] = ()
    field: str = ""
    hidden: bool = False

    @property
    def steps(self) -> tuple[str, ...]:
        """Where the answer stands: its path, or its key alone."""
        return self.path or (self.key,)

    @property
    def name(self) -> str:
        """The form's own name as one word for look-ups: ``utmSource``, ``UTM Source`` and ``data[utm_source]`` are
        ``utmsource``."""
        return compact(_unwrapped(self.steps))

    @property
    def names(self) -> tuple[str, ...]:
        """Name and label, each as one word; builders like Tally name a hidden field only in its label."""
        return (self.name, compact(self.label)) if self.label else (self.name,)

    @property
    def text(self) -> str:
        """The value as one text."""
        return as_text(self.value)


class Submission(Struct, frozen=True, kw_only=True):
    """One form as it was sent in. ``key`` is what the builder repeats when it sends the same one again, ``at`` its own
    time of the submission where it says one with a time zone."""

    builder: str
    answers: list[Answer]
    key: str = ""
    at: datetime | None = None
    title: str = ""
    form_id: str = ""
    page_url: str = ""
    referrer: str = ""


def compact(text: str) -> str:
    """A name in lower-case letters and digits only."""
    return "".join(words_of(text))


def _unwrapped(path: tuple[str, ...]) -> str:
    while len(path) > 1 and path[0].casefold() in WRAPPERS:
        path = path[1:]
    return " ".join(path)
