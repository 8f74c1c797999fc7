"""Why did, or didn't, Ann get this? What was decided, what came of it, and what would come of it now."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection

from app import messages, views
from app.contacts.action import SendMessage
from app.contacts.contact import Contact
from app.contacts.event import Event, EventType
from app.rules.condition import Condition, Facts
from app.rules.condition_words import explain
from app.rules.decide import Policies
from app.rules.event_words import event_names
from app.rules.outline import failing
from app.rules.sending import prepared
from app.rules.sequences.program import sends
from app.rules.sequences.standing import standing
from app.rules.sequences.walk import rule_of
from app.rules.triggers import TriggerDocument
from app.rules.would import Answer, would_enter, would_segment, would_trigger
from app.runtime import Runtime
from app.store import people, rows

DECISIONS = 50  # the newest of a rule
_EVENTS = 50  # the newest of a contact, among which is the one that a rule is tried with
_TIME = "%Y-%m-%d %H:%M UTC"

_event = msgspec.json.Decoder(Event).decode


def of(runtime: Runtime, conn: Connection, contact_id: int, kind: str, name: str) -> dict[str, Any] | None:
    """Why a contact did or did not get a message, did or did not set off a trigger, is or is not in a sequence or a
    segment: ``standing`` in a sentence, ``because`` of which decisions, and what would become of it ``now``.

    None where there is no such contact. Raises KeyError where there is nothing of that kind with that id.
    """
    home = people.survivor(conn, contact_id)
    state = views.state_of(conn, home)
    return None if state is None else _Asked(runtime, conn, home, state).about(kind, name)


def choices(policies: Policies) -> dict[str, list[tuple[str, str]]]:
    """kind → (id, label) of all that can be asked about."""
    return {
        "message": [(one.id, one.document.label) for one in policies.content.messages.values()],
        "sequence": [(one.id, one.label) for one in policies.sequences.newest.by_id.values()],
        "trigger": [(one.id, one.label) for one in policies.triggers.by_id.values()],
        "segment": [(one.id, one.label) for one in policies.segments.every],
    }


class _Asked:
    """One contact about whom is asked."""

    def __init__(self, runtime: Runtime, conn: Connection, contact_id: int, state: Contact) -> None:
        self.runtime, self.conn, self.contact_id, self.state = runtime, conn, contact_id, state
        self.policies, self.now = runtime.rulebook().policies, runtime.clock()

    def about(self, kind: str, name: str) -> dict[str, Any]:
        """The answer about one thing."""
        ask = {"message": self._message, "trigger": self._trigger, "sequence": self._sequence, "segment": self._segment}
        found = {"kind": kind, "id": name, "tried_with": None, "now": None, "senders": [], **ask[kind](name)}
        if self.state.erased_at is not None:
            gone = f"This person was erased on {self.state.erased_at:{_TIME}}: nobody may write to them."
            found |= {"standing": gone, "now": None, "tried_with": None}
        return found

    # --- one kind each

    def _trigger(self, name: str) -> dict[str, Any]:
        document = self.policies.triggers.by_id[name]
        because = self._decided(name, (document.what,))
        event, known = self._again(document.on, document.when)
        answer = would_trigger(self.state, event, name, self.policies)
        return {
            "label": document.label,
            "standing": self._of_trigger(document, because, answer.summary, known),
            "because": because,
            "now": _shown(answer),
            "tried_with": _tried(event, known),
        }

    def _of_trigger(
        self, document: TriggerDocument, because: Sequence[dict[str, Any]], again: str, known: Event | None
    ) -> str:
        waits = min((one.due_at for one in self.state.waiting.values() if one.trigger == document.id), default=None)
        if waits is not None:
            ends = event_names(kind for one in document.unless for kind in one.on)
            before = f", unless this happens before: {ends}." if ends else "."
            return f"Not yet: it waits until {waits:{_TIME}}{before}"
        if because:
            return _newest(because)
        if not document.active:
            return "No: the trigger is switched off."
        if known is None:
            return f"No: what it looks for has not happened to this person lately: {event_names(document.on)}."
        _, sign, failed = again.partition("Nothing would happen: ")
        if sign:
            return f"No: this happened: {event_names([known.type])}. But this is not so: {failed}."
        return "No: all it asks for is so now, but it was not when it happened, or the trigger is newer than that."

    def _sequence(self, name: str) -> dict[str, Any]:
        sequences = self.policies.sequences
        flow = sequences.newest.by_id.get(name)
        if flow is None and name not in self.state.enrolments and name not in self.state.exits:
            raise KeyError(name)
        because = self._decided(rule_of(name))
        found: dict[str, Any] = {
            "label": flow.label if flow else name,
            "standing": self._of_sequence(name, because),
            "because": because,
        }
        if flow is None or name in self.state.enrolments:
            return found
        entry = flow.document.entry
        event, known = self._again(entry.on, entry.when, entry.segment)
        answer = would_enter(self.state, event, name, self.policies)
        return {**found, "now": _shown(answer), "tried_with": _tried(event, known)}

    def _of_sequence(self, name: str, because: Sequence[dict[str, Any]]) -> str:
        refused = next((one for one in because if one["what"] == "enrolment"), None)
        out = name not in self.state.enrolments and name not in self.state.exits
        if out and refused is not None and refused["outcome"] != "taken":
            _, _, reason = refused["words"].partition(": ")
            return f"Was not let in on {refused['at']:{_TIME}}: {reason}."
        labels = {one.id: one.label for one in self.policies.segments.every}
        return standing(self.state, name, self.policies.sequences, self.now, labels)

    def _segment(self, name: str) -> dict[str, Any]:
        segment = self.policies.segments.by_id[name]
        moment = self._moment()
        event = Event(type=EventType.TIMER_DUE, occurred_at=moment, received_at=moment, source_key="why", id="0" * 32)
        answer = would_segment(self.state, event, name, self.policies)
        since = self.state.segments.get(name)
        failed = failing(segment.when, Facts(self.state, None, moment, self.policies.scoring.read))
        said = f"No: this is not so: {failed}." if failed else "No."
        return {
            "label": segment.label,
            "standing": said if since is None else f"Yes, since {since:{_TIME}}.",
            "because": self._decided(name, ("segment",)),
            "now": _shown(answer),
        }

    def _message(self, name: str) -> dict[str, Any]:
        message = self.policies.content.messages[name]
        triggers = [self.about("trigger", one.id) for one in messages.triggers_of(self.policies, name)]
        flows = messages.sequences_of(self.policies, name)
        senders = [*triggers, *(self.about("sequence", one.id) for one in flows)]
        called = {one.document.name for flow in flows for one in sends(flow.ops) if one.document.content == name}
        because = [one for sender in triggers for one in sender["because"]]
        because += [one for sender in senders[len(triggers) :] for one in sender["because"] if _sends(one, called)]
        because.sort(key=lambda one: (one["at"], one["id"]), reverse=True)
        return {
            "label": message.document.label,
            "standing": _newest(because) if because else _never(senders),
            "because": because,
            "now": self._message_now(name),
            "senders": senders,
        }

    def _message_now(self, name: str) -> dict[str, Any]:
        """All gates that the message would have to pass now."""
        label = self.policies.content.messages[name].document.label
        action = SendMessage(message=label, rule="", occurred_at=self.now, content=name)
        event = messages.followed(self.policies, self.conn, name, self.contact_id)
        cause = event or Event(type=EventType.TIMER_DUE, occurred_at=self.now, source_key="why")
        gates = prepared(self.state, action, cause, self.policies, self.now, "")
        failed = next((one for one in gates if not one.passed), None)
        return {
            "outcome": "withheld" if failed else "taken",
            "summary": f"It could not be sent now: {failed.detail}" if failed else "It could be sent now",
            "conditions": [],
            "gates": [msgspec.structs.asdict(one) for one in gates],
            "decided_at": None,
            "then": None,
        }

    # --- what they share

    def _decided(self, rule: str, kinds: Collection[str] = ()) -> list[dict[str, Any]]:
        """The newest decisions of a rule, the newest first, each with what became of it."""
        found = rows.decisions_by_rule(self.conn, self.contact_id, rule, DECISIONS)
        taken = [one["key"] for one in found if one["outcome"] == "taken"]
        came = rows.deliveries_of(self.conn, self.contact_id, taken)
        return [
            {
                "id": one["id"],
                "at": one["at"],
                "what": one["what"],
                "outcome": one["outcome"],
                "words": one["summary"],
                "gates": msgspec.json.decode(one["gates"]),
                "deliveries": [self._delivery(row) for row in came.get(one["key"], ())],
            }
            for one in found
            if not kinds or one["what"] in kinds
        ]

    def _delivery(self, row: Mapping[str, Any]) -> dict[str, Any]:
        shown = {name: row[name] for name in ("id", "kind", "status", "reason", "updated_at")}
        return {**shown, "connection": views.connection_name(self.runtime, row["connection_id"])}

    def _again(self, on: Sequence[str], when: Condition | None, segment: str = "") -> tuple[Event, Event | None]:
        """The event of the contact that suits a rule best, as if it happened again now, and as it was; where there is
        none, one of which nothing is known."""
        moment = self._moment()
        found = [_event(row["body"]) for row in rows.newest_events(self.conn, self.contact_id, _EVENTS)]
        asked = [one for one in found if one.type in on]
        scoring = self.policies.scoring.read

        def fits(event: Event) -> tuple[int, datetime]:
            facts = Facts(self.state, event, moment, scoring)
            return sum(one.holds for one in explain(when, facts)), event.occurred_at

        known = max(asked, key=fits, default=None)
        properties = {"segment": segment} if segment and known is None else {}
        event = known or Event(type=on[0], occurred_at=moment, source_key="why", properties=properties)
        again = msgspec.structs.replace(
            event, occurred_at=moment, received_at=moment, id="0" * 32, source_key="why", fields={}, identities=()
        )
        return again, known

    def _moment(self) -> datetime:
        """Now, or the contact's newest event where a tool's clock is ahead of ours."""
        return self.now if self.state.newest is None else max(self.now, self.state.newest.occurred_at)


def _sends(decision: dict[str, Any], called: Iterable[str]) -> bool:
    """Whether a sequence's decision is about a message of one of these names."""
    said: str = decision["words"]
    return decision["what"] == "message" and said.startswith(tuple(f"“{name}” " for name in called))


