"""A Baton for tests of its screens: something of everything in it, and browsers that are signed in to it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import delete, insert, select, update
from werkzeug.test import TestResponse

from app import erasure, rehearsal
from app.contacts.event import Event, Identity
from app.contacts.own_events import JOINED
from app.factory import create_app
from app.imports import acts
from app.limits import limiter
from app.rules.policy import DEFAULTS
from app.runtime import Runtime
from app.store import access, erasures, inbox, notes, tables
from jobs import rehearse
from tests.feeding import arrive, drain, form, hubspot, minutes, rows, visit
from tests.sequences_story import review_of, tell_of_sequences
from tests.telling import told_once

SITE = "https://hub.example.com"
PASSWORD = "correct horse battery"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
LONG = "x" * 10_000
EXPORT = f'E-Mail,First name,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\nann@acme.example,Ann,{LONG}\n'.encode()
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def new_app(runtime: Runtime) -> Flask:
    """The web application; nobody has been here yet."""
    app = create_app(runtime)
    limiter.reset()  # it counts for the whole process
    return app


class Browser:
    """Somebody's browser: it keeps cookies, and reads forms before it sends them."""

    def __init__(self, app: Flask, role: str | None = None) -> None:
        self.app, self.client = app, app.test_client()
        if role is not None:
            self.secret = sign_in(app, self.client, role)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, base_url=SITE, **more)

    def read(self, path: str) -> str:
        """A page's text, which has to be there."""
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status}"
        return answer.get_data(as_text=True)

    def token(self, path: str = "/admin/contacts") -> str:
        found = _TOKEN.search(self.read(path))
        assert found is not None, path
        return found[1]

    def post(self, path: str, fields: Mapping[str, Any] | None = None, on: str = "/admin/contacts") -> TestResponse:
        """Send a form as a page would have sent it; ``on`` is that page."""
        return self.client.post(path, base_url=SITE, data={"csrf_token": self.token(on), **(fields or {})})

    def says(self, answer: TestResponse) -> str:
        """The page that comes after a form was sent."""
        assert answer.status_code == 303, answer.status
        return self.read(answer.headers["Location"])


def add_user(runtime: Runtime, role: str) -> int:
    """A user of a role who cannot sign in by password: hashing one takes its time. Their id."""
    with runtime.database.write() as conn:
        email = f"{role}@team.example"
        known = conn.execute(select(tables.users.c.id).where(tables.users.c.email == email)).scalar()
        if known is not None:
            return int(known)
        statement = insert(tables.users).values(
            email=email, name=f"{role.capitalize()} Person", role=role, password="-", created_at=runtime.clock()
        )
        return int(conn.execute(statement.returning(tables.users.c.id)).scalar_one())


def sign_in(app: Flask, client: Any, role: str) -> str:
    """Open a session for a user of a role and give the browser its cookie; the session's secret."""
    runtime: Runtime = app.extensions["runtime"]
    user = add_user(runtime, role)
    with runtime.database.write() as conn:
        secret = access.open_session(conn, user, runtime.clock())
    with client.session_transaction(base_url=SITE) as session:
        session["_user_id"], session["_fresh"] = secret, True
    return secret


def fill(runtime: Runtime) -> dict[str, int]:
    """Something of everything: people, a handoff, and what can go wrong. The ids of rows that screens can show."""
    return told_once(runtime, _fill)


