"""What tests of adapters share: requests as they arrive, clients of the real SDKs, and deliveries."""

import itertools
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.contract import Account, Adapter, Delivery, Outcome, Recipient, WebhookRequest, Window
from adapters.http import Http
from adapters.sandbox.server import Server
from app.contacts.action import AnyAction, Subscribe
from app.contacts.consent import Grant
from mappings.mapping import mapping_file

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
_ids = itertools.count(1)


def arrived(
    body: bytes,
    url: str = "https://hub.example.com/webhooks/x",
    method: str = "POST",
    at: datetime = NOW,
    settings: dict[str, str] | None = None,
    **headers: str,
) -> WebhookRequest:
    """A request; ``x_baton_secret`` is the header x-baton-secret."""
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return WebhookRequest(method=method, url=url, headers=named, body=body, received_at=at, settings=settings or {})


def client_of(adapter: Adapter, sandbox: Server, **settings: str) -> Any:
    """A client of the vendor's own SDK that calls the sandbox through Baton's edge."""
    assert adapter.connect is not None
    settings = {"access_token": "pat-x", "api_key": "pk_x", **settings}
    http = Http(allow_private=True, secrets=adapter.secrets(settings))
    return adapter.connect(Account(settings, f"{sandbox.url}/{adapter.name}", http))


def delivery(action: AnyAction, **to: Any) -> Delivery:
    """One action for one person."""
    number = next(_ids)
    return Delivery(id=number, key=f"key{number}", action=action, to=Recipient(contact_id=number, **to))


def push(adapter: Adapter, client: Any, *deliveries: Delivery) -> Sequence[Outcome]:
    """What comes of deliveries that leave in one call."""
    assert len({adapter.pushes[type(one.action)].group(one) for one in deliveries}) == 1, "these leave in two calls"
    return adapter.pushes[type(deliveries[0].action)].send(client, deliveries)


def yes(at: datetime, email: str) -> Delivery:
    """A person's own recorded yes to all marketing by e-mail."""
    return delivery(Subscribe(grant=Grant(at, "1", by_person=True, method="form")), email=email)


def polled(adapter: Adapter, client: Any, name: str, most: int = 20) -> list[Any]:
    """The events of a stream's last two days, read page by page with the mapping that comes along."""
    stream, mapping, now = adapter.stream(name), mapping_file(adapter.mapping), datetime.now(UTC)
    assert stream is not None
    found: list[Any] = []
    page = ""
    for _ in range(most):
        window = Window(since=now - timedelta(days=2), until=now + timedelta(minutes=1), page=page)
        got = stream.fetch(client, window, mapping)
        body = b"[" + b",".join(one.body for one in got.items) + b"]"
        asked = WebhookRequest(method="POST", url="", headers={}, body=body, received_at=now, route=name)
        found += stream.parse(asked, mapping)
        page = got.next
        if not page:
            return found
    raise AssertionError("the stream does not end")


class Peer:
    """A server that says what a test tells it to say, byte by byte; each connection is used once."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.say: Callable[[socket.socket], None] = lambda connection: None
        self.heard: list[bytes] = []
        self.stopping = threading.Event()
        self._accepting = threading.Thread(target=self._run, daemon=True)
        self._accepting.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += connection.recv(65_536)
            head, _, body = asked.partition(b"\r\n\r\n")
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")), 0)
            while len(body) < length:
                body += connection.recv(65_536)
            asked = head + b"\r\n\r\n" + body
            self.heard.append(asked)
            self.say(connection)

    def answers(self, body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> None:
        """Answer this to every call."""
        size = len(body) if length is None else length
        head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {size}", "Connection: close", *headers])
        self.say = lambda connection: connection.sendall(head.encode() + b"\r\n\r\n" + body)

    def stop(self) -> None:
        self.stopping.set()
        # Whoever waits in accept() is woken first: a number that is free again would be the next peer's
        self.listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(10)
        self.listener.close()
