"""Mapped properties as events: fields stay on the event they came with, signals become events of their own."""

from collections.abc import Iterator

import msgspec

from app.contacts.event import Event, EventType
from app.contacts.times import parse_time
from mappings.mapping import Held, Mapped


def events_of(mapped: Mapped, base: Event, person: str, one_property: bool = False) -> Iterator[Event]:
    """The events that a vendor's properties amount to. ``base`` is what happened anyway (a property changed, a contact
    was read); ``person`` names the contact in the vendor, for things that happened once however often they are told.
    Where ``one_property`` changed and all that it says is a signal, the signal is the event."""
    if mapped.skip:
        properties = {**base.properties, "skipped": mapped.skip}
        yield msgspec.structs.replace(base, type=EventType.UNKNOWN, properties=properties, told={})
        return
    base.fields.update(mapped.fields)
    base.authority.update(mapped.authority)
    # A verdict that stands in a record may be years old; only that it was given now is news
    judged = one_property or base.type == EventType.SALES_VERDICT
    signals = [
        event
        for name, value in mapped.signals.items()
        if (name != "sales_verdict" or judged) and (event := _signal(name, value, base, person))
    ]
    if mapped.held:
        base.properties["held"] = [msgspec.structs.asdict(held) for held in mapped.held]
    if one_property and len(signals) == 1 and not mapped.fields:
        only = signals[0]
        yield msgspec.structs.replace(
            only, source_key=_once(only, base), told=base.told, properties={**base.properties, **only.properties}
        )
        return
    if base.type in _EMPTY and any(signal.type == base.type for signal in signals):
        base.type = EventType.CONTACT_UPDATED
    yield base
    yield from signals


# What says nothing without its value, which the signal has
_EMPTY = frozenset((EventType.SALES_VERDICT, EventType.STAGE_CHANGED))


def _once(signal: Event, base: Event) -> str:
    return signal.source_key if signal.source_key.startswith("once|") else base.source_key


def _signal(name: str, value: object, base: Event, person: str) -> Event | None:
    """One signal as an event, or None where the value says that nothing happened."""
    kind: EventType
    at, once = base.occurred_at, ""
    properties = dict(base.properties)
    match name:
        case "lifecycle_stage":
            kind, properties["stage"] = EventType.STAGE_CHANGED, value
        case "sales_verdict":
            kind, properties["verdict"] = EventType.SALES_VERDICT, value
        case "email_opt_out":
            if value is not True:  # a tool's "not opted out" is no consent
                return None
            kind, properties["method"] = EventType.EMAIL_UNSUBSCRIBED, "opt-out in the tool"
        case "email_replied_at":
            kind, at = EventType.EMAIL_REPLIED, parse_time(value)
            once = f"once|replied|{person}|{value}"
        case "meeting_booked_at":
            kind = EventType.MEETING_BOOKED
            properties["starts_at"] = properties["meeting"] = str(value)
            at = min(base.occurred_at, parse_time(value))
            once = f"once|meeting|{person}|{value}"
        case _:
            return None
    return Event(
        type=kind,
        occurred_at=at,
        source_key=once or f"{base.source_key}#{name}",
        identities=base.identities,
        properties=properties,
        actor=base.actor,
        mapping=base.mapping,
    )


def held_in(event: Event) -> list[Held]:
    """The values of an event that its mapping had no place for."""
    return [msgspec.convert(held, Held) for held in event.properties.get("held", ())]