def _fill(runtime: Runtime) -> dict[str, int]:
    now = runtime.clock()
    connection = hubspot(runtime, access_token="secret-token-of-hubspot")
    tell_of_sequences(runtime)
    visit(runtime, "ann-visitor", "/blog", at=now - minutes(60))
    ann = {"email": "ann@acme.example", "visitor_id": "ann-visitor".ljust(16, "x"), "first_name": "Ann"}
    form(runtime, "trial", at=now - minutes(50), **ann, last_name="Archer", phone="+442071234567", consent="yes")
    form(runtime, "demo", at=now - minutes(40), **ann)
    visit(runtime, "ann-visitor", "/pricing", at=now - minutes(30))
    form(
        runtime, "contact", at=now - minutes(20), email="eve@hostile.example", first_name=HOSTILE, company=LONG,
        message="Wort " * 2_000,
    )  # fmt: skip
    visit(runtime, "nobody-knows", f"/careers?{HOSTILE}", at=now - minutes(10))
    for number, name in enumerate(("joe", "joseph")):
        form(runtime, "contact", at=now - minutes(9 - number), email=f"{name}@acme.example", first_name=name.title())
    arrive(runtime, "hubspot", f"no JSON {HOSTILE}".encode(), at=now - minutes(5))
    arrive(runtime, "hubspot", {"not": "a list"}, at=now - minutes(4))
    drain(runtime)
    join(runtime, "joe@acme.example", "joseph@acme.example")
    disagree(runtime, connection.id, "joe@acme.example")
    drain(runtime)
    with runtime.database.write() as conn:
        notes.refuse(
            conn, runtime.database, connection.id, f"the signature does not match {HOSTILE}", "https://hub.example.com/x",
            {"content-type": "application/json", "x-hostile": HOSTILE}, b'[{"email": "mallory@evil.example"}]',
            now - minutes(3),
        )  # fmt: skip
        notes.mark(conn, runtime.database, "swept", "", now)
        notes.write_audit(conn, f"token {HOSTILE}", "connection.paused", "hubspot", now, HOSTILE, HOSTILE, LONG)
    waiting = rows(runtime, "deliveries", "id", status="pending")
    dead, unknown = waiting[0].id, waiting[1].id
    change_delivery(runtime, dead, status="dead", reason=f"400 not valid: {HOSTILE}")
    change_delivery(runtime, unknown, status="unknown", reason="the answer was lost")
    erasure_id = erasure.erase_unknown(runtime, f"dpo {HOSTILE}", "gone@example.com")
    with runtime.database.write() as conn:
        by_hand = erasures.Receipt(
            connection_id=connection.id, status="by_hand", delivery_id=None, at=now, note=HOSTILE
        )
        conn.execute(delete(tables.erasure_receipts))
        erasures.expect(conn, erasure_id, [by_hand])
    people = [row for row in rows(runtime, "contacts", "id", "email", merged_into=None) if row.id != _erased(runtime)]
    by_email = {row.email: row.id for row in people}
    return {
        "ann": by_email["ann@acme.example"],
        "eve": by_email["eve@hostile.example"],
        "visitor": by_email[None],
        "merge": rows(runtime, "merges", "id")[-1].id,
        "conflict": rows(runtime, "conflicts", "id")[0].id,
        "parked": rows(runtime, "inbox", "id", status=inbox.PARKED)[0].id,
        "read": rows(runtime, "inbox", "id", status=inbox.DONE)[0].id,
        "dead": dead,
        "unknown": unknown,
        "decision": rows(runtime, "decisions", "id")[0].id,
        "handoff": rows(runtime, "handoffs", "id")[0].id,
        "refused": rows(runtime, "refusals", "id")[0].id,
        "review": review_of(runtime),
        "rehearsal": rehearsed(runtime),
        "import": acts.store_file(runtime, f"people {HOSTILE}.csv", [EXPORT], f"ann {HOSTILE}")[0],
        "user": add_user(runtime, "viewer"),
        "entry": rows(runtime, "audit", "id")[0].id,
        "erasure": erasure_id,
    }


def rehearsed(runtime: Runtime) -> int:
    """Handoffs from five points on, as they would have been over the last week; the rehearsal's id."""
    text = (DEFAULTS / "handoff.yaml").read_text(encoding="utf-8")
    easier = text.replace("field: score, op: at_least, value: 50", "field: score, op: at_least, value: 5")
    asked = rehearsal.ask(runtime, f"ann {HOSTILE}", [(f"mine {HOSTILE}", easier)], runtime.clock() - timedelta(days=7))
    rehearse.work(runtime, "test")
    return asked


def _erased(runtime: Runtime) -> int:
    return int(rows(runtime, "erasures", "contact_id")[0].contact_id)


def _ids(runtime: Runtime) -> dict[str, int]:
    return {row.email: row.id for row in rows(runtime, "contacts", "id", "email")}


def join(runtime: Runtime, *addresses: str) -> None:
    """Somebody says that these are one person."""
    known, now = _ids(runtime), runtime.clock()
    people = tuple(Identity("contact", str(known[address])) for address in addresses)
    with runtime.database.write() as conn:
        inbox.note(
            conn, [Event(type=JOINED, occurred_at=now - minutes(6), source_key="joined", identities=people)], now
        )


def disagree(runtime: Runtime, connection: int, address: str) -> None:
    """Two tools that both own a field say different things of it."""
    now = runtime.clock()
    told = [
        Event(
            type="contact.updated",
            occurred_at=now - minutes(5 - number),
            source_key=f"city {number}",
            identities=(Identity("email", address),),
            fields={"city": city},
            authority={"city": "owner"},
            connection_id=connection + number,
        )
        for number, city in enumerate(("Bonn", "Köln"))
    ]
    for event in told:
        with runtime.database.write() as conn:
            inbox.note(conn, [event], now, event.connection_id)


def change_delivery(runtime: Runtime, delivery_id: int, **values: Any) -> None:
    table = tables.deliveries
    with runtime.database.write() as conn:
        conn.execute(update(table).where(table.c.id == delivery_id).values(**values))
