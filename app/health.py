"""How Baton is doing: each part that is ill, since when, and what to do about it.

`baton doctor`, Home and a connection's page all ask here. Every question is a small one: what it costs does not grow
with the tables.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from redis.exceptions import RedisError
from sqlalchemy import Connection as Conn

from app import recounts
from app.contacts.action import SendMessage
from app.rules.rendering import not_ready
from app.rules.sequences.pauses import EVERY
from app.runtime import Runtime, can_call, is_practice
from app.store import breakers, connections, counts, inbox, latency, notes, pauses, schema
from app.store.connections import Connection
from app.store.vault import WrongKey
from jobs.queue import connect

LATE = timedelta(seconds=60)
DECIDED_LATE = timedelta(seconds=10)
SWEEP_SILENT = timedelta(seconds=60)
REFUSED_LATELY = timedelta(hours=1)

# Parts; a finding about a connection says in ``name`` which one
DATABASE, SECRETS, QUEUE, WORKERS, SENDING = "database", "secrets", "queue", "workers", "sending"
INBOX, PARKED, DEAD, UNKNOWN, CONNECTION = "inbox", "parked", "dead", "unknown", "connection"
CONTENT, SEQUENCES, RULES, SCORES = "content", "sequences", "rules", "scores"

Marks = Mapping[str, tuple[str, datetime]]


class Finding(Struct, frozen=True, kw_only=True):
    """What one part is like: fine, or what is wrong, since when, and what to do.

    ``grave`` is what keeps Baton from its work or waits for a person; the rest only deserves a look. ``since`` is when
    it began and ``last_at`` when it was last seen, where that is known.
    """

    part: str
    title: str
    name: str = ""
    says: str = ""
    advice: str = ""
    fine: bool = False
    grave: bool = True
    since: datetime | None = None
    last_at: datetime | None = None


class Pause(Struct, frozen=True):
    """Who has stopped everything that goes out, why and when."""

    by: str
    reason: str
    at: datetime


def examine(runtime: Runtime) -> list[Finding]:
    """Look at every part, the database first: without it there is nothing more to see."""
    try:
        current = schema.is_current(runtime.database)
    except Exception as error:  # whatever the driver raises, it is the database that is ill
        says = f"It cannot be reached ({type(error).__name__})."
        advice = "Check DATABASE_URL, and that the server runs."
        return [Finding(part=DATABASE, title="The database does not answer", says=says, advice=advice)]
    if not current:
        advice = "Start Baton, or run any command that changes something: they bring the schema up to date."
        return [Finding(part=DATABASE, title="The database is not at this version's schema", advice=advice)]
    try:
        runtime.connections()
    except WrongKey:
        says = "They were written with another key than BATON_SECRET_KEY, or secret.key in BATON_HOME, has now."
        advice = "Give Baton the key that it had before; it takes several, separated by commas, the newest first."
        return [Finding(part=SECRETS, title="The stored secrets cannot be read", says=says, advice=advice)]
    with runtime.database.read() as conn:
        waiting = counts.up_to(conn, counts.waiting())
        return [_fine(DATABASE, "reachable, schema up to date"), *look(runtime, conn, waiting)]


def look(runtime: Runtime, conn: Conn, waiting: Mapping[str, int]) -> list[Finding]:
    """Look at every part but the database; ``waiting`` are the counts of :func:`app.store.counts.waiting`."""
    now, marks = runtime.clock(), notes.read_marks(conn)
    refused = notes.refusals_by_connection(conn)
    findings = [_queue(runtime), _workers(marks, now), _sending(marks), _inbox(conn, now), *_left(waiting)]
    findings += [*_content(runtime), *_sequences(runtime, conn), *_rules(runtime), *_scores(runtime, conn)]
    for one in sorted(runtime.connections().values(), key=lambda one: one.name):
        findings += of_connection(one, marks, refused.get(one.id), now) or [
            _fine(CONNECTION, "nothing is wrong with it", one.name)
        ]
    return findings


def _fine(part: str, title: str, name: str = "") -> Finding:
    return Finding(part=part, title=title, name=name, fine=True, grave=False)


def paused(marks: Marks) -> Pause | None:
    """Who has stopped everything that goes out, or None when nobody has."""
    known = marks.get(notes.PAUSED)
    if known is None:
        return None
    try:
        said = msgspec.json.decode(known[0], type=dict[str, str])
    except (msgspec.DecodeError, msgspec.ValidationError):
        said = {"reason": known[0]}
    return Pause(said.get("by", ""), said.get("reason", ""), known[1])


# --- the parts


def _queue(runtime: Runtime) -> Finding:
    if not runtime.settings.redis_url:
        return _fine(QUEUE, "no REDIS_URL here: `baton run` brings its own; without one work is found every 5 s")
    client = connect(runtime.settings.redis_url)
    try:
        client.ping()
    except (RedisError, OSError) as error:
        return Finding(
            part=QUEUE,
            title="Redis does not answer",
            says=f"Work goes on, but is found every five seconds instead of at once ({type(error).__name__}).",
            advice="Start Redis or Valkey again.",
            grave=False,
        )
    finally:
        client.close()
    return _fine(QUEUE, "Redis answers")


def _workers(marks: Marks, now: datetime) -> Finding:
    swept = marks.get("swept")
    if swept is not None and now - swept[1] <= SWEEP_SILENT:
        return _fine(WORKERS, "they have looked around within the last minute")
    return Finding(
        part=WORKERS,
        title="Nobody is working",
        says=f"No worker {'looks around any more' if swept else 'has looked around yet'}. What comes in is kept safe, "
        "but nothing is read or sent.",
        advice="Start `baton run`, or `baton worker` where the web server runs alone.",
        since=swept[1] if swept else None,
    )


def _sending(marks: Marks) -> Finding:
    stopped = paused(marks)
    if stopped is None:
        return _fine(SENDING, "not paused")
    says = " ".join(part for part in (_sentence(stopped.reason), stopped.by and f"By {stopped.by}.") if part)
    advice = "Resume it on Home when it should go on."
    return Finding(part=SENDING, title="Everything is paused", says=says, advice=advice, grave=False, since=stopped.at)


def _inbox(conn: Conn, now: datetime) -> Finding:
    oldest = inbox.oldest_pending(conn)
    if oldest is None or now - oldest <= LATE:
        return _decided(conn, now)
    return Finding(
        part=INBOX,
        title="The inbox is behind",
        says="A request has come in and has not been read yet.",
        advice="It may wait for a tool that does not answer; then it says so in the inbox. Else look at the worker's "
        "log.",
        since=oldest,
    )


def _decided(conn: Conn, now: datetime) -> Finding:
    """How soon it is decided what follows from what comes in, where nothing waits long now."""
    found = latency.lately(conn, now)
    if found is None:
        return _fine(INBOX, "nothing waits long")
    if found.most <= DECIDED_LATE.total_seconds():
        return _fine(INBOX, f"nothing waits long: 19 of 20 requests are decided on within {_seconds(found.most)}")
    return Finding(
        part=INBOX,
        title="Decisions come late",
        says=f"Within the last hour one request in 20 waited {_seconds(found.most)} or longer until it was decided "
        f"what follows from it, the slowest {_seconds(found.slowest)}.",
        advice="After a burst it mends itself. Else whoever runs Baton gives the workers more of a processor, or sees "
        "in their log what keeps them.",
        grave=False,
    )


def _content(runtime: Runtime) -> list[Finding]:
    """Whether texts wait for a site of their own, although somebody real could get them."""
    why = not_ready(runtime.rulebook().policies.content)
    real = [one.name for one in runtime.connections().values() if not is_practice(one) and _sends(runtime, one)]
    if not why or not real:
        return []
    advice = "Export the policies, set site, links and resources of content.yaml to your own, and publish it."
    says = f"Messages with these texts are withheld from {', '.join(sorted(real))}: {why}."
    return [
        Finding(
            part=CONTENT,
            title="The texts of messages are still the shipped ones",
            says=says,
            advice=advice,
            grave=False,
        )
    ]


def _sequences(runtime: Runtime, conn: Conn) -> list[Finding]:
    """The sequences that stand still: easily forgotten, while people wait in them."""
    known = runtime.rulebook().policies.sequences.newest.by_id
    found: list[Finding] = []
    for name, (since, by, reason) in sorted(pauses.running(conn).items()):
        if name != EVERY and name not in known:
            continue
        title = "All sequences are paused" if name == EVERY else f"The sequence “{known[name].label}” is paused"
        says = f"{_sentence(reason)} By {by}. Nobody goes on in it; nobody is lost.".strip()
        advice = "Resume it when people are to go on."
        which = "" if name == EVERY else name
        found.append(
            Finding(part=SEQUENCES, title=title, name=which, says=says, advice=advice, grave=False, since=since)
        )
    return found


def _rules(runtime: Runtime) -> list[Finding]:
    """What published policies name and what is not there, as after an upgrade that ships a new sequence."""
    problems = runtime.rulebook().problems
    if not problems:
        return []
    more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
    return [
        Finding(
            part=RULES,
            title="A rule names something that does not exist",
            says=f"{problems[0][0].upper()}{problems[0][1:]}.{more}",
            advice="Publish or connect what it names, or publish the rule without it.",
            grave=False,
        )
    ]


def _scores(runtime: Runtime, conn: Conn) -> list[Finding]:
    """Whether everybody is scored by the rules in force."""
    found = recounts.standing(runtime, conn)
    if found.status != recounts.DONE:
        return [_fine(SCORES, f"being counted by new rules, in the background: about {found.percent} % so far")]
    if found.recount and found.recount.failed:
        return [
            Finding(
                part=SCORES,
                title=f"{_counted(found.recount.failed, 'contact', 'contacts')} could not be scored by new rules",
                says="Their scores stay as they were until something happens to them.",
                advice="Look for rescore_failed in the worker's log, and report it.",
                grave=False,
            )
        ]
    return [_fine(SCORES, "everybody is scored by the rules in force")]


def _sends(runtime: Runtime, connection: Connection) -> bool:
    adapter = runtime.adapter(connection)
    push = adapter.pushes.get(SendMessage)
    if push is None or not can_call(adapter, connection):
        return False
    message = SendMessage(message="", rule="", occurred_at=runtime.clock())
    texts = (replace(message, content=name) for name in runtime.rulebook().policies.content.messages)
    return any(push.accepts(one, connection.settings) for one in texts)


def _left(waiting: Mapping[str, int]) -> list[Finding]:
    """What was left for a person to look at."""
    parked, dead, unknown = (waiting.get(name, 0) for name in ("inbox.parked", "deliveries.dead", "deliveries.unknown"))
    findings = []
    if parked:
        findings.append(
            Finding(
                part=PARKED,
                title=f"{_counted(parked, 'request', 'requests')} parked in the inbox",
                says="They could not be read, and are kept whole.",
                advice="Look at the reason; after it is mended, have them read again.",
                grave=False,
            )
        )
    if dead:
        findings.append(
            Finding(
                part=DEAD,
                title=f"{_counted(dead, 'delivery', 'deliveries')} given up",
                says="A tool refused what was to be done, or did not answer for two days.",
                advice="Look at the reason, mend it, then try them again.",
            )
        )
    if unknown:
        findings.append(
            Finding(
                part=UNKNOWN,
                title=f"{_counted(unknown, 'delivery', 'deliveries')} with unknown outcome",
                says="The tool's answer was lost. Baton looks by itself where it can; for the rest nobody can tell.",
                advice="Look in the tool whether it is there; try again only if it is not.",
            )
        )
    return findings


def of_connection(
    one: Connection, marks: Marks, refused: tuple[int, datetime, str] | None, now: datetime
) -> list[Finding]:
    """What is wrong with one connection; ``refused`` as :func:`app.store.notes.refusals_by_connection` has it."""
    findings = []

    def found(title: str, says: str, advice: str = "", **more: Any) -> None:
        findings.append(
            Finding(part=CONNECTION, name=one.name, title=f"{one.name}{title}", says=says, advice=advice, **more)
        )

    if one.status == connections.BROKEN:
        advice = f"Give it new credentials (`baton connection rotate {one.name} --set …`), then check it. Nothing is "
        found(" is broken", _sentence(one.status_reason), f"{advice}lost meanwhile: it all waits.", since=one.status_at)
    elif one.status != connections.ACTIVE:
        advice = "Resume it when it should go on."
        found(" is paused", _sentence(one.status_reason), advice, grave=False, since=one.status_at)
    if failing := [check for check in one.checks if not check.get("works")]:
        says = f"What failed: {', '.join(str(check.get('capability')) for check in failing)}."
        found(" cannot do everything", says, _sentence(str(failing[0].get("advice") or "")), grave=False)
    if breakers.failing(marks, one.id).until is not None:
        says = "It is tried once a minute until it answers. What is to be sent waits."
        found(" fails again and again", says, "Is the tool down? Its status page may say so.")
    if refused is not None and now - refused[1] < REFUSED_LATELY:
        count, last_at, reason = refused
        says = f"{'It' if count == 1 else 'They'} could not prove where {'it' if count == 1 else 'they'} came from. "
        says += f"The last one: {_sentence(reason)}"
        advice = "Compare secret and address with those at the vendor."
        refusals = f"{_counted(count, 'request', 'requests')} {'was' if count == 1 else 'were'} refused"
        found(f": {refusals}", says, advice, last_at=last_at)
    return findings


def _counted(count: int, one: str, many: str) -> str:
    most = counts.COUNT_UP_TO
    return f"{most:,}+ {many}" if count > most else f"{count:,} {one if count == 1 else many}"


def _seconds(value: float) -> str:
    if value >= 120:
        return f"{value / 60:.0f} minutes"
    return f"{max(value, 0.1):.1f} s" if value < 10 else f"{value:.0f} s"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "!", "?")) else ".")
