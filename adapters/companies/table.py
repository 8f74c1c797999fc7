"""A CSV file as a table of companies by domain; it is read anew when it has changed."""

import csv
from pathlib import Path
from threading import Lock

from adapters.contract import Account, Check, ConnectionRefused

MAX_BYTES = 100 * 1024 * 1024
KEY = "domain"


def wrong_file(text: str) -> str:
    """What is wrong with the setting, in words; empty where nothing is."""
    return "" if not text or (text.endswith(".csv") and Path(text).is_absolute()) else "the whole path of a .csv file"


class Companies:
    """The file of one connection."""

    def __init__(self, path: str) -> None:
        self._path, self._lock = Path(path), Lock()
        self._seen: tuple[int, int] | None = None
        self._rows: dict[str, dict[str, str]] = {}

    def rows(self) -> dict[str, dict[str, str]]:
        """What the file says, by domain. Raises ConnectionRefused with what an admin can do about it."""
        with self._lock:
            try:
                state = self._path.stat()
                seen = (state.st_mtime_ns, state.st_size)
                if seen != self._seen:
                    self._rows, self._seen = _read(self._path, state.st_size), seen
            except (OSError, UnicodeDecodeError, csv.Error) as error:
                raise ConnectionRefused(f"{self._path} cannot be read: {error}"[:300]) from error
            return self._rows


def _read(path: Path, size: int) -> dict[str, dict[str, str]]:
    if size > MAX_BYTES:
        raise ConnectionRefused(f"{path} is larger than {MAX_BYTES // 1024 // 1024} MiB")
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = {name: name.strip().lower() for name in reader.fieldnames or ()}
        if KEY not in names.values():
            raise ConnectionRefused(f"{path} has no column called {KEY}")
        rows = ({names[name]: (text or "").strip() for name, text in row.items() if name in names} for row in reader)
        return {domain: row for row in rows if (domain := row.pop(KEY).lower().removeprefix("www."))}


def connect(account: Account) -> Companies:
    """A client for one connection."""
    return Companies(account.settings.get("file", ""))


def look_up(companies: Companies, email: str) -> dict[str, str] | None:
    """What the file says of the company that somebody's address belongs to, or the one above it."""
    rows, domain = companies.rows(), email.rpartition("@")[2].lower()
    while "." in domain:
        if known := rows.get(domain):
            return {name: text for name, text in known.items() if text}
        domain = domain.partition(".")[2]
    return None


def check(companies: Companies) -> list[Check]:
    """Whether the file is there, and how much is in it."""
    try:
        return [Check(f"File of {len(companies.rows())} companies", True)]
    except ConnectionRefused as error:
        return [Check("File", False, str(error))]
