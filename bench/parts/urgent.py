"""How soon a handoff reaches the person who shall work it, while a long queue of profile updates waits before it.

Once with contacts that the tool knows, as on any day, and once with contacts that are new to it, as after an import:
then Baton also has to take in under which number the tool now keeps each of them.
"""

import json
from collections.abc import Iterator

import requests

from adapters.sandbox.server import Server, serve
from app.contacts.action import AnyAction, UpsertContact
from app.contacts.event import Identity
from app.contacts.identity import alias_key
from app.rules.route import PROFILE_SLOT
from app.store import people
from app.store.connections import Connection
from bench import mass
from bench.arithmetic import median
from bench.hub import START_SECONDS, Hub
from bench.report import Figure
from bench.setting import Bench
from bench.tools import connect, queue

MOST_SECONDS = 1.0
PATIENCE_SECONDS = 120.0
TASKS = "/objects/tasks"


def measure(bench: Bench) -> Iterator[Figure]:
    """Some people ask to be called, one after the other, with the queue before them."""
    updates, handoffs = (2_000, 1) if bench.quick else (100_000, 5)
    for known in (True, False):
        with serve() as tools, bench.hub() as hub:
            source = hub.connect("hubspot", "source", client_secret="bench", portal_id="4242")  # noqa: S106
            mass.fill(hub.runtime, source, updates + handoffs, 1)
            connect(hub, tools)
            target = hub.runtime.connection("hubspot")
            assert target is not None
            if known:
                _introduce(hub, tools, target)
            actions: list[AnyAction] = [UpsertContact(properties={"city": f"City {n}"}) for n in range(updates)]
            queue(hub.runtime, target, actions, PROFILE_SLOT)
            hub.start()
            hub.until(lambda: tools.called("hubspot"), START_SECONDS, "the first update")
            waits = [_hand_over(hub, tools, updates + number) for number in range(handoffs)]
            left = hub.waiting(target)
        title = f"contacts {'known' if known else 'new'} to the tool"
        yield Figure(f"{title}: form to task, median of {handoffs}", median(waits), "s")
        yield Figure(f"{title}: form to task, slowest", max(waits), "s", bar=MOST_SECONDS)
        yield Figure(f"{title}: updates that waited, at first and then", f"{updates:,} → {left:,}")


def _introduce(hub: Hub, tools: Server, target: Connection) -> None:
    """Have all contacts at the simulated HubSpot too, and Baton know which is which."""
    found = {}
    for number, contact_id in enumerate(mass.contact_ids(hub.runtime)):
        with tools.hubspot.lock:
            record = tools.hubspot.create("contacts", {"email": mass.email_of(number)}, tools.hubspot.person)
        name = Identity("hubspot", record.id)
        found[alias_key(name, target.id)] = name, target.id, contact_id
    with hub.database.write() as conn:
        people.add_aliases(conn, found, hub.runtime.clock())


def _hand_over(hub: Hub, tools: Server, person: int) -> float:
    """Have somebody ask to be called; the seconds until the task is at the simulated HubSpot."""
    before = len(tools.called("hubspot", method="POST", path=TASKS))
    body = json.dumps({"email": mass.email_of(person), "submission_id": f"handoff-{person}"})
    headers = {"Content-Type": "application/json"}
    began = tools.clock()
    requests.post(f"{hub.url}/forms/contact-sales", body, headers=headers, timeout=10).raise_for_status()
    hub.until(lambda: len(tools.called("hubspot", method="POST", path=TASKS)) > before, PATIENCE_SECONDS, "the task")
    return tools.called("hubspot", method="POST", path=TASKS)[before].at - began
