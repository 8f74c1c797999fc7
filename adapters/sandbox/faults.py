"""What goes wrong on demand in simulated vendors, and how they count calls."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Literal

import msgspec

Clock = Callable[[], float]


class Match(msgspec.Struct, forbid_unknown_fields=True):
    """Which calls a fault is for: the method, and a part of the path; empty means any."""

    method: str = ""
    path: str = ""


Kind = Literal[
    "429",
    "400",
    "401",
    "403",
    "409",
    "500",
    "502",
    "503",
    "html200",
    "empty200",
    "error200",
    "garbage",
    "drop",
    "reset",
    "slow",
    "done_then_drop",
    "done_then_slow",
    "drip",
    "half",
    "endless",
    "partial207",
]
# The others are answered without doing anything, unless the fault says "done".
CARRIED_OUT = {"slow", "done_then_drop", "done_then_slow", "drip", "half", "endless", "partial207"}


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What shall go wrong, with which calls and how often (once, if neither ``times`` nor ``share`` is said).

    ``seconds`` is how long a slow answer takes, and the pause between two bytes of a drip. ``done`` makes an error
    answer a lie: the call is carried out all the same. A partial207 spoils the items of a batch that ``indexes`` or
    ``emails`` name, or ``share`` of them, or else the first one.
    """

    fault: Kind
    vendor: str = ""
    match: Match = msgspec.field(default_factory=Match)
    times: int | None = None
    share: float | None = None
    seconds: float = 1.0
    retry_after: int | float | str | None = None
    done: bool = False
    indexes: list[int] = []
    emails: list[str] = []
    category: str = "VALIDATION_ERROR"
    message: str = ""

    def __post_init__(self) -> None:
        if self.times is None and (self.share is None or self.fault == "partial207"):
            self.times = 1

    def spoils(self, index: int, names: Iterable[str], random: Random) -> bool:
        """Whether the item of a batch at ``index``, known by ``names``, is one of those that fail."""
        if self.indexes or self.emails:
            return index in self.indexes or any(name in self.emails for name in names)
        return random.random() < self.share if self.share is not None else index == 0


class Faults:
    """The faults that wait for their calls. Empty it with :meth:`clear`."""

    def __init__(self, random: Random) -> None:
        self.waiting: list[Fault] = []
        self._random = random
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """From now on this goes wrong too; what was added first comes first."""
        with self._lock:
            self.waiting.append(fault)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self.waiting.clear()

    def pick(self, method: str, path: str) -> Fault | None:
        """The fault that this call meets, now used up by one."""
        with self._lock:
            for fault in self.waiting:
                if fault.match.method.upper() not in ("", method) or fault.match.path not in path:
                    continue
                if fault.fault == "partial207":
                    if "/batch/" not in path:
                        continue
                elif fault.share is not None and self._random.random() >= fault.share:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                return fault
        return None


class Windows:
    """Rolling windows of calls: so many in any so many seconds, by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, float], deque[float]] = {}

    def left(self, name: str, limits: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
        """For each (calls, seconds): how many calls are left, and the seconds until the oldest one is forgotten."""
        now = self._clock()
        answer = []
        for calls, seconds in limits:
            taken = self._calls.setdefault((name, seconds), deque())
            while taken and taken[0] <= now - seconds:
                taken.popleft()
            answer.append((calls - len(taken), taken[0] + seconds - now if taken else 0.0))
        return answer

    def take(self, name: str, limits: Sequence[tuple[int, float]]) -> float:
        """Count one call, if every window has room for it; else the seconds to wait (0: it was counted)."""
        full = [wait for left, wait in self.left(name, limits) if left <= 0]
        if full:
            return max(full)
        for _, seconds in limits:
            self._calls[name, seconds].append(self._clock())
        return 0.0
