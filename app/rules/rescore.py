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


def decision_of(found: Rescored, contact: Contact, version: str, threshold: float, who: str, now: datetime) -> Decision:
    """The record of somebody who came over the threshold, or would be further, by new rules alone. ``who`` stands for
    the contact in its key: there is one for each version."""
    parts = []
    if found.rose:
        parts.append(f"Score {found.before:.0f} → {found.after:.0f} by new rules alone, over {threshold:g}")
    if found.stage is not None:
        parts.append(f"By the rules in force the stage would be {found.stage.name}")
    stays = f"the stage stays {contact.stage.name}" if contact.stage is not None else "no stage is set"
    return Decision(
        key=key_of("rescore", version, who),
        rule=RULE,
        policy=version,
        what=WHAT,
        outcome=Outcome.WITHHELD,
        summary=f"{'. '.join(parts)}: nobody is told and {stays}, as nothing happened but a publication",
        event_id="",
        at=now,
        gates=(_QUIET,),
    )
