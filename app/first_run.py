"""A first run without any account: simulated tools, a short story through every real part, and where to look."""

import secrets
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import click
import requests
from sqlalchemy import func, select

from app.runtime import SANDBOX_SETTING, Runtime, is_sandbox
from app.settings import Settings
from app.setup import BUILT_IN, add_connection, address
from app.store import access, inbox, notes
from app.store.people import owners
from app.store.tables import deliveries, handoffs
from jobs.supervise import Part

SANDBOX_PORT = 8100
STORY, SANDBOX_URL = "story", "sandbox_url"
ADMIN = "admin@example.com"
PATIENCE_SECONDS = 60.0
NEXT = "To connect your own tools: Connections in the admin, or `baton connection add KIND`"


def is_first(runtime: Runtime) -> bool:
    """Whether nothing but the built-in doors is connected yet."""
    return {one.name for one in runtime.connections().values()} <= dict(BUILT_IN).keys()


def connect_sandbox(runtime: Runtime) -> None:
    """Connect simulated tools, as an admin would connect real ones."""
    url = f"http://127.0.0.1:{_free_port(SANDBOX_PORT)}"
    marked = {SANDBOX_SETTING: "1"}
    hubspot = {"access_token": "sandbox", "client_secret": secrets.token_hex(16), "portal_id": "4242", **marked}
    klaviyo = {
        "api_key": "pk_sandbox",
        "webhook_secret": secrets.token_hex(16),
        "flow_secret": secrets.token_hex(16),
        **marked,
    }
    add_connection(runtime, "hubspot", "hubspot", hubspot, f"{url}/hubspot")
    add_connection(runtime, "klaviyo", "klaviyo", klaviyo, f"{url}/klaviyo")
    add_connection(runtime, "alerts", "alerts", {"urls": url.replace("http", "json", 1) + "/alerts", **marked})
    with runtime.database.write() as conn:
        notes.mark(conn, runtime.database, SANDBOX_URL, url, runtime.clock())


def sandbox_part(runtime: Runtime) -> Part | None:
    """The simulators' process, where connections need it."""
    if not any(is_sandbox(one) for one in runtime.connections().values()):
        return None
    port = sandbox_url(runtime).rsplit(":", 1)[1]
    return Part.forked("sandbox", "baton: sandbox", {}, partial(_simulate, int(port)))


def _simulate(port: int) -> None:
    from adapters.sandbox.server import run_forever

    run_forever("127.0.0.1", port)


def sandbox_url(runtime: Runtime) -> str:
    """Where the simulators are."""
    with runtime.database.read() as conn:
        return notes.read_marks(conn)[SANDBOX_URL][0]


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")


def greet(settings: Settings, sandboxed: bool) -> None:
    """Say where to look; on a first run also play the story."""
    runtime = Runtime(settings, pool_size=2)
    say = click.echo
    password = _first_admin(runtime)
    say("")
    say(f"  Baton       {runtime.settings.public_url}/admin/")
    if password:
        say(f"              sign in as {ADMIN} with {password}   (shown this once)")
    say(f"  API         {runtime.settings.public_url}/api/v1/openapi.json   (token: baton token create NAME)")
    if sandboxed:
        say(f"  Sandbox     {sandbox_url(runtime)}/   (the simulated tools, and what they were asked)")
    say("  Stop        Ctrl-C")
    say("")
    with runtime.database.read() as conn:
        played = STORY in notes.read_marks(conn)
    if sandboxed:
        _play(runtime, not played)


def _first_admin(runtime: Runtime) -> str:
    """Make the first user, with a password of their own; an empty text where somebody can sign in already."""
    with runtime.database.write() as conn:
        if access.any_user(conn):
            return ""
        password = "-".join(secrets.token_hex(3) for _ in range(3))
        access.create_user(conn, ADMIN, "Admin", "admin", password, runtime.clock())
    return password


def _play(runtime: Runtime, tell: bool) -> None:
    story = Story(runtime, click.echo)
    try:
        story.wait_until_up()
        story.hook_up()
        if tell:
            story.tell()
            with runtime.database.write() as conn:
                notes.mark(conn, runtime.database, STORY, "", runtime.clock())
    except (requests.RequestException, TimeoutError) as error:
        click.echo(f"  The story could not be played to its end: {error}")


