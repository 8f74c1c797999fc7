"""The fields that captured payloads hold: how often, how often filled, what kind, samples; and what each could be."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from msgspec import Struct, field

from adapters.submissions.labels import field_of
from app.mapping.captures import Capture
from mappings.fields import CUSTOM, FIELDS, SIGNALS, type_of
from mappings.kinds import BLANK, TEXT, fits, kind_of
from mappings.mapping import FieldMapping
from mappings.schema import Listed

SAMPLES, SAMPLE_LENGTH = 5, 80
_ALIKE = 0.6
_SLUG = 60


class Found(Struct):
    """One field of a vendor's, as it came in the payloads that were looked at."""

    name: str
    label: str = ""
    seen: int = 0
    filled: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)  # the numbers of the rows that read it, from 0
    suggestion: str = ""  # our field that it looks like, where no row reads it
    listed: str = ""  # its kind, where it has not come and only the tool's own list of fields names it

    @property
    def kind(self) -> str:
        """The kind that most of its values are of."""
        filled = Counter({kind: count for kind, count in self.kinds.items() if kind != BLANK})
        return filled.most_common(1)[0][0] if filled else BLANK

    @property
    def fill_rate(self) -> float:
        """The share of payloads with the field in which it was filled."""
        return self.filled / self.seen if self.seen else 0.0


def fields_found(captures: Iterable[Capture], mapping: FieldMapping, shipped: FieldMapping) -> list[Found]:
    """The fields of these payloads, those that no row reads last, each group by name."""
    found: dict[str, Found] = {}
    for capture in captures:
        for name, value in capture.all_properties.items():
            one = found.setdefault(name, Found(name))
            one.label = one.label or capture.labels.get(name, "")
            note(one, value)
    readers = mapping.readers
    ours = {source: mapping_field for mapping_field, source in shipped.pairs}
    for one in found.values():
        one.rows = list(readers.get(one.name, ()))
        one.suggestion = "" if one.rows else suggestion(one, ours)
    return sorted(found.values(), key=lambda one: (not one.rows, one.name.casefold()))


def only_listed(found: Sequence[Found], listed: Mapping[str, Listed]) -> list[Found]:
    """The fields that the tool lists and that did not come."""
    came = {one.name for one in found}
    return [
        Found(name, label=one.label, listed=one.kind, samples=list(one.options)[:SAMPLES])
        for name, one in sorted(listed.items())
        if name not in came and one.gone is None
    ]


def note(one: Found, value: Any) -> None:
    """Count one more value of a field."""
    kind = kind_of(value)
    one.seen += 1
    one.kinds[kind] += 1
    if kind == BLANK:
        return
    one.filled += 1
    sample = str(value)[:SAMPLE_LENGTH]
    if len(one.samples) < SAMPLES and sample not in one.samples:
        one.samples.append(sample)


def suggestion(one: Found, shipped: Mapping[str, str]) -> str:
    """Our field that one of a vendor's looks like: by the shipped mapping, by its name or label in eight languages; for
    anything else a field of one's own."""
    if one.name in shipped:
        return shipped[one.name]
    leaf = one.name.rpartition(".")[2]
    for words in (one.label, leaf, leaf.replace("_", " ")):
        known = field_of(words) if words else None
        known = known or (words if words in FIELDS or words in SIGNALS else None)
        if known and (kind := type_of(known)) and fits(one.kind, kind):
            return known
    return CUSTOM + slug(leaf)


def slug(name: str) -> str:
    """A vendor's name as part of a name of ours: ``Your budget (EUR)`` → ``your_budget_eur``."""
    made = "".join(letter if letter.isalnum() else "_" for letter in name.lower())
    return "_".join(part for part in made.split("_") if part)[:_SLUG] or "field"


def successor(gone: str, contact: str, found: Sequence[Found], kind: str = TEXT) -> Found | None:
    """The field, among those that no row reads, that one which does not come any more may be called by now."""
    best: tuple[float, Found | None] = (_ALIKE, None)
    for one in found:
        if one.rows or not one.filled:
            continue
        alike = SequenceMatcher(None, slug(gone), slug(one.name)).ratio()
        score = alike + 0.5 * (one.suggestion == contact) + 0.05 * (one.kind == kind)
        if score > best[0]:
            best = (score, one)
    return best[1]
