"""What people do with rehearsals: ask for one, and stop it. Each is in the audit log."""

from datetime import datetime

from adapters.registry import acting
from app.rules.policy import SINGLE, read_document
from app.runtime import Runtime
from app.store import notes, policies, rehearsals
from mappings.document import InvalidDocument


class Refused(ValueError):
    """A rehearsal that cannot be, with the reason."""


def ask(
    runtime: Runtime,
    who: str,
    label: str,
    text: str,
    since: datetime,
    until: datetime | None = None,
    segment: str = "",
    every: int = 1,
) -> int:
    """Have a policy's text rehearsed over a span (until now, where no end is given); the rehearsal's id.

    ``segment``: only who is in it today; ``every``: only each so-many-th contact. Raises InvalidDocument for a text
    that could not be published, and Refused for a span, segment or kind that cannot be rehearsed.
    """
    document, now = read_document(text, label), runtime.clock()
    end = min(until or now, now)
    if document.kind not in SINGLE:
        raise Refused(f"a {document.kind} cannot be rehearsed yet; rules can: {', '.join(SINGLE)}")
    if since >= end:
        raise Refused("the span ends before it begins" if until else "the span begins in the future")
    if every < 1:
        raise Refused("every so-many-th contact: at least every first")
    if segment and segment not in runtime.rulebook().policies.segments.by_id:
        raise Refused(f'there is no segment "{segment}"')
    with runtime.database.write() as conn:
        if problems := policies.problems_together(conn, [document], acting()):
            raise InvalidDocument(problems)
        number = rehearsals.add(
            conn,
            kind=document.kind,
            name=document.name,
            label=label,
            body=text,
            since=since,
            until=end,
            segment=segment,
            every=every,
            rules=policies.numbers(conn),
            asked_by=who,
            now=now,
        )
        notes.write_audit(conn, who, "rehearsal.ask", f"{document.kind} {number}", now, label)
    return number


def cancel(runtime: Runtime, who: str, rehearsal_id: int) -> bool:
    """Stop a rehearsal; whether it was still to be worked on."""
    now = runtime.clock()
    with runtime.database.write() as conn:
        stopped = rehearsals.cancel(conn, rehearsal_id, now)
        if stopped:
            notes.write_audit(conn, who, "rehearsal.cancel", str(rehearsal_id), now)
    return stopped
