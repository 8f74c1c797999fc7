"""W1, "webhook to action": HubSpot's webhooks for some contacts, each stored durably and scored with all shipped rules
in force, and 5 % of the events told to a vendor. What is sent, how Baton is set up for it, and what must come of it."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from sqlalchemy import func, select

from app.store.tables import aliases, contacts, events
from bench.hub import Hub
from bench.w1_policies import w1_policies

HERE = Path(__file__).resolve().parent
SECRET, PORTAL = "w1-app-secret", "62515"
POINTS = {"email_open": 1, "page_view": 2, "link_click": 3, "form_submit": 5, "demo_request": 20}
ACTION, ACTION_SHARE = "demo_request", 0.05
CONNECTIONS = 32  # as the W1 harness has
PATIENCE_SECONDS = 600.0
Notice = dict[str, Any]


def make_notices(count: int, people: int, first_id: int = 1) -> list[Notice]:
    """So many of HubSpot's notices about so many contacts: the same on every run, but for their times."""
    chance = random.Random(7)  # noqa: S311  the same on every run is what is wanted
    others = [name for name in POINTS if name != ACTION]
    asked = int(count * ACTION_SHARE)
    kinds = [ACTION] * asked + [others[number % len(others)] for number in range(count - asked)]
    chance.shuffle(kinds)
    began = int(time.time() * 1000) - count
    return [
        {
            "eventId": first_id + number,
            "subscriptionId": 4711,
            "portalId": int(PORTAL),
            "appId": 54321,
            "occurredAt": began + number,
            "subscriptionType": "contact.propertyChange",
            "attemptNumber": 0,
            "objectId": chance.randrange(1, people + 1),
            "propertyName": kind,
            "propertyValue": f"value-{number}",
            "changeSource": "CRM_UI",
            "sourceId": "userId:9",
        }
        for number, kind in enumerate(kinds)
    ]


def requests_of(notices: list[Notice], batch: int) -> list[str]:
    """The notices as bodies of requests, so many in each."""
    groups = [notices[start : start + batch] for start in range(0, len(notices), batch)]
    return [json.dumps(group, separators=(",", ":")) for group in groups]


def actions_of(notices: list[Notice]) -> list[int]:
    """The ids of the notices that the vendor has to be told of."""
    return [notice["eventId"] for notice in notices if notice["propertyName"] == ACTION]


def scores_of(notices: list[Notice]) -> dict[str, int]:
    """Contact → the score that it has to have in the end."""
    scores: Counter[str] = Counter()
    for notice in notices:
        scores[str(notice["objectId"])] += POINTS[notice["propertyName"]]
    return dict(scores)


# --- around Baton


class Vendor:
    """The vendor that is told: a process of its own that takes everything."""

    def __enter__(self) -> Self:
        command = [sys.executable, str(HERE / "vendor_stub.py")]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def told(self) -> list[tuple[int, float]]:
        """The notices that it was told of, each with the moment of its arrival."""
        received: list[tuple[float, str]] = requests.get(self.url, timeout=60).json()
        return [(int(event["data"]["event"]), at) for at, body in received for event in json.loads(body)]


def set_up(hub: Hub, vendor: Vendor) -> None:
    """Connect HubSpot, which sends, and the vendor, which is told; put the rules in force."""
    hub.connect("hubspot", "hubspot", client_secret=SECRET, portal_id=PORTAL)
    hub.connect("make", "vendor", webhook_url=vendor.url, calls_per_second="100000", events_per_request="100")
    hub.publish(w1_policies(hub.policy("scoring"), POINTS, ACTION))


@dataclass(frozen=True)
class Sent:
    """What the load generator did: when it began and ended, when each request was due, how many it sent again."""

    began: float
    ended: float
    due: list[float]
    again: int


def send(hub: Hub, bodies: list[str], per_second: float = 0.0, path: str = "/webhooks/hubspot") -> Sent:
    """Post these to Baton, as fast as it answers or at a fixed rate. Raises RuntimeError for what it never took."""
    job = {
        "host": "127.0.0.1",
        "port": hub.port,
        "path": path,
        "bodies": bodies,
        "connections": CONNECTIONS,
        "per_second": per_second,
        "secret": SECRET,
        "signed_url": hub.url + path,
    }
    command = [sys.executable, str(HERE / "generator.py")]
    done = subprocess.run(command, input=json.dumps(job), capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    refused = told.pop("refused")
    if refused:
        raise RuntimeError(f"{len(refused)} requests were never taken, the last with {refused[-1]}: {hub.said()}")
    return Sent(**told)


# --- what came of it


@dataclass(frozen=True)
class Faults:
    """What must all be 0: events and actions that are missing, contacts with a wrong score, and what is there twice."""

    lost: int
    wrong: int
    doubled: int


def faults(hub: Hub, vendor: Vendor, notices: list[Notice]) -> Faults:
    """Compare what Baton stored and told with what it should have."""
    connection = hub.runtime.connection("hubspot")
    assert connection is not None
    stored = select(func.count()).select_from(events).where(events.c.connection_id == connection.id)
    scored = select(aliases.c.value, contacts.c.score).join(contacts, contacts.c.id == aliases.c.contact_id)
    with hub.database.read() as conn:
        surplus = conn.execute(stored).scalar_one() - len(notices)
        scores = {value: round(score) for value, score in conn.execute(scored.where(aliases.c.kind == "hubspot"))}
    told, due = Counter(event for event, _ in vendor.told()), set(actions_of(notices))
    right = scores_of(notices)
    return Faults(
        lost=max(0, -surplus) + len(due - set(told)),
        wrong=sum(scores.get(person) != right.get(person) for person in {*scores, *right}) + len(set(told) - due),
        doubled=max(0, surplus) + sum(times - 1 for times in told.values()),
    )
