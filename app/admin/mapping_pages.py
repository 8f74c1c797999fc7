"""What the mapping editor's pages have in common: the connection they are about, and which payload they show."""

from collections.abc import Sequence

from flask import abort

from app.admin import roles
from app.admin.blueprint import role
from app.mapping import desk
from app.mapping.captures import Capture
from app.mapping.found import Found
from app.runtime import Runtime
from app.store.connections import Connection

MAX_FIND = 100


def mapped_connection(runtime: Runtime, name: str) -> Connection:
    """The connection of this name, if its tool has a mapping; else the page is not there."""
    found = runtime.connection(name)
    if found is None or not runtime.adapter(found).mapping:
        abort(404)
    return found


def finds(one: Found) -> str:
    """What a field that came in is found by: its name, its label, and for who may see them what it holds."""
    words = [one.name, one.label, one.kind, *(one.samples if role() in roles.SEES_BODIES else ())]
    return " ".join(words).casefold()


def found_by(found: Sequence[Found], text: str) -> list[Found]:
    """The fields in which all of these words stand."""
    words = text.casefold().split()
    return [one for one in found if all(word in finds(one) for word in words)]


def payload_shown(found: list[Capture], key: str, do: str = "") -> tuple[Capture | None, dict[str, str]]:
    """The payload to show, and the ways on from it."""
    if not found:
        return None, {}
    if do.startswith("payload:"):
        key = do.removeprefix("payload:")
    shown = next((one for one in found if one.key == key), found[0])
    return shown, desk.around(found, shown.key)
