"""Meetings, which Salesforce calls events, as it holds them, and what they amount to here. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from adapters.contract import Unreadable
from adapters.salesforce.names import full_id, is_person, properties_of
from adapters.salesforce.record import KIND, changed_at
from adapters.values import text_of, time_until
from app.contacts.event import Event, EventType, Identity
from app.contacts.times import time_or_none

COLUMNS = (
    *("Id", "WhoId", "Subject", "StartDateTime", "EndDateTime", "ActivityDate", "IsPrivate", "IsDeleted", "OwnerId"),
    *("CreatedDate", "LastModifiedDate", "SystemModstamp"),
)
# Invited people have copies of their own, and a series has one record that stands for all of its meetings
NO_MEETINGS = ("IsChild", "IsRecurrence")
_SAME = timedelta(seconds=2)  # so long after it was made a record has not been changed since


def meeting_events(meeting: Mapping[str, Any], now: datetime) -> Iterator[Event]:
    """That it was booked, once; when it is by now, where it was changed since; or that it will not be."""
    name, who = full_id(meeting.get("Id")), full_id(meeting.get("WhoId"))
    if not name:
        raise Unreadable("a meeting without an id")
    if not is_person(who):  # about an account, or nobody
        return
    booked, changed = time_until(now, meeting.get("CreatedDate")), changed_at(meeting, now)
    said = _said(meeting, name)
    if meeting.get("IsDeleted") is True:
        yield _event(EventType.MEETING_CANCELED, changed, f"{name}|gone", who, said)
        return
    yield _event(EventType.MEETING_BOOKED, booked or changed, f"{name}|booked", who, said)
    if booked is not None and changed - booked > _SAME:
        times = f"{said.get('starts_at', '')}|{said.get('ends_at', '')}"
        moved = {**said, "kind": "meeting", "thread": name}  # the same conversation, until another time
        yield _event(EventType.CONVERSATION_STARTED, changed, f"{name}|{times}", who, moved)


def _event(kind: str, at: datetime, key: str, who: str, said: Mapping[str, Any]) -> Event:
    return Event(
        type=kind,
        occurred_at=at,
        source_key=f"meeting|{key}",
        identities=(Identity(KIND, who),),
        properties=dict(said),
    )


def _said(meeting: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What is told of a meeting: of a private one only when it is."""
    said = {
        "meeting": name,
        "name": "" if meeting.get("IsPrivate") is True else text_of(meeting.get("Subject"))[:500],
        "starts_at": _moment(meeting.get("StartDateTime")) or text_of(meeting.get("ActivityDate")),
        "ends_at": _moment(meeting.get("EndDateTime")),
        "owner": text_of(properties_of(meeting, "").get("Owner.Email")),
    }
    return {key: value for key, value in said.items() if value}


def _moment(value: Any) -> str:
    at = time_or_none(value)
    return at.isoformat() if at is not None else ""
