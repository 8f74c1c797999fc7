"""A mapping in plain words: directions, what an empty value does, the steps that a value goes through."""

from collections.abc import Mapping
from typing import Any

from app.mapping.effect import CHANGED, FAILS, UNCHANGED
from app.mapping.rowform import OWN
from mappings.fields import COMPUTED, CUSTOM, FIELDS, SIGNALS
from mappings.mapping import FOUND, TABLE, TYPE

DIRECTIONS = {
    "in": ("→", "Baton reads it"),
    "out": ("←", "Baton writes it"),
    "both": ("↔", "Baton reads and writes it"),
}
DIRECTION_HELP = {
    "in": "the tool's value becomes ours",
    "out": "our value becomes the tool's",
    "both": "each follows the other; the newer one wins",
}
BLANKS = {
    "keep": "Keep what we know",
    "clear": "Clear our field",
    "skip": "Leave the whole record out",
}
BLANK_HELP = {
    "keep": "an empty field says nothing; what we know stays",
    "clear": "somebody emptied it there, so it is emptied here; and when ours is empty, theirs is emptied",
    "skip": "a record in which this is empty is not read at all",
}
AUTHORITIES = {
    "newest": "The newest word stands",
    "owner": "This tool owns the field",
    "fill": "It only fills what is blank",
    "ask": "Ask somebody",
}
AUTHORITY_HELP = {
    "newest": "whoever said it last is right",
    "owner": "other tools do not overrule it; it is written to them instead",
    "fill": "where we know something already, its word is left aside",
    "ask": "a difference waits under Conflicts until somebody settles it",
}
BLANK_NOTE = "Empty is: missing, null, nothing but blanks, an empty list. 0 and “no” are values."
UNMAPPED = {
    "hold": "Hold it: do not guess, count it, show it here",
    "pass": "Pass it on as it is",
}
STEPS: Mapping[str, tuple[str, str]] = {
    "trim": ("Take off blanks at both ends", ""),
    "lower": ("Make it small letters", ""),
    "upper": ("Make it CAPITALS", ""),
    "capitalize": ("Begin Each Word Large", ""),
    "split": ("Split it at", "the sign between the parts, such as ; or ,"),
    "join": ("Join its parts with", "the sign to put between them"),
    "pick": ("Take one of its parts", "0 is the first, -1 the last"),
    "number": ("Read it as a number", ". or , as the decimal sign; . unless set"),
    "boolean": ("Read it as yes or no", ""),
    "date": ("Read it as a date", "how it is written, such as %d.%m.%Y; found out unless set"),
    "time": ("Read it as a time", "how it is written, such as %d.%m.%Y %H:%M; found out unless set"),
    "phone": ("Read it as a phone number", "country that numbers without a code are from: DE, US"),
    "text": ("Make it one line of text", ""),
}
DONE = {FOUND: "As it came", TABLE: "By the value table", TYPE: "As our field's type"}
STATUSES = {FAILS: "Would fail", CHANGED: "Changed", UNCHANGED: "Unchanged"}
STATUS_HELP = {
    FAILS: "something in it finds no place, so that it would be held or left out",
    CHANGED: "our contact would get something else than today",
    UNCHANGED: "all the same as today",
}
KINDS = {
    "webhook": "Webhook",
    "poll": "Fetched from the tool",
    "form": "Form",
    "read": "Fetched from the tool",
    "track": "Page view",
}
WAYS = {
    "newer": "← Newer",
    "older": "Older →",
    "emptiest": "Emptiest",
    "largest": "Largest",
    "failure": "Latest failure",
}
STAGES = ("subscriber", "lead", "mql", "sql", "opportunity", "customer", "evangelist")
VERDICTS = ("", "accepted", "not_a_fit", "nurture", "won", "lost")
_NAMES = {
    "owner_id": "Owner (id in the tool)",
    "owner_email": "Owner's address",
    "external_id": "Id in your own system",
    "email": "E-mail",
    "zip": "Postal code",
    "lifecycle_stage": "Lifecycle stage",
    "email_opt_out": "Opted out of e-mail",
    "email_replied_at": "Replied to an e-mail",
    "meeting_booked_at": "Booked a meeting",
    "in_conversation": "In conversation with sales",
    "handoff_open": "Handoff is open",
    "tier": "Engagement tier",
    "custom.ga_client_id": "Google Analytics client id",
    "custom.ga_session_id": "Google Analytics session id",
}
KNOWN = frozenset((*FIELDS, *SIGNALS, *COMPUTED, OWN))
OPTIONS: Mapping[str, tuple[str, ...]] = {"lifecycle_stage": STAGES, "sales_verdict": VERDICTS}


def name(contact: str) -> str:
    """Our field's name for people."""
    plain = contact.removeprefix(CUSTOM)
    return _NAMES.get(contact) or plain.replace("_", " ").strip().capitalize() or contact


def targets() -> list[tuple[str, list[tuple[str, str]]]]:
    """Our fields by group, as a choice shows them."""
    groups = (
        ("Contact fields", FIELDS),
        ("What happened", SIGNALS),
        ("Worked out by Baton (only to write)", COMPUTED),
    )
    made = [(title, [(one, name(one)) for one in fields]) for title, fields in groups]
    return [*made, ("Your own", [(OWN, "A field of our own…")])]


def step(word: str) -> str:
    """What was done to a value."""
    return DONE.get(word) or STEPS.get(word, (word, ""))[0]


def shown(value: Any) -> str:
    """A value with its kind of nothing told apart: empty, null, no, 0."""
    if value is None:
        return "nothing (null)"
    if value == "":
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) and not value.strip():
        return f"only blanks ({len(value)})"
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)
