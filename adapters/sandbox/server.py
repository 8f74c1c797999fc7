"""The sandbox: vendors as their SDKs know them, on this machine, with their limits, faults and webhooks.

``serve()`` starts it in a thread, for tests and for a first run; ``run_forever()`` is the command line's. Vendors
answer below their names, ``/hubspot``; ``/alerts`` takes what is meant for a chat; ``/_sandbox/…`` says what
happened and lets things happen (calls, state, webhooks, acts, faults, settings, reset); ``/`` is a page for people.
"""

import contextlib
import logging
import socket
import struct
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import adapters
from adapters.activecampaign.sandbox import ActiveCampaign
from adapters.hubspot.sandbox import HubSpot
from adapters.klaviyo.sandbox import Klaviyo
from adapters.redaction import CREDENTIALS
from adapters.sandbox.control import PAGE_POLICY, control, page
from adapters.sandbox.faults import CARRIED_OUT, Clock, Fault
from adapters.sandbox.vendor import SHOWN, Answer, Call, Columns, Request, Service, Vendor, iso, readable

log = logging.getLogger(__name__)

LARGEST_BODY = 20 * 1024 * 1024
CALLS_KEPT = 50_000


class Alerts(Service):
    """Takes whatever is posted to it: the stand-in for Slack, Teams and all that Apprise can reach."""

    name = "alerts"
    title = "Alerts"

    def clear(self) -> None:
        self.received: list[dict[str, Any]] = []

    def answer(self, request: Request) -> tuple[Answer, bool]:
        """Keep a message and say "ok", as Slack does."""
        if request.method != "POST":
            return self.error(405), True
        form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        body = parse_qs(request.raw.decode("utf-8", "replace")) if form else readable(request.raw)
        with self.lock:
            self.received.append({"at": iso(self.clock()), "path": unquote(request.path), "body": body})
        return Answer(raw=b"ok", content_type="text/plain"), False

    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        return Answer(status=status, raw=(message or HTTPStatus(status).phrase).encode(), content_type="text/plain")

    def state(self) -> dict[str, Any]:
        return {"received": self.received}

    def overview(self) -> list[Columns]:
        rows = [[one["at"], one["body"]] for one in self.received[-SHOWN:][::-1]]
        return [("Alerts", ["at", "message"], rows, len(self.received))]


def found() -> list[type[Vendor]]:
    """The simulators of adapters that bring one along: VENDOR in their ``sandbox``. There is no list to edit."""
    folders = sorted(Path(adapters.__path__[0]).glob("*/sandbox/__init__.py"))
    rooms = [import_module(f"adapters.{file.parent.parent.name}.sandbox") for file in folders]
    return [room.VENDOR for room in rooms if hasattr(room, "VENDOR")]


class Server:
    """A running sandbox. Tests reach into it (``server.hubspot.contacts``, ``server.calls``); others use HTTP."""

    def __init__(self, host: str, port: int, clock: Clock) -> None:
        self.clock = clock
        self.calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self.stopping = threading.Event()
        self.hubspot = HubSpot(clock)
        self.klaviyo = Klaviyo(clock)
        self.activecampaign = ActiveCampaign(clock)
        self._alerts = Alerts(clock)
        known: list[Vendor] = [self.hubspot, self.klaviyo, self.activecampaign]
        simulated = [*known, *(vendor(clock) for vendor in found())]
        self.vendors = {vendor.name: vendor for vendor in simulated}
        self.services: dict[str, Service] = {**self.vendors, self._alerts.name: self._alerts}
        self._counted = 0
        self._counting = threading.Lock()
        self._http = _Http((host, port), self)
        shown = "127.0.0.1" if host in ("", "0.0.0.0") else host  # noqa: S104 - where to call, not where to listen
        self.url = f"http://{shown}:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self._thread.start()

    def recorded(self) -> list[Call]:
        """All recorded calls, oldest first."""
        with self._counting:
            return list(self.calls)

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """What was posted to ``/alerts``, oldest first."""
        return self._alerts.received

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer nothing and send nothing any more; open connections are closed."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        for vendor in self.vendors.values():
            vendor.unhook()
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()
        self._thread.join(5)

    def reset(self) -> None:
        """Forget everything: calls, what the vendors hold, faults, webhooks, settings."""
        for service in self.services.values():
            service.reset()
        with self._counting:
            self.calls.clear()
            self._counted = 0

    def called(self, vendor: str = "", *, method: str = "", path: str = "", since: int = 0) -> list[Call]:
        """The recorded calls, oldest first: those of a vendor, with a method, with this part in the path."""
        with self._counting:  # from the newest on: who asks again and again does not look through all of them each time
            late = list(takewhile(lambda call: call.n > since, reversed(self.calls)))
        return [
            call
            for call in reversed(late)
            if vendor in ("", call.vendor) and method in ("", call.method) and path in call.path
        ]

    def record(self, vendor: str, request: Request, answer: Answer, status: int, fault: str, odd: bool) -> None:
        """Remember a call, without its credentials."""
        hidden = self.services[vendor].credentials if vendor in self.services else CREDENTIALS
        headers = {name: value for name, value in request.headers.items() if name not in hidden}
        with self._counting:
            self._counted += 1
            self.calls.append(
                Call(
                    n=self._counted,
                    at=self.clock(),
                    vendor=vendor,
                    method=request.method,
                    path=unquote(request.path),
                    query={name: value for name, value in request.query.items() if name not in hidden},
                    headers=headers,
                    status=status,
                    fault=fault,
                    unexpected=odd,
                    sent=request.raw,
                    answered=answer.encoded(),
                )
            )

    def handle(self, service: Service, request: Request) -> tuple[Answer, Fault | None]:
        """Answer one call to a service, as the faults allow, and record it."""
        fault = service.faults.pick(request.method, unquote(request.path))
        kind = fault.fault if fault else ""
        if fault and kind == "slow":
            life = service.life
            self.stopping.wait(fault.seconds)
            if self.stopping.is_set() or service.life != life:  # of an account that is no more
                return Answer(), Fault(fault="drop")
        odd = False
        answer = Answer(raw=b"")
        if fault is None or fault.done or kind in CARRIED_OUT:
            request.partial = fault if kind == "partial207" else None
            try:
                answer, odd = service.answer(request)
            except Exception:  # our bug, not the caller's: it must be seen, here and in the calls
                log.exception("the sandbox failed at %s %s", request.method, request.path)
                answer, odd = Answer(status=500, body={"sandbox": traceback.format_exc().splitlines()[-3:]}), True
        if fault and kind not in CARRIED_OUT and kind not in ("drop", "reset"):
            answer = service.broken(fault)
        lost = kind in ("drop", "reset", "done_then_drop")
        self.record(service.name, request, answer, 0 if lost else answer.status, kind, odd)
        if fault and kind == "done_then_slow":
            self.stopping.wait(fault.seconds)
        return answer, fault


