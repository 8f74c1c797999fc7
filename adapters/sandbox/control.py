"""The sandbox's own addresses: ``/_sandbox/…``, one function per route, and the page for people."""

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import msgspec

from adapters.sandbox.faults import Fault
from adapters.sandbox.vendor import Answer, Request, Service, Vendor, iso, readable

if TYPE_CHECKING:
    from adapters.sandbox.server import Server

# The page shows what anybody has sent: nothing in it may run.
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def get_calls(server: "Server", request: Request) -> Any:
    """The calls after number ``since``, of one vendor or of all."""
    calls = server.called(request.param("vendor"), path=request.param("path"), since=int(request.param("since", "0")))
    return [call.shown() for call in calls]


def get_state(server: "Server", request: Request) -> Any:
    """All that a vendor holds; without a vendor, all that they all hold."""
    chosen = [_service(server, request.param("vendor"))] if request.param("vendor") else server.services.values()
    states = {}
    for service in chosen:
        with service.lock:
            states[service.name] = msgspec.to_builtins(service.state())
    return states if len(states) > 1 else next(iter(states.values()))


def set_webhooks(server: "Server", request: Request) -> Any:
    """Let a vendor send its webhooks somewhere: the fields of Hook."""
    options = dict(request.body)
    sender = _vendor(server, options.pop("vendor", "")).hook(**options)
    return msgspec.to_builtins(sender.hook)


def get_webhooks(server: "Server", request: Request) -> Any:
    """The webhooks that a vendor has sent, and what came back."""
    senders = list(_vendor(server, request.param("vendor")).hooks.values())
    sent = [one for sender in senders for one in sender.history()]
    return [{**one, "at": iso(one["at"]), "body": readable(one["body"])} for one in sent]


def drop_webhooks(server: "Server", request: Request) -> Any:
    """Let a vendor send no webhooks any more."""
    _vendor(server, request.param("vendor")).unhook()
    return {}


def act(server: "Server", request: Request) -> Any:
    """Do what a person would do in the vendor's own screens."""
    how = dict(request.body)
    return {"done": _vendor(server, how.pop("vendor", "")).act(how.pop("do", ""), **how)}


def add_fault(server: "Server", request: Request) -> Any:
    """Let calls go wrong: the fields of Fault."""
    fault = msgspec.convert(request.body, Fault)
    _service(server, fault.vendor).faults.add(fault)
    return fault


def get_faults(server: "Server", request: Request) -> Any:
    """The faults that still wait for their calls."""
    return {name: service.faults.waiting for name, service in server.services.items()}


def clear_faults(server: "Server", request: Request) -> Any:
    """Let nothing go wrong any more, with one vendor or with all."""
    name = request.param("vendor")
    for service in [_service(server, name)] if name else server.services.values():
        service.faults.clear()
    return {}


def get_settings(server: "Server", request: Request) -> Any:
    """A vendor's settings: limits, tokens, lags."""
    return _vendor(server, request.param("vendor")).settings


def change_settings(server: "Server", request: Request) -> Any:
    """Change some of a vendor's settings."""
    changes = dict(request.body)
    return _vendor(server, changes.pop("vendor", "")).configure(**changes)


def settle(server: "Server", request: Request) -> Any:
    """Wait until all webhooks were taken, at most ``seconds``."""
    seconds = float(request.param("seconds", "10"))
    return {"settled": all(vendor.settle(seconds) for vendor in server.vendors.values())}


def reset(server: "Server", request: Request) -> Any:
    """Begin anew."""
    server.reset()
    return {}


CONTROL: "dict[tuple[str, str], Callable[[Server, Request], Any]]" = {
    ("GET", "calls"): get_calls,
    ("GET", "state"): get_state,
    ("GET", "webhooks"): get_webhooks,
    ("POST", "webhooks"): set_webhooks,
    ("DELETE", "webhooks"): drop_webhooks,
    ("POST", "act"): act,
    ("GET", "faults"): get_faults,
    ("POST", "faults"): add_fault,
    ("DELETE", "faults"): clear_faults,
    ("GET", "settings"): get_settings,
    ("POST", "settings"): change_settings,
    ("GET", "settle"): settle,
    ("POST", "reset"): reset,
}


def _service(server: "Server", name: str) -> Service:
    if name not in server.services:
        raise ValueError(f'there is no vendor "{name}"; there are {", ".join(server.services)}')
    return server.services[name]


def _vendor(server: "Server", name: str) -> Vendor:
    if name not in server.vendors:
        having = f"webhooks, acts and settings are those of {', '.join(server.vendors)}"
        raise ValueError(f'"{_service(server, name).name}" only takes what is sent to it; {having}')
    return server.vendors[name]


def control(server: "Server", name: str, request: Request) -> Answer:
    """The answer of the control API."""
    todo = CONTROL.get((request.method, name))
    if todo is None:
        known = ", ".join(f"{method} /_sandbox/{path}" for method, path in CONTROL)
        return Answer(status=404, body={"error": f"no {request.method} /_sandbox/{name}; there are {known}"})
    if request.headers.get("origin", server.url) != server.url:
        return Answer(status=403, body={"error": "other web pages have no business here"})
    try:
        request.body = msgspec.json.decode(request.raw or b"{}", type=dict[str, Any])
        return Answer(body=todo(server, request))
    except (ValueError, TypeError) as error:  # msgspec's errors are ValueErrors
        return Answer(status=400, body={"error": str(error)})


# The page for people


def page(server: "Server") -> bytes:
    """What each tool holds now, and the latest calls to them."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=5>",
        "<meta name=viewport content='width=device-width'><title>Baton sandbox</title><style>",
        "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:75em;padding:0 1em;color:#222}",
        "table{border-collapse:collapse;margin:.5em 0 1.5em;width:100%}caption{text-align:left;font-weight:600}",
        "td,th{border-bottom:1px solid #ddd;padding:.2em .6em;text-align:left;vertical-align:top}",
        "td{overflow-wrap:anywhere}</style>",
        "<h1>Baton sandbox</h1><p>Simulated tools for trying Baton out: nothing here reaches a real account. ",
        "The page renews itself every five seconds. <code>/_sandbox/calls</code> has every call in full.</p>",
    ]
    calls = [
        [call.n, iso(call.at)[11:19], call.vendor, call.method, call.path, call.status or "no answer", call.fault]
        for call in server.recorded()[-50:][::-1]
    ]
    for service in server.services.values():
        with service.lock:
            tables = service.overview()
        parts.append(f"<h2>{escape(service.title)}</h2><p>{escape(server.url)}/{escape(service.name)}</p>")
        parts += [_table(*table) for table in tables]
    parts.append("<h2>Calls</h2>")
    heads = ["#", "time (UTC)", "tool", "method", "path", "status", "fault"]
    parts.append(_table("The latest calls, newest first", heads, calls, len(server.recorded())))
    return "".join(parts).encode()


def _table(title: str, heads: list[str], rows: list[list[Any]], total: int) -> str:
    lines = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f"<table><caption>{escape(title)} ({total})</caption><tr>{head}</tr>{lines}</table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return escape((value if isinstance(value, str) else msgspec.json.encode(value).decode())[:500])
