"""What a reader asks a screen for: filters, a place in a list, where to go back to. Nonsense counts as not asked."""

import base64
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time

import msgspec
from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from app.contacts.times import from_us, to_us
from app.numbers import LARGEST, whole
from app.receive import Refused, this_runtime
from app.store.connections import Connection
from app.store.timeline import Moment
from app.store.turns import Turn

PAGE = 25
# A row's number as it fits in the database
ROW = f"int(max={LARGEST})"
_MAX_TEXT = 300
_FAR = 10**17  # microseconds: the year 5138


def text(name: str, most: int = _MAX_TEXT) -> str:
    """A parameter or a form's field as one line without control characters."""
    given = request.values.get(name, "")[:most]
    return "".join(letter for letter in given if letter.isprintable()).strip()


def reason() -> str | None:
    """A reason as a list has it, letter by letter, or None."""
    return request.values.get("reason", "")[:2_000].replace("\0", "") or None


def one_of(name: str, known: Collection[str]) -> str | None:
    """A parameter that takes one of a few values, or None."""
    value = request.args.get(name)
    return value if value in known else None


def number(name: str) -> int | None:
    """A parameter that takes a row's number, or None."""
    return whole(request.args.get(name, ""))


def numbers(name: str, most: int = 200) -> list[int]:
    """The numbers that were ticked in a form."""
    found = (whole(one) for one in request.form.getlist(name)[:most])
    return [one for one in found if one is not None]


def posted_number(name: str) -> int | None:
    """A whole number in a form's field, or None."""
    return whole(request.form.get(name, ""))


def connection(name: str = "connection") -> Connection | None:
    """The connection that a parameter or field names, or None."""
    return this_runtime().connection(request.values.get(name, ""))


def turning() -> tuple[int | None, int | None]:
    """The place in a list where the page begins, as (before, after)."""
    return number("before"), number("after")


def pages(turn: Turn, **filters: str | None) -> dict[str, str | None]:
    """The addresses of the neighbouring pages under the same filters."""
    kept = {name: value for name, value in filters.items() if value}

    def link(**place: int | None) -> str | None:
        return None if next(iter(place.values())) is None else _here(**kept, **place)

    return {"older": link(before=turn.older), "newer": link(after=turn.newer)}


def onward(further: object, place: str = "before", anchor: str | None = None, **kept: object) -> dict[str, str | None]:
    """The addresses of what comes after this page of a list that only goes on, and of its beginning; ``place`` is the
    parameter that says where a page begins."""
    return {
        "more": None if further is None else _here(**kept, **{place: further}, _anchor=anchor),
        "start": _here(**kept, _anchor=anchor) if request.args.get(place) else None,
    }


def _here(**query: object) -> str:
    return url_for(str(request.endpoint), **(request.view_args or {}), **query)  # type: ignore[arg-type]


def moment(name: str) -> Moment | None:
    """A place in a timeline, or None."""
    said, _, rest = request.args.get(name, "").partition(".")
    source, _, said_key = rest.partition(".")
    at, key = whole(said, _FAR), whole(said_key)
    if at is None or key is None:
        return None
    try:
        return Moment(from_us(at), source, key) if source in ("event", "decision") else None
    except OverflowError:
        return None


def instant(name: str) -> datetime | None:
    """A day and time in UTC as a form's field gives it, or None."""
    try:
        found = datetime.fromisoformat(request.args.get(name, "")[:40])
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(name: str) -> datetime | None:
    """The midnight in UTC with which a day begins, as a form's field gives it (2027-03-31), or None."""
    try:
        found = date.fromisoformat(text(name, 10))
    except ValueError:
        return None
    return datetime.combine(found, time(), UTC) if found < date.max else None  # after the last there is no next one


def moment_text(place: Moment | None) -> str | None:
    """A place in a timeline as a parameter."""
    return None if place is None else f"{to_us(place.at)}.{place.source}.{place.key}"


_place = msgspec.json.Decoder(tuple[str, str, int]).decode


def place(name: str) -> tuple[str, str, int] | None:
    """Where a search goes on, or None."""
    given = request.args.get(name)
    if not given or len(given) > 4_000:
        return None
    try:
        by, value, last = _place(base64.urlsafe_b64decode(given + "=="))
    except (ValueError, msgspec.DecodeError):
        return None
    return (by, value.replace("\0", ""), last) if by in ("email", "name") and 0 <= last < 2**62 else None


def place_text(found: tuple[str, str, int] | None) -> str | None:
    """Where a search goes on, as a parameter."""
    return None if found is None else base64.urlsafe_b64encode(msgspec.json.encode(found)).decode().rstrip("=")


# --- after a button was pressed


def back(default: str) -> Response:
    """To the page that the button was on."""
    return redirect(local(request.form.get("back", "")) or default, 303)


def local(address: str) -> str:
    """The address if it is a screen of ours, else an empty text: nobody is sent to another site."""
    fine = address.startswith("/admin/") and not address.startswith("/admin//") and address.isprintable()
    return address if fine and "\\" not in address and len(address) < 4_000 else ""


def say(words: str, wrong: bool = False) -> None:
    """Tell the reader on the next page what came of it."""
    flash(words[:500], "danger" if wrong else "success")


@contextmanager
def telling(done: str) -> Iterator[None]:
    """Tell the reader that what happens within was done, or why it was not. A 404 goes on: then there is no page to say
    it on."""
    try:
        yield
    except Refused as refusal:
        if refusal.code == 404:
            raise
        say(f"Not done: {refusal.description}.", wrong=True)
    else:
        say(done)
