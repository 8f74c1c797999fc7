"""The edge on paper: a vendor's own SDK makes the very request it would send, and it ends here.

There is no way on from here: no pool of connections, no socket, no address looked up. What was written down is handed
out, without credentials.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import urllib3
from msgspec import Struct

from adapters.contract import Account, Adapter, Delivery
from adapters.http import Http

HIDDEN = "•••"
_TELLING = frozenset(("accept", "content-type", "revision"))  # headers worth showing


class Written(Struct, frozen=True):
    """One request as it would leave: its body as text, and the headers that say something."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str


class NotSent(BaseException):
    """The request is written down and goes no further. Not an Exception, so that no adapter takes it for an answer."""

    def __init__(self, written: Written) -> None:
        super().__init__(f"{written.method} {written.url} is on paper only")
        self.written = written


class _PaperPool(urllib3.PoolManager):
    """Where SDKs look for connections: it has none, and writes down what they ask for."""

    def urlopen(self, method: str, url: str, redirect: bool = True, **kw: Any) -> Any:  # type: ignore[override]
        body = kw.get("body")
        text = body.decode("utf-8", "replace") if isinstance(body, bytes | bytearray) else str(body or "")
        headers = {name: value for name, value in (kw.get("headers") or {}).items() if name.lower() in _TELLING}
        raise NotSent(Written(method, url, headers, text))

    def connection_from_host(self, *args: Any, **kw: Any) -> Any:
        raise AssertionError("nothing leaves from here")


class PaperHttp(Http):
    """The edge for SDK clients that shall not call anybody."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = _PaperPool()  # type: ignore[assignment]


def write_down(
    adapter: Adapter, settings: Mapping[str, str], base_url: str, deliveries: Sequence[Delivery]
) -> Written | str:
    """The first request that the adapter would make for these deliveries of one kind; or in words why it would make
    none. Secrets among the settings are not handed to it."""
    assert adapter.connect is not None
    secret = {setting.name for setting in adapter.settings if setting.secret}
    told = {name: HIDDEN if name in secret else value for name, value in settings.items()}
    client = adapter.connect(Account(told, base_url or adapter.base_url, PaperHttp()))
    try:
        (outcome, *_) = adapter.pushes[type(deliveries[0].action)].send(client, deliveries)
    except NotSent as paper:
        return paper.written
    return str(getattr(outcome, "reason", "") or "it has nothing to ask of the tool")
