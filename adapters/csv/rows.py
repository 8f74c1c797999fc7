"""Rows of a file as events: each is what somebody says a person is. The body says what the columns mean.

``{"import": 4, "as_of": "2026-11-30T10:00:00+00:00", "columns": {"E-Mail": "email"}, "headers": [...], "first": 1,
"rows": [[...], ...]}``; ``region`` and ``consent`` are optional.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from adapters.contract import BadItem, Parsed, Unreadable, WebhookRequest
from adapters.snapshot import events_of
from adapters.strict_json import loads
from app.contacts.event import Event, EventType, Identity
from app.contacts.identity import clean_email, clean_phone
from mappings.fields import FIELDS, SIGNALS
from mappings.mapping import FieldMapping
from mappings.rows import MappingDocument

MAX_NODES = 200_000
YES = frozenset(
    [
        "yes",
        "y",
        "true",
        "1",
        "x",
        "ja",
        "j",
        "oui",
        "si",
        "sí",
        "ok",
        "subscribed",
        "opt-in",
        "optin",
        "granted",
        "confirmed",
        "agreed",
    ]
)
NO = frozenset(
    ["no", "n", "false", "0", "nein", "non", "unsubscribed", "opt-out", "optout", "withdrawn", "revoked", "declined"]
)
TAGS = "tags"  # a column of tags; no field
TARGETS = (*FIELDS, *(name for name in SIGNALS if name in ("lifecycle_stage", "email_opt_out")), TAGS)


class Consent(Struct, frozen=True):
    """Consent that a file tells of. Without a ``column`` everybody in it gave theirs. ``proof`` says how that can be
    shown."""

    proof: str
    column: str = ""
    channel: str = "email"


class Batch(Struct, frozen=True, rename={"number": "import"}):
    """Some rows of a file, and how they are to be read."""

    number: int
    as_of: datetime
    columns: dict[str, str]
    headers: list[str]
    first: int
    rows: list[list[str]]
    region: str | None = None
    consent: Consent | None = None


def parse(request: WebhookRequest, mapping: FieldMapping) -> Parsed:
    """The events of some rows. A row without anything that names the person is parked by itself, with its number."""
    try:
        batch = msgspec.convert(loads(request.body, max_nodes=MAX_NODES), Batch)
    except msgspec.ValidationError as error:
        raise Unreadable(f"no rows of a file: {error}") from None
    read = _mapping(tuple(batch.columns.items()), batch.region)
    for number, cells in enumerate(batch.rows, batch.first):
        try:
            yield from _events(batch, number, dict(zip(batch.headers, cells, strict=False)), read)
        except Unreadable as error:
            yield BadItem(msgspec.json.encode({"row": number, "cells": cells}), str(error))


@lru_cache(50)
def _mapping(columns: Sequence[tuple[str, str]], region: str | None) -> FieldMapping:
    rows = [
        {"contact": target, "vendor": header, "transform": ["trim", "phone"] if target == "phone" else ["trim"]}
        for header, target in columns
        if target and target != TAGS
    ]
    return FieldMapping(MappingDocument(kind="mapping", name="csv", region=region, fields=rows))


def _events(batch: Batch, number: int, cells: Mapping[str, str], mapping: FieldMapping) -> Iterator[Event]:
    said = {header: text for header in batch.columns if (text := cells.get(header, "").strip())}
    for header, target in batch.columns.items():
        if target == "lifecycle_stage" and header in said:
            said[header] = said[header].lower()
    identities = tuple(_identities(batch, said))
    if not identities:
        raise Unreadable("no e-mail address, phone number or external id")
    # One after the other as in the file, so that the last of several rows about a person is the one that holds
    at = batch.as_of + timedelta(microseconds=number)
    event = Event(
        type=EventType.CONTACT_UPDATED,
        occurred_at=at,
        source_key=f"csv|{batch.number}|{number}",
        identities=identities,
        properties={"source": "import", "row": number},
    )
    yield from events_of(mapping.inbound(said), event, identities[0].value)
    yield from _consents(batch, event, cells)
    for header, target in batch.columns.items():
        if target == TAGS:
            for tag in _listed(said.get(header, "")):
                yield _beside(event, EventType.TAG_ADDED, f"tag|{tag}", {"tag": tag})


def _identities(batch: Batch, said: Mapping[str, str]) -> Iterator[Identity]:
    for header, target in batch.columns.items():
        text = said.get(header)
        if not text:
            continue
        if target == "email":
            email = clean_email(text)
            if email is None:
                raise Unreadable(f"“{text[:80]}” is no e-mail address")
            yield Identity("email", email.address)
        elif target == "phone" and (phone := clean_phone(text, batch.region)):
            yield Identity("phone", phone)
        elif target == "external_id":
            yield Identity("external", text)


def _consents(batch: Batch, event: Event, cells: Mapping[str, str]) -> Iterator[Event]:
    consent = batch.consent
    if consent is None:
        return
    said = cells.get(consent.column, "").strip().lower() if consent.column else "yes"
    if not said:
        return
    if said not in YES and said not in NO:
        raise Unreadable(f"“{said[:80]}” in the column {consent.column} is neither yes nor no")
    properties = {
        "channel": consent.channel,
        "state": "granted" if said in YES else "withdrawn",
        "method": "import",
        # Without it the yes could not be shown to anybody; that it was the person's own is not claimed
        "proof": {"statement": consent.proof, "import": batch.number, "row": event.properties["row"]},
    }
    yield _beside(event, EventType.CONSENT_CHANGED, "consent", properties)


def _beside(event: Event, kind: EventType, key: str, properties: dict[str, Any]) -> Event:
    return Event(
        type=kind,
        occurred_at=event.occurred_at,
        source_key=f"{event.source_key}#{key}",
        identities=event.identities,
        properties={**event.properties, **properties},
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.replace("|", ",").replace(";", ",").split(",") if part.strip()]
