"""Making an installation ready: schema, shipped policies, the doors for forms and page views."""

import re
import secrets

from adapters.contract import Adapter
from adapters.registry import adapters
from app.numbers import whole
from app.runtime import Runtime
from app.store import connections, notes, policies, schema
from app.store.connections import Connection
from jobs import rescore, restored

BUILT_IN = (("forms", "forms"), ("site", "site"))
BATON = "baton"
NAME, BASE_URL = "name", "base_url"
COMMAND_LINE = "command line"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_BASE_URL = re.compile(r"https?://[^/\s]")


class InvalidConnection(ValueError):
    """A connection that cannot be made this way; the message says why. ``setting`` is what it is about: a setting,
    :data:`NAME`, :data:`BASE_URL`, or empty."""

    def __init__(self, said: str, setting: str = "") -> None:
        super().__init__(said)
        self.setting = setting


def prepare(runtime: Runtime) -> None:
    """Bring the database to this version, and add what every installation has. May be called at every start."""
    schema.upgrade(runtime.database)
    now = runtime.clock()
    with runtime.database.write() as conn:
        schema.go_alone(runtime.database, conn)
        policies.ship_defaults(conn, now)
        for name, kind in BUILT_IN:
            if connections.load_by_name(conn, runtime.vault, name) is None:
                connections.add(conn, runtime.vault, name, kind, {}, "", now)
        if restored.INSTALLATION not in notes.read_marks(conn):
            notes.mark(conn, runtime.database, restored.INSTALLATION, secrets.token_hex(8), now)
    runtime.forget()
    rescore.prepare(runtime)
    restored.look(runtime)


def connectable() -> dict[str, Adapter]:
    """The kinds that can be connected from afar, by title: those with something to set, none of it on Baton's own
    machine."""
    return {
        kind: adapter
        for kind, adapter in sorted(adapters().items(), key=lambda one: one[1].title.casefold())
        if adapter.settings and not any(setting.local for setting in adapter.settings)
    }


def add_connection(
    runtime: Runtime, kind: str, name: str, settings: dict[str, str], base_url: str = "", who: str = COMMAND_LINE
) -> Connection:
    """Add a connection. Raises InvalidConnection where kind, name or settings are not ones that exist."""
    adapter = adapters().get(kind)
    if adapter is None:
        raise InvalidConnection(f'there is no kind "{kind}"; there are {", ".join(adapters())}')
    check_settings(kind, settings)
    missing = [setting.name for setting in adapter.settings if setting.required and not settings.get(setting.name)]
    if missing:
        raise InvalidConnection(f"{kind} needs {', '.join(missing)}", missing[0])
    if not _NAME.fullmatch(name):
        raise InvalidConnection("a connection's name has letters (a to z), digits, dots and dashes, at most 40", NAME)
    if name == BATON:
        raise InvalidConnection(f'"{BATON}" is what Baton\'s own events come from; choose another name', NAME)
    if adapter.own_address and not base_url and all(settings.get(needed) for needed in adapter.needs):
        raise InvalidConnection(f"{adapter.title} has an address for each account", BASE_URL)
    if base_url and not _BASE_URL.match(base_url):
        raise InvalidConnection(f"{base_url} is not an address", BASE_URL)
    signed = adapter.checks_signatures(settings)
    if adapter.receives and not signed and adapter.parse is not None and kind not in dict(BUILT_IN):
        settings = {adapter.path_secret: secrets.token_urlsafe(24), **settings}
    with runtime.database.write() as conn:
        if connections.load_by_name(conn, runtime.vault, name) is not None:
            raise InvalidConnection(f'there is a connection named "{name}" already', NAME)
        connections.add(conn, runtime.vault, name, kind, settings, base_url, runtime.clock())
        notes.write_audit(conn, who, "connection.add", name, runtime.clock(), ", ".join(sorted(settings)), after=kind)
    runtime.forget()
    found = runtime.connection(name)
    assert found is not None
    return found


def check_settings(kind: str, settings: dict[str, str]) -> None:
    """Raise InvalidConnection for a setting that the vendor does not have, or a value that it cannot be."""
    checks = {setting.name: setting.wrong for setting in adapters()[kind].settings if setting.wrong}
    numbers = {setting.name for setting in adapters()[kind].settings if setting.number}
    known = {setting.name for setting in adapters()[kind].settings} | {adapters()[kind].path_secret, "sandbox"}
    for name, value in settings.items():
        if name not in known:
            listed = ", ".join(sorted(known - {"sandbox"}))
            raise InvalidConnection(f'{kind} has no setting "{name}"; it has {listed}')
        if name in numbers and value and not whole(value):
            raise InvalidConnection(f'{name} is a whole number above 0, not "{value}"', name)
        if name in checks and (wrong := checks[name](value)):
            raise InvalidConnection(f"{name}: {wrong}", name)


def address(runtime: Runtime, connection: Connection) -> str:
    """Where the vendor, or the form, posts to; empty for a connection that only sends."""
    adapter, base = adapters()[connection.kind], runtime.settings.public_url
    if connection.kind == "forms":
        return f"{base}/forms/{connection.name if connection.name != 'forms' else '<name of the form>'}"
    if connection.kind == "site":
        return f"{base}/track"
    if not adapter.receives or adapter.parse is None:
        return ""
    secret = connection.settings.get(adapter.path_secret, "")
    return f"{base}/webhooks/{connection.name}" + (
        f"/{secret}" if secret and not adapter.checks_signatures(connection.settings) else ""
    )
