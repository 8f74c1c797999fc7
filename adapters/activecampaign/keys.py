"""How the same change is known, be it told by a webhook or read from the API: by whom, what and when, to the second."""

from collections.abc import Sequence
from datetime import datetime


def second(at: datetime) -> str:
    """A moment to the second, which is as exactly as ActiveCampaign keeps it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def list_key(person: str, list_id: str, status: str, at: datetime) -> str:
    """A change of a contact's place on a list."""
    return f"list|{person}|{list_id}|{status}|{second(at)}"


def no_key(person: str, lists: Sequence[str], at: datetime) -> str:
    """A no to all e-mail, said by leaving lists."""
    return f"no|{person}|{','.join(lists)}|{second(at)}"


def tag_key(person: str, tag: str, change: str, at: datetime) -> str:
    """A change of a contact's tags, whose names differ by more than their case."""
    return f"tag|{person}|{tag.casefold()}|{change}|{second(at)}"


def deal_key(deal: str) -> str:
    """That a deal was opened, which happens once."""
    return f"deal|{deal}|created"


def deal_change_key(deal: str, stage: str, status: str, value: float | None, at: datetime) -> str:
    """A change of a deal. ``value`` is in whole units."""
    return f"deal|{deal}|{stage}|{status or '0'}|{value or 0:g}|{second(at)}"
