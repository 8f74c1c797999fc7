"""Queries as text. What stands in them and comes from outside is quoted. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def select(fields: Iterable[str], kind: str, *where: str, order: str = "", limit: int = 0) -> str:
    """A query for the records of a kind that fulfil all conditions."""
    parts = ["SELECT", ", ".join(fields), "FROM", kind]
    parts += ["WHERE", " AND ".join(where)] if where else []
    parts += ["ORDER BY", order] if order else []
    parts += ["LIMIT", str(limit)] if limit else []
    return " ".join(parts)


def quoted(text: str) -> str:
    """A text as SOQL takes it."""
    return f"'{text.translate(_ESCAPES)}'"


def among(column: str, values: Iterable[str]) -> str:
    """That a column has one of these values."""
    return f"{column} IN ({', '.join(map(quoted, values))})"


def either(*conditions: str) -> str:
    """That one of some conditions is fulfilled."""
    return f"({' OR '.join(conditions)})"


def moment(at: datetime) -> str:
    """A time as SOQL takes it, to the second, which is as exactly as Salesforce keeps it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
