"""Which interests are inferred from what people look at: repeat visits to a topic's pages, and for how long. Pure."""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.contacts.contact import Contact
from app.contacts.event import Event, EventType
from app.contacts.interests import note_interest, topic_of


class TopicDocument(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str = Field(min_length=1, max_length=100)
    paths: list[str] = Field(min_length=1, max_length=50, description="Beginnings of the paths of its pages")

    @field_validator("topic")
    @classmethod
    def _one_spelling(cls, name: str) -> str:
        return name.strip().lower()

    @field_validator("paths")
    @classmethod
    def _from_the_root(cls, paths: list[str]) -> list[str]:
        for path in paths:
            if not path.startswith("/"):
                raise ValueError(f'"{path}" is not the beginning of a path; it starts with /')
        return [path.casefold() for path in paths]


class InterestsDocument(BaseModel):
    """The interests policy as it stands in YAML."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["interests"]
    name: str = "interests"
    visits: int = Field(2, ge=1, le=20, description="So many visits to a topic's pages …")
    within_days: float = Field(14, gt=0, le=3650, description="… in so many days are an interest")
    expires_days: float = Field(90, gt=0, le=3650, description="It counts no more after so many days without another")
    topics: list[TopicDocument] = Field(default_factory=list, max_length=50)

    @model_validator(mode="after")
    def _topics_once(self) -> "InterestsDocument":
        names = [one.topic for one in self.topics]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f'the topic "{twice}" stands there twice; list all its paths in one place')
        return self


class Interests(Struct, frozen=True):
    """The compiled interests policy. ``paths`` are (beginnings, topic)."""

    paths: tuple[tuple[tuple[str, ...], str], ...]
    beginnings: tuple[str, ...]
    visits: int
    within: timedelta
    lasts: timedelta
    version: str


def compile_interests(document: InterestsDocument, version: str) -> Interests:
    """The policy in the form that is applied to events."""
    return Interests(
        tuple((tuple(one.paths), one.topic) for one in document.topics),
        tuple(path for one in document.topics for path in one.paths),
        document.visits,
        timedelta(days=document.within_days),
        timedelta(days=document.expires_days),
        version,
    )


SHOWN_BY = frozenset((EventType.PAGE_VIEWED, EventType.ASSET_DOWNLOADED, EventType.PRODUCT_VIEWED))


def infer_interests(contact: Contact, event: Event, policy: Interests) -> None:
    """Note the interest that an event shows, and until when it counts. Machines have none."""
    if event.type not in SHOWN_BY or event.machine is not None:
        return
    if event.type != EventType.PAGE_VIEWED:  # one that is folded already, but without an end
        if topic := topic_of(event):
            _lasts(contact, topic, event.occurred_at, policy)
        return
    path = str(event.properties.get("path") or "").casefold()
    if not path.startswith(policy.beginnings):
        return
    for beginnings, topic in policy.paths:
        if path.startswith(beginnings):
            _visited(contact, topic, event.occurred_at, policy)


def _visited(contact: Contact, topic: str, at: datetime, policy: Interests) -> None:
    if topic not in contact.visits and len(contact.visits) >= len(policy.paths):
        known = {name for _, name in policy.paths}
        contact.visits = {name: times for name, times in contact.visits.items() if name in known}
    times = contact.visits.setdefault(topic, [])
    times.append(at)
    del times[: -policy.visits]
    if len(times) == policy.visits and at - times[0] <= policy.within:
        note_interest(contact, topic, at)
        _lasts(contact, topic, at, policy)


def _lasts(contact: Contact, topic: str, at: datetime, policy: Interests) -> None:
    contact.interests[topic].until = at + policy.lasts
