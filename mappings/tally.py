"""Counting what comes in, field by field, while it is read; kept in memory until somebody writes it down."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from mappings.kinds import kind_of
from mappings.mapping import Mapped

PAYLOAD, HELD = "payload", "held"  # beside the kinds of values: how many payloads, and values that found no place
MAX_NAME = 100  # characters

Key = tuple[int, str, str]  # connection, the vendor's property ("" for all of a payload), kind


class Tally:
    """Counts since they were last taken. Any thread may add to it; what a process that dies had not written is lost,
    which statistics can bear."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Key] = Counter()

    def add(
        self,
        connection_id: int,
        heard: Iterable[tuple[Mapping[str, Any], Mapped]],
        rest: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Count payloads with what their mapping made of them; ``rest`` is what else they held."""
        counts: Counter[Key] = Counter()
        for properties, mapped in heard:
            counts[(connection_id, "", PAYLOAD)] += 1
            for name, value in properties.items():
                counts[(connection_id, name, kind_of(value))] += 1
            for held in mapped.held:
                counts[(connection_id, held.vendor, HELD)] += 1
        for properties in rest:
            for name, value in properties.items():
                counts[(connection_id, name, kind_of(value))] += 1
        if counts:
            with self._lock:
                self._counts.update(counts)

    def take(self) -> Counter[Key]:
        """What was counted, which is nobody else's from now on."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return Counter({key: count for key, count in counts.items() if _is_name(key[1])})


def _is_name(name: str) -> bool:
    """Whether a database can hold a name, and people read it."""
    return len(name) <= MAX_NAME and name.isprintable()
