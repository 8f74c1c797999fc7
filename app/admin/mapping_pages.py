"""What the mapping editor's pages have in common: the connection they are about, and which payload they show."""

from flask import abort

from app.mapping import desk
from app.mapping.captures import Capture
from app.runtime import Runtime
from app.store.connections import Connection


def mapped_connection(runtime: Runtime, name: str) -> Connection:
    """The connection of this name, if its tool has a mapping; else the page is not there."""
    found = runtime.connection(name)
    if found is None or not runtime.adapter(found).mapping:
        abort(404)
    return found


def payload_shown(found: list[Capture], key: str, do: str = "") -> tuple[Capture | None, dict[str, str]]:
    """The payload to show, and the ways on from it."""
    if not found:
        return None, {}
    if do.startswith("payload:"):
        key = do.removeprefix("payload:")
    shown = next((one for one in found if one.key == key), found[0])
    return shown, desk.around(found, shown.key)
