"""What providers of facts about people and companies have in common: they are asked when a trigger says so, and what
they know comes in like a webhook, by the provider's mapping, which only fills what is blank.

Nothing follows from it unless the connection's setting ``starts`` says so. What a call may cost is the rate limit
``budget``: so many calls in thirty days.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.contract import Again, Client, Delivery, Done, Outcome, Push, RateLimit, Refused, Setting, Unreadable
from adapters.contract import WebhookRequest as Request
from adapters.digest import digest_of
from adapters.outcomes import outcome_of
from adapters.snapshot import events_of
from adapters.strict_json import loads
from adapters.values import object_of, text_of
from app.contacts.action import Action, TrackEvent
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import EMAIL, clean_email
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

ASK = "enrich"  # what a trigger tells a provider: track: {name: enrich, through: …}
MAX_FACTS = 500
DAYS = 30
STARTS = Setting(
    "starts", "yes: what is found may set off what rules say. It only fills contacts otherwise.", secret=False
)
BUDGET = Setting("budget", f"Calls in {DAYS} days, at most; what is over waits.", secret=False, number=True)

Facts = Mapping[str, Any]


def budget(calls: int) -> RateLimit:
    """So many calls in thirty days, unless the setting says how many."""
    return RateLimit("budget", calls, DAYS * 86_400, even=False, setting=BUDGET.name)


def pushes(look_up: Callable[[Client, str], Facts | None], limits: tuple[str, ...]) -> dict[type[Action], Push]:
    """The one thing that a provider does: ``look_up`` tells what it knows by an e-mail address, None for nothing. One
    person to a call, so that the budget counts people. To ask twice costs no more than money."""

    def ask(client: Client, deliveries: Sequence[Delivery]) -> list[Outcome]:
        (one,) = deliveries
        if not one.to.email:
            return [Refused(reason="providers know people by their e-mail address, and none is known")]
        try:
            facts = look_up(client, one.to.email)
        except Exception as error:
            return [outcome_of(error)]
        if not facts:
            return [Done(note="nothing is known of them there")]
        return [Done(note=f"{len(facts)} facts", found=found(one.to.email, facts, datetime.now(UTC)))]

    return {TrackEvent: Push(ask, again=Again.SAFE, accepts=lambda action, settings: action.name == ASK, limits=limits)}


def found(email: str, facts: Facts, at: datetime) -> bytes:
    """What was found, as it goes into the inbox."""
    return msgspec.json.encode({"email": email, "found": dict(facts), "at": at})


def flattened(facts: Any, before: str = "") -> dict[str, Any]:
    """Facts under names with dots: ``person.name.givenName``. Lists and what is empty are left out."""
    flat: dict[str, Any] = {}
    for name, value in object_of(facts).items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{before}{name}.")
        elif value not in (None, "") and isinstance(value, str | int | float):
            flat[f"{before}{name}"] = value
    return dict(list(flat.items())[:MAX_FACTS])


def parse(request: Request, mapping: FieldMapping) -> Iterator[Event]:
    """The event that what was found amounts to. What a provider says again is the same event."""
    document = object_of(loads(request.body))
    email, facts = clean_email(text_of(document.get("email"))[:320]), object_of(document.get("found"))
    if email is None or not facts:
        raise Unreadable("what was found has an e-mail address and facts")
    try:
        at = parse_time(document.get("at"))
    except ValueError:
        raise Unreadable("what was found does not say when") from None
    event = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=f"found|{digest_of([email.address, facts])}",
        identities=(Identity(EMAIL, email.address),),
        properties={"source": "enrichment"},
        quiet=request.settings.get(STARTS.name, "").lower() not in ("yes", "true", "1", "on"),
        mapping=mapping.version,
    )
    for one in events_of(mapping.inbound(facts), event, email.address):
        one.quiet = event.quiet
        yield one