class Story:
    """What four people do, through the simulated tools and the site's own doors; and what Baton made of it."""

    def __init__(self, runtime: Runtime, say: Callable[[str], Any]) -> None:
        self.runtime, self.say = runtime, say
        self.local = f"http://127.0.0.1:{runtime.settings.port}"
        self.sandbox = sandbox_url(runtime)
        self.http = requests.Session()
        self.http.trust_env = False

    def wait_until_up(self) -> None:
        """Wait for web server and simulators. Raises TimeoutError."""
        for url in (f"{self.local}/healthz", f"{self.sandbox}/_sandbox/faults"):
            self._wait(lambda url=url: self._answers(url), f"{url} does not answer")  # type: ignore[misc]

    def _answers(self, url: str) -> bool:
        try:
            return self.http.get(url, timeout=2).ok
        except requests.RequestException:
            return False

    def hook_up(self) -> None:
        """Tell the simulators where to send their webhooks, and with which secret: what an admin enters at a vendor."""
        for one in self.runtime.connections().values():
            if is_sandbox(one) and (public := address(self.runtime, one)):
                secret = one.settings.get("client_secret") or one.settings.get("webhook_secret")
                local = public.replace(self.runtime.settings.public_url, self.local)
                hook = {
                    "vendor": one.kind,
                    "url": local,
                    "signed_url": public,
                    "secret": secret,
                    "repeats": 0.2,
                    "shuffle": True,
                }
                self._control("webhooks", hook)

    # --- what people do

    def tell(self) -> None:
        """The story."""
        self.say("  A short story, through every real part:")
        ann = self._person("ann@acme.example", "Ann", "Lee", "Marketing Director", "Acme")
        ben = self._person("ben@globex.example", "Ben", "Okafor", "Head of Operations", "Globex")
        self._person("cleo@initech.example", "Cleo", "Marin", "Analyst", "Initech")
        self._act("klaviyo", "create_profile", email="cleo@initech.example", first_name="Cleo")
        self._act("hubspot", "create_deal", dealname="Globex rollout", contacts=[ben])
        self._known(ann, ben)

        self._form("trial", "ann-9f3c1a7b2e5d", email="ann@acme.example", consent="yes")
        self._form("webinar", "ann-9f3c1a7b2e5d", email="ann@acme.example")
        self._track("ann-9f3c1a7b2e5d", "/resources/pricing-guide", event="asset.downloaded", asset="Buyer's guide")
        self._form("newsletter", "ben-5b8d0c4e6f1a", email="ben@globex.example", newsletter="yes")
        self._form("newsletter", "dee-7a2e9d3c8b4f", email="dee@hooli.example", name="Dee Park", newsletter="yes")
        self._settled()

        self._track("ann-9f3c1a7b2e5d", "/pricing")
        self._told(
            "handoffs", "Ann looked at pricing and her score is over 50: handed to sales, with task, note and alert."
        )
        self._track("ben-5b8d0c4e6f1a", "/pricing")
        self._told("withheld", "Ben looked at pricing too, but sales talks with him: the follow-up was withheld.")
        self._track("dee-7a2e9d3c8b4f", "/pricing")
        self._told("sent", "Dee agreed to mail and looked at pricing: Klaviyo was told to send the follow-up.")
        self._act("klaviyo", "unsubscribe", profile="cleo@initech.example")
        self._told("opt-out", "Cleo unsubscribed in Klaviyo: HubSpot was told to stop as well.")
        self.say("")
        self.say("  Look at the contacts, their timeline and “why / why not” in the admin, and at the sandbox page.")
        self.say(f"  {NEXT}")

    def _person(self, email: str, first: str, last: str, title: str, company: str) -> str:
        made = self._act(
            "hubspot", "create_contact", email=email, firstname=first, lastname=last, jobtitle=title, company=company
        )
        return str(made["id"])

    def _act(self, vendor: str, do: str, **how: Any) -> Any:
        return self._control("act", {"vendor": vendor, "do": do, **how})["done"]

    def _control(self, verb: str, body: dict[str, Any]) -> Any:
        answer = self.http.post(f"{self.sandbox}/_sandbox/{verb}", json=body, timeout=10)
        if not answer.ok:
            raise requests.HTTPError(f"the sandbox refused {verb}: {answer.text[:300]}")
        return answer.json()

    def _form(self, form: str, visitor: str, **answers: str) -> None:
        body = {**answers, "visitor_id": visitor, "submission_id": secrets.token_hex(8)}
        self.http.post(f"{self.local}/forms/{form}", json=body, timeout=10).raise_for_status()

    def _track(self, visitor: str, path: str, **more: str) -> None:
        asset = more.pop("asset", "")
        body = {"anonymous_id": visitor, "url": f"https://www.example.com{path}", **more}
        if asset:
            body["properties"] = {"asset": asset, "topic": "pricing"}  # type: ignore[assignment]
        self.http.post(f"{self.local}/track", json=body, timeout=10).raise_for_status()

    # --- what came of it

    def _known(self, *vendor_ids: str) -> None:
        def all_there() -> bool:
            with self.runtime.database.read() as conn:
                found = self.runtime.connection("hubspot")
                assert found is not None
                return len(owners(conn, {f"hubspot:{found.id}:{one}" for one in vendor_ids})) == len(vendor_ids)

        self._wait(all_there, "HubSpot's webhooks have not arrived")

    def _settled(self) -> None:
        """Wait until what came in has been worked off."""

        def empty() -> bool:
            with self.runtime.database.read() as conn:
                return inbox.oldest_pending(conn) is None

        self._wait(empty, "the inbox is not worked off")

    def _told(self, what: str, words: str) -> None:
        self._wait(lambda: self._happened(what), f"waited in vain for: {words}")
        self.say(f"   ✓ {words}")

    def _happened(self, what: str) -> bool:
        done = select(func.count()).select_from(deliveries)
        query = {
            "handoffs": select(func.count()).select_from(handoffs).where(handoffs.c.alerted_at.is_not(None)),
            "withheld": done.where(deliveries.c.kind == "send_message", deliveries.c.status == "withheld"),
            "sent": done.where(deliveries.c.kind == "send_message", deliveries.c.status == "sent"),
            "opt-out": done.where(deliveries.c.kind == "unsubscribe", deliveries.c.status == "sent"),
        }[what]
        with self.runtime.database.read() as conn:
            return bool(conn.execute(query).scalar())

    def _wait(self, until: Callable[[], bool], otherwise: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(otherwise)
            time.sleep(0.1)
