"""How long each screen and each list of the API takes when the database is full: every page that there is, in turn.

The application answers in this process, so that neither a network nor another program is in the figures. A page that is
about one thing is asked for many things; a list is asked for with its filters, and for its next pages.
"""

import gc
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from app.factory import create_app
from app.runtime import Runtime
from app.store import access
from app.store.tables import contacts, decisions, deliveries, handoffs, inbox, metadata, reviews, users
from bench import crowd, mass
from bench.arithmetic import percentile
from bench.report import Figure
from bench.setting import Bench

MOST_MS = 100.0
TIMES = 20
SLOWEST = 12
SITE = "https://localhost"
# Pages that are no pages: doors for others, files, and what is shown once
_NOT_ASKED = (
    "admin.asset", "admin.invitation", "admin.login", "admin.refused", "api.GET_contact_why", "api.GET_mapping_request",
    "handoff_page.",
    "probes.alive", "static", "tracking.",
)  # fmt: skip
# The filters with which people look at lists
_FILTERS: Mapping[str, Sequence[str]] = {
    "/admin/contacts": ("?q=person7000000777%40bench.example", "?q=person70000007", "?q=nobody", "?stage=mql"),
    "/admin/inbox": ("?status=pending", "?status=parked", "?status=done", "?connection=hubspot", "?connection=forms"),
    "/admin/deliveries": (
        "?status=pending", "?status=dead", "?status=withheld", "?status=sent", "?status=unknown", "?connection=hubspot",
    ),
    "/admin/decisions": ("?outcome=withheld", "?what=message", "?what=handoff", "?outcome=superseded&what=message"),
    "/admin/handoffs": ("?status=open", "?status=claimed", "?status=closed", "?status=withdrawn"),
    "/admin/reviews": ("?status=open", "?status=resolved"),
    "/api/v1/contacts": ("?email=person7000000777%40bench.example", "?limit=200"),
    "/api/v1/inbox": ("?status=parked", "?status=pending", "?limit=200", "?connection=hubspot&status=parked"),
    "/api/v1/events": ("?limit=200", "?type=page.viewed", "?connection=hubspot", "?type=page.viewed&connection=forms"),
    "/api/v1/deliveries": ("?status=dead", "?status=pending", "?connection=hubspot&status=dead", "?limit=200"),
    "/api/v1/decisions": ("?status=withheld", "?type=message", "?status=superseded&type=message", "?limit=200"),
    "/api/v1/handoffs": ("?status=open", "?limit=200"),
    "/api/v1/reviews": ("?status=open", "?limit=200"),
}  # fmt: skip

_ONLY_WITH = {"/api/v1/messages/{message}/render": ("?contact=emptiest",)}


def measure(bench: Bench) -> Iterator[Figure]:
    """Fill a database, and ask for each page."""
    people, times = (200, 1) if bench.quick else (100_000, 10 if bench.full else 1)
    with bench.hub() as hub:
        source = hub.connect("hubspot", "hubspot", client_secret="bench", portal_id="4242")  # noqa: S106
        mass.fill(hub.runtime, source, people, 10)
        mass.multiply(hub.runtime, times)
        crowd.surround(hub.runtime, source.id, hub.runtime.clock())
        yield from _figures(hub.runtime, 3 if bench.quick else TIMES)


def _figures(runtime: Runtime, times: int) -> Iterator[Figure]:
    walk = Walk(runtime)
    took = {address: walk.times(address, times) for address in walk.addresses()}
    every = sorted(ms for some in took.values() for ms in some)
    slow = sorted(took, key=lambda address: percentile(took[address], 0.95), reverse=True)
    rows = crowd.sizes(runtime)
    yield Figure(
        f"{rows['contacts']:,} contacts, {rows['events']:,} events, {rows['deliveries']:,} deliveries: pages", len(took)
    )
    yield Figure("all pages, median", percentile(every, 0.5), "ms")
    yield Figure("all pages, 95th percentile", percentile(every, 0.95), "ms", bar=MOST_MS)
    for address in slow[:SLOWEST]:
        title = f"{address}, 95th percentile (median {percentile(took[address], 0.5):.0f} ms)"
        yield Figure(title, percentile(took[address], 0.95), "ms", bar=MOST_MS)
    if walk.wrong:
        yield Figure(f"pages that could not be shown: {', '.join(sorted(walk.wrong)[:5])}", len(walk.wrong), bar=0.5)


