"""Reading Marketo: leads by id, what its fields are, and what the connection's user may do."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from adapters.contract import Check, Record
from adapters.marketo.client import Marketo
from adapters.marketo.record import record_of
from adapters.values import object_of, objects_of, text_of
from app.contacts.event import Ref
from mappings.kinds import DATE, NUMBER, TEXT, YES_NO
from mappings.mapping import FieldMapping
from mappings.schema import Property

ALWAYS = ("id", "email", "updatedAt")
_KINDS = {
    **dict.fromkeys(("integer", "float", "currency", "percent", "score"), NUMBER),
    **dict.fromkeys(("date", "datetime"), DATE),
    "boolean": YES_NO,
}


def fields_of(mapping: FieldMapping) -> list[str]:
    """What is asked for of a lead."""
    return list(dict.fromkeys((*ALWAYS, *mapping.sources)))


def lookup(client: Marketo, refs: Sequence[Ref], mapping: FieldMapping, now: datetime) -> Mapping[Ref, Record]:
    """What Marketo holds for these references. What it does not know is left out."""
    named = {ref.value: ref for ref in refs if ref.kind == "contact"}
    found = client.leads("id", named, fields_of(mapping))
    return {named[str(one["id"])]: record_of(one, mapping, now) for one in found if str(one["id"]) in named}


def schema(client: Marketo) -> list[Property]:
    """The fields of leads as the REST API names them. One call."""
    found = []
    for one in objects_of(client.call("GET", "/leads/describe.json").get("result")):
        if name := text_of(object_of(one.get("rest")).get("name")):
            kind = _KINDS.get(str(one.get("dataType")), TEXT)
            found.append(Property(name=name, label=text_of(one.get("displayName")), kind=kind))
    return found


def check(client: Marketo) -> list[Check]:
    """What the connection's user can do, tried with calls that change nothing."""
    asked = (
        ("Sign in", "", "Marketo refuses the client id or secret of the LaunchPoint service"),
        ("Read leads", "/leads/describe.json", "give the API user's role Read-Only Lead or Read-Write Lead"),
        ("Read activities", "/activities/types.json", "give the API user's role Read-Only Activity"),
        ("Read campaigns", "/campaigns.json", "give the API user's role Read-Only or Execute Campaign"),
        ("Read lists", "/lists.json", "give the API user's role Read-Only Lead"),
    )
    return [_try(client, *one) for one in asked]


def _try(client: Marketo, capability: str, path: str, advice: str) -> Check:
    try:
        if path:
            client.call("GET", path)
        else:
            client.session()
    except Exception as error:
        refused = getattr(error, "status", None) in (401, 403)
        return Check(capability, False, advice if refused else f"{type(error).__name__}: {str(error)[:200]}")
    return Check(capability, True)
