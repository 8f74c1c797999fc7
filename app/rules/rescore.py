"""Scores after the rules for them have changed: each contact gets the points that its history earns under the new
ones. Quietly: nobody has done anything just now, so nothing follows from it. Pure.

Who comes over the threshold by this alone is not told to anybody and keeps the stage; a decision says so, and people
find it among those that were kept back.
"""

from datetime import datetime

from msgspec import Struct

from app.contacts.contact import STAGE_ORDER, Contact, Stage
from app.rules.decide import Policies
from app.rules.decision import Decision, Gate, Outcome, key_of
from app.rules.score import ScoringRules, total

RULE, WHAT = "rescore", "rescore"
KINDS = frozenset(("scoring", "lifecycle"))  # the policies whose publication scores everybody anew
_QUIET = Gate("something happened", False, "the rules have changed, not the person")


class Rescored(Struct, frozen=True):
    """What became of a score: before and after, as of now; whether it came up over the threshold or fell below it."""

    before: float
    after: float
    rose: bool
    fell: bool
    stage: Stage | None  # the one that the new rules would have led to, where it is further than the contact's

    @property
    def changed(self) -> bool:
        """Whether the score is another one."""
        return abs(self.after - self.before) >= 0.005


def rescore(contact: Contact, earned: Contact, old: ScoringRules, policies: Policies, now: datetime) -> Rescored:
    """Give the contact (in place) the points of ``earned``, which is the same one as its history makes it under these
    policies. ``old`` are the rules by which its score has been read until now."""
    new, score = policies.scoring.read, contact.score
    contact.scored_by = policies.scored_by
    before = total(score, old, now)
    score.rules, contact.seen = earned.score.rules, earned.seen
    after = total(score, new, now)
    rose = before < old.threshold and after >= new.threshold
    fell = before >= old.threshold and after < new.threshold
    if rose and score.armed:  # whatever raises it next is no news
        score.armed, score.crossed_at = False, now
    elif after < new.rearm_below:
        score.armed = True
    return Rescored(before, after, rose, fell, _further(earned.stage, contact.stage))


def _further(would_be: Stage | None, known: Stage | None) -> Stage | None:
    if would_be is None or would_be.by != "rule":
        return None
    ahead = known is None or STAGE_ORDER[would_be.name] > STAGE_ORDER[known.name]
    return would_be if ahead else None


def is_behind(contact: Contact, policies: Policies) -> bool:
    """Whether a score is still counted by older rules, or by some of both. By newer ones it may be as well, where a
    process has not heard of them yet: that is not to be undone."""
    by, wanted = contact.scored_by, policies.scored_by
    return by != wanted and contact.erased_at is None and not _is_newer(by, wanted)


def _is_newer(by: str, wanted: str) -> bool:
    pairs = zip(_numbers(by), _numbers(wanted), strict=False)
    return any(mine > theirs for mine, theirs in pairs)


def _numbers(by: str) -> list[int]:
    numbers = (version.partition("@")[2] for version in by.split(" "))
    return [int(number) if number.isdecimal() else 0 for number in numbers]


def decision_of(found: Rescored, contact: Contact, policies: Policies, who: str, now: datetime) -> Decision | None:
    """The record of somebody who came over the threshold, or would be further, by new rules alone; None for all others.
    ``who`` stands for the contact in its key: there is one for each version."""
    if not found.rose and found.stage is None:
        return None
    parts, threshold = [], policies.scoring.read.threshold
    if found.rose:
        parts.append(f"Score {found.before:.0f} → {found.after:.0f} by new rules alone, over {threshold:g}")
    if found.stage is not None:
        parts.append(f"By the rules in force the stage would be {found.stage.name}")
    stays = f"the stage stays {contact.stage.name}" if contact.stage is not None else "no stage is set"
    return Decision(
        key=key_of("rescore", policies.scored_by, who),
        rule=RULE,
        policy=policies.scoring.version,
        what=WHAT,
        outcome=Outcome.WITHHELD,
        summary=f"{'. '.join(parts)}: nobody is told and {stays}, as nothing happened but a publication",
        event_id="",
        at=now,
        gates=(_QUIET,),
    )
