"""What people do with rehearsals: ask for one, and stop it. Each is in the audit log."""

from collections.abc import Sequence
from datetime import datetime

from adapters.registry import acting
from app.rules.policy import SINGLE, read_document
from app.runtime import Runtime
from app.store import notes, policies, rehearsals
from app.store.rehearsals import Written
from mappings.document import InvalidDocument


class Refused(ValueError):
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
    that could not be published, and Refused for a span, segment or kind that cannot be rehearsed.
    """
    documents, now = [read_document(text, label) for label, text in texts], runtime.clock()
    end = min(until or now, now)
    kinds = [document.kind for document in documents]
    if not documents:
        raise Refused("say which policy to rehearse")
    if other := next((kind for kind in kinds if kind not in SINGLE), ""):
        raise Refused(f"a {other} cannot be rehearsed yet; rules can: {', '.join(SINGLE)}")
    if twice := next((kind for kind in kinds if kinds.count(kind) > 1), ""):
        raise Refused(f"there are two texts of the {twice} policy")
    if since >= end:
        raise Refused("the span ends before it begins" if until else "the span begins in the future")
    if every < 1:
        raise Refused("every so-many-th contact: at least every first")
    if segment and segment not in runtime.rulebook().policies.segments.by_id:
        raise Refused(f'there is no segment "{segment}"')
    written = [Written(document.kind, document.name, *text) for document, text in zip(documents, texts, strict=True)]
    with runtime.database.write() as conn:
        if problems := policies.problems_together(conn, documents, acting()):
            raise InvalidDocument(problems)
        number = rehearsals.add(
            conn,
            written,
            since=since,
            until=end,
            segment=segment,
            every=every,
            rules=policies.numbers(conn),
            asked_by=who,
            now=now,
        )
        labels = ", ".join(one.label for one in written)
        notes.write_audit(conn, who, "rehearsal.ask", str(number), now, labels)
    return number


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
