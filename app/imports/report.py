"""What an import left out, as a file that people open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Iterator

from app.store.imports import Skip

HEAD = ("row", "reason", "what it held")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(skips: Iterable[Skip]) -> Iterator[str]:
    """The report as CSV, line by line, the column names first."""
    yield _line(HEAD)
    for one in skips:
        yield _line((str(one.row or ""), one.reason, one.held))


def _line(cells: Iterable[str]) -> str:
    # A spreadsheet takes what begins like this for a formula, and would run what a stranger typed into a form
    safe = ["'" + cell if cell.startswith(_FORMULA) else cell for cell in cells]
    buffer = io.StringIO()
    csv.writer(buffer).writerow(safe)
    return buffer.getvalue()
