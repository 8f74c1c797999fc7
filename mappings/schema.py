"""What a tool itself lists of its contacts' fields: which there are, of what kind, with which options; and what of that
has changed since it was first looked at. Pure.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, timedelta

from msgspec import Struct
from msgspec.structs import replace

from mappings.kinds import TEXT

NEWS_FOR = timedelta(days=30)


class Property(Struct, frozen=True, kw_only=True):
    """A field of a tool's contacts as its schema has it. ``kind`` is one of :mod:`mappings.kinds`; ``options`` are the
    values of a picklist, empty for any other field."""

    name: str
    label: str = ""
    kind: str = TEXT
    options: tuple[str, ...] = ()


class Listed(Struct, frozen=True, kw_only=True):
    """A field as it was last listed. ``first`` is when it was first seen there, ``gone`` since when it is missing;
    ``was`` is the kind that it had before ``changed``. Options are kept with when each was first seen."""

    label: str
    kind: str
    first: date
    options: dict[str, date] = {}
    gone: date | None = None
    was: str = ""
    changed: date | None = None

    def retyped(self, today: date) -> bool:
        """Whether it became another kind of field lately."""
        return self.changed is not None and today - self.changed < NEWS_FOR

    def fresh(self) -> list[str]:
        """The options that came later than the field itself was first seen."""
        return [option for option, since in self.options.items() if since > self.first]

    def without_place(self, values: Collection[str]) -> list[str]:
        """The options that stand in no value table."""
        return [option for option in self.options if option not in values]


Fields = Mapping[str, Listed]


def merged(known: Fields, properties: Iterable[Property], today: date) -> dict[str, Listed]:
    """What is known after a schema was read again. What it does not list any more stays, as gone."""
    made: dict[str, Listed] = {}
    for one in properties:
        before = known.get(one.name)
        if before is None:
            options = dict.fromkeys(one.options, today)
            made[one.name] = Listed(label=one.label, kind=one.kind, first=today, options=options)
            continue
        options = {option: before.options.get(option, today) for option in one.options}
        made[one.name] = replace(before, label=one.label, kind=one.kind, options=options, gone=None)
        if one.kind != before.kind:
            made[one.name] = replace(made[one.name], was=before.kind, changed=today)
    for name, before in known.items():
        if name not in made:
            made[name] = replace(before, gone=before.gone or today)
    return made
