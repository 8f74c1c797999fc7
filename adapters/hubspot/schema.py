"""The properties of HubSpot's contacts as HubSpot lists them, with the options of its picklists."""

from typing import Any

from adapters.hubspot.client import HubSpotClient
from mappings.kinds import DATE, NUMBER, TEXT, YES_NO
from mappings.schema import Property

# HubSpot's type → the kind of its values; texts, telephone numbers and picklists hold texts
KINDS = {"number": NUMBER, "date": DATE, "datetime": DATE, "bool": YES_NO}


def schema(client: HubSpotClient) -> list[Property]:
    """All properties of contacts; those that are archived are not among them. One call."""
    answer = client.ask(client.properties.get_all, "contacts")
    return [_property(one) for one in answer.get("results") or () if isinstance(one, dict) and one.get("name")]


def _property(listed: dict[str, Any]) -> Property:
    kind = str(listed.get("type") or "")
    options = listed.get("options") if kind == "enumeration" else None
    values = [
        str(one["value"]) for one in options or () if isinstance(one, dict) and one.get("value") not in (None, "")
    ]
    return Property(
        name=str(listed["name"]),
        label=str(listed.get("label") or ""),
        kind=KINDS.get(kind, TEXT),
        options=tuple(dict.fromkeys(values)),
    )
