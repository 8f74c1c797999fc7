"""What people do with rehearsals: ask for one, and stop it, which is in the audit log; and what they see of one."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import structs, to_builtins
from sqlalchemy import Connection

from adapters.registry import acting
from app.drafts import read_as
from app.policies import title_of
from app.rules.difference import ALL, Change, Count, Filled, Tally
from app.rules.policy import KINDS, Document, read_document
from app.runtime import Runtime
from app.store import drafts, notes, policies, rehearsals
from app.store.policies import MAPPING
from app.store.rehearsals import Found, Outline, Rehearsal, Written
from jobs.recasting import drafted, drafts_of
from mappings.document import InvalidDocument

MOST_OPEN = 20


class NotRehearsed(ValueError):
    """A rehearsal that cannot be, with the reason."""


class Unknown(LookupError):
    """There is no such rehearsal."""


def ask(
    runtime: Runtime,
    who: str,
    texts: Sequence[tuple[str, str]],
    since: datetime,
    until: datetime | None = None,
    segment: str = "",
    every: int = 1,
) -> int:
    """Have policies' texts, as (where it is from, text), rehearsed over a span, as if they came into force together
    (until now, where no end is given); the rehearsal's id.

    ``segment``: only who is in it today; ``every``: only each so-many-th contact. Raises InvalidDocument for a text
    that could not be published, and NotRehearsed for a span, segment or kind that cannot be rehearsed.
    """
    documents, now = [read_document(text, label) for label, text in texts], runtime.clock()
    end = min(until or now, now)
    names = [title_of(document.kind, document.name) for document in documents]
    if not documents:
        raise NotRehearsed("say which policy to rehearse")
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise NotRehearsed(f"there are two texts of one policy: {twice}")
    mappings = _held_against(runtime, documents)
    if since >= end:
        raise NotRehearsed("the span ends before it begins" if until else "the span begins in the future")
    if every < 1:
        raise NotRehearsed("every so-many-th contact: at least every first")
    if segment and segment not in runtime.rulebook().policies.segments.by_id:
        raise NotRehearsed(f'there is no segment "{segment}"')
    written = [Written(document.kind, document.name, *text) for document, text in zip(documents, texts, strict=True)]
    with runtime.database.write() as conn:
        if len(rehearsals.open_ones(conn)) >= MOST_OPEN:
            raise NotRehearsed(f"{MOST_OPEN} rehearsals wait already; let them end, or stop one")
        rules = [document for document in documents if document.kind != MAPPING]
        if problems := policies.problems_together(conn, rules, acting()):
            raise InvalidDocument(problems)
        number = rehearsals.add(
            conn,
            written,
            since=since,
            until=end,
            segment=segment,
            every=every,
            rules=policies.numbers(conn, mappings),
            asked_by=who,
            now=now,
        )
        labels = ", ".join(one.label for one in written)
        notes.write_audit(conn, who, "rehearsal.ask", str(number), now, labels)
    return number


def _held_against(runtime: Runtime, documents: Sequence[Document]) -> set[str]:
    """The mappings whose places the mappings among these documents would take. Raises NotRehearsed where no
    connection would go by one."""
    rulebook, found = runtime.rulebook(), set()
    for name, mapping in drafts_of(documents).items():
        mine = drafted(runtime, rulebook, {name: mapping})
        if not mine:
            raise NotRehearsed(f"no connection goes by the mapping {name}, so nothing came in that it could read")
        found |= {name, *(one.now.name for one in mine.values())}
    return found


def drafts_named(conn: Connection, names: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Drafts, as (kind, name), as they were saved last: (where each is from, its text). Raises NotRehearsed for one
    that is not there, and InvalidDocument for one that is of another policy than it says."""
    found = []
    for kind, name in names:
        draft = drafts.find(conn, kind, name) if kind in KINDS and "\0" not in name else None
        if draft is None:
            raise NotRehearsed(f"there is no draft of {kind[:40]} {name[:40]}: it was published or thrown away")
        read_as(kind, name, draft.body)
        found.append((f"{title_of(kind, name)}, draft {draft.revision}", draft.body))
    return found


def again(runtime: Runtime, who: str, rehearsal_id: int) -> int:
    """Ask for the same once more, held against the rules that are in force by now; the new rehearsal's id. Raises as
    :func:`ask` does, and Unknown where there is none with this id."""
    with runtime.database.read() as conn:
        old = rehearsals.find(conn, rehearsal_id)
    if old is None:
        raise Unknown("there is no such rehearsal")
    texts = [(one.label, one.body) for one in old.texts]
    return ask(runtime, who, texts, old.since, old.until, old.segment, old.every)


def cancel(runtime: Runtime, who: str, rehearsal_id: int) -> bool:
    """Stop a rehearsal; whether it was still to be worked on."""
    now = runtime.clock()
    with runtime.database.write() as conn:
        stopped = rehearsals.cancel(conn, rehearsal_id, now)
        if stopped:
            notes.write_audit(conn, who, "rehearsal.cancel", str(rehearsal_id), now)
    return stopped


# --- looking at one


def shown(found: Outline) -> dict[str, Any]:
    """A rehearsal in plain data, without what it counted singly."""
    return {
        "id": found.id,
        "status": found.status,
        "reason": found.reason or None,
        "policies": [{"kind": one.kind, "name": one.name, "label": one.label} for one in found.policies],
        "since": found.since,
        "until": found.until,
        "segment": found.segment or None,
        "every": found.every,
        "asked_by": found.asked_by,
        "created_at": found.created_at,
        "began_at": found.began_at,
        "ended_at": found.ended_at,
        "seconds": found.seconds,
        "payloads": found.payloads,
        "payloads_read": found.payloads_read,
        "total": found.total,
        "seen": found.seen,
        "differing": found.tally.differing,
    }


def shown_counts(found: Rehearsal) -> dict[str, Any]:
    """A rehearsal in plain data, with all that it counted."""
    tally = found.tally
    return {
        **shown(found),
        "rules": found.rules,
        "events": tally.events,
        "effects": {effect: _effect(effect, rules, tally) for effect, rules in sorted(tally.effects.items())},
        "scores": structs.asdict(tally.scores),
        "reading": structs.asdict(tally.payloads),
        "fields": _filled(tally.ours),
        "told": _filled(tally.told),
        "kept": found.kept,
    }


def _filled(counts: Mapping[str, Filled]) -> dict[str, Any]:
    return {name: structs.asdict(count) for name, count in sorted(counts.items())}


def _effect(name: str, rules: Mapping[str, Count], tally: Tally) -> dict[str, Any]:
    return {
        **structs.asdict(rules[ALL]),
        "rules": {rule: structs.asdict(count) for rule, count in sorted(rules.items()) if rule != ALL},
        "checks": {check: structs.asdict(why) for check, why in sorted(tally.reasons.get(name, {}).items())},
    }


def shown_change(found: Found) -> dict[str, Any]:
    """One difference in plain data."""
    change: Change = found.change
    sides = {"now": change.now, "draft": change.draft}
    return {
        "id": found.id,
        "contact_id": found.contact_id,
        "effect": change.effect,
        "rule": change.rule,
        "side": change.side,
        "at": change.at,
        **{name: to_builtins(said) if said else None for name, said in sides.items()},
    }
