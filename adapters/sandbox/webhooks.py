"""How simulated vendors send webhooks: in bundles, late, shuffled, more than once, and again until they are taken."""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec
import requests


class Hook(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Where webhooks go and how badly they behave.

    ``repeats`` is the share of events that are sent twice. ``delay_ms`` holds events back, which lets ``shuffle`` mix
    them and ``batch`` bundle them (0: as many as the vendor does). ``echo`` says whether calls of the API fire
    webhooks too, and ``topics`` which events are sent at all. ``signed_url`` is the address that is signed, where a
    proxy makes it differ from ``url``. ``retry_ms`` is the first wait before another try; it doubles, up to a minute.
    ``object_style`` is HubSpot's ("classic" or "object"); ``flow_url`` and ``flow_secret`` are Klaviyo's.
    """

    url: str = ""
    secret: str = ""
    repeats: float = 0.0
    shuffle: bool = False
    delay_ms: int = 0
    batch: int = 0
    echo: bool = True
    topics: list[str] | None = None
    enabled: bool = True
    signed_url: str = ""
    object_style: str = "classic"
    flow_url: str = ""
    flow_secret: str = ""
    retry_ms: int = 1000
    attempts: int = 11
    timeout: float = 5.0
    workers: int = 1

    def wants(self, topic: str) -> bool:
        """Whether events of this topic are sent here."""
        return self.enabled and bool(self.url) and (self.topics is None or topic in self.topics)


Bundle = Sequence[tuple[Any, int]]  # events, each with how often it was sent before
Outgoing = tuple[str, bytes, dict[str, str]]  # the URL, body and headers of one request
Writer = Callable[[Bundle], Outgoing]
Rewriter = Callable[[int], Outgoing]  # the same request again; it is told how often it was sent before
TOO_MANY = 429


@dataclass(order=True)
class _Post:
    """One request that waits for its moment."""

    due: float
    number: int
    attempt: int = field(compare=False)
    write: Rewriter = field(compare=False)
    events: int = field(compare=False)
    gives_up: bool = field(compare=False, default=False)


class Sender:
    """Sends webhooks to one hook from its own threads. ``sent`` remembers the last requests and what came back."""

    def __init__(self, hook: Hook, write: Writer) -> None:
        self.hook = hook
        self.sent: deque[dict[str, Any]] = deque(maxlen=2000)
        self._write = write
        self._waiting: deque[tuple[float, Any, int]] = deque()
        self._posts: list[_Post] = []
        self._number = 0
        self._busy = 0
        self._stopped = False
        self._change = threading.Condition()
        self._random = Random(1)  # noqa: S311 - it decides what is repeated, the same way every time
        for _ in range(max(1, hook.workers)):
            threading.Thread(target=self._run, name="sandbox-webhooks", daemon=True).start()

    def add(self, events: Iterable[Any]) -> None:
        """Send these events soon."""
        with self._change:
            ready = time.monotonic() + self.hook.delay_ms / 1000
            self._waiting.extend((ready, event, 0) for event in events)
            self._change.notify_all()

    def post(self, write: Rewriter, *, gives_up: bool = False, events: int = 1) -> None:
        """Send one request of its own; ``gives_up`` where a 4xx other than 429 is the end of it."""
        with self._change:
            self._queue(time.monotonic() + self.hook.delay_ms / 1000, 0, write, events, gives_up)
            if self._random.random() < self.hook.repeats:
                self._queue(time.monotonic() + self.hook.delay_ms / 1000, 1, write, events, gives_up)

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is left to send; False where something still is."""
        with self._change:
            return self._change.wait_for(lambda: not (self._waiting or self._posts or self._busy), seconds)

    def history(self) -> list[dict[str, Any]]:
        """The last requests, oldest first, each with what came back."""
        with self._change:
            return list(self.sent)

    def stop(self) -> None:
        """Send nothing more; what is on its way has a second to arrive."""
        with self._change:
            self._stopped = True
            self._waiting.clear()
            self._posts.clear()
            self._change.notify_all()
            self._change.wait_for(lambda: not self._busy, 1.0)

    def _queue(self, due: float, attempt: int, write: Rewriter, events: int, gives_up: bool) -> None:
        self._number += 1
        heapq.heappush(self._posts, _Post(due, self._number, attempt, write, events, gives_up))
        self._change.notify_all()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the machine is none of the vendor's
            while (post := self._next()) is not None:
                try:
                    self._send(session, post)
                finally:
                    with self._change:
                        self._busy -= 1
                        self._change.notify_all()

    def _next(self) -> _Post | None:
        """The next request whose moment has come; None when the sender was stopped."""
        with self._change:
            while not self._stopped:
                now = time.monotonic()
                if self._posts and self._posts[0].due <= now:
                    self._busy += 1
                    return heapq.heappop(self._posts)
                if bundle := self._bundle(now):
                    self._busy += 1
                    self._number += 1
                    return _Post(now, self._number, 0, self._bundled(bundle), len(bundle))
                moments = [post.due for post in self._posts[:1]]
                moments += [self._waiting[0][0]] if self._waiting else []
                self._change.wait(max(0.0, min(moments) - now) if moments else None)
        return None

    def _bundle(self, now: float) -> list[tuple[Any, int]]:
        """The events of the next request, once the oldest has waited its time: the oldest, or any when shuffled."""
        if not self._waiting or self._waiting[0][0] > now:
            return []
        ready = list(self._waiting)
        if self.hook.shuffle:
            self._random.shuffle(ready)
        chosen = ready[: self.hook.batch]
        self._waiting = deque((now, event, attempt) for _, event, attempt in ready[self.hook.batch :])
        for _, event, attempt in chosen:
            if attempt == 0 and self._random.random() < self.hook.repeats:
                self._waiting.append((now + self.hook.delay_ms / 1000, event, 1))
        return [(event, attempt) for _, event, attempt in chosen]

    def _bundled(self, bundle: Bundle) -> Rewriter:
        return lambda again: self._write([(event, attempt + again) for event, attempt in bundle])

    def _send(self, session: requests.Session, post: _Post) -> None:
        url, body, headers = post.write(post.attempt)
        problem = ""
        status = 0
        try:
            reply = session.post(url, data=body, headers=headers, timeout=self.hook.timeout, allow_redirects=False)
            status = reply.status_code
        except requests.RequestException as error:
            problem = type(error).__name__
        told = {"url": url, "events": post.events, "attempt": post.attempt, "status": status, "problem": problem}
        with self._change:
            self.sent.append({**told, "at": time.time(), "headers": headers, "body": body})
        final = post.gives_up and 400 <= status < 500 and status != TOO_MANY
        if 200 <= status < 300 or final or post.attempt + 1 >= self.hook.attempts:
            return
        wait = min(60.0, self.hook.retry_ms / 1000 * 2**post.attempt)
        with self._change:
            if not self._stopped:
                self._queue(time.monotonic() + wait, post.attempt + 1, post.write, post.events, post.gives_up)