class Walk:
    """An admin's browser and a program with a token, that look at everything."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime, self.app = runtime, create_app(runtime)
        gc.collect()
        gc.freeze()  # as where `baton run` has imported everything (app/run.py): none of it is looked through again
        self.browser = _signed_in(self.app, runtime)
        with runtime.database.write() as conn:
            secret = access.create_token(conn, "bench", runtime.clock())
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.wrong: set[str] = set()
        self._chance = random.Random(7)  # noqa: S311
        self._samples = self._look()

    def addresses(self) -> list[str]:
        """Every page, with a name in braces where it is about one thing; lists also with filters."""
        found = []
        for rule in self.app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.endpoint.startswith(_NOT_ASKED):
                continue
            address = "".join(f"{{{part}}}" if dynamic else part for dynamic, part in rule._trace if part != "|")
            filters = _ONLY_WITH.get(address) or ("", *_FILTERS.get(address, ()))
            found += [f"{address}{more}" for more in filters]
        return sorted(address for address in found if self._about(address) is not None)

    def times(self, address: str, count: int) -> list[float]:
        """Milliseconds of each of so many looks at it, after one that is not counted."""
        asked = self._about(address) or {}
        took = []
        for number in range(count + 1):
            chosen = {name: self._chance.choice(values) for name, values in asked.items()}
            kinds = {"{kind}": chosen.get("{name}", chosen.get("{policy}", "")), **chosen}
            began = time.perf_counter()
            at = _filled(address, kinds)
            answer = self.browser.get(at, base_url=SITE, headers=self.headers if at.startswith("/api") else None)
            answer.get_data()
            ms = (time.perf_counter() - began) * 1000
            if answer.status_code >= 400:
                self.wrong.add(f"{at} ({answer.status_code})")
            if number:
                took.append(ms)
        return took

    def _about(self, address: str) -> dict[str, Sequence[Any]] | None:
        """What stands for the names in an address; None where there is nothing to show."""
        found: dict[str, Sequence[Any]] = {}
        for part in address.split("?")[0].split("/"):
            if part.startswith("{") and part != "{kind}":
                values = self._samples.get(_sample_of(address, part), ())
                if not values:
                    return None
                found[part] = values
        return found

    def _look(self) -> dict[str, Sequence[Any]]:
        tables = {
            "contact_id": contacts, "decision_id": decisions, "delivery_id": deliveries, "row_id": inbox,
            "review_id": reviews, "user_id": users, "entry_id": metadata.tables["audit"],
        }  # fmt: skip
        found: dict[str, Sequence[Any]] = {}
        with self.runtime.database.read() as conn:
            for name, table in tables.items():
                some = conn.execute(select(table.c.id).order_by(table.c.id.desc()).limit(2_000)).scalars().all()
                more = conn.execute(select(table.c.id).order_by(table.c.id).limit(2_000)).scalars().all()
                found[name] = [*some, *more]
            handed = conn.execute(select(handoffs.c.contact_id).limit(500)).scalars().all()
        found["contact_id"] = [*found["contact_id"], *handed]
        policies = self.runtime.rulebook().policies
        found |= {
            "segment": [one.id for one in policies.segments.every],
            "sequence": list(policies.sequences.newest.by_id),
            "message": list(policies.content.messages),
            "policy": ["scoring", "handoff", "triggers", "segments", "sequences"],
            "connection": ["hubspot", "forms", "site"],
            "mapping": ["hubspot"],
            "version": [1],
        }
        return found


def _sample_of(address: str, part: str) -> str:
    """Which kind of thing a part of an address names."""
    name = part.strip("{}")
    if name in ("version", "version_id"):
        return "version"
    if name == "name":
        places = {"/connections/": "connection", "/mappings/": "mapping", "/sequences/": "sequence"}
        return next((kind for place, kind in places.items() if place in address), "policy")
    if name == "connection" and "/mappings/" in address:  # only tools whose fields are mapped have any
        return "mapping"
    return {"segment_id": "segment", "message_id": "message"}.get(name, name)


def _filled(address: str, chosen: Mapping[str, Any]) -> str:
    for name, value in chosen.items():
        address = address.replace(name, str(value))
    return address


def _signed_in(app: Flask, runtime: Runtime) -> FlaskClient:
    """The browser of an admin whose session is open."""
    with runtime.database.write() as conn:
        row = {
            "email": "bench@bench.example",
            "name": "",
            "role": "admin",
            "password": "-",
            "created_at": runtime.clock(),
        }
        user = conn.execute(insert(users).values(**row).returning(users.c.id)).scalar_one()
        secret = access.open_session(conn, int(user), runtime.clock())
    browser = app.test_client()
    with browser.session_transaction(base_url=SITE) as session:
        session["_user_id"], session["_fresh"] = secret, True
    return browser
