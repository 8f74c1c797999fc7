"""Reading Klaviyo: profiles by id, a hundred at a time, with their consent."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.contract import Check, Record
from adapters.klaviyo.client import KlaviyoClient, data_of
from adapters.klaviyo.metrics import BY_PERSON
from adapters.snapshot import events_of
from app.contacts.event import Event, EventType, Identity, Ref
from app.contacts.identity import clean_email, clean_phone
from app.contacts.times import parse_time
from mappings.mapping import FieldMapping

BATCH = 100


def lookup(client: KlaviyoClient, refs: Sequence[Ref], mapping: FieldMapping, now: datetime) -> dict[Ref, Record]:
    """What Klaviyo holds of these profiles. What it does not know is left out."""
    profiles = [ref for ref in refs if ref.kind == "contact"]
    found: dict[Ref, Record] = {}
    for start in range(0, len(profiles), BATCH):
        batch = profiles[start : start + BATCH]
        names = ",".join(f'"{_quoted(ref.value)}"' for ref in batch)
        answer = client.profiles.get_profiles(
            filter=f"any(id,[{names}])",
            additional_fields_profile=["subscriptions"],
            page_size=BATCH,
        )
        for profile in data_of(answer):
            found[Ref("contact", str(profile["id"]))] = profile_record(profile, mapping, now)
    return found


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def profile_record(profile: Mapping[str, Any], mapping: FieldMapping, now: datetime) -> Record:
    """A profile as Klaviyo's API returns it, as the events that it was read so: what it holds, and its consents."""
    name = str(profile["id"])
    attributes = profile.get("attributes") or {}
    properties = flat(attributes)
    at = _changed_at(attributes, now)
    identities = identities_of(name, attributes, mapping)
    mapped = mapping.inbound(properties)
    read = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=f"read|{name}|{at.isoformat()}",
        identities=identities,
        properties={"source": "read"},
        told={key: value for key, value in properties.items() if value not in (None, "")},
        mapping=mapping.version,
    )
    events = events_of(mapped, read, name)
    return Record(identities=read.identities, events=(*events, *_consents(attributes, read, name, now)))


def identities_of(name: str, attributes: Mapping[str, Any], mapping: FieldMapping) -> tuple[Identity, ...]:
    """Every name of the person whose profile this is."""
    identities = [Identity("klaviyo", name)]
    if (email := clean_email(str(attributes.get("email") or ""))) is not None:
        identities.append(Identity("email", email.address))
    if phone := clean_phone(str(attributes.get("phone_number") or ""), mapping.region):
        identities.append(Identity("phone", phone))
    if attributes.get("external_id"):
        identities.append(Identity("external", str(attributes["external_id"])))
    return tuple(identities)


def flat(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """A profile's attributes in one level, as mappings name them: ``location.city``, ``properties.plan``."""
    groups = ("location", "properties")
    properties = {
        key: value for key, value in attributes.items() if key not in groups and not isinstance(value, dict | list)
    }
    for group in groups:
        for key, value in (attributes.get(group) or {}).items():
            properties[f"{group}.{key}"] = value
    return properties


def _changed_at(attributes: Mapping[str, Any], now: datetime) -> datetime:
    try:
        return min(parse_time(attributes.get("updated")), now)
    except ValueError:
        return now


def _consents(attributes: Mapping[str, Any], read: Event, name: str, now: datetime) -> Iterator[Event]:
    """What a profile says of consent, per channel, as events at the time it was said. Suppression beats consent."""
    subscriptions = attributes.get("subscriptions") or {}
    for channel, path in (
        ("email", ("email", "marketing")),
        ("sms", ("sms", "marketing")),
        ("push", ("mobile_push", "marketing")),
    ):
        held: Any = subscriptions
        for step in path:
            held = held.get(step) if isinstance(held, Mapping) else None
        if not isinstance(held, Mapping):
            continue
        said = str(held.get("consent") or "").upper()
        since = held.get("consent_timestamp") or held.get("last_updated") or attributes.get("updated")
        for no in held.get("suppression") or held.get("suppressions") or ():
            if isinstance(no, Mapping):
                at = _at(no.get("timestamp") or since, read, now)
                yield _stopped(channel, str(no.get("reason") or ""), at, read, name)
        if said == "UNSUBSCRIBED":
            # Of the two times that a consent has, a no is as new as the newer one
            at = max(_at(since, read, now), _at(held.get("last_updated") or since, read, now))
            yield _consent(channel, "withdrawn", held, at, read, name)
        elif said == "SUBSCRIBED":
            yield _consent(channel, "granted", held, _at(since, read, now), read, name)


def _at(value: Any, read: Event, now: datetime) -> datetime:
    """When it was said. That may be after the profile's own last change, and must not be put before it: an older no
    could be lifted by a yes that it came after."""
    try:
        return min(parse_time(value), now)
    except ValueError:
        return read.occurred_at


def _consent(channel: str, state: str, held: Mapping[str, Any], at: datetime, read: Event, name: str) -> Event:
    method = str(held.get("method") or "")
    return Event(
        type=EventType.CONSENT_CHANGED,
        occurred_at=at,
        source_key=f"once|consent|{name}|{channel}|{state}|{at.isoformat()}",
        identities=read.identities,
        properties={
            "channel": channel,
            "state": state,
            "method": method,
            "by_person": state == "granted" and method.upper() in BY_PERSON,
            "proof": {"method": method, "double_optin": held.get("double_optin"), "read_from": "Klaviyo profile"},
            "source": "read",
        },
    )


_BOUNCED = frozenset(("HARD_BOUNCE", "INVALID_EMAIL"))
_SPAM = frozenset(("SPAM_COMPLAINT", "SPAM_REPORT"))


def _stopped(channel: str, reason: str, at: datetime, read: Event, name: str) -> Event:
    kind = EventType.CONSENT_CHANGED
    properties: dict[str, Any] = {"channel": channel, "state": "withdrawn", "method": reason}
    if reason in _BOUNCED:
        kind, properties = EventType(f"{channel}.bounced"), {"permanent": True, "reason": reason}
    elif reason in _SPAM:
        kind, properties = EventType(f"{channel}.complained"), {"reason": reason}
    return Event(
        type=kind,
        occurred_at=at,
        source_key=f"once|suppressed|{name}|{channel}|{reason}|{at.isoformat()}",
        identities=read.identities,
        properties={**properties, "source": "read"},
    )


def check(client: KlaviyoClient) -> list[Check]:
    """What the connection's key can do, tried with calls that change nothing."""
    asked = (
        ("Read profiles", lambda: data_of(client.profiles.get_profiles(page_size=1)), "profiles:read"),
        ("Read lists", lambda: data_of(client.lists.get_lists()), "lists:read"),
        ("Read metrics", lambda: data_of(client.sdk.Metrics.get_metrics()), "metrics:read"),
    )
    return [_try(capability, call, scope) for capability, call, scope in asked]


def _try(capability: str, call: Any, scope: str) -> Check:
    try:
        call()
    except Exception as error:
        status = getattr(error, "status", None)
        if status == 401:
            return Check(capability, False, "Klaviyo refuses the API key: make a new one and set it")
        if status == 403:
            return Check(capability, False, f"make a key with the scope {scope}")
        return Check(capability, False, f"{type(error).__name__}: {str(error)[:200]}")
    return Check(capability, True)
