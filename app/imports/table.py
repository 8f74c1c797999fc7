"""Reading CSV files as people have them: encodings, separators, quoted newlines, headers that repeat or are missing.

A file is read piece by piece and never held whole.
"""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

HEAD_BYTES = 256 * 1024
SEPARATORS = (",", ";", "\t", "|")
MAX_CELL = 128 * 1024
MAX_COLUMNS = 500
SAMPLE = 200  # rows that are looked at to find the separator, and shown as an example

csv.field_size_limit(MAX_CELL)


class Unusable(ValueError):
    """A file that cannot be read as a table; the message says why and what to do."""


class Layout(Struct, frozen=True):
    """How a file is written, and the names of its columns, each once."""

    encoding: str
    separator: str
    headers: list[str]


class Encoding:
    """Finds out, piece by piece, in which encoding a file is: by its mark, else UTF-8 if all of it is, else Windows."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._fits, self._first = True, True
        self._marked = ""

    def add(self, piece: bytes) -> None:
        """Look at the next piece."""
        if self._first and piece:
            self._first = False
            self._marked = _by_mark(piece)
        if self._fits and not self._marked:
            try:
                self._utf8.decode(piece)
            except UnicodeDecodeError:
                self._fits = False

    @property
    def name(self) -> str:
        """The encoding, by what was seen so far."""
        return self._marked or ("utf-8" if self._fits else "cp1252")


def _by_mark(head: bytes) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head[1:2] == b"\0":
        return "utf-16-le"
    return ""


def layout_of(head: bytes, encoding: str, separator: str = "") -> Layout:
    """How a file is written, by its beginning. Raises Unusable."""
    if not head.strip():
        raise Unusable("the file is empty")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Unusable("this is a spreadsheet, not CSV: save it as CSV (UTF-8) first")
    separator = separator or _separator(head, encoding)
    rows = _sample(head, encoding, separator)
    if not rows:
        raise Unusable("the file has no line with column names")
    headers = _unique(rows[0])
    if len(headers) > MAX_COLUMNS:
        raise Unusable(f"the file has {len(headers)} columns; {MAX_COLUMNS} are the most")
    return Layout(encoding, separator, headers)


def sample_of(head: bytes, layout: Layout, most: int = 10) -> list[list[str]]:
    """The first rows of a file, below its column names."""
    return _sample(head, layout.encoding, layout.separator)[1 : most + 1]


def _separator(head: bytes, encoding: str) -> str:
    """What parts the columns: what makes the most rows have as many cells as the first, and more than one."""

    def fit(separator: str) -> tuple[float, int]:
        rows = _sample(head, encoding, separator)
        width = len(rows[0]) if rows else 0
        same = sum(len(row) == width for row in rows) / max(1, len(rows))
        return (same if width > 1 else 0.0), width

    return max(SEPARATORS, key=fit)


def _sample(head: bytes, encoding: str, separator: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(_text([head], encoding), delimiter=separator):
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) > SAMPLE:
                break
    except csv.Error:
        pass
    # The last row may be cut off where the head ends
    return rows[:-1] if len(head) >= HEAD_BYTES and 1 < len(rows) <= SAMPLE else rows


def _unique(names: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    unique = []
    for number, name in enumerate(names, 1):
        name = " ".join(name.split())[:200] or f"Column {number}"
        seen[name] += 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique


def rows_of(pieces: Iterable[bytes], layout: Layout) -> Iterator[tuple[int, list[str], str]]:
    """The rows below the column names: number (from 1), cells, and why the row cannot be read, if so. Raises Unusable
    where nothing after it can be read either."""
    reader = csv.reader(_text(pieces, layout.encoding), delimiter=layout.separator)
    width, number = len(layout.headers), -1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unusable(
                f"row {max(1, number + 1)} cannot be read ({error}): is a quotation mark in it never closed?"
            ) from None
        if not any(cell.strip() for cell in cells):
            continue
        number += 1
        if number == 0:
            continue  # the column names
        cells = [cell.replace("\0", "") for cell in cells]
        if len(cells) > width and any(cell.strip() for cell in cells[width:]):
            yield number, cells, f"has {len(cells)} cells where the file has {width} columns"
        else:
            yield number, cells[:width], ""


def _text(pieces: Iterable[bytes], encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BufferedReader(_Pieces(pieces)), encoding, errors="replace", newline="")


class _Pieces(io.RawIOBase):
    """Pieces of a file as a file."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._left = iter(pieces), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
