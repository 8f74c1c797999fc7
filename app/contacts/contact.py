"""What Baton knows of one person: a struct of bounded size that the contact's events fold into."""

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from app.contacts.consent import Consent
from app.contacts.event import Position


class LifecycleStage(StrEnum):
    """How far a person has come; the order of the members is the order of the stages."""

    SUBSCRIBER = "subscriber"
    LEAD = "lead"
    MQL = "mql"
    SQL = "sql"
    OPPORTUNITY = "opportunity"
    CUSTOMER = "customer"
    EVANGELIST = "evangelist"


STAGE_ORDER = {stage: rank for rank, stage in enumerate(LifecycleStage)}


class Value(Struct, omit_defaults=True):
    """A field's value with its provenance: when it was said, by which connection, through which mapping version; or by
    which person, where somebody chose it here."""

    value: Any
    at: datetime
    connection_id: int = 0
    mapping: str = ""
    by: str = ""
    rank: str = ""  # owner: only that tool, another owner or a person overrules it


class Dispute(Struct, omit_defaults=True):
    """Tools say different things of one field and a person has to say which it is: since when, why it is not settled by
    itself (``owners``, ``asked``, ``flip_flop``), and what each connection says."""

    since: datetime
    reason: str
    says: dict[str, Value] = field(default_factory=dict)


class Turns(Struct, omit_defaults=True):
    """A field that one tool turned over after another: what it was before, by whom, and when it was turned back and
    forth between the two."""

    was: Any
    tool: int
    times: list[datetime] = field(default_factory=list)


class Stage(Struct, omit_defaults=True):
    """The lifecycle stage a person is in, since when, and who or what moved it there."""

    name: LifecycleStage
    since: datetime
    by: str
    reason: str = ""


class Signal(Struct, omit_defaults=True):
    """Evidence that a human is talking with this person: an open deal, a reply, a meeting, a chat, a rep's task."""

    kind: str
    since: datetime
    last_at: datetime
    who: str = ""
    until: datetime | None = None
    closed_at: datetime | None = None
    detail: str = ""


class Deliverability(Struct, omit_defaults=True):
    """What a channel's mail servers or carriers said about reaching this person."""

    bounced_at: datetime | None = None
    bounce: str = ""
    bounced_in: str = ""  # id of the connection that said so
    bounced_address: str = ""  # the address or number it was, where known
    soft_bounces: int = 0
    complained_at: datetime | None = None
    complaint: str = ""


class Activity(Struct, omit_defaults=True):
    """How often a person, not a machine, did one kind of thing, and when first and last."""

    first_at: datetime
    last_at: datetime
    count: int = 1


class Interest(Struct, omit_defaults=True):
    """A topic that a person keeps coming back to; ``until`` is when it counts no more, None: never."""

    first_at: datetime
    last_at: datetime
    count: int = 1
    until: datetime | None = None


class Touch(Struct, omit_defaults=True):
    """One arrival: when, from where (UTM, referrer, click id) and at which page, form or import."""

    at: datetime
    entry: str
    source: str = ""
    medium: str = ""
    campaign: str = ""
    term: str = ""
    content: str = ""
    referrer: str = ""
    landing_page: str = ""
    click_id: str = ""


class Points(Struct, omit_defaults=True):
    """Points that one event earned under one rule; they fade with the half-life of the rule's group."""

    event: str
    at: datetime
    points: float
    what: str = ""


class RuleScore(Struct, omit_defaults=True):
    """One rule's points: their faded sum as of ``sum_at``, and the newest ones singly to explain it."""

    sum: float = 0.0
    sum_at: datetime | None = None
    last_at: datetime | None = None
    recent: list[Points] = field(default_factory=list)


class Score(Struct, omit_defaults=True):
    """Points by rule. ``armed`` is false from the moment the threshold was crossed until the score has fallen
    below the lower one, or sales gave a verdict."""

    rules: dict[str, RuleScore] = field(default_factory=dict)
    armed: bool = True
    crossed_at: datetime | None = None


class Handoff(Struct, omit_defaults=True):
    """A handoff of this person to sales, as rules see it: its clock, and how far it has come; the row with its owner
    is in the store."""

    key: str
    opened_at: datetime
    rule: str
    verdict: str = ""
    closed_at: datetime | None = None
    remind_at: datetime | None = None
    due_at: datetime | None = None
    reminded_at: datetime | None = None
    escalated_at: datetime | None = None
    claimed_at: datetime | None = None
    claimed_by: str = ""


class Send(Struct, omit_defaults=True):
    """A message's place in the ledger of what reaches this person: when it left or, while ``reserved``, is to leave.

    ``key`` is that of the decision which led to it, ``heard`` says that its tool has told of the delivery. One without
    a rule was sent by a tool of its own accord. Those that are ``exempt`` are kept only to know their deliveries by.
    """

    at: datetime
    rule: str = ""
    channel: str = "email"
    connection_id: int = 0
    key: str = ""
    reserved: bool = False
    heard: bool = False
    exempt: bool = False


class Manual(Struct, omit_defaults=True):
    """A suppression that a person set by hand."""

    since: datetime
    by: str
    until: datetime | None = None
    reason: str = ""


class Waiting(Struct, omit_defaults=True):
    """A trigger that waits for its moment: since which event, until when, and what it may say of that event."""

    trigger: str
    event: str
    at: datetime
    received_at: datetime
    due_at: datetime
    per: str = ""
    properties: dict[str, Any] = field(default_factory=dict)


