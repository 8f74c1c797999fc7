"""A handoff as people look at it: what sales should know of the person, how its clock stands, and all that happened."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Connection as Conn

from app import views
from app.contacts.action import Alert, AssignOwner, CreateNote, CreateTask, kind_of
from app.contacts.contact import Contact
from app.contacts.event import Event, EventType
from app.contacts.own_events import HANDOFF_CLAIMED, OUR_OWN
from app.rules.clock import ESCALATE, REMIND, RULE
from app.rules.decision import Outcome
from app.rules.hours import BusinessHours, NeverOpen
from app.rules.packet import opening
from app.runtime import Runtime
from app.store import audited, people, rows
from app.store import handoffs as stored

_EVENTS, _REASONS, _STEPS = 25, 8, 100
# What tools and Baton note by themselves; "what they did" leaves it out
_NOT_THEIRS = ("contact.", "stage.", "message.", "timer.", "sales.", "segment.", "score.", "unknown")
_FIELDS = ("job_title", "company", "email", "phone", "country", "city", "website")
_action = msgspec.json.Decoder(dict[str, Any]).decode


def packet(runtime: Runtime, conn: Conn, contact_id: int) -> dict[str, Any] | None:
    """What sales should know of the person now, or None where nothing is known any more."""
    contact_id = people.survivor(conn, contact_id)
    shown = views.contact(runtime, conn, contact_id)
    if shown is None or shown["erased_at"] is not None:
        return None
    events = [msgspec.json.decode(row["body"], type=Event) for row in rows.newest_events(conn, contact_id, _EVENTS)]
    state = views.state_of(conn, contact_id) or Contact()
    return {
        "contact": shown,
        "who": [(name, shown["fields"][name]) for name in _FIELDS if shown["fields"].get(name)],
        "reasons": shown["score"].contributions[:_REASONS],
        "events": [event for event in events if not event.type.startswith(_NOT_THEIRS) and event.type not in OUR_OWN],
        "opening": opening(state, events),
    }


# --- the clock


class Clock(Struct, frozen=True, kw_only=True):
    """How a handoff's clock stands. Minutes are those in which people work, of the policy that is in force now.

    ``left`` is less than nothing where it is overdue, ``taken`` is how long it took until somebody had it: one of the
    two is None. ``open`` says whether people work now, ``goes_on`` when they next begin. ``second`` is who will be told
    when it is due and nobody has taken it.
    """

    left: float | None
    taken: float | None
    due: str
    open: bool
    goes_on: datetime | None
    second: str


def clock(runtime: Runtime, row: Mapping[str, Any]) -> Clock:
    """The clock of a handoff."""
    known, now = runtime.rulebook().policies.handoff.clock, runtime.clock()
    hours = known.hours
    ended = row["claimed_at"] or row["verdict_at"]
    running = row["status"] == "open"
    second = known.second(max(now, row["due_at"]), row["owner_email"] or "")
    return Clock(
        left=hours.minutes_between(now, row["due_at"]) if running else None,
        taken=hours.minutes_between(row["opened_at"], ended) if ended is not None else None,
        due=known.words(row["due_at"]),
        open=hours.is_open(now),
        goes_on=_next_open(hours, now) if running else None,
        second=(second.name or second.email) if second is not None and running else "",
    )


def _next_open(hours: BusinessHours, now: datetime) -> datetime | None:
    try:
        return hours.next_open(now)
    except NeverOpen:
        return None


# --- what happened


class Step(Struct, frozen=True, kw_only=True):
    """One thing that happened to a handoff: ``what`` of ``opened assigned reminder escalation claim verdict``.

    ``says`` is a sentence, ``by`` who did it, ``through`` what noted it where that is somebody else (a token, a link, a
    tool), ``told`` the deliveries by which people were told.
    """

    at: datetime
    what: str
    says: str = ""
    by: str = ""
    through: str = ""
    verdict: str = ""
    note: str = ""
    told: Sequence[Mapping[str, Any]] = ()


def history(runtime: Runtime, conn: Conn, row: Mapping[str, Any]) -> list[Step]:
    """All that happened to a handoff, in its order."""
    found = stored.told_by(conn, row["contact_id"], row["key"], _STEPS)
    told = [_told(runtime, one) for one in found if one["kind"] in _TELLS]
    steps = [_opened(row, [one for one in told if not one["step"]])]
    if row["assigned_at"] is not None:
        owner = row["owner_name"] or row["owner_email"] or row["owner_id"]
        steps.append(Step(at=row["assigned_at"], what="assigned", says=row["assigned_why"], by=owner))
    steps += _of_the_clock(conn, row, told)
    steps += _said(runtime, conn, row)
    return sorted(steps, key=lambda step: step.at)


def _opened(row: Mapping[str, Any], told: list[dict[str, Any]]) -> Step:
    return Step(at=row["opened_at"], what="opened", says=row["reason"], told=told)


def _told(runtime: Runtime, row: Mapping[str, Any]) -> dict[str, Any]:
    action = _action(row["action"])
    return {
        **{name: row[name] for name in ("id", "kind", "status", "reason")},
        "at": row["updated_at"],
        "step": action.get("step", ""),
        "connection": views.connection_name(runtime, row["connection_id"]),
    }


def _of_the_clock(conn: Conn, row: Mapping[str, Any], told: list[dict[str, Any]]) -> list[Step]:
    """Reminder and escalation: as they were decided, with how people were told."""
    until = row["verdict_at"] or datetime.max.replace(tzinfo=row["opened_at"].tzinfo)
    found = [
        one
        for one in rows.decisions_by_rule(conn, row["contact_id"], RULE, _STEPS)
        if one["what"] in _ASKED and one["outcome"] == Outcome.TAKEN and row["opened_at"] <= one["at"] <= until
    ]
    return [
        Step(
            at=one["at"],
            what=one["what"],
            says=one["summary"],
            told=[by for by in told if by["step"] == _ASKED[one["what"]]],
        )
        for one in found
    ]


_TELLS = {kind_of(kind) for kind in (Alert, CreateTask, CreateNote, AssignOwner)}
_ASKED = {"reminder": REMIND, "escalation": ESCALATE}


def _said(runtime: Runtime, conn: Conn, row: Mapping[str, Any]) -> list[Step]:
    """Claims and verdicts, with who noted them. What was said a moment ago is no event yet; the row has it."""
    noted = {(one["what"], one["at"]): one["who"] for one in audited.on_handoff(conn, row["id"], _STEPS)}

    def step(what: str, at: datetime, by: str, through: str = "", verdict: str = "", note: str = "") -> Step:
        through = through or noted.get((f"handoff.{what}", at), "")
        return Step(at=at, what=what, by=by, through="" if through == by else through, verdict=verdict, note=note)

    steps = []
    for event in _events(conn, row):
        said = {name: str(event.properties.get(name) or "") for name in ("verdict", "note")}
        what = "claim" if event.type == HANDOFF_CLAIMED else "verdict"
        tool = views.connection_name(runtime, event.connection_id) if event.connection_id else ""
        steps.append(step(what, event.occurred_at, event.actor or "", tool, **said))
    known = {(one.what, one.at) for one in steps}
    if row["claimed_at"] is not None and ("claim", row["claimed_at"]) not in known:
        steps.append(step("claim", row["claimed_at"], row["claimed_by"] or ""))
    if row["verdict_at"] is not None and ("verdict", row["verdict_at"]) not in known:
        steps.append(step("verdict", row["verdict_at"], row["verdict_by"] or "", verdict=row["verdict"] or ""))
    return steps


def _events(conn: Conn, row: Mapping[str, Any]) -> list[Event]:
    """What was said of this handoff. A tool does not name it: that is of the one that was open then."""
    types = (HANDOFF_CLAIMED, str(EventType.SALES_VERDICT))
    found = rows.events_since(conn, row["contact_id"], row["opened_at"], types, _STEPS)
    events = [msgspec.json.decode(one["body"], type=Event) for one in found]
    until = row["verdict_at"]
    return [
        event
        for event in events
        if event.properties.get("handoff") == row["key"]
        or ("handoff" not in event.properties and (until is None or event.occurred_at <= until))
    ]
