"""What a new HubSpot account knows: object types, properties with their rules, associations, owners, subscriptions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

LONGEST_TEXT = 65_536
DAY_MS = 86_400_000
LAST_MS = 253_402_300_800_000  # the year 10 000
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;.]+(\.[^@\s,;.]+)+")
NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")

OBJECT_TYPES = {  # the name in paths → the id that webhooks and some callers use instead
    "contacts": "0-1",
    "companies": "0-2",
    "deals": "0-3",
    "notes": "0-46",
    "meetings": "0-47",
    "calls": "0-48",
    "emails": "0-49",
    "tasks": "0-27",
}
SINGULAR = {name: "company" if name == "companies" else name[:-1] for name in OBJECT_TYPES}
_BY_ANY_NAME = {
    **{name: name for name in OBJECT_TYPES},
    **{word: name for name, word in SINGULAR.items()},
    **{number: name for name, number in OBJECT_TYPES.items()},
}

# The association that is made when none is named, by the direction it is read in.
_PAIRS = """
contacts companies 279 280 | deals contacts 3 4 | deals companies 341 342 | tasks contacts 204 203
tasks companies 192 191 | tasks deals 216 215 | notes contacts 202 201 | notes companies 190 189
notes deals 214 213 | meetings contacts 200 199 | meetings companies 188 187 | meetings deals 212 211
calls contacts 194 193 | calls companies 182 181 | calls deals 206 205 | emails contacts 198 197
emails companies 186 185 | emails deals 210 209
"""
ASSOCIATIONS: dict[tuple[str, str], int] = {}
for _pair in _PAIRS.replace("|", "\n").strip().splitlines():
    _from, _to, _there, _back = _pair.split()
    ASSOCIATIONS[_from, _to], ASSOCIATIONS[_to, _from] = int(_there), int(_back)

STAGES = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
LEAD_STATUSES = (
    "NEW",
    "OPEN",
    "IN_PROGRESS",
    "OPEN_DEAL",
    "UNQUALIFIED",
    "ATTEMPTED_TO_CONTACT",
    "CONNECTED",
    "BAD_TIMING",
)
DEAL_STAGES = (
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedlost",
)


@dataclass
class Property:
    """One property of an object type, and what it accepts."""

    name: str
    type: str = "string"
    field_type: str = "text"
    label: str = ""
    group: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    read_only: bool = False
    unique: bool = False
    own: bool = False  # made by a user of the account, not by HubSpot
    description: str = ""

    def shown(self, moment: str) -> dict[str, Any]:
        """The property as the API shows it."""
        return {
            "name": self.name,
            "label": self.label or self.name,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": not self.own,
            "modificationMetadata": {
                "archivable": self.own,
                "readOnlyDefinition": not self.own,
                "readOnlyValue": self.read_only,
            },
            "formField": False,
            "archived": False,
            "createdAt": moment,
            "updatedAt": moment,
        }


def options(*values: str) -> list[dict[str, Any]]:
    """Options of an enumeration, whose labels are their values."""
    return [
        {"label": value, "value": value, "displayOrder": place, "hidden": False} for place, value in enumerate(values)
    ]


def object_type(name: str) -> str | None:
    """The object type that a path or body names: "contacts", "contact" or "0-1"; None for what the sandbox lacks."""
    return _BY_ANY_NAME.get(name)


def _texts(names: str) -> list[Property]:
    return [Property(name) for name in names.split()]


def _made(prefix: str) -> list[Property]:
    """What HubSpot keeps on every object; contacts have the names without a prefix."""
    return [
        Property(f"{prefix}createdate", "datetime", "date", read_only=True),
        Property("lastmodifieddate" if not prefix else "hs_lastmodifieddate", "datetime", "date", read_only=True),
        Property("hs_object_id", "number", "number", read_only=True),
        Property("hubspot_owner_id", "enumeration", "select"),
    ]


def new_properties() -> dict[str, dict[str, Property]]:
    """The properties of a new account, by object type and name."""
    due = Property("hs_timestamp", "datetime", "date")
    tables = {
        "contacts": [
            *_made(""),
            Property("email", unique=True),
            *_texts("firstname lastname phone mobilephone fax jobtitle company website address city state zip country"),
            *_texts("industry company_size hs_language message salutation"),
            Property("lifecyclestage", "enumeration", "radio", options=options(*STAGES)),
            Property("hs_lead_status", "enumeration", "radio", options=options(*LEAD_STATUSES)),
            Property("hs_additional_emails", "enumeration", "checkbox", read_only=True),
            Property("hs_merged_object_ids", "enumeration", "checkbox", read_only=True),
            Property("hs_email_optout", "bool", "booleancheckbox", options=options("true", "false"), read_only=True),
            *(
                Property(f"hs_email_optout_{number}", "bool", "booleancheckbox", read_only=True)
                for number in SUBSCRIPTIONS
            ),
            Property("engagements_last_meeting_booked", "datetime", "date", read_only=True),
            Property("hs_sales_email_last_replied", "datetime", "date", read_only=True),
            Property("notes_last_contacted", "datetime", "date", read_only=True),
            Property("recent_conversion_date", "datetime", "date", read_only=True),
            Property("hs_email_last_open_date", "datetime", "date", read_only=True),
        ],
        "companies": [*_made("hs_"), *_texts("name domain city country industry phone")],
        "deals": [
            *_made("hs_"),
            Property("dealname"),
            Property("pipeline", "enumeration", "select", options=options("default")),
            Property("dealstage", "enumeration", "radio", options=options(*DEAL_STAGES)),
            Property("amount", "number", "number"),
            Property("closedate", "datetime", "date"),
        ],
        "tasks": [
            *_made("hs_"),
            due,
            *_texts("hs_task_subject hs_task_body"),
            Property(
                "hs_task_status",
                "enumeration",
                "select",
                options=options("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"),
            ),
            Property("hs_task_priority", "enumeration", "select", options=options("NONE", "LOW", "MEDIUM", "HIGH")),
            Property("hs_task_type", "enumeration", "select", options=options("TODO", "CALL", "EMAIL")),
            Property("hs_task_reminders"),
        ],
        "notes": [*_made("hs_"), due, *_texts("hs_note_body")],
        "meetings": [
            *_made("hs_"),
            due,
            *_texts("hs_meeting_title hs_meeting_body hs_internal_meeting_notes hs_meeting_location"),
            *_texts("hs_meeting_external_url"),
            Property("hs_meeting_start_time", "datetime", "date"),
            Property("hs_meeting_end_time", "datetime", "date"),
            Property(
                "hs_meeting_outcome",
                "enumeration",
                "select",
                options=options("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"),
            ),
        ],
        "calls": [*_made("hs_"), due, *_texts("hs_call_title hs_call_body hs_call_direction hs_call_disposition")],
        "emails": [*_made("hs_"), due, *_texts("hs_email_subject hs_email_text hs_email_direction hs_email_status")],
    }
    known: dict[str, dict[str, Property]] = {}
    for kind, properties in tables.items():
        known[kind] = {}
        for one in properties:
            known[kind][one.name] = Property(**{**vars(one), "group": GROUPS[kind]})
    return known


# The owners of the account. Tasks take the id; "user" is another number, and the two are easily confused.
OWNERS: tuple[Mapping[str, Any], ...] = (
    {"id": "101", "email": "ada.rep@example.com", "first": "Ada", "last": "Rep", "user": 9001, "archived": False},
    {"id": "102", "email": "ben.rep@example.com", "first": "Ben", "last": "Rep", "user": 9002, "archived": False},
    {"id": "103", "email": "cleo.gone@example.com", "first": "Cleo", "last": "Gone", "user": 9003, "archived": True},
)
SUBSCRIPTIONS = {1: "Marketing Information", 2: "Product Updates", 3: "One to One"}
GROUPS = {
    "contacts": "contactinformation",
    "companies": "companyinformation",
    "deals": "dealinformation",
    "notes": "engagement",
    "meetings": "engagement",
    "calls": "engagement",
    "emails": "engagement",
    "tasks": "engagement",
}
REQUIRED = {"tasks": ("hs_timestamp",), "notes": ("hs_timestamp",), "calls": ("hs_timestamp",), "deals": ("dealname",)}


def text(value: Any) -> str:
    """A value as HubSpot keeps it: always text; null clears."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def moment_ms(value: str) -> int | None:
    """Epoch milliseconds of a date as people and programs write it; None if it is none."""
    if value.isdecimal():
        return int(value) if int(value) < LAST_MS else None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def written(known: Property, value: str) -> tuple[str, str, str]:
    """The value as it will be kept, or an error code and its message."""
    if value == "":
        return "", "", ""
    if len(value) > LONGEST_TEXT:
        return "", "PROPERTY_VALUE_TOO_LONG", f"{known.name} is longer than {LONGEST_TEXT} characters"
    if known.name == "email":
        bad = "" if EMAIL.fullmatch(value) else "INVALID_EMAIL"
        return value.lower(), bad, f"Email address {value} is invalid"
    if known.type == "number":
        try:
            float(value)
        except ValueError:
            return "", "INVALID_NUMBER", f"{value} was not a valid number."
    if known.type in ("date", "datetime"):
        ms = moment_ms(value)
        if ms is None:
            return "", "INVALID_LONG", f"{value} was not a valid long."
        if known.type == "date":
            bad = "INVALID_DATE" if ms % DAY_MS else ""
            return day(ms), bad, f"{value} is at {clock_time(ms)} UTC, not midnight!"
        return iso_ms(ms), "", ""
    if known.options:
        allowed = [option["value"] for option in known.options]
        chosen = value.split(";") if known.field_type == "checkbox" else [value]
        for one in chosen:
            if one not in allowed:
                listed = ", ".join(allowed)
                return "", "INVALID_OPTION", f"{one} was not one of the allowed options: [{listed}]"
    return value, "", ""


def iso_ms(ms: int) -> str:
    """Epoch milliseconds as HubSpot shows a datetime."""
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds").replace("+00:00", "Z")


def day(ms: int) -> str:
    """Epoch milliseconds as HubSpot shows a date."""
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()


def clock_time(ms: int) -> str:
    """The time of day of a moment, for a message."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S.%f")[:12]
