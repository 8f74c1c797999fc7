"""A whole Baton in one process: the web application on a real port, workers in a thread, and simulated tools that send
their webhooks, sign, repeat and shuffle them, and are called back through the real SDKs."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import WSGIRequestHandler, make_server

from adapters.sandbox.server import Server, serve
from app.factory import create_app
from app.runtime import Runtime, now_utc
from app.setup import add_connection
from jobs import deliver, ingest
from tests.conftest import new_database, settings
from tests.feeding import rows
from tests.servers import free_port


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args: Any, **more: Any) -> None:
        pass


class Hub:
    """Baton, its simulated tools, and what people do with them."""

    def __init__(self, runtime: Runtime, tools: Server, url: str) -> None:
        self.runtime, self.tools, self.url = runtime, tools, url
        self.hubspot, self.klaviyo = tools.hubspot, tools.klaviyo
        self.site = requests.Session()

    # what people do

    def form(self, name: str, visitor: str, **answers: str) -> None:
        body = {**answers, "visitor_id": visitor, "submission_id": f"{time.monotonic_ns()}"}
        assert self.site.post(f"{self.url}/forms/{name}", json=body, timeout=5).status_code == 202

    def visit(self, visitor: str, path: str) -> None:
        body = {"anonymous_id": visitor, "url": f"https://www.example.com{path}"}
        assert self.site.post(f"{self.url}/track", json=body, timeout=5).status_code == 202

    # what can be seen from outside

    def api(self, path: str, method: str = "GET", **body: Any) -> Any:
        from app.store import access

        if "Authorization" not in self.site.headers:
            with self.runtime.database.write() as conn:
                token = access.create_token(conn, "story", self.runtime.clock())
            self.site.headers["Authorization"] = f"Bearer {token}"
        answer = self.site.request(method, f"{self.url}/api/v1{path}", json=body or None, timeout=5)
        assert answer.ok, answer.text
        return answer.json()

    def contact(self, email: str) -> dict[str, Any]:
        (found,) = self.api(f"/contacts?email={email}")["items"]
        return found

    def calls(self, vendor: str, path: str = "", method: str = "") -> list[Any]:
        return list(self.tools.called(vendor, path=path, method=method))

    def until(self, true: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := true():
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited in vain until {what}")

    def rest(self) -> None:
        """Wait until everything that was said has been heard and answered."""

        def quiet() -> bool:
            self.tools.hubspot.settle(5)
            self.tools.klaviyo.settle(5)
            waiting = [row for row in rows(self.runtime, "inbox", "status") if row.status == "pending"]
            going = [row for row in rows(self.runtime, "deliveries", "status") if row.status in ("pending", "sending")]
            return not waiting and not going

        self.until(quiet, "nothing is on its way")


@pytest.fixture(params=["sqlite", "postgresql"])
def hub(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A running Baton with simulated tools, on each database."""
    monkeypatch.setattr("app.rules.route.GATHER_SECONDS", 0.2)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    database = new_database(request, request.param, tmp_path)
    runtime = Runtime(settings(database, tmp_path, BATON_PUBLIC_URL=url), now_utc)
    stop = threading.Event()
    with serve("127.0.0.1", 0) as tools:
        _connect(runtime, tools)
        web = make_server("127.0.0.1", port, create_app(runtime), threaded=True, request_handler=_Quiet)
        web.socket.settimeout(0.5)  # a caller may be gone before it is accepted
        threads = [
            threading.Thread(target=web.serve_forever, daemon=True),
            threading.Thread(target=_work, args=(runtime, stop), daemon=True),
        ]
        for thread in threads:
            thread.start()
        hook = {"repeats": 0.3, "shuffle": True, "delay_ms": 20}
        tools.hubspot.hook(f"{url}/webhooks/hubspot", secret="hubspot-secret", echo=True, **hook)
        tools.klaviyo.hook(f"{url}/webhooks/klaviyo", secret="klaviyo-secret-16", **hook)
        yield Hub(runtime, tools, url)
        tools.hubspot.unhook()
        tools.klaviyo.unhook()
        stop.set()
        web.shutdown()
        for thread in threads:
            thread.join(10)
        web.server_close()
    runtime.close()


def _connect(runtime: Runtime, tools: Server) -> None:
    hubspot = {"access_token": "t", "client_secret": "hubspot-secret", "portal_id": "4242"}
    klaviyo = {"api_key": "k", "webhook_secret": "klaviyo-secret-16"}
    add_connection(runtime, "hubspot", "hubspot", hubspot, f"{tools.url}/hubspot")
    add_connection(runtime, "klaviyo", "klaviyo", klaviyo, f"{tools.url}/klaviyo")
    add_connection(runtime, "alerts", "alerts", {"urls": tools.url.replace("http", "json") + "/alerts"})


def _work(runtime: Runtime, stop: threading.Event) -> None:
    while not stop.is_set():
        ingest.drain(runtime, 2)
        deliver.drain(runtime, 0.5)
        stop.wait(0.02)
