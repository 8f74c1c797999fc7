"""What two replays leave in fields, side by side: our own, and what tools would be told. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from app.contacts.contact import Contact, Value
from app.rules.decide import Policies
from app.rules.difference import LESS, MORE, OTHER, Change, Filled, Said, Tally
from app.rules.route import Target, belongs, outward
from mappings.transforms import is_blank

FIELD, TOLD = "field", "told"
_SHOWN = 300  # letters of a value


def count_fields(tally: Tally, now: Contact, draft: Contact, at: datetime) -> list[Change]:
    """Count one contact's fields; what differs, by name."""
    return _differing(tally.ours, FIELD, now.fields, draft.fields, at)


class Side(NamedTuple):
    """A contact at a replay's end, with what it was replayed under."""

    contact: Contact
    policies: Policies
    targets: Sequence[Target]


def count_told(tally: Tally, now: Side, draft: Side, vendor_ids: Mapping[int, str], at: datetime) -> list[Change]:
    """Count what each tool would be told of one contact; what differs. ``vendor_ids`` are the contact's ids in tools,
    by connection."""
    before, after = (dict(_told(side, vendor_ids, at)) for side in (now, draft))
    return _differing(tally.told, TOLD, before, after, at)


def _told(side: Side, vendor_ids: Mapping[int, str], at: datetime) -> Iterator[tuple[str, Value]]:
    contact = side.contact
    if contact.erased_at is not None:
        return
    values = outward(contact, side.policies, at)
    for target in side.targets:
        if target.mapping is None or "upsert_contact" not in target.kinds or str(target.id) in contact.deleted_in:
            continue
        if belongs(contact, target.mapping, vendor_ids.get(target.id, "")):
            for name, value in target.mapping.outbound(values).items():
                yield f"{target.name}: {name}", Value(value, at)


def _differing(
    counts: dict[str, Filled], effect: str, now: Mapping[str, Value], draft: Mapping[str, Value], at: datetime
) -> list[Change]:
    made = (_compare(counts, effect, name, now.get(name), draft.get(name), at) for name in sorted({*now, *draft}))
    return [change for change in made if change is not None]


def _compare(
    counts: dict[str, Filled], effect: str, name: str, now: Value | None, draft: Value | None, at: datetime
) -> Change | None:
    mine, theirs = (None if one is None or is_blank(one.value) else one for one in (now, draft))
    if mine is None and theirs is None:
        return None
    side = OTHER if mine and theirs else MORE if theirs else LESS
    if mine and theirs and mine.value == theirs.value and type(mine.value) is type(theirs.value):
        side = ""
    counts.setdefault(name, Filled()).add(mine is not None, theirs is not None, side)
    return Change(effect, name, side, at, _said(mine), _said(theirs)) if side else None


def _said(value: Value | None) -> Said | None:
    return None if value is None else Said(value.at, "", _words(value.value), value.mapping)


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    said = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}…"
