"""What every simulated vendor shares: requests and answers, faults on demand, rate limits, and the record of calls.

A simulated vendor is a :class:`Vendor`: state, a table of routes with one function each, and a table of acts (what
people do in the vendor's own screens). A :class:`Service` has none of these and just answers. The server in
:mod:`adapters.sandbox.server` serves them over HTTP.
"""

import inspect
import re
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, ClassVar
from urllib.parse import unquote

import msgspec

from adapters.redaction import CREDENTIALS
from adapters.sandbox.faults import Clock, Fault, Faults, Windows
from adapters.sandbox.webhooks import Hook, Sender, Writer

Columns = tuple[str, list[str], list[list[Any]], int]  # a table for people: title, heads, some rows, how many there are
SHOWN = 200  # rows of a table for people

MISSING: Any = object()


def iso(moment: float) -> str:
    """A moment as ISO 8601 in UTC with milliseconds, as JSON APIs write it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Answer(msgspec.Struct, kw_only=True):
    """What a vendor answers. ``body`` is sent as JSON, unless ``raw`` holds bytes; None is an answer without body."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = {}
    raw: bytes | None = None
    content_type: str = "application/json"

    def encoded(self) -> bytes:
        """The body as it goes over the wire."""
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else msgspec.json.encode(self.body)


class Refusal(Exception):
    """The vendor will not do what was asked; it says why in ``answer``."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body}")
        self.answer = answer


@dataclass(slots=True)
class Request:
    """One call to a simulated vendor. ``path`` is below the vendor's address, not decoded; header names are lower
    case; ``base`` is the vendor's address, for the links in its answers."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    raw: bytes
    base: str
    body: Any = None
    partial: Fault | None = None

    def param(self, name: str, default: str = "") -> str:
        """A query parameter that is given once."""
        return self.query.get(name, [default])[0]

    def flag(self, name: str) -> bool:
        """A query parameter that is yes or no, in whatever case."""
        return self.param(name).lower() == "true"

    def params(self, name: str) -> list[str]:
        """A query parameter that is a list: repeated, or with commas."""
        return [part for text in self.query.get(name, []) for part in text.split(",") if part]


@dataclass(slots=True)
class Call:
    """One recorded call. ``status`` is 0 where no answer left; ``unexpected`` means no such path, or our own bug."""

    n: int
    at: float
    vendor: str
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    status: int
    fault: str
    unexpected: bool
    sent: bytes = field(repr=False)
    answered: bytes = field(repr=False)

    @property
    def body(self) -> Any:
        """What was sent: parsed where it is JSON, else its text."""
        return readable(self.sent)

    @property
    def answer(self) -> Any:
        """What was answered (or would have been): parsed where it is JSON, else its text."""
        return readable(self.answered)

    def shown(self) -> dict[str, Any]:
        """The call as the control API shows it."""
        names = ("n", "vendor", "method", "path", "query", "headers", "body", "status", "answer", "fault", "unexpected")
        return {**{name: getattr(self, name) for name in names}, "at": iso(self.at)}


def readable(data: bytes) -> Any:
    """Bytes for people: parsed JSON, else text; None where there are none."""
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Route:
    """One method and path of a vendor's API, and the function that answers; ``{names}`` in the path are its
    arguments. ``body`` is the type that the body must have, and ``limits`` are (calls, seconds) of this route alone."""

    method: str
    path: str
    do: Callable[..., Answer]
    body: Any = None
    limits: tuple[tuple[int, float], ...] = ()

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression."""
        return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path)) + "/?")


class Service(ABC):
    """What answers below one of the sandbox's addresses, goes wrong when told to, and shows what it holds."""

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    credentials: ClassVar[frozenset[str]] = CREDENTIALS  # headers and parameters that are not recorded

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self._seed = seed
        self.life = 0  # how often it began anew
        self.reset()

    @abstractmethod
    def clear(self) -> None:
        """Begin with nothing."""

    @abstractmethod
    def answer(self, request: Request) -> tuple[Answer, bool]:
        """The answer to a call, and whether it was one that nobody should make."""

    @abstractmethod
    def error(self, status: int, message: str = "", **more: Any) -> Answer:
        """An error as this service writes it."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything it holds, as plain data."""

    @abstractmethod
    def overview(self) -> list[Columns]:
        """The same for a newcomer: a few tables."""

    def reset(self) -> None:
        """Forget everything that it holds, and all faults."""
        with self.lock:
            self.life += 1
            self.faults = Faults(Random(self._seed))  # noqa: S311 - what goes wrong is the same on every run
            self.clear()

    def fault(self, kind: str, **more: Any) -> Fault:
        """Let a call go wrong: the fields of :class:`Fault`, and ``method`` and ``path`` for its match."""
        match = {name: more.pop(name) for name in ("method", "path") if name in more}
        fault = msgspec.convert({"fault": kind, "match": match, **more}, Fault)
        self.faults.add(fault)
        return fault

    def broken(self, fault: Fault) -> Answer:
        """The answer that a fault puts in the place of the true one."""
        kind = fault.fault
        if kind == "html200":
            return Answer(raw=b"<html><body>Scheduled maintenance</body></html>", content_type="text/html")
        if kind == "502":  # what stands in front of the vendor answers, not the vendor
            return Answer(status=502, raw=b"<html><body>502 Bad Gateway</body></html>", content_type="text/html")
        if kind == "empty200":
            return Answer(raw=b"")
        if kind == "error200":
            return msgspec.structs.replace(self.error(400, fault.message), status=200)
        if kind == "garbage":
            return Answer(raw=b'{"results": [{"id": "1", "prop')
        answer = self.error(int(kind), fault.message)
        if fault.retry_after is not None:
            answer.headers = {**answer.headers, "Retry-After": str(fault.retry_after)}
        return answer


