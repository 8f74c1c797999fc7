"""Long stories that many tests begin with are told once in a process; later tests begin with a copy of their end."""

from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, TypeVar

from app.runtime import Runtime

Said = TypeVar("Said")

_ends: dict[tuple[Any, ...], tuple[bytes, Any]] = {}


def told_once(runtime: Runtime, story: Callable[[Runtime], Said]) -> Said:
    """What a story says when it is told to an installation, which afterwards is as the story leaves it.

    Copied is what was told before at the same time by the clock, to an installation on SQLite in which
    nothing has happened yet. A story with another beginning, or on PostgreSQL, is told anew.
    """
    if not _is_untouched(runtime):
        return story(runtime)
    file = Path(runtime.database.engine.url.database or "")
    key = story, runtime.clock(), runtime.settings.public_url
    if key in _ends:
        runtime.database.close()
        content, said = _ends[key]
        file.write_bytes(content)
        runtime.forget()
    else:
        said = story(runtime)
        runtime.database.close()  # and with the last connection everything is in the file
        assert not _log(runtime).exists(), "somebody else is at this database"
        _ends[key] = file.read_bytes(), said
    return copy(said)


def _is_untouched(runtime: Runtime) -> bool:
    """Whether nothing has been written since the database was copied from its template."""
    return runtime.database.is_sqlite and not (_log(runtime).exists() and _log(runtime).stat().st_size)


def _log(runtime: Runtime) -> Path:
    return Path(f"{runtime.database.engine.url.database}-wal")
