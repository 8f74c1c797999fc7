"""What Baton asks a tool to do. Each kind is one struct; how a vendor does it is the adapter's business."""

from datetime import datetime
from enum import IntEnum
from typing import Any, ClassVar

from msgspec import Struct, field

from app.contacts.consent import MARKETING, Grant


class Urgency(IntEnum):
    """Who goes first in a connection's lane; lower goes earlier."""

    HANDOFF = 0
    OPT_OUT = 1
    SEND = 2
    PROFILE = 3
    BULK = 4


class Action(Struct, kw_only=True, omit_defaults=True, tag_field="do"):
    """Something to do for one contact. ``lifts`` names actions that can end an opt-out, which needs the person's own
    recorded consent."""

    urgency: ClassVar[Urgency] = Urgency.PROFILE
    lifts: ClassVar[bool] = False


class UpsertContact(Action, tag="upsert_contact"):
    """Write these properties, in the tool's own names; the contact is created where it is missing."""

    properties: dict[str, Any] = field(default_factory=dict)


class EnsureContact(Action, tag="ensure_contact"):
    """As :class:`UpsertContact`, but ahead of a handoff that needs the record to exist."""

    urgency: ClassVar[Urgency] = Urgency.HANDOFF
    properties: dict[str, Any] = field(default_factory=dict)


class MoveStage(Action, tag="move_stage"):
    """Set the lifecycle stage back to an earlier one, which tools refuse as an ordinary write."""

    stage: str
    property: str
    reason: str


class AssignOwner(Action, tag="assign_owner"):
    """Make this person the contact's owner: by the tool's own owner id where known, else by e-mail address."""

    urgency: ClassVar[Urgency] = Urgency.HANDOFF
    handoff: int
    owner_id: str = ""
    email: str = ""


class CreateTask(Action, tag="create_task"):
    """A task for the owner, linked to the contact. ``mark`` stands in the body, so that it can be found again."""

    urgency: ClassVar[Urgency] = Urgency.HANDOFF
    handoff: int
    subject: str
    body: str
    due_at: datetime
    mark: str
    owner_id: str = ""
    email: str = ""


class CreateNote(Action, tag="create_note"):
    """A note on the contact's record. ``mark`` stands in the body, so that it can be found again."""

    urgency: ClassVar[Urgency] = Urgency.HANDOFF
    handoff: int
    body: str
    at: datetime
    mark: str
    owner_id: str = ""


class Alert(Action, tag="alert"):
    """A line to people: in Slack, Teams, mail or wherever the alert connection points.

    ``step`` says where in a handoff's clock it stands: nothing for the first one, ``remind`` or ``escalate``; ``to`` is
    the address of whom it is escalated to.
    """

    urgency: ClassVar[Urgency] = Urgency.HANDOFF
    title: str
    body: str
    handoff: int = 0
    step: str = ""
    to: str = ""


class Unsubscribe(Action, tag="unsubscribe"):
    """Stop a channel for a purpose in this tool. ``at`` is when the person said no."""

    urgency: ClassVar[Urgency] = Urgency.OPT_OUT
    channel: str = "email"
    purpose: str = MARKETING
    at: datetime | None = None


class Suppress(Action, tag="suppress"):
    """Stop all mail to this person in this tool, whatever the consent."""

    urgency: ClassVar[Urgency] = Urgency.OPT_OUT
    reason: str = ""


class Erase(Action, tag="erase"):
    """Forget this person in this tool, for good. By then Baton itself knows nothing of them any more, so the action
    says by which names the tool knows them."""

    urgency: ClassVar[Urgency] = Urgency.OPT_OUT
    vendor_id: str = ""
    email: str = ""
    phone: str = ""
    external_id: str = ""


class Subscribe(Action, tag="subscribe"):
    """Write the person's own yes to this tool. ``grant`` is its record; without one this cannot be built."""

    lifts: ClassVar[bool] = True
    grant: Grant
    channel: str = "email"
    purpose: str = MARKETING
    list: str = ""


class JoinList(Action, tag="join_list"):
    """Put the contact on a list of this tool. Tools send to lists, so it passes the gates of a message. It leaves after
    the profile, which has to exist first."""

    urgency: ClassVar[Urgency] = Urgency.BULK
    list: str
    rule: str
    occurred_at: datetime
    channel: str = "email"
    purpose: str = MARKETING
    per: str = ""


class LeaveList(Action, tag="leave_list"):
    """Take the contact off a list of this tool."""

    urgency: ClassVar[Urgency] = Urgency.BULK
    list: str


class TrackEvent(Action, tag="track_event"):
    """Record an event on the contact in this tool; no message follows from it. ``about`` is what the tool's mapping
    says of the contact, for tools that keep no profile of their own."""

    name: str
    occurred_at: datetime
    properties: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)


class SendMessage(Action, tag="send_message"):
    """Have this tool send a message: an event that starts the flow with the message's name. ``per`` stands for what it
    is sent once for, where its trigger says so; ``wakes`` says that it is meant for people who have fallen silent.
    ``content`` is the id of its texts; they are made of ``said``, what the event of type ``on`` said, when it leaves,
    and then stand in ``properties``. ``run`` is the enrolment whose step it is; then it must not leave after
    ``until``."""

    urgency: ClassVar[Urgency] = Urgency.SEND
    message: str
    rule: str
    occurred_at: datetime
    channel: str = "email"
    purpose: str = MARKETING
    properties: dict[str, Any] = field(default_factory=dict)
    per: str = ""
    content: str = ""
    said: dict[str, Any] = field(default_factory=dict)
    on: str = ""
    wakes: bool = False
    run: str = ""
    until: datetime | None = None


AnyAction = (
    UpsertContact
    | EnsureContact
    | MoveStage
    | AssignOwner
    | CreateTask
    | CreateNote
    | Alert
    | Unsubscribe
    | Suppress
    | Erase
    | Subscribe
    | JoinList
    | LeaveList
    | TrackEvent
    | SendMessage
)
ACTIONS: dict[str, type[Action]] = {str(kind.__struct_config__.tag): kind for kind in AnyAction.__args__}


def kind_of(action: type[Action] | Action) -> str:
    """The name under which an action is stored and shown: ``upsert_contact``."""
    return str(action.__struct_config__.tag)
