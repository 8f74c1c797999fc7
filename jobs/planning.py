"""What a batch of decisions and changed contacts means for deliveries, handoffs, shadows and timers.

For contacts whose history was folded again, what was planned before is held against what would be planned now: what
has not left yet is withdrawn, changed or added, so that it ends up as if everything had come in order. What has left
is a fact that everything else respects.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Conn

from app.contacts.action import Unsubscribe, Urgency
from app.contacts.contact import Contact
from app.contacts.event import Event
from app.contacts.identity import GLOBAL_KINDS
from app.contacts.resolve import Person
from app.contacts.tool_ids import current_id
from app.rules import clock, passing
from app.rules.announce import announce, introduce
from app.rules.decision import Decision, HandoffPlan, Outcome
from app.rules.route import Held, Plan, Target, digest, outward, route_decision, sync
from app.rules.score import total
from app.rules.segments import is_quiet
from app.rules.suppression import conversation
from app.runtime import Rulebook, Runtime
from app.store import decided, deliveries, handoffs, people, shadows, timers
from app.store.decided import Known
from app.store.deliveries import PENDING, WITHHELD, Existing, Planned
from app.store.handoffs import HandoffRow
from app.store.shadows import Shadow, ref_of
from jobs.enrolling import Rolls
from jobs.places import Places
from jobs.repeats import respect_sent
from jobs.targets import targets_of
from jobs.told import ToldHandoffs
from jobs.unit import Work


class Planner:
    """Collects what is to be written for a batch, then writes it."""

    def __init__(self, runtime: Runtime, rulebook: Rulebook, now: datetime) -> None:
        self.runtime, self.rulebook, self.now = runtime, rulebook, now
        self.policies = rulebook.policies
        self.targets = targets_of(runtime, rulebook)
        self.mapped = [target for target in self.targets if target.is_kept_true]
        self.hearing = [target for target in self.targets if target.hears]
        self.work: Mapping[Person, Work] = {}
        self.told = ToldHandoffs()
        self.learned: dict[tuple[int, str], tuple[Shadow, Person]] = {}
        self.held: dict[Person, dict[int, Held]] = {}
        self.values: dict[Person, dict[str, Any]] = {}
        self.syncing: dict[Person, list[Target]] = {}
        self.quiet: set[Person] = set()  # of whom only imported events are new: nothing starts because of those
        # What stands, of contacts that were folded again
        self.known_decisions: dict[Person, dict[str, Known]] = {}
        self.known_deliveries: dict[Person, dict[str, Existing]] = {}
        self.known_handoffs: dict[Person, dict[str, HandoffRow]] = {}
        # What is to be written
        self.planned: list[tuple[Person, Planned]] = []
        self.replanned: dict[int, dict[str, Any]] = {}
        self.recorded: list[tuple[Person, Decision]] = []
        self.amended: list[tuple[Person, Decision]] = []
        self.superseded: list[str] = []
        self.handoffs: list[tuple[Person, str, HandoffPlan]] = []
        self.handoff_changes: dict[str, dict[str, Any]] = {}
        self.waiting: dict[tuple[int, int], dict[str, int]] = {}
        self.dropped: list[int] = []
        self.timers: dict[Person, dict[str, datetime]] = {}
        self.places = Places(now)
        self.rolls = Rolls()

    def score(self, contact: Contact) -> float:
        """The contact's score now."""
        return total(contact.score, self.policies.scoring.read, self.now)

    # --- what has to be known

    def look(
        self,
        conn: Conn,
        work: Mapping[Person, Work],
        new: Collection[tuple[Event, Person]],
        aliases: Mapping[str, Person],
        merged: Mapping[Person, Person],
        told: ToldHandoffs,
    ) -> None:
        """Read what the plans depend on. ``merged`` maps contacts that are merged in this batch to where they go."""
        self.work, self.told = work, told
        self.quiet = {person for event, person in new if event.quiet} - {
            person for event, person in new if not event.quiet
        }
        self._learn(conn, new)
        self._look_at_shadows(conn, aliases, merged)
        again = {person for person, one in work.items() if one.refold_from is not None and person > 0}
        sources = {person: person for person in again} | {a: b for a, b in merged.items() if b in work}
        for source, found in decided.standing(conn, list(sources)).items():
            self.known_decisions.setdefault(sources[source], {}).update(found)
        for source, rows in deliveries.decided(conn, list(sources)).items():
            self.known_deliveries.setdefault(sources[source], {}).update(rows)
        for source, handed in handoffs.of_contacts(conn, list(sources)).items():
            self.known_handoffs.setdefault(sources[source], {}).update(handed)
        self.places.look(conn, work, self.known_deliveries)
        self.rolls.look(conn, sources)

    def _learn(self, conn: Conn, new: Iterable[tuple[Event, Person]]) -> None:
        """Take over what tools told of the properties that are worth remembering."""
        by_id = {target.id: target for target in self.targets if target.mapping is not None}
        told: dict[int, list[tuple[Event, Person, str]]] = {}
        for event, person in new:
            if event.told and event.connection_id in by_id:
                vendor_id = event.identity(by_id[event.connection_id].kind)
                if vendor_id:
                    told.setdefault(event.connection_id, []).append((event, person, ref_of("contact", vendor_id)))
        for connection_id, items in told.items():
            mapping = by_id[connection_id].mapping
            assert mapping is not None
            stored = shadows.load(conn, connection_id, {ref for _, _, ref in items})
            for event, person, ref in items:
                shadow, _ = self.learned.get((connection_id, ref)) or (
                    stored.get(ref) or Shadow(connection_id, ref),
                    person,
                )
                kept = {name: value for name, value in event.told.items() if name in mapping.remembered}
                shadow.learn(kept, event.occurred_at)
                if event.properties.get("source") == "read":
                    shadow.read_at = self.now
                self.learned[(connection_id, ref)] = (shadow, person)

    def _look_at_shadows(self, conn: Conn, aliases: Mapping[str, Person], merged: Mapping[Person, Person]) -> None:
        """For contacts that should now be something else in a tool: what that tool holds, and their id there."""
        told = {(person, shadow.connection_id) for shadow, person in self.learned.values()}
        for person, work in self.work.items():
            if not work.is_touched or not self.mapped:
                continue
            self.values[person] = outward(work.state, self.policies, self.now)
            for target in self.mapped:
                wanted = digest(work.state, target, self.values[person])
                if work.state.wanted.get(str(target.id)) != wanted or (person, target.id) in told:
                    if person not in self.quiet:  # else the next event that is no import's writes the difference
                        work.state.wanted[str(target.id)] = wanted
                    self.syncing.setdefault(person, []).append(target)
        stored = [person for person in self.syncing if person > 0]
        self.waiting = deliveries.in_slots(conn, stored)
        # What is stored of contacts that are merged in this batch still stands under their old ids
        losers = {loser: winner for loser, winner in merged.items() if winner in self.syncing}
        ids: dict[Person, dict[int, list[str]]] = {}
        known_ids = people.vendor_ids(conn, [*stored, *losers])
        for contact_id in sorted(known_ids, key=lambda one: one not in losers):  # the winner's own count as the newer
            mine = ids.setdefault(losers.get(contact_id, contact_id), {})
            for connection_id, values in known_ids[contact_id].items():
                mine.setdefault(connection_id, []).extend(values)
        for key, person in aliases.items():
            kind, _, rest = key.partition(":")
            if kind not in GLOBAL_KINDS and person in self.syncing:
                connection, _, vendor_id = rest.partition(":")
                ids.setdefault(person, {}).setdefault(int(connection), []).append(vendor_id)
        by_contact: dict[Person, list[Shadow]] = {}
        for contact_id, held in shadows.of_contacts(conn, [*stored, *losers]).items():
            by_contact.setdefault(losers.get(contact_id, contact_id), []).extend(held)
        just_learned: dict[Person, dict[tuple[int, str], Shadow]] = {}
        for place, (shadow, person) in self.learned.items():
            just_learned.setdefault(person, {})[place] = shadow
        for person in self.syncing:
            known = {(s.connection_id, s.ref): s for s in by_contact.get(person, ())} | just_learned.get(person, {})
            mine, state = ids.get(person, {}), self.work[person].state
            self.held[person] = {
                target.id: _held(target.id, current_id(state, target.id, mine.get(target.id, ())), known.values())
                for target in self.syncing[person]
            }

    # --- what follows from it

    def plan(self) -> None:
        """Work out what is to be written."""
        for person, work in self.work.items():
            if work.refold_from is not None and person > 0:
                self.told.catch_up(work.state, self.known_deliveries.get(person, {}).values())
                self._compare(person, work)
            elif work.decisions:
                for decision in work.decisions:
                    self._new(person, work, decision)
            for target in self.syncing.get(person, ()):
                self._sync(person, work.state, target)
            self._set_timers(person, work)
            self.rolls.plan(person, work)

    def _new(self, person: Person, work: Work, decision: Decision) -> None:
        planned = [self._planned(plan, decision) for plan in self._plans(person, work.state, decision)]
        self.planned += [(person, one) for one in planned]
        self.places.give_up(person, work.state, decision, planned)
        self.recorded.append((person, decision))
        if decision.handoff is not None:
            self.handoffs.append((person, decision.event_id, decision.handoff))
        self._close_judged(decision)

    def _plans(self, person: Person, state: Contact, decision: Decision) -> list[Plan]:
        """The deliveries of a decision, and those that only tell of it."""
        plans = route_decision(decision, state, self.targets)
        if self.hearing and person not in self.quiet:
            values = self.values.get(person) or outward(state, self.policies, self.now)
            introduce(plans, self.hearing, values)
            plans += announce(decision, self.hearing, values, self.now)
        return plans

    def _planned(self, plan: Plan, decision: Decision | None = None) -> Planned:
        withheld = decision is not None and decision.outcome is not Outcome.TAKEN
        return Planned(
            key=plan.key,
            contact_id=0,
            connection_id=plan.connection_id,
            kind=plan.kind,
            urgency=int(plan.action.urgency),
            action=plan.action,
            status=WITHHELD if withheld else PENDING,
            reason=decision.summary if withheld and decision is not None else None,
            slot=plan.slot,
            wait_seconds=max(plan.wait_seconds, self._wait(decision)),
            decision_key=plan.decision_key,
            handoff_key=plan.handoff_key,
        )

    def _wait(self, decision: Decision | None) -> float:
        """For how many seconds from now what was decided has to wait."""
        at = decision.leaves_at if decision is not None else None
        return 0.0 if at is None else (at - self.now).total_seconds()

    def _close_judged(self, decision: Decision) -> None:
        if decision.what == "verdict":
            self.handoff_changes.setdefault(decision.tags["handoff"], {}).update(
                status="closed",
                verdict=decision.tags["verdict"],
                verdict_at=decision.at,
                verdict_by=decision.tags["by"],
            )

    def _compare(self, person: Person, work: Work) -> None:
        """Hold what would be planned now against what stands."""
        since = work.refold_from
        assert since is not None
        standing = {
            key: known for key, known in self.known_decisions.get(person, {}).items() if known.at >= since.occurred_at
        }
        existing = self.known_deliveries.get(person, {})
        planned: dict[str, Planned] = {}
        for decision in work.decisions:
            if person in self.quiet:
                self._open_nothing(person, work.state, decision)
            plans = self._plans(person, work.state, decision)
            mine = {plan.key: self._planned(plan, decision) for plan in plans}
            for key, wanted in mine.items():
                if key not in existing:
                    respect_sent(wanted, existing.values(), work.state, self.policies)
                    if person in self.quiet and wanted.status == PENDING:
                        wanted.status, wanted.reason = WITHHELD, "nothing starts because of an import"
            if not any(key in existing for key in mine):
                self.places.give_up(person, work.state, decision, mine.values())
            planned |= mine
            known = standing.pop(decision.key, None)
            if known is None and decision.key not in self.known_decisions.get(person, {}):
                self.recorded.append((person, decision))
            elif known is None or _differs(known, decision):
                self.amended.append((person, decision))
            self._compare_handoff(person, decision)
            self._close_judged(decision)
        gone = [key for key, known in standing.items() if known.outcome != Outcome.SUPERSEDED]
        self.superseded += gone
        decided_anew = {*gone, *(decision.key for decision in work.decisions)}
        self._withdraw_handoffs(person, decided_anew - {d.handoff.key for d in work.decisions if d.handoff})
        for key, wanted in planned.items():
            if key in existing:
                self._change(existing[key], wanted)
            else:
                self.planned.append((person, wanted))
        reason = "withdrawn: something that reached us late shows that it should not be sent"
        for row in existing.values():
            if row.key in planned or row.decision_key not in decided_anew or row.status != PENDING:
                continue
            if not self.told.has(row):
                self.replanned[row.id] = {"status": WITHHELD, "reason": reason}

    def _open_nothing(self, person: Person, state: Contact, decision: Decision) -> None:
        """What was imported may show that a handoff would have been right: it opens none now."""
        plan = decision.handoff
        if plan is not None and plan.key not in self.known_handoffs.get(person, {}):
            state.handoffs = [one for one in state.handoffs if one.key != plan.key]
            decision.handoff, decision.outcome = None, Outcome.WITHHELD
            decision.summary += "; nothing starts because of an import"

    def _compare_handoff(self, person: Person, decision: Decision) -> None:
        if decision.handoff is None:
            return
        plan = decision.handoff
        row = self.known_handoffs.get(person, {}).get(plan.key)
        if row is None:
            self.handoffs.append((person, decision.event_id, plan))
        elif row.key not in self.told.rows:
            # Nobody was told yet, so it may still become what it should have been from the start
            changes = self.handoff_changes.setdefault(row.key, {})
            changes.update(score=plan.score, reason=plan.reason, remind_at=plan.remind_at, due_at=plan.due_at)
            if row.status == "withdrawn":
                changes["status"] = "open"

    def _withdraw_handoffs(self, person: Person, gone: Collection[str]) -> None:
        for row in self.known_handoffs.get(person, {}).values():
            if row.key in gone and row.status in ("open", "closed") and row.key not in self.told.rows:
                self.handoff_changes.setdefault(row.key, {})["status"] = "withdrawn"

    def _change(self, row: Existing, plan: Planned) -> None:
        same = (row.status, row.action, row.handoff_key) == (plan.status, plan.action, plan.handoff_key)
        if row.status in (PENDING, WITHHELD) and not same:
            self.replanned[row.id] = {
                "status": plan.status,
                "reason": plan.reason,
                "action": deliveries.encode(plan.action).decode(),
                "result": None,
                "handoff_key": plan.handoff_key,
            }

    def _sync(self, person: Person, contact: Contact, target: Target) -> None:
        held = self.held[person][target.id]
        plans = sync(contact, target, held, self.values[person], self.now)
        waiting = self.waiting.get((person, target.id), {})
        wanted = {plan.slot for plan in plans}
        self.dropped += [id for slot, id in waiting.items() if slot not in wanted]
        if person in self.quiet:
            # An opt-out is passed on all the same: it starts nothing, and keeps others from sending. What waits already
            # leaves with what is so by now
            plans = [plan for plan in plans if isinstance(plan.action, Unsubscribe) or plan.slot in waiting]
            self.planned += [(person, self._planned(plan)) for plan in plans]
            return
        # What follows from a publication alone may wait for what people did
        work = self.work[person]
        quiet = work.refold_from is None and all(is_quiet(event) for event in work.events)
        for plan in plans:
            planned = self._planned(plan)
            if quiet and planned.urgency == Urgency.PROFILE:
                planned.urgency = Urgency.BULK
            self.planned.append((person, planned))

    def _set_timers(self, person: Person, work: Work) -> None:
        contact = work.state
        talk = conversation(contact, self.policies.suppression, self.now)
        wanted = clock.timers(contact) | passing.timers(contact, self.now)
        if talk is not None:
            wanted["conversation"] = talk.until
        # A state that was folded again does not know which timers are set
        if wanted != contact.timers or work.refold_from is not None:
            contact.timers = self.timers[person] = wanted

    # --- all of it, written

    def write(self, conn: Conn, ids: Mapping[Person, int]) -> None:
        """Write the plans. ``ids`` are the ids that new contacts got."""

        def at_home(person: Person) -> int:
            return ids.get(person, person)

        database = self.runtime.database
        for person, plan in self.planned:
            plan.contact_id = at_home(person)
        deliveries.drop(conn, self.dropped)
        deliveries.plan(conn, database, [plan for _, plan in self.planned], self.now)
        deliveries.replan(conn, self.replanned, self.now)
        decided.record(conn, [(at_home(person), decision) for person, decision in self.recorded], self.now)
        decided.amend(conn, [(at_home(person), decision) for person, decision in self.amended], self.now)
        decided.supersede(conn, self.superseded)
        handoffs.add(conn, [(at_home(person), event, plan) for person, event, plan in self.handoffs])
        handoffs.change(conn, self.handoff_changes)
        for shadow, person in self.learned.values():
            shadow.contact_id = at_home(person)
        shadows.save(conn, database, [shadow for shadow, _ in self.learned.values()])
        self.rolls.write(conn, database, at_home)
        timers.replace(conn, {at_home(person): wanted for person, wanted in self.timers.items()})
        self.places.write(conn, database, at_home)


def _differs(known: Known, decision: Decision) -> bool:
    said = known.outcome, known.summary, known.at
    return said != (str(decision.outcome), decision.summary, decision.at)


def _held(connection_id: int, vendor_id: str, known: Iterable[Shadow]) -> Held:
    """What a tool holds of a contact: the shadow of the id it has there, else of its address."""
    mine = [shadow for shadow in known if shadow.connection_id == connection_id]
    properties: dict[str, tuple[Any, int]] = {}
    for shadow in sorted(mine, key=lambda shadow: shadow.ref == ref_of("contact", vendor_id)):
        properties.update(shadow.properties)
    return Held(vendor_id, {name: value for name, (value, _) in properties.items()})
