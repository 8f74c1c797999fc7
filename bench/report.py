"""What was measured, beside the bar it has to clear: as a table for people and as JSON for programs."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

LOST_OR_WRONG, COULD_NOT_RUN = 1, 2


@dataclass(frozen=True)
class Figure:
    """One measured thing. ``value`` is a text where it could not be measured. A ``promise`` must never be broken: the
    command fails then. Any other missed bar is only shown."""

    what: str
    value: float | str
    unit: str = ""
    bar: float | None = None
    at_least: bool = False
    promise: bool = False

    @property
    def kept(self) -> bool | None:
        """Whether the bar was cleared; None without a bar or without a number."""
        if self.bar is None or isinstance(self.value, str):
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar


@dataclass
class Measured:
    """One part of the benchmark as it went. ``others`` is the share of all CPU that other programs used meanwhile."""

    part: str
    figures: Sequence[Figure] = field(default_factory=tuple)
    seconds: float = 0.0
    others: float | None = None
    failure: str = ""


def exit_code(parts: Iterable[Measured]) -> int:
    """0; 1 if something was lost, wrong or doubled; 2 if a part could not run."""
    parts = list(parts)
    if any(figure.promise and figure.kept is False for part in parts for figure in part.figures):
        return LOST_OR_WRONG
    return COULD_NOT_RUN if any(part.failure for part in parts) else 0


def table(parts: Iterable[Measured]) -> str:
    """Everything as text in columns."""
    rows: list[tuple[str, str, str, str]] = []
    for part in parts:
        others = "not measured" if part.others is None else f"{part.others:.0%} of the CPU"
        rows.append((f"{part.part}  ({part.seconds:.0f} s; other programs: {others})", "", "", ""))
        rows += [(f"  {one.what}", _shown(one.value, one.unit), _bar(one), _verdict(one)) for one in part.figures]
        if part.failure:
            rows.append((f"  COULD NOT RUN: {part.failure}", "", "", ""))
    wide = max((len(row[0]) for row in rows if row[1]), default=0)
    right, bars = (max((len(row[column]) for row in rows), default=0) for column in (1, 2))
    lines = [f"{what:<{wide}}  {value:>{right}}  {bar:<{bars}}  {verdict}" for what, value, bar, verdict in rows]
    return "\n".join(line.rstrip() for line in lines)


def document(machine: dict[str, Any], parts: Iterable[Measured]) -> dict[str, Any]:
    """Everything as plain data."""
    shown = [{**asdict(part), "figures": [{**asdict(one), "kept": one.kept} for one in part.figures]} for part in parts]
    return {"machine": machine, "parts": shown}


def _shown(value: float | str, unit: str) -> str:
    if isinstance(value, str):
        return value
    digits = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _bar(figure: Figure) -> str:
    if figure.bar is None:
        return ""
    return f"{'≥' if figure.at_least else '≤'} {figure.bar:g}" if figure.bar else "none"


def _verdict(figure: Figure) -> str:
    return {True: "ok", False: "BROKEN" if figure.promise else "missed", None: ""}[figure.kept]
