"""What conditions ask for, in words, and which of it is so for somebody. Pure."""

from collections.abc import Iterator

from msgspec import Struct

from app.rules.condition import Condition, Count, Facts, Happening, Stride, compile_condition, parts_of
from app.rules.event_words import event_names
from app.rules.field_words import field_words


class Verdict(Struct, frozen=True):
    """One part of a condition, in words, and whether it held."""

    text: str
    holds: bool


def explain(condition: Condition | None, facts: Facts) -> list[Verdict]:
    """Each thing that the condition asks for, in words, with whether it is so. All have to be, but of those that begin
    with "one of: " one is enough."""
    return list(_verdicts(condition, facts, False)) if condition is not None else []


def _verdicts(condition: Condition, facts: Facts, denied: bool) -> Iterator[Verdict]:
    if condition.not_ is not None:
        yield from _verdicts(condition.not_, facts, not denied)
    elif (condition.any if denied else condition.all) is not None:  # none of these is: each of them is not
        for part in parts_of(condition):
            yield from _verdicts(part, facts, denied)
    elif parts_of(condition):
        for said, holds in _ways(condition, facts, denied):
            yield Verdict(f"one of: {said}", holds)
    else:
        yield Verdict(("not: " if denied else "") + words(condition), compile_condition(condition)(facts) is not denied)


def _ways(condition: Condition, facts: Facts, denied: bool) -> Iterator[tuple[str, bool]]:
    """The ways in which a condition comes true, of which one is enough."""
    if condition.not_ is not None:
        yield from _ways(condition.not_, facts, not denied)
    elif (condition.all if denied else condition.any) is not None:
        for part in parts_of(condition):
            yield from _ways(part, facts, denied)
    else:
        said = in_line(condition)
        said = said if not denied else f"not: {said}" if not parts_of(condition) else f"not ({said})"
        yield said, compile_condition(condition)(facts) is not denied


def words(condition: Condition) -> str:
    """One leaf in plain words: ``score at least 50``."""
    if condition.count is not None:
        return _count_words(condition.count)
    if condition.did is not None:
        return _did_words(condition.did, condition.within_days)
    if condition.scored is not None:
        within = f" in the last {condition.within_days:g} days" if condition.within_days else ""
        return f"earned points for {condition.scored.replace('_', ' ')}{within}"
    return field_words(str(condition.field), condition.op, condition.value)


def _count_words(count: Count) -> str:
    same = f", the same {count.same.removeprefix('event.')}," if count.same else ""
    happened = f"{happening_words(count)}{same}"
    if count.at_most == 0:
        said = f"never {happened.rstrip(',')}"
    elif count.at_least is not None:
        said = f"{happened} at least {count.at_least} time{'s'[: count.at_least > 1]}"
    else:
        said = f"{happened} at most {count.at_most} time{'s'[: count.at_most != 1]}"
    return said + _in_the_last(count.within_days)


def _did_words(strides: list[Stride], within_days: float | None) -> str:
    first, *rest = strides
    said = [happening_words(first)]
    said += [
        f"then {happening_words(one)}" + (f" within {one.within_days:g} days" if one.within_days else "")
        for one in rest
    ]
    return ", ".join(said) + _in_the_last(within_days)


def _in_the_last(days: float | None) -> str:
    return f" in the last {f'{days:g} days' if days != 1 else 'day'}" if days else ""


def happening_words(asked: Happening) -> str:
    """Which events, in plain words: ``visited a page (path contains /pricing)``."""
    return event_names(asked.on) + (f" ({in_line(asked.where)})" if asked.where else "")


def in_line(condition: Condition) -> str:
    """A whole condition as one phrase."""
    if condition.not_ is not None:
        return f"not ({in_line(condition.not_)})"
    parts = [f"({in_line(part)})" if len(parts_of(part)) > 1 else in_line(part) for part in parts_of(condition)]
    return (" and " if condition.all is not None else " or ").join(parts) if parts else words(condition)