class Look(Struct, omit_defaults=True):
    """When a segment has to be asked about again, and the event since which that is so; and when that was imported, if
    it was."""

    at: datetime
    event: str
    imported_at: datetime | None = None


class Enrolment(Struct, omit_defaults=True):
    """A person's way through one sequence: where they stand (``op`` of the version they are pinned to), what for, and
    until when at most. ``due_at`` is when the next step is taken if nothing happens before; while ``paused`` none is,
    until ``resume_at`` where that is known. ``ignored`` is the last message after which the person gave no sign.
    """

    key: str
    sequence: str
    version: str
    event: str
    entered_at: datetime
    ends_at: datetime
    since: datetime
    priority: int = 0
    owns: bool = False
    hard_stop: bool = False
    sends: bool = False  # whether others have to wait for it
    op: int = 0
    step: str = ""
    waiting: str = ""  # for: time, event, turn (another sequence goes first), cap
    due_at: datetime | None = None
    held_by: str = ""
    paused: bool = False
    resume_at: datetime | None = None
    counted: datetime | None = None  # up to when pauses have been added to ends_at
    exposed: dict[str, str] = field(default_factory=dict)
    sent: int = 0
    last: str = ""
    last_at: datetime | None = None
    ignored: str = ""
    on: str = ""  # the type of the event it began with, and what messages may say of it
    properties: dict[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None
    exit: str = ""


class Sunset(Struct, omit_defaults=True):
    """Nobody answered when we asked whether to go on: since when, and which sequence asked."""

    since: datetime
    by: str


class Contact(Struct, omit_defaults=True):
    """One person, folded from events. Bounded: old detail lives in the event log."""

    first_seen_at: datetime | None = None
    newest: Position | None = None
    fields: dict[str, Value] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    turns: dict[str, Turns] = field(default_factory=dict)
    stage: Stage | None = None
    conversation: dict[str, Signal] = field(default_factory=dict)
    consent: dict[str, Consent] = field(default_factory=dict)
    deliverability: dict[str, Deliverability] = field(default_factory=dict)
    activity: dict[str, Activity] = field(default_factory=dict)
    hours: list[int] = field(default_factory=list)  # opens, clicks and visits by UTC hour; none, or 24 counts
    interests: dict[str, Interest] = field(default_factory=dict)
    visits: dict[str, list[datetime]] = field(default_factory=dict)  # topic → the newest visits to its pages
    touches: list[Touch] = field(default_factory=list)
    lists: dict[str, datetime] = field(default_factory=dict)
    tags: dict[str, datetime] = field(default_factory=dict)
    revenue: dict[str, float] = field(default_factory=dict)
    score: Score = field(default_factory=Score)
    scored_by: str = ""  # the versions of the rules that all of its score is counted by
    handoffs: list[Handoff] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    messages: int = 0
    fired: dict[str, datetime] = field(default_factory=dict)
    waiting: dict[str, Waiting] = field(default_factory=dict)
    seen: dict[str, list[datetime | None]] = field(default_factory=dict)  # what published rules count, see rules/memory
    segments: dict[str, datetime] = field(default_factory=dict)  # those the contact is in, since when
    segmented: str = ""  # the version of the segments that it was last looked at by as a whole
    looks: dict[str, Look] = field(default_factory=dict)
    enrolments: dict[str, Enrolment] = field(default_factory=dict)  # sequence → the way that is not over
    exits: dict[str, Enrolment] = field(default_factory=dict)  # sequence → the last way that is
    kept_out: dict[str, str] = field(default_factory=dict)  # sequence → the gate that was told last
    sunset: Sunset | None = None
    manual: Manual | None = None
    deleted_in: dict[str, datetime] = field(default_factory=dict)
    former_ids: dict[str, list[str]] = field(default_factory=dict)  # connection → ids that the tool merged into another
    erased_at: datetime | None = None
    # What follows from the rest: what each tool should hold, in a few bytes, and what waits for a moment
    wanted: dict[str, str] = field(default_factory=dict)
    timers: dict[str, datetime] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """A field's value, or None when nothing is known."""
        known = self.fields.get(name)
        return None if known is None else known.value

    @property
    def email(self) -> str | None:
        """The address that the person is known under, or None."""
        address = self.get("email")
        return None if address is None else str(address)

    @property
    def open_handoff(self) -> Handoff | None:
        """The newest handoff that sales has not judged yet, or None. There are two where sales was told of one of each
        of two contacts that are one by now."""
        return next((one for one in reversed(self.handoffs) if one.closed_at is None), None)

    def handoff_meant(self, key: Any) -> Handoff | None:
        """The handoff that something is said of: the one that is named, else (a tool names none; one that nobody was
        told of may have become another) the newest."""
        last = self.handoffs[-1] if self.handoffs else None
        return next((one for one in self.handoffs if one.key == key), last)

    @property
    def name(self) -> str:
        """First and last name as far as known, else the e-mail address, else an empty text."""
        full = " ".join(str(part) for part in (self.get("first_name"), self.get("last_name")) if part)
        return full or self.email or ""

    def last_human(self, *activities: str) -> datetime | None:
        """When the person last did one of these (``email.opened``, ``page.viewed``, …), or None."""
        times = [known.last_at for name in activities if (known := self.activity.get(name))]
        return max(times, default=None)

    def open_signals(self) -> Iterator[tuple[str, Signal]]:
        """The conversation signals that nobody has closed; whether they have run out is a policy's matter."""
        return ((key, signal) for key, signal in self.conversation.items() if signal.closed_at is None)