def serve(host: str = "127.0.0.1", port: int = 0, *, clock: Clock = time.time) -> Server:
    """A sandbox that runs in a thread until ``stop()``. Port 0 takes a free one; ``clock`` is the time it goes by."""
    return Server(host, port, clock)


def run_forever(host: str = "127.0.0.1", port: int = 8100, ready: Callable[[Server], None] | None = None) -> None:
    """Run a sandbox until it is interrupted; ``ready`` is told when it listens."""
    with serve(host, port) as server:
        if ready:
            ready(server)
        with contextlib.suppress(KeyboardInterrupt):
            server.stopping.wait()


# HTTP


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sandbox: Server) -> None:
        super().__init__(address, _Handler)
        # A caller may be gone again between select() and accept(), which would then wait for the next one for ever
        self.socket.settimeout(0.5)
        self.sandbox = sandbox
        self.open: set[socket.socket] = set()

    def hang_up(self) -> None:
        """Close the connections that callers keep open."""
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that go away in the middle are none of our business; anything else is our bug."""
        if not isinstance(sys.exception(), OSError):
            log.exception("the sandbox failed")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        """The calls are recorded; nothing goes to stderr."""

    def answer(self) -> None:
        """Read one call, let the sandbox answer it, and send the answer as the fault wants it."""
        sandbox = self.server.sandbox
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            return self.send(Answer(status=411 if "Transfer-Encoding" in self.headers else 413))
        raw = self.rfile.read(int(length))
        if len(raw) < int(length):  # the caller went away in the middle: nothing is done
            self.close_connection = True
            return None
        parts = urlsplit(self.path)
        top, _, rest = parts.path.removeprefix("/").partition("/")
        request = Request(
            method=self.command,
            path="/" + rest.lstrip("/"),
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            raw=raw,
            base=f"{sandbox.url}/{top}",
        )
        fault = None
        if service := sandbox.services.get(top):
            answer, fault = sandbox.handle(service, request)
        elif top == "_sandbox":
            answer = control(sandbox, rest.strip("/"), request)
        elif not top and self.command == "GET":
            answer = Answer(raw=page(sandbox), content_type="text/html; charset=utf-8")
            answer.headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
        else:
            request.path = parts.path
            answer = Answer(status=404, body={"error": f"the sandbox has no {self.command} {parts.path}"})
            sandbox.record("", request, answer, 404, "", True)
        return self.send(answer, fault)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names that http.server calls

    def send(self, answer: Answer, fault: Fault | None = None) -> None:
        """Send an answer, whole or spoilt."""
        kind = fault.fault if fault else ""
        if kind in ("drop", "reset", "done_then_drop"):
            self.close_connection = True
            if kind == "reset":  # no lingering: the caller's system sees RST where it expected an answer
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.connection.close()
                return
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        body = answer.encoded()
        head = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Date: {self.date_time_string()}"]
        if answer.status != HTTPStatus.NO_CONTENT:
            head.append(f"Content-Type: {answer.content_type}")
            head += [] if kind == "endless" else [f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        if kind in ("endless", "half"):
            self.close_connection = True
        if self.close_connection:
            head.append("Connection: close")
        start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1", "replace")
        with contextlib.suppress(OSError):  # the caller may have given up
            if fault and kind == "drip":
                self.wfile.write(start)
                for n in range(len(body)):
                    self.wfile.write(body[n : n + 1])
                    if self.server.sandbox.stopping.wait(fault.seconds):
                        return
            elif kind == "half":
                self.wfile.write(start + body[: len(body) // 2])
            elif kind == "endless":
                self.wfile.write(start + body)
                while not self.server.sandbox.stopping.wait(0.01):
                    self.wfile.write(b" " * 65_536)
            else:
                self.wfile.write(start + body)
