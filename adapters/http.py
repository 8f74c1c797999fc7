"""The one edge through which Baton calls vendors, by their SDKs or by requests.

Each call has a timeout to connect, one between bytes and one for the whole; no redirect is followed, no retry is
hidden, no proxy is taken from the environment; an answer of more than 1 MiB, or one that is not the JSON it should be,
is an error. What was said both ways is kept for whoever has to find out why something failed.
"""

import heapq
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import urllib3
from msgspec import Struct
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from adapters.guard import ForbiddenTarget, connect
from adapters.redaction import HIDDEN, forms_of, sent_in, without, without_bytes

CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 3.05, 10.0, 15.0
MAX_ANSWER = 1024 * 1024
MAX_PAGE = 16 * 1024 * 1024  # of an answer that is a page of records: a hundred orders with all their items
KEEP_CHARACTERS = 16_000


class BadAnswer(Exception):
    """The vendor answered, but not as its API does: HTML with a 200, broken JSON, an endless body."""


class BrokenJson(BadAnswer):
    """It answered with something that should be JSON and is not."""


class TooLate(Exception):
    """The right to call has run out, so that nothing was sent: somebody else may be calling by now."""


class HttpError(Exception):
    """A vendor's error answer to a call that no SDK has."""

    def __init__(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        super().__init__(f"{status}: {body[:500]}")
        self.status, self.body, self.headers = status, body, headers


class Exchange(Struct, kw_only=True):
    """One call as it was made and answered."""

    at: datetime
    seconds: float
    method: str
    url: str
    request: str
    status: int | None
    answer: str


_heard: ContextVar[list[Exchange] | None] = ContextVar("heard", default=None)
_may_call: ContextVar[Callable[[], bool] | None] = ContextVar("may_call", default=None)
_most: ContextVar[int] = ContextVar("most", default=MAX_ANSWER)


@contextmanager
def recording(may_call: Callable[[], bool] | None = None) -> Iterator[list[Exchange]]:
    """Collect the calls that are made within, in order. ``may_call`` is asked right before each; where it says no,
    the call is not made but raises TooLate."""
    exchanges: list[Exchange] = []
    tokens = _heard.set(exchanges), _may_call.set(may_call)
    try:
        yield exchanges
    finally:
        _heard.reset(tokens[0])
        _may_call.reset(tokens[1])


@contextmanager
def reading_pages() -> Iterator[None]:
    """Let answers be as long as pages of records are, to the calls that are made within."""
    token = _most.set(MAX_PAGE)
    try:
        yield
    finally:
        _most.reset(token)


class _Watchdog:
    """Cuts connections whose call takes too long in all; a socket's own timeout starts anew with each byte."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._due: list[tuple[float, int, Any]] = []
        self._live: dict[int, Any] = {}
        self._count = 0
        self._thread: threading.Thread | None = None

    def watch(self, connection: Any, seconds: float) -> int:
        with self._lock:
            self._count += 1
            self._live[self._count] = connection
            heapq.heappush(self._due, (time.monotonic() + seconds, self._count, None))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="http-watchdog", daemon=True)
                self._thread.start()
            self._lock.notify()
            return self._count

    def done(self, ticket: int) -> bool:
        """Whether the call came to its own end; where its connection was cut, an end may look like one and be none."""
        with self._lock:
            return self._live.pop(ticket, None) is not None

    def _run(self) -> None:
        while True:
            with self._lock:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._lock.wait(max(0.001, self._due[0][0] - time.monotonic()) if self._due else None)
                connection = self._live.pop(heapq.heappop(self._due)[1], None)
            sock = getattr(connection, "sock", None) or getattr(connection, "wire", None)
            if sock is not None:
                with suppress(OSError):  # it was closed in the same moment, which is what we want
                    sock.shutdown(socket.SHUT_RDWR)


_watchdog = _Watchdog()
_this_call = threading.local()  # the ticket of the call that this thread makes


def _guarded(base: type[HTTPConnection], allow_private: bool) -> type[HTTPConnection]:
    class Guarded(base):  # type: ignore[misc, valid-type]
        def _new_conn(self) -> Any:
            try:
                return connect(self._dns_host, self.port, CONNECT_SECONDS, allow_private, self.socket_options)
            except TimeoutError as error:
                raise ConnectTimeoutError(self, f"{self.host} did not answer in {CONNECT_SECONDS} s") from error
            except OSError as error:
                raise NewConnectionError(self, f"{self.host} cannot be reached: {error}") from error

        def request(self, *args: Any, **kw: Any) -> None:
            _this_call.ticket = _watchdog.watch(self, TOTAL_SECONDS)
            super().request(*args, **kw)
            # Where an answer ends with its connection, ``sock`` is given away to the answer before that has come
            self.wire = self.sock

    return Guarded


class VendorPool(urllib3.PoolManager):
    """The connection pool that SDK clients are given in place of their own."""

    def __init__(self, allow_private: bool = False, secrets: Collection[str] = ()) -> None:
        super().__init__(num_pools=4, maxsize=64, retries=False)
        self._allow_private = allow_private
        self._secrets = forms_of(secrets)
        http = type(
            "GuardedHTTPPool", (HTTPConnectionPool,), {"ConnectionCls": _guarded(HTTPConnection, allow_private)}
        )
        https = type(
            "GuardedHTTPSPool", (HTTPSConnectionPool,), {"ConnectionCls": _guarded(HTTPSConnection, allow_private)}
        )
        self.pool_classes_by_scheme = {"http": http, "https": https}

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> Any:  # type: ignore[override]
        """One call, read to its end within the time and size allowed."""
        private = kw.pop("private", False)  # the answer is itself a secret
        hidden = {*self._secrets, *sent_in(kw.get("headers"))}
        asked = without(url, hidden)
        if urlsplit(url).scheme != "https" and not self._allow_private:
            raise ForbiddenTarget(f"{asked.split('?')[0]} is not https")
        kw.update(
            retries=False,
            preload_content=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )
        may_call = _may_call.get()
        if may_call is not None and not may_call():
            raise TooLate("the right to call has run out")
        started, at = time.monotonic(), datetime.now(UTC)
        said = without(_text(kw.get("body")), hidden)
        exchange = Exchange(at=at, seconds=0, method=method, url=asked, request=said, status=None, answer="")
        response = None
        try:
            response = super().urlopen(method, url, redirect=False, **kw)
            data = without_bytes(_read(response, started), hidden)
            if not _watchdog.done(_this_call.ticket):
                raise BadAnswer(_TOO_LONG)
            exchange.status, exchange.answer = response.status, HIDDEN if private else _text(data)
            _check(response, data)
            return _Answer(data, response)
        except BaseException as error:
            if response is not None:
                response.close()  # half an answer must not be left for the next call to read
            exchange.answer = exchange.answer or without(f"{type(error).__name__}: {error}", hidden)
            raise
        finally:
            exchange.seconds = round(time.monotonic() - started, 4)
            heard = _heard.get()
            if heard is not None:
                heard.append(exchange)
            _watchdog.done(getattr(_this_call, "ticket", 0))
            if response is not None:
                response.release_conn()


class _Answer(urllib3.HTTPResponse):
    """A whole answer, as SDKs expect one: ``data`` is never None, and HubSpot's still asks for ``getheaders``."""

    def __init__(self, data: bytes, response: Any) -> None:
        super().__init__(body=data, headers=response.headers, status=response.status, reason=response.reason)
        self._whole = data

    @property
    def data(self) -> bytes:
        return self._whole

    def getheaders(self) -> Any:
        return self.headers


_TOO_LONG = f"the answer was not complete after {TOTAL_SECONDS:g} s"


def _read(response: Any, started: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = response.read(65_536, decode_content=True)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        size += len(piece)
        if size > _most.get():
            raise BadAnswer(f"the answer is longer than {_most.get() // 1024} KiB")
        if time.monotonic() - started > TOTAL_SECONDS:
            raise BadAnswer(_TOO_LONG)


def _check(response: Any, data: bytes) -> None:
    """A success has to look like one: a proxy's or login page with a 200 is none."""
    if not 200 <= response.status < 300:
        return
    if not data:
        # A connection that breaks among the headers reads like an answer without more of them, and without a body
        if response.status != 204 and not {"content-length", "transfer-encoding"} & {*map(str.lower, response.headers)}:
            raise BadAnswer(f"answered {response.status} and broke off")
        return
    kind = str(response.headers.get("content-type", "")).lower()
    if "html" in kind or data.lstrip()[:1] == b"<":
        raise BadAnswer(f"answered {response.status} with a web page instead of data")
    if "json" in kind:
        try:
            msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BrokenJson(f"answered {response.status} with broken JSON") from None


def _text(data: Any) -> str:
    if data is None:
        return ""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes | bytearray) else str(data)
    return text if len(text) <= KEEP_CHARACTERS else text[:KEEP_CHARACTERS] + f" … ({len(text)} characters)"


class Http:
    """The edge for one connection: ``pool`` for SDK clients, ``call`` for what no SDK has. What is kept of its calls
    holds none of its ``secrets``."""

    def __init__(self, allow_private: bool = False, secrets: Collection[str] = ()) -> None:
        self.allow_private = allow_private
        self.pool = VendorPool(allow_private, secrets)

    def call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Any = None,
        query: Mapping[str, Any] | None = None,
        private: bool = False,
    ) -> Any:
        """The JSON of the answer, or None for an empty one. Of a ``private`` answer, as a token is one, nothing is
        kept. Raises HttpError for any other status than 2xx."""
        if query:
            url += "?" + urlencode(query)
        sent = dict(headers)
        data = None
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            data = msgspec.json.encode(body)
        return _json_of(self.pool.urlopen(method, url, body=data, headers=sent, private=private))

    def fetch(self, url: str) -> bytes:
        """What lies at an address that an answer named. Nothing of it is kept. Raises HttpError for any other status
        than 2xx."""
        answer = self.pool.urlopen("GET", url, headers={}, private=True)
        if not 200 <= answer.status < 300:
            raise HttpError(answer.status, _text(answer.data), answer.headers)
        return bytes(answer.data)

    def post_form(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None, private: bool = False
    ) -> Any:
        """The same for a form."""
        sent = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        return _json_of(self.pool.urlopen("POST", url, body=urlencode(form).encode(), headers=sent, private=private))


def _json_of(answer: Any) -> Any:
    """The JSON of an answer, or None for an empty one. Raises HttpError for any other status than 2xx."""
    if not 200 <= answer.status < 300:
        raise HttpError(answer.status, _text(answer.data), answer.headers)
    try:
        return msgspec.json.decode(answer.data) if answer.data else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadAnswer(f"answered {answer.status} with something that is not JSON") from None
