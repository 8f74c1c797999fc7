"""What takes long to count is not counted each time."""

from typing import Any

import pytest

from app.runtime import Runtime
from app.store import kept


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        pytest.param(0.01, [1, 2, 3], id="in no time: each time"),
        pytest.param(2.0, [1, 1, 3], id="long: again once it is a hundred seconds old"),
    ],
)
def test_what_takes_long_is_kept_for_a_while(
    sqlite_runtime: Runtime, monkeypatch: pytest.MonkeyPatch, seconds: float, expected: list[int]
) -> None:
    now = [1_000.0]
    monkeypatch.setattr(kept, "FREE_SECONDS", 0.05)
    monkeypatch.setattr(kept.time, "monotonic", lambda: now[0])
    found: list[Any] = []

    def count() -> int:
        now[0] += seconds
        return len(found) + 1

    with sqlite_runtime.database.read() as conn:
        for wait in (0.0, 50.0, 60.0):
            now[0] += wait
            found.append(kept.kept(conn, "things", count))
    assert found == expected
