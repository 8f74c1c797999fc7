"""Is anything wrong? What an admin or marketer should know, in words, with what to do; found with a few small queries.

The same questions as ``baton doctor``, but asked so that the answer costs the same however large the tables are.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct
from redis.exceptions import RedisError
from sqlalchemy import Connection as Conn

from app.admin import words
from app.admin.show import ago, lasting
from app.health import LATE, SWEEP_SILENT
from app.runtime import Runtime
from app.store import breakers, inbox, lists, notes
from app.store.connections import ACTIVE, BROKEN, Connection
from app.store.notes import PAUSED
from jobs.queue import connect

_REFUSED_LATELY = timedelta(hours=1)
Marks = Mapping[str, tuple[str, datetime]]


class Trouble(Struct, frozen=True, kw_only=True):
    """One thing that is wrong: how badly, what it is, what to do, and the screen (route, arguments) to do it on."""

    title: str
    says: str
    advice: str = ""
    grave: bool = True
    route: str = ""
    link: str = ""
    arguments: Mapping[str, str] = {}


def troubles(runtime: Runtime, conn: Conn, counts: Mapping[str, int]) -> list[Trouble]:
    """Everything that is wrong now, the gravest first. ``counts`` are those of :func:`app.store.lists.waiting`."""
    now, marks = runtime.clock(), notes.read_marks(conn)
    found = [*_work(runtime, conn, marks, now), *_waiting(counts)]
    refusals = notes.refusals_by_connection(conn)
    for one in sorted(runtime.connections().values(), key=lambda one: one.name):
        found += of_connection(one, marks, refusals.get(one.id), now)
    return sorted(found, key=lambda trouble: not trouble.grave)


def paused(marks: Marks) -> dict[str, object] | None:
    """Who has paused everything, why and when; None when nothing is paused as a whole."""
    known = marks.get(PAUSED)
    if known is None:
        return None
    try:
        said = msgspec.json.decode(known[0], type=dict[str, str])
    except (msgspec.DecodeError, msgspec.ValidationError):
        said = {"reason": known[0]}
    return {"by": said.get("by", ""), "reason": said.get("reason", ""), "at": known[1]}


def _work(runtime: Runtime, conn: Conn, marks: Marks, now: datetime) -> list[Trouble]:
    found = []
    swept = marks.get("swept")
    if swept is None or now - swept[1] > SWEEP_SILENT:
        since = lasting(swept[1], now) if swept else "yet"
        found.append(
            Trouble(
                title="Nobody is working",
                says=f"No worker has looked around {since}. What comes in is kept safe, but nothing is read or sent.",
                advice="Start `baton run`, or `baton worker` where the web server runs alone.",
            )
        )
    oldest = inbox.oldest_pending(conn)
    if oldest is not None and now - oldest > LATE:
        found.append(
            Trouble(
                title="The inbox is behind",
                says=f"A request came in {ago(oldest, now)} and has not been read yet.",
                advice="It may wait for a tool that does not answer; then it says so in the inbox.",
                route="inbox",
                link="See what waits",
                arguments={"status": "pending"},
            )
        )
    if not _queue_answers(runtime):
        found.append(
            Trouble(
                title="Redis does not answer",
                says="Work goes on, but is found every five seconds instead of at once.",
                advice="Start Redis or Valkey again.",
                grave=False,
            )
        )
    return found


def _queue_answers(runtime: Runtime) -> bool:
    if not runtime.settings.redis_url:
        return True
    client = connect(runtime.settings.redis_url)
    try:
        client.ping()
    except (RedisError, OSError):
        return False
    finally:
        client.close()
    return True


def _waiting(counts: Mapping[str, int]) -> list[Trouble]:
    found = []
    if dead := counts.get("deliveries.dead", 0):
        found.append(
            Trouble(
                title=f"{_deliveries(dead)} given up",
                says="A tool refused what was to be done, or did not answer for two days.",
                advice="Look at the reason, mend it, then try them again.",
                route="deliveries",
                link="See them",
                arguments={"status": "dead"},
            )
        )
    if unknown := counts.get("deliveries.unknown", 0):
        found.append(
            Trouble(
                title=f"{_deliveries(unknown)} with unknown outcome",
                says="The tool's answer was lost. Baton looks by itself where it can; for the rest nobody can tell.",
                advice="Look in the tool whether it is there; try again only if it is not.",
                route="deliveries",
                link="See them",
                arguments={"status": "unknown"},
            )
        )
    if parked := counts.get("inbox.parked", 0):
        found.append(
            Trouble(
                title=f"{words.number(parked, lists.COUNT_UP_TO)} parked in the inbox",
                says="They could not be read, and are kept whole.",
                advice="Look at the reason; after it is mended, have them read again.",
                grave=False,
                route="inbox",
                link="See them",
                arguments={"status": "parked"},
            )
        )
    return found


def _deliveries(count: int) -> str:
    return f"{words.number(count, lists.COUNT_UP_TO)} {'delivery' if count == 1 else 'deliveries'}"


def of_connection(
    one: Connection, marks: Marks, refused: tuple[int, datetime, str] | None, now: datetime
) -> list[Trouble]:
    """What is wrong with one connection."""
    to = {"route": "connection", "arguments": {"name": one.name}}
    found = []
    if one.status == BROKEN:
        found.append(
            Trouble(
                title=f"{one.name} has been broken {lasting(one.status_at, now)}",
                says=_sentence(one.status_reason),
                advice="Give it new credentials, then check it. Nothing is lost meanwhile: it all waits.",
                link=f"Open {one.name}",
                **to,  # type: ignore[arg-type]
            )
        )
    elif one.status != ACTIVE:
        found.append(
            Trouble(
                title=f"{one.name} has been paused {lasting(one.status_at, now)}",
                says=_sentence(one.status_reason),
                grave=False,
                link=f"Open {one.name}",
                **to,  # type: ignore[arg-type]
            )
        )
    failing = [check for check in one.checks if not check.get("works")]
    if failing:
        found.append(
            Trouble(
                title=f"{one.name} cannot do everything",
                says=f"What failed: {words.listed([str(check.get('capability')) for check in failing])}.",
                advice=_sentence(str(failing[0].get("advice") or "")),
                grave=False,
                link=f"Open {one.name}",
                **to,  # type: ignore[arg-type]
            )
        )
    if breakers.failing(marks, one.id).until is not None:
        found.append(
            Trouble(
                title=f"{one.name} fails again and again",
                says="It is tried once a minute until it answers. What is to be sent waits.",
                advice="Is the tool down? Its status page may say so.",
                link=f"Open {one.name}",
                **to,  # type: ignore[arg-type]
            )
        )
    if refused is not None and now - refused[1] < _REFUSED_LATELY:
        found.append(
            Trouble(
                title=f"{one.name}: requests are refused",
                says=f"They cannot prove where they come from. The last one {ago(refused[1], now)}: {refused[2]}.",
                advice="Compare secret and address with those at the vendor.",
                link=f"Open {one.name}",
                **to,  # type: ignore[arg-type]
            )
        )
    return found


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "!", "?")) else ".")
