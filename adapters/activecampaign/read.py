"""Reading ActiveCampaign: contacts by id, a hundred at a time, and whose a deal is."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from adapters.accepting import takes_handoffs
from adapters.activecampaign.client import PAGE, ActiveCampaign, part
from adapters.activecampaign.record import INCLUDED, bundles, record_of
from adapters.contract import Check, Record
from adapters.http import HttpError
from adapters.outcomes import retry_after
from app.contacts.event import Identity, Ref
from mappings.mapping import FieldMapping

PATIENT_SECONDS = 3.0


def lookup(client: ActiveCampaign, refs: Sequence[Ref], mapping: FieldMapping, now: datetime) -> Mapping[Ref, Record]:
    """What ActiveCampaign holds for these references. What it does not know is left out."""
    found: dict[Ref, Record] = {}
    for batch in _batches([ref for ref in refs if ref.kind == "contact"]):
        for bundle in _contacts(client, batch):
            record = record_of(bundle, mapping, now, client.settings.get("list", ""))
            found[Ref("contact", str(bundle["contact"]["id"]))] = record
    for ref in refs:
        if ref.kind == "deal":
            found[ref] = _deal(client, ref)
    return found


def _batches(refs: Sequence[Ref]) -> Iterator[list[Ref]]:
    rest = iter(refs)
    while batch := list(islice(rest, PAGE)):
        yield batch


def _contacts(client: ActiveCampaign, refs: Sequence[Ref]) -> Iterator[dict[str, Any]]:
    asked = [("ids[]", ref.value) for ref in refs] + [("include", INCLUDED), ("limit", str(PAGE))]
    answer = client.ask("GET", f"/contacts?{urlencode(asked)}", holds="contacts")
    wanted = {ref.value for ref in refs}
    found = bundles(answer, client.field_names(), client.tag_names)
    yield from (one for one in found if str(one["contact"]["id"]) in wanted)


def _deal(client: ActiveCampaign, ref: Ref) -> Record:
    try:
        deal = client.ask("GET", f"/deals/{part(ref.value)}", holds="deal")["deal"]
    except HttpError as error:
        if error.status == 404 or (error.status == 403 and client.key_works()):  # gone, or not for us to see
            return Record()
        raise
    contact = str(deal.get("contact") or "")
    return Record(contacts=(Identity("activecampaign", contact),) if contact not in ("", "0") else ())


# --- what the key may do


def check(client: ActiveCampaign) -> list[Check]:
    """What the connection's key can do, tried with calls that change nothing."""
    asked = [*_ASKED]
    if takes_handoffs(None, client.settings):
        asked.append(("Deals and tasks", "/dealTasktypes", "dealTasktypes"))
    if named := client.settings.get("list"):
        asked.append((f"List {named}", f"/lists/{part(named)}", "list"))
    return [_try(client, *one) for one in asked]


_ASKED = (
    ("Sign in", "/users/me", "user"),
    ("Read contacts", "/contacts", "contacts"),
    ("Read lists", "/lists", "lists"),
    ("Read tags", "/tags", "tags"),
    ("Read custom fields", "/fields", "fields"),
    ("Read automations", "/automations", "automations"),
)
_ADVICE = {
    401: "ActiveCampaign refuses the key: copy it anew from Settings → Developer and set it",
    402: "the account is not active: look at its billing",
    403: "the key is wrong, or its user or plan may not do this; deals need a plan with them, or set handoffs=no",
    404: "there is no such thing: is the address the API URL from Settings → Developer?",
}


def _try(client: ActiveCampaign, capability: str, path: str, holds: str) -> Check:
    try:
        _ask_patiently(client, path, holds)
    except Exception as error:
        status = getattr(error, "status", 0)
        return Check(capability, False, _ADVICE.get(status) or f"{type(error).__name__}: {str(error)[:200]}")
    return Check(capability, True)


def _ask_patiently(client: ActiveCampaign, path: str, holds: str) -> None:
    """Ask, and once more where there were too many calls in this second: several are tried, in a row."""
    try:
        client.ask("GET", path, query={"limit": 1}, holds=holds)
    except HttpError as error:
        if error.status != 429:
            raise
        time.sleep(min(retry_after(error.headers) or 1.0, PATIENT_SECONDS))
        client.ask("GET", path, query={"limit": 1}, holds=holds)
