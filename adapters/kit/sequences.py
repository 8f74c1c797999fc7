"""Messages: Kit sends what its sequences hold, so a message is a place in the sequence that carries it."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from adapters.contract import Delivery, Done, Outcome, Refused, RetryLater
from adapters.http import BadAnswer, HttpError
from adapters.kit.client import NO_ADDRESS, Kit, is_missing, number_of, outcome
from adapters.numbered import number_for, wrong_numbers
from app.contacts.action import SendMessage

SETTING = "sequences"
WHAT = "the number of its sequence"


def wrong_sequences(text: str) -> str:
    """What is wrong with the setting; empty where nothing is."""
    return wrong_numbers(text, WHAT)


def sequence_of(action: SendMessage, settings: Mapping[str, str]) -> str:
    """The sequence that carries a message: by the id of its content or rule, or by its name; empty for none."""
    return number_for(action, settings.get(SETTING, ""), WHAT)


def can_send(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether an admin has named a sequence that carries it."""
    return action.channel == "email" and bool(sequence_of(action, settings))


def add(client: Kit, deliveries: Sequence[Delivery]) -> list[Outcome]:
    """Into the sequence that sends the message. Who is in it already stays where they are, so that this can be tried
    again."""
    (one,) = deliveries
    action = cast(SendMessage, one.action)
    sequence, number = sequence_of(action, client.settings), number_of(one)
    if not sequence:  # taken out of the settings meanwhile
        named = action.content or action.rule
        return [Refused(reason=f'no sequence is named for "{named}" in the setting {SETTING}')]
    if not number and not one.to.email:
        return [NO_ADDRESS]
    path = f"/sequences/{sequence}/subscribers"
    try:
        place = (f"{path}/{number}", {}) if number else (path, {"email_address": one.to.email})
        made = client.ask("POST", *place, holds="subscriber")
    except HttpError as error:
        return [_not_there(client, sequence, error)]
    except Exception as error:
        return [outcome(error)]
    state = str(made.get("state") or "active")
    if state != "active":
        return [Refused(reason=f"they are {state} in Kit, which sends them nothing")]
    return [Done(vendor_id=str(made.get("id") or number), note=f"sequence {sequence}")]


def _not_there(client: Kit, sequence: str, error: HttpError) -> Outcome:
    """A sequence that was deleted and a subscriber whom Kit does not know yet answer alike."""
    if not is_missing(error):
        return outcome(error)
    try:
        known = any(str(one.get("id")) == sequence for one in client.pages("/sequences", "sequences"))
    except (HttpError, BadAnswer, OSError) as other:
        return outcome(other)
    if known:
        return RetryLater(reason="Kit does not know this subscriber yet")
    return Refused(reason=f"Kit has no sequence {sequence}: change the setting {SETTING}")