class Vendor(Service):
    """A simulated vendor. Subclasses hold the state and say how it refuses, limits and signs."""

    routes: ClassVar[Sequence[Route]] = ()
    acts: ClassVar[Mapping[str, Callable[..., Any]]] = {}
    bundle: ClassVar[int] = 100  # events in one webhook, at most
    settings: Any  # a struct whose fields all have defaults

    def __init__(self, clock: Clock, seed: int = 1) -> None:
        self._compiled = [(route, route.pattern) for route in self.routes]
        self.hooks: dict[str, Sender] = {}
        super().__init__(clock, seed)

    # what a vendor must say

    @abstractmethod
    def enter(self, request: Request, route: Route) -> dict[str, str]:
        """Check the credentials and spend from the limits; the headers of every answer. Raises Refusal."""

    @abstractmethod
    def writer(self, hook: Hook, name: str) -> Writer:
        """How a bundle of events for this hook becomes a signed request."""

    # what all vendors do the same way

    def reset(self) -> None:
        """Forget everything: state, settings, faults, webhooks."""
        self.unhook()
        with self.lock:
            self.random = Random(self._seed)  # noqa: S311 - quirks that are the same on every run
            # Ids differ from run to run: who keeps them must not meet them again as something else.
            self.numbers = Random(f"{self._seed} {self.clock()}")  # noqa: S311
            self.windows = Windows(self.clock)
            self.settings = type(self.settings)()
            super().reset()

    def configure(self, **changes: Any) -> Any:
        """Change settings by name; the new settings. Raises ValueError for names or types that do not fit."""
        with self.lock:
            told = {**msgspec.to_builtins(self.settings), **changes}
            self.settings = msgspec.convert(told, type(self.settings))
            return self.settings

    def act(self, do: str, **how: Any) -> Any:
        """Do what a person does in the vendor's own screens. Raises ValueError where that makes no sense."""
        act = self.acts.get(do)
        if act is None:
            raise ValueError(f'{self.title} has no act "{do}"; it has {", ".join(sorted(self.acts))}')
        try:
            inspect.signature(act).bind(self, **how)
        except TypeError as error:
            raise ValueError(f'act "{do}": {error}') from None
        with self.lock:
            try:
                return act(self, **how)
            except Refusal as refusal:
                raise ValueError(f'act "{do}": {refusal}') from None

    def hook(self, url: str = "", **options: Any) -> Sender:
        """Send webhooks to ``url`` from now on, instead of where they went before; options as in :class:`Hook`."""
        self.unhook()
        return self.add_hook(msgspec.convert({"url": url, **options}, Hook), "sandbox")

    def add_hook(self, hook: Hook, name: str) -> Sender:
        """One more address that gets webhooks. Raises ValueError where more is asked than the vendor does."""
        if hook.batch > self.bundle:
            raise ValueError(f"{self.title} sends at most {self.bundle} events at a time")
        hook.batch = hook.batch or self.bundle
        self.hooks[name] = Sender(hook, self.writer(hook, name))
        return self.hooks[name]

    def unhook(self) -> None:
        """Send no webhooks any more."""
        with self.lock:
            senders = list(self.hooks.values())
            self.hooks.clear()
        for sender in senders:
            sender.stop()

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until all webhooks have left and were taken; False where some are still waiting."""
        return all(sender.settle(seconds) for sender in list(self.hooks.values()))

    def answer(self, request: Request) -> tuple[Answer, bool]:
        route, values, other = None, {}, False
        for candidate, pattern in self._compiled:
            if found := pattern.fullmatch(request.path):
                if candidate.method == request.method:
                    route, values = candidate, {key: unquote(value) for key, value in found.groupdict().items()}
                    break
                other = True
        if route is None:
            status = 405 if other else 404
            return self.error(status, f"There is no {request.method} {unquote(request.path)} in the sandbox"), True
        with self.lock:
            headers: dict[str, str] = {}
            try:
                headers = self.enter(request, route)
                request.body = self.parse(request, route)
                answer = route.do(self, request, **values)
            except Refusal as refusal:
                answer = refusal.answer
            answer.headers = {**headers, **answer.headers}
            # Encoded while the lock is held: the body may point into the state.
            answer.raw = answer.encoded()
            return answer, False

    def parse(self, request: Request, route: Route) -> Any:
        """The body of a call, as JSON. Raises Refusal where it is none, or has another shape than the route's."""
        if not request.raw and route.body is None:
            return None
        try:
            body = msgspec.json.decode(request.raw)
            if route.body is not None:
                msgspec.convert(body, route.body)
            return body
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refusal(self.error(400, f"Invalid input JSON: {error}")) from None

    def new_uuid(self) -> str:
        """A UUID of this run."""
        return str(uuid.UUID(int=self.numbers.getrandbits(128), version=4))


def fields(source: Any, *names: str) -> tuple[Any, ...]:
    """Fields of a JSON object, :data:`MISSING` for those that are not there."""
    held = source if isinstance(source, dict) else {}
    return tuple(held.get(name, MISSING) for name in names)
