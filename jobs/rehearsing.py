"""Policies that are not in force, held against those that are, contact by contact: each one's history is replayed under
both, as the mappings of both read it, and what comes out differently is counted and kept.

Up to the span's beginning there is one replay, under the rules in force; from there on one goes on under them, and the
other as if the draft had been published at that moment. Nothing is written here, and nothing is held for longer than
one contact: a history that is long is read piece by piece.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection as Conn

from app.contacts.contact import Contact
from app.contacts.recast import Pair, side_by_side
from app.rules.decide import Policies
from app.rules.decision import Decision
from app.rules.difference import Change, Made, Tally
from app.rules.field_difference import Side, count_fields, count_told
from app.rules.memory import compile_memory
from app.rules.policy import Document, compile_policies, read_document
from app.rules.replay import Replay
from app.rules.rescore import KINDS as RESCORING
from app.rules.route import Target
from app.rules.score import total
from app.rules.sequences.pauses import Pauses
from app.rules.sequences.policy import Edition
from app.runtime import Rulebook, Runtime, editions_of
from app.store import pauses, people, policies, recasts, rehearsals, shadows
from app.store.engine import Database
from app.store.policies import MAPPING
from app.store.rehearsals import Rehearsal
from jobs.histories import read_histories
from jobs.recasting import DRAFT, Drafted, drafted, drafts_of
from jobs.targets import targets_of
from mappings.mapping import FieldMapping


class Stage(Struct, frozen=True, kw_only=True):
    """What a rehearsal is played on: the rules in force and the draft's, and what things would leave through under
    each; where mappings are rehearsed, the connections that would go by them."""

    now: Policies
    draft: Policies
    targets: Sequence[Target]
    draft_targets: Sequence[Target]
    since: datetime
    until: datetime
    rescores: bool  # whether publishing the draft would score everybody anew
    rehearsal_id: int
    mapped: Mapping[int, Drafted] = {}


def set_up(runtime: Runtime, conn: Conn, rehearsal: Rehearsal) -> Stage:
    """Compile both sets of rules, from the very versions that were in force when the rehearsal was asked for. Raises
    InvalidDocument where one of them cannot be read any more."""
    found = policies.read_versions(policies.chosen(conn, rehearsal.rules))
    documents = {kind: (document.model, version) for (kind, _), (document, version) in found.items()}
    texts = [read_document(one.body, one.label) for one in rehearsal.texts]
    drafts = [one for one in texts if one.kind != MAPPING]
    published = [one for one in policies.versions(conn, "sequences") if one.version <= rehearsal.rules["sequences"]]
    editions, paused = editions_of(published), Pauses(pauses.all_of(conn))
    now, then = _compile(documents, editions, paused, drafts, rehearsal.since)
    before = Rulebook(now, _mappings(runtime, conn, rehearsal))
    mappings = drafts_of(texts)
    after = Rulebook(then, {**before.mappings, **mappings})
    return Stage(
        now=now,
        draft=then,
        targets=targets_of(runtime, before),
        draft_targets=targets_of(runtime, after),
        since=rehearsal.since,
        until=rehearsal.until,
        rescores=any(draft.kind in RESCORING for draft in drafts),
        rehearsal_id=rehearsal.id,
        mapped=drafted(runtime, before, mappings),
    )


def _mappings(runtime: Runtime, conn: Conn, rehearsal: Rehearsal) -> dict[str, FieldMapping]:
    """The published mappings by name; those that a rehearsed one would take the place of as they were when it was asked
    for."""
    found = dict(runtime.rulebook().mappings)
    chosen = policies.mappings_chosen(conn, rehearsal.rules)
    for name in chosen:
        found.pop(name, None)
    read = policies.read_versions([one for one in chosen.values() if one is not None])
    return found | {name: FieldMapping(document.model, version) for (_, name), (document, version) in read.items()}


def _compile(
    documents: dict[str, tuple[object, str]],
    editions: Sequence[Edition],
    paused: Pauses,
    drafts: Sequence[Document],
    since: datetime,
) -> tuple[Policies, Policies]:
    """The rules in force and those with the drafts. Both remember of the past what either will ask for."""
    named = {draft.kind: (draft.model, f"{draft.name}@{DRAFT}") for draft in drafts}
    drafted = {**documents, **named}
    # Today's sequences are in force from the span's beginning on; who was in before stays in what was in force then
    begun = [Edition(one.document, one.version, min(one.since, since)) for one in editions]
    more = [Edition(*named["sequences"], since)] if "sequences" in named else []
    now = compile_policies(documents, 0, begun, paused)
    then = compile_policies(drafted, 0, [*begun, *more], paused)
    models = [model for model, _ in (*documents.values(), *drafted.values())]
    memory = compile_memory(*models, *(one.document for one in begun))
    return msgspec.structs.replace(now, memory=memory), msgspec.structs.replace(then, memory=memory)


def rehearse_contacts(
    database: Database, stage: Stage, contact_ids: Sequence[int], tally: Tally, alive: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, list[Change]]]:
    """Rehearse these contacts, in this order; each with what differs, once it has been counted. ``alive`` is called now
    and then where one of them takes long."""
    with database.read() as conn:
        really = rehearsals.really(conn, contact_ids, stage.since, stage.until)
        read = recasts.of_contacts(conn, stage.rehearsal_id, contact_ids) if stage.mapped else {}
        ids = _ids_in_tools(conn, stage, contact_ids)
    for contact_id, events in read_histories(database, contact_ids, stage.until, alive):
        mine = read.get(contact_id, {})
        if not events and not mine:
            yield contact_id, []
            continue
        known_as = {place: known[contact_id] for place, known in ids.items() if contact_id in known}
        yield contact_id, _rehearse(side_by_side(events, mine), really[contact_id], stage, tally, known_as)


def _ids_in_tools(conn: Conn, stage: Stage, contact_ids: Sequence[int]) -> dict[int, dict[int, str]]:
    """connection → contact → its id there, of tools that would be told something else by a drafted mapping."""
    if not stage.mapped:
        return {}
    states = {key: stored.state for key, stored in people.load(conn, contact_ids).items()}
    return {one.id: shadows.ids_in(conn, one.id, states) for one in stage.targets if one.mapping is not None}


def _rehearse(
    pairs: Iterable[Pair], really: Iterable[Made], stage: Stage, tally: Tally, known_as: Mapping[int, str]
) -> list[Change]:
    """One contact, under both sets of rules and mappings."""
    past = Replay(Contact(), stage.now, stage.targets)
    anew = Replay(Contact(), stage.draft, stage.targets) if stage.rescores else None
    pair: tuple[Replay, Replay] | None = None
    now: list[Decision] = []
    draft: list[Decision] = []
    for event, other in pairs:
        tally.events += 1
        if (event or other).occurred_at < stage.since:  # type: ignore[union-attr]
            if event is not None:
                past.take(event)
                if anew is not None:
                    anew.take(event)
            continue
        if pair is None:
            pair = _part(past, anew, stage, draft)
        if event is not None:
            now += pair[0].take(event)
        if other is not None:
            draft += pair[1].take(other)
    mine, theirs = pair or _part(past, anew, stage, draft)
    now += mine.until(stage.until)
    draft += theirs.until(stage.until)
    fields = _fields(mine.contact, theirs.contact, stage, tally, known_as) if stage.mapped else []
    found = tally.count(really, _within(now, stage), _within(draft, stage), fields)
    scoring = stage.now.scoring.read, stage.draft.scoring.read
    scores = (total(one.contact.score, read, stage.until) for one, read in zip((mine, theirs), scoring, strict=True))
    tally.score(*scores, *(read.threshold for read in scoring))
    return found


def _fields(now: Contact, draft: Contact, stage: Stage, tally: Tally, known_as: Mapping[int, str]) -> list[Change]:
    """What a contact's fields come to under both mappings, and what tools would be told of it."""
    sides = Side(now, stage.now, stage.targets), Side(draft, stage.draft, stage.draft_targets)
    return count_fields(tally, now, draft, stage.until) + count_told(tally, *sides, known_as, stage.until)


def _part(past: Replay, anew: Replay | None, stage: Stage, draft: list[Decision]) -> tuple[Replay, Replay]:
    """Where the ways part: one goes on as it was, under the other the draft is published."""
    past.until(stage.since)
    other = past.under(stage.draft, stage.draft_targets)
    earned = None
    if anew is not None:
        anew.until(stage.since)
        earned = anew.contact
    draft += other.published(stage.since, stage.now, earned)
    return past, other


def _within(decisions: Iterable[Decision], stage: Stage) -> list[Decision]:
    return [one for one in decisions if stage.since <= one.at < stage.until]
