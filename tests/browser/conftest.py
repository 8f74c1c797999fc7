"""A Baton with a day's life in it, served to a real browser: the simulators stand in for the vendors."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import update
from werkzeug.serving import make_server

from adapters.sandbox.server import Server, serve
from app import accounts, erasure
from app import drafts as acts
from app.factory import create_app
from app.handoff_links import link
from app.imports.acts import store_file
from app.rules.policy import default_documents
from app.runtime import Runtime
from app.setup import add_connection, prepare
from app.store import access, drafts, notes, policies, tables
from jobs import deliver, ingest
from tests.app.screens import EXPORT, disagree, join, rehearsed
from tests.conftest import settings
from tests.feeding import arrive, drain, form, rows, visit
from tests.sequences_story import tell_of_sequences
from tests.servers import free_port

PASSWORD = "correct horse battery"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
SCORING = default_documents()["scoring"].text
ROLES = ("admin", "marketer", "sales", "viewer")


class Site(Struct, frozen=True):
    """A running Baton: where it is, and what is in it."""

    url: str
    runtime: Runtime
    people: dict[str, int]
    link: str
    invitation: str


def chromium() -> str | None:
    """The system's Chromium, or None."""
    return next((found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Baton on SQLite with the story below, served from a thread."""
    home = tmp_path_factory.mktemp("site")
    port = free_port()
    env = settings(f"sqlite:///{home}/baton.db", home, BATON_PUBLIC_URL=f"http://127.0.0.1:{port}")
    runtime = Runtime(env)
    with serve() as sandbox:
        people = tell(runtime, sandbox)
        server = make_server("127.0.0.1", port, create_app(runtime), threaded=True)
        server.socket.settimeout(0.5)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        (key,) = {row.key for row in rows(runtime, "handoffs", "key", contact_id=people["ann"])}
        _, invitation = accounts.invite(runtime, "admin@team.example", "new@team.example", "Nora New", "viewer")
        yield Site(f"http://127.0.0.1:{port}", runtime, people, link(runtime.settings, key), invitation)
        server.shutdown()
        thread.join(5)
    runtime.close()


@pytest.fixture
def untouched(site: Site) -> Iterator[Site]:
    """A site whose scoring is as it was shipped, before and after."""
    yield site
    with site.runtime.database.write() as conn:
        draft = drafts.find(conn, "scoring", "scoring")
        if draft is not None:
            drafts.discard(conn, "scoring", "scoring", draft.revision)
        in_force = policies.in_force(conn, "scoring", "scoring")
        if in_force is None or in_force.body != SCORING:
            policies.publish(conn, acts.read_as("scoring", "scoring", SCORING), "test", "", site.runtime.clock())
    site.runtime.forget()


@pytest.fixture(scope="session")
def bare_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Baton in which nothing has happened yet."""
    with a_site(tmp_path_factory.mktemp("bare"), prepare) as made:
        yield made


@contextmanager
def a_site(home: Path, tell: Callable[[Runtime], Any]) -> Iterator[Site]:
    """A Baton on SQLite with a story, served from a thread."""
    port = free_port()
    env = settings(f"sqlite:///{home}/baton.db", home, BATON_PUBLIC_URL=f"http://127.0.0.1:{port}")
    runtime = Runtime(env)
    tell(runtime)
    server = make_server("127.0.0.1", port, create_app(runtime), threaded=True)
    server.socket.settimeout(0.5)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{port}", runtime, {}, "", "")
    server.shutdown()
    thread.join(5)
    runtime.close()


# --- the browser

_ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# Before any script of the page: what its policy forbids is noted
_LISTEN = """
window.forbidden = [];
document.addEventListener("securitypolicyviolation", (one) => {
  window.forbidden.push(`${one.violatedDirective}: ${one.blockedURI} ${one.sample}`);
});
"""
SECONDS = 10_000
STILL: Any = {"reduced_motion": "reduce"}  # colours are looked at, and must not be on their way to others

NewPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Without one, all that needs it is skipped, and says so."""
    found = chromium()
    if found is None:
        pytest.skip("NO BROWSER: install Chromium or Google Chrome to run these tests")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(_ARGUMENTS))
        yield started
        started.close()


def sign_in(browser: Browser, site: Site, role: str) -> Any:
    """What a browser keeps of a session, after somebody in a role has signed in on the page."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/admin/login")
    page.fill("#email", f"{role}@team.example")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_selector(".me")
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(scope="session")
def signed_in(browser: Browser, site: Site) -> Callable[[str], Any]:
    """What a browser keeps of a session; each role signs in once."""
    return cache(partial(sign_in, browser, site))


@pytest.fixture
def new_page(browser: Browser, site: Site, signed_in: Callable[[str], Any]) -> Iterator[NewPage]:
    """Open a page as somebody in a role, or as nobody; what went wrong on it fails the test in the end."""
    with opening(browser, site, signed_in) as open_page:
        yield open_page


@contextmanager
def opening(browser: Browser, site: Site, signed_in: Callable[[str], Any]) -> Iterator[NewPage]:
    """A way to open pages of a site, which looks in the end whether anything went wrong on them."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []

    def open_page(role: str | None = "admin", **options: Any) -> Page:
        state = signed_in(role) if role else None
        context = browser.new_context(base_url=site.url, storage_state=state, **STILL, **options)
        context.set_default_timeout(SECONDS)
        context.add_init_script(_LISTEN)
        page = context.new_page()
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        contexts.append(context)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            wrong += page.evaluate("window.forbidden")
        context.close()
    assert not wrong


# --- the story


def tell(runtime: Runtime, sandbox: Server) -> dict[str, int]:
    """Fill a new Baton: people of all kinds, and something of everything that can go wrong. Who is who, by id."""
    prepare(runtime)
    now = runtime.clock()
    _connect(runtime, sandbox)
    let_in(runtime, *ROLES)
    inside = [f"ivy{number:02}" for number in range(28)]
    tell_of_sequences(runtime, ended=("gus", "gil", "gail"), inside=inside, goal=("goya",))
    _ann(runtime, sandbox, now)
    _others(runtime, now)
    _until_sent(runtime)
    _trouble(runtime, now)
    _two_who_were_one(runtime, now)
    erasure.erase_unknown(runtime, f"dpo {HOSTILE}", "forgotten@away.example")
    store_file(runtime, f"people {HOSTILE}.csv", [EXPORT], f"ann {HOSTILE}")
    rehearsed(runtime)
    found = {str(row.email).split("@")[0]: row.id for row in rows(runtime, "contacts", "id", "email") if row.email}
    nameless = [row.id for row in rows(runtime, "contacts", "id", "email", "merged_into") if row.email is None]
    return {**found, "visitor": nameless[0]}


def let_in(runtime: Runtime, *roles: str) -> None:
    """Add somebody of each of these roles."""
    with runtime.database.write() as conn:
        for role in roles:
            name = f"{role.capitalize()} Person"
            access.create_user(conn, f"{role}@team.example", name, role, PASSWORD, runtime.clock())


def _connect(runtime: Runtime, sandbox: Server) -> None:
    sandbox.hubspot.configure(new_contact_stage="lead")
    hubspot = {"access_token": "secret-token-of-hubspot", "client_secret": "secret-of-the-app"}
    add_connection(runtime, "hubspot", "hubspot", hubspot, f"{sandbox.url}/hubspot")
    klaviyo = {"api_key": "secret-key-of-klaviyo", "webhook_secret": "klaviyo-secret-16+"}
    add_connection(runtime, "klaviyo", "klaviyo", klaviyo, f"{sandbox.url}/klaviyo")
    add_connection(runtime, "alerts", "alerts", {"urls": sandbox.url.replace("http", "json") + "/alerts"})


def _ann(runtime: Runtime, sandbox: Server, now: datetime) -> None:
    """Ann Archer asks for a demo: sales gets the baton."""
    ann = sandbox.hubspot.act(
        "create_contact", email="ann@acme.example", firstname="Ann", lastname="Archer", jobtitle="Marketing Director"
    )
    sandbox.klaviyo.act("create_profile", email="ann@acme.example")
    _notice(runtime, now - timedelta(minutes=50), int(ann["id"]), "contact.creation")
    _visit(runtime, "ann-visitor-00001", "/blog/scoring", now - timedelta(days=3))
    who = {"email": "ann@acme.example", "visitor_id": "ann-visitor-00001"}
    form(runtime, "trial", now - timedelta(minutes=45), **who, company="Acme Ltd", phone="+442071234567", consent="yes")
    form(runtime, "demo", now - timedelta(minutes=40), **who)
    _visit(runtime, "ann-visitor-00001", "/pricing", now - timedelta(minutes=38))


def _others(runtime: Runtime, now: datetime) -> None:
    form(runtime, "newsletter", now - timedelta(days=2), email="bob@shop.example", first_name="Bob", consent="yes")
    _visit(runtime, "bob-visitor-00002", "/pricing", now - timedelta(hours=5))
    who = {"email": "bob@shop.example", "visitor_id": "bob-visitor-00002"}
    form(runtime, "contact", now - timedelta(hours=5), **who, job_title="Head of Growth")
    _visit(runtime, "bob-visitor-00002", "/pricing", now - timedelta(hours=4))
    form(runtime, "contact", now - timedelta(hours=9), email="cleo@nofuss.example", first_name="Cleo")
    form(runtime, "newsletter", now - timedelta(hours=3), email="cleo@nofuss.example", consent="no")
    long = "x" * 10_000
    hostile = {"first_name": HOSTILE, "company": long, "message": "Wort " * 1_500}
    form(runtime, "contact", now - timedelta(hours=2), email="eve@hostile.example", **hostile)
    form(runtime, "contact", now - timedelta(hours=8), email="gone@away.example", first_name="Gone")
    form(runtime, "demo", now - timedelta(minutes=4), email="dora@fresh.example", first_name="Dora", last_name="Fresh")
    _visit(runtime, "nobody-knows-00003", "/careers", now - timedelta(hours=1))
    for number in range(30):
        moment = now - timedelta(hours=12, minutes=number)
        form(runtime, "newsletter", moment, email=f"reader{number:02}@list.example", consent="yes")
    drain(runtime)


def _two_who_were_one(runtime: Runtime, now: datetime) -> None:
    """Joe and Joseph were merged, and two tools disagree on what they know of him."""
    for name in ("joe", "joseph"):
        form(runtime, "contact", now - timedelta(hours=6), email=f"{name}@acme.example", first_name=name.capitalize())
    drain(runtime)
    join(runtime, "joe@acme.example", "joseph@acme.example")
    hubspot = runtime.connection("hubspot")
    assert hubspot is not None
    disagree(runtime, hubspot.id, "joe@acme.example")
    drain(runtime)


def _trouble(runtime: Runtime, now: datetime) -> None:
    """What a team would have to look at."""
    arrive(runtime, "hubspot", b"this is no JSON at all <b>bold</b>", at=now - timedelta(minutes=20))
    arrive(runtime, "klaviyo", {"data": [{"what": "is this?"}]}, at=now - timedelta(minutes=15))
    drain(runtime)
    hubspot = runtime.connection("hubspot")
    klaviyo = runtime.connection("klaviyo")
    assert hubspot is not None
    assert klaviyo is not None
    with runtime.database.write() as conn:
        for minute in (12, 11):
            notes.refuse(
                conn, runtime.database, hubspot.id, "the signature does not match", f"{runtime.settings.public_url}/x",
                {"content-type": "application/json", "x-hubspot-signature-v3": "bm9uc2Vuc2U="},
                b'[{"email": "mallory@evil.example"}]', now - timedelta(minutes=minute),
            )  # fmt: skip
    sent = [row.id for row in rows(runtime, "deliveries", "id", "kind", "connection_id") if row.kind != "alert"]
    table = tables.deliveries
    with runtime.database.write() as conn:
        dead = {"status": "dead", "reason": "400 Property values were not valid: “phone” is no phone number"}
        conn.execute(update(table).where(table.c.id == sent[-1]).values(**dead))
        lost = {"status": "unknown", "reason": "the answer was lost; nobody can tell whether it was done"}
        conn.execute(update(table).where(table.c.id == sent[-2]).values(**lost))
        notes.mark(conn, runtime.database, "swept", "", now + timedelta(hours=1))


def _notice(runtime: Runtime, at: datetime, contact: int, kind: str, **more: Any) -> None:
    stamp = int(at.timestamp() * 1000)
    body = {"eventId": stamp, "portalId": 1, "occurredAt": stamp, "objectId": contact, "subscriptionType": kind, **more}
    arrive(runtime, "hubspot", [body], at=at)


def _visit(runtime: Runtime, visitor: str, path: str, at: datetime) -> None:
    visit(runtime, visitor, path, at)


def _until_sent(runtime: Runtime, seconds: float = 15.0) -> None:
    """Work as the workers would, until nothing is left to send."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        ingest.drain(runtime, 1)
        deliver.drain(runtime, 1)
        waits = rows(runtime, "deliveries", "id", status="pending") + rows(runtime, "inbox", "id", status="pending")
        if not waits:
            return
        time.sleep(0.1)