def _tried(event: Event, known: Event | None) -> dict[str, Any]:
    return {"type": event.type, "occurred_at": known.occurred_at if known else None}


def _shown(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.structs.asdict(answer)
    shown["conditions"] = [msgspec.structs.asdict(one) for one in answer.conditions]
    shown["gates"] = [msgspec.structs.asdict(one) for one in answer.gates]
    shown["then"] = _shown(answer.then) if answer.then else None
    return shown


# --- sentences


def _newest(because: Sequence[dict[str, Any]]) -> str:
    """What the newest decision came to."""
    last = because[0]
    if last["outcome"] != "taken":
        failed = next((one for one in last["gates"] if not one["passed"]), None)
        earlier = next((one for one in because if one["outcome"] == "taken"), None)
        before = f" Earlier, on {earlier['at']:{_TIME}}, it was done." if earlier else ""
        return f"No, not on {last['at']:{_TIME}}: {failed['detail'] if failed else last['words']}.{before}"
    held = next((one for one in last["deliveries"] if one["status"] in _NOT_SENT), None)
    if held is not None:
        reason = f": {held['reason']}" if held["reason"] else ""  # none while Baton still looks whether it is there
        return f"No: it was decided on {last['at']:{_TIME}}, but {_NOT_SENT[held['status']]}{reason}."
    if any(one["status"] in ("pending", "sending") for one in last["deliveries"]):
        return f"Soon: it was decided on {last['at']:{_TIME}} and is on its way."
    through = next((f", through {one['connection']}" for one in last["deliveries"]), "")
    return f"Yes, on {last['at']:{_TIME}}{through}."


_NOT_SENT = {
    "withheld": "held back when it was to leave",
    "dead": "the tool did not take it",
    "unknown": "nobody can tell whether it arrived",
}


def _never(senders: Sequence[dict[str, Any]]) -> str:
    if not senders:
        return "No: no trigger and no sequence sends this message."
    if len(senders) == 1:
        said = str(senders[0]["standing"])
        return said if said.startswith("No") else f"No. {said}"
    return "No: nothing that sends it has been asked to; below is why, one by one."
