"""Who comes over the threshold only because old payloads were read again by a mended mapping. Pure."""

from app.contacts.contact import Stage
from app.contacts.event import Event
from app.rules.decision import Decision, Gate, Outcome, key_of
from app.rules.scoring import Crossing

_OLD_NEWS = Gate("something happened", False, "old payloads were read again; the person did nothing")


def quiet_crossing(event: Event, crossing: Crossing, stage: Stage | None, version: str) -> Decision:
    """The record that nobody is told of it and that the stage stays; whatever raises the score next is no news."""
    stays = f"the stage stays {stage.name}" if stage is not None else "no stage is set"
    return Decision(
        key=key_of("crossed", event.id),
        rule="threshold",
        policy=version,
        what="alert",
        outcome=Outcome.WITHHELD,
        summary=f"Score {crossing.score:.0f} has reached {crossing.threshold:g} by what was read again: nobody is told"
        f" and {stays}",
        event_id=event.id,
        at=event.occurred_at,
        gates=(_OLD_NEWS,),
    )
