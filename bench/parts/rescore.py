"""What it costs to score everybody anew after new rules, beside nothing else; and whether somebody is left behind."""

import time
from collections.abc import Iterator

from sqlalchemy import func, select

from app.rules.policy import read_document
from app.store import recounts
from app.store.tables import contacts, inbox
from bench import mass
from bench.report import Figure
from bench.setting import Bench
from jobs import ingest, rescore

EVENTS_EACH = 10
SECONDS = 600


def measure(bench: Bench) -> Iterator[Figure]:
    """A rule that gives points to everybody is published; the work is done in this process, without any other."""
    people = 200 if bench.quick else 10_000
    with bench.hub() as hub:
        source = hub.connect("hubspot", "hubspot", client_secret="bench", portal_id="4242")  # noqa: S106
        mass.fill(hub.runtime, source, people, EVENTS_EACH)
        scoring = hub.policy("scoring").rstrip()
        group = next(iter(read_document(scoring).model.groups))
        rule = f"{{id: bench, label: Bench, group: {group}, points: 1, on: [contact.updated]}}"
        hub.publish({"scoring.yaml": f"{scoring}\n  - {rule}\n"})
        began, used = time.monotonic(), time.process_time()
        changed = rescore.work(hub.runtime, "bench")
        seconds, used = time.monotonic() - began, time.process_time() - used
        with hub.database.read() as conn:
            walked = recounts.read(conn)
            follows = conn.execute(select(func.count()).where(inbox.c.kind == "baton").select_from(inbox)).scalar() or 0
            lifted = conn.execute(select(func.count()).where(contacts.c.score > 0).select_from(contacts)).scalar() or 0
        ingest.drain(hub.runtime, SECONDS)
    title = f"{people:,} contacts with {EVENTS_EACH} events each"
    yield Figure(f"{title}: contacts a second", people / seconds, "contacts/s")
    yield Figure("CPU for 1,000 contacts", used * 1_000 / people, "s")
    yield Figure("requests of Baton's own that follow", follows)
    done = walked.seen if walked is not None and walked.ended_at else 0
    yield Figure("contacts left behind", people - min(done, changed, lifted), bar=0, promise=True)
