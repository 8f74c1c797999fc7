"""What of an action many tools can carry out alike, for the ``accepts`` of a push."""

from collections.abc import Mapping
from typing import Any

from app.contacts.consent import MARKETING


def by_email(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether it is about e-mail, for a tool that has nothing for texts."""
    return bool(action.channel == "email")


def all_marketing(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether it is about all marketing by e-mail, for a tool with one switch: a yes to less is not written as if it
    were a yes to all."""
    return bool(action.channel == "email" and action.purpose == MARKETING)


def takes_handoffs(action: Any, settings: Mapping[str, str]) -> bool:
    """Whether sales works in the tool, which is assumed unless an admin says no in its setting ``handoffs``."""
    return settings.get("handoffs", "").lower() not in ("no", "0", "false")
