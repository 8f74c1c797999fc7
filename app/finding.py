"""Finding people by what they go by: ann@example.com, +15005550006, a tool's id as hubspot:12, or our own contact:5."""

from msgspec import Struct
from sqlalchemy import Connection as Conn

from app.contacts.event import Identity
from app.contacts.identity import CONTACT, EMAIL, GLOBAL_KINDS, PHONE, clean_email, clean_phone
from app.numbers import whole
from app.runtime import Runtime
from app.store import lists, people


class NoName(ValueError):
    """A text that nobody can go by, with the reason."""


class Sought(Struct, frozen=True):
    """Whom a text means: an identity, and in which connections it counts (0 for one that counts everywhere)."""

    identity: Identity
    connection_ids: tuple[int, ...]


def read(runtime: Runtime, text: str) -> Sought:
    """Whom a text means. Before the colon stands a kind of identity, a kind of tool, or a connection's name. Raises
    NoName."""
    text = text.strip()
    kind, sign, value = text.partition(":")
    if not sign:
        kind, value = (PHONE if text.startswith("+") else EMAIL), text
    kind, value = kind.strip().lower(), value.strip()
    if not value or not value.isprintable():
        raise NoName("say who: an address, a phone number, or an alias such as hubspot:123 or contact:5")
    if kind == EMAIL:
        cleaned = clean_email(value)
        if cleaned is None:
            raise NoName(f"“{value[:100]}” is no e-mail address; or give an alias such as hubspot:123 or contact:5")
        value = cleaned.address
    if kind == PHONE:
        value = clean_phone(value) or value
    if kind in GLOBAL_KINDS:
        return Sought(Identity(kind, value), (0,))
    known = runtime.connections().values()
    meant = [one for one in known if one.kind == kind] or [one for one in known if one.name.lower() == kind]
    return Sought(Identity(meant[0].kind if meant else kind, value), tuple(one.id for one in meant))


def find(runtime: Runtime, conn: Conn, text: str) -> list[int]:
    """Who goes by a text, as they are after merges; several where a phone or a browser is shared. Raises NoName."""
    return who_is(conn, read(runtime, text))


def who_is(conn: Conn, sought: Sought) -> list[int]:
    """The contacts that are meant."""
    identity = sought.identity
    if identity.kind == CONTACT:
        number = whole(identity.value)
        return [people.survivor(conn, number)] if number is not None and people.exists(conn, number) else []
    found = lists.find_contacts(conn, identity, sought.connection_ids)
    homes = people.survivors(conn, found)
    return list(dict.fromkeys(homes[one] for one in found))


def first(runtime: Runtime, conn: Conn, text: str) -> int | None:
    """One contact who goes by a text, or None; also where nobody can go by it."""
    try:
        return next(iter(find(runtime, conn, text)), None)
    except NoName:
        return None
