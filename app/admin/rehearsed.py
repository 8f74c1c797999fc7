"""What a rehearsal counted, as people read it: group by group, line by line, each with its rules and checks."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from app.admin import words
from app.mapping import words as mapping_words
from app.rules.decide import Policies
from app.rules.difference import ALL, Count, Filled, Tally, Why
from app.rules.field_difference import FIELD, TOLD

# Effects in the order in which people ask for them; what is not here comes last
_GROUPS = (
    ("Scores and stages", ("threshold", "rescore", "stage", "stage withheld")),
    ("Sales", ("handoff", "handoff withheld", "reminder", "escalation", "alert", "alert withheld")),
    ("Messages", ("message", "message withheld", "sunset", "list", "list withheld", "event", "event withheld")),
    ("Sequences", ("enrolment", "enrolment withheld", "enrolment ended", "turn", "branch", "split", "pause")),
    ("Segments", ("segment entered", "segment left")),
)
_OTHER = "Other"
_FOREMOST = ("threshold", "handoff", "enrolment", "message", "message withheld")
OVERTAKEN = "By the time it could leave, it was over"


class Line(Struct, frozen=True):
    """One effect: how often it came about in all, by rule as (id, label, count), and by check as (words, count)."""

    effect: str
    label: str
    help: str
    count: Count
    rules: list[tuple[str, str, Count]]
    checks: list[tuple[str, Why]]

    @property
    def differs(self) -> bool:
        """Whether it comes about oftener or less often with the draft, for whomever."""
        return bool(self.count.more or self.count.less)


def groups(tally: Tally, policies: Policies) -> list[tuple[str, list[Line]]]:
    """(title, lines) of all that was counted; groups in which nothing came about are left out."""
    labels = rule_labels(policies)
    known = {effect for _, effects in _GROUPS for effect in effects}
    rest = sorted(tally.effects.keys() - known)
    found = []
    for title, effects in (*_GROUPS, (_OTHER, rest)):
        lines = [_line(effect, tally, labels) for effect in effects if effect in tally.effects]
        if lines:
            found.append((title, lines))
    return found


def foremost(tally: Tally) -> list[tuple[str, Count]]:
    """What people ask for first, as (words, count), where it came about at all."""
    return [(words.EFFECTS[effect], tally.effects[effect][ALL]) for effect in _FOREMOST if effect in tally.effects]


def rule_labels(policies: Policies) -> dict[str, str]:
    """rule, as decisions name it → what it is called."""
    found = {one.id: one.label for one in policies.triggers.by_id.values()}
    found |= {f"sequence:{one.id}": one.label for one in policies.sequences.newest.by_id.values()}
    found |= {f"segment:{one.id}": one.label for one in policies.segments.every}
    found |= {one.id: one.label for one in policies.handoff.document.rules}
    return found | {one.id: one.label for one in policies.segments.every}


def fields(counts: Mapping[str, Filled]) -> list[tuple[str, Filled]]:
    """(field, count) of fields in which something differs, most people first."""
    found = [(name, count) for name, count in counts.items() if count.differing]
    return sorted(found, key=lambda one: (-one[1].differing, one[0]))


def rule_label(rule: str, labels: Mapping[str, str], effect: str = "") -> str:
    """What a rule is called, also one that only the draft has; of a field that differs, its name."""
    if effect == FIELD:
        return mapping_words.name(rule)
    if effect == TOLD:
        return rule
    return labels.get(rule) or words.say({}, rule.partition(":")[2] or rule)


def _line(effect: str, tally: Tally, labels: Mapping[str, str]) -> Line:
    rules = tally.effects[effect]
    named = [(rule, rule_label(rule, labels), count) for rule, count in rules.items() if rule != ALL]
    checks = [
        (words.HELD_BY.get(check) or f"Not so: {words.gate(check)}" if check else OVERTAKEN, why)
        for check, why in tally.reasons.get(effect, {}).items()
    ]
    return Line(
        effect,
        words.say(words.EFFECTS, effect),
        words.EFFECT_HELP.get(effect, ""),
        rules[ALL],
        sorted(named, key=lambda one: (-_most(one[2]), one[1])),
        sorted(checks, key=lambda one: (-max(one[1].now, one[1].draft), one[0])),
    )


def _most(count: Count) -> int:
    return max(count.now, count.draft, count.really)


def effects_in(tally: Tally) -> Iterable[tuple[str, str]]:
    """(effect, words) of all that came about, in the order of the page."""
    known = [effect for effect, counts in ((FIELD, tally.ours), (TOLD, tally.told)) if counts]
    known += [effect for _, effects in _GROUPS for effect in effects if effect in tally.effects]
    rest = sorted(tally.effects.keys() - set(known))
    return [(effect, words.say(words.EFFECTS, effect)) for effect in (*known, *rest)]
