"""What a mapping would have a tool be told of one contact: the very request, on paper."""

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection as Conn

from adapters.contract import Delivery, Recipient
from adapters.paper import Written, write_down
from app.contacts.action import UpsertContact
from app.rules.route import outward
from app.runtime import Runtime
from app.store import people, shadows
from app.store.connections import Connection
from mappings.mapping import FieldMapping

__all__ = ["Said", "Written", "can_write", "said_of"]


class Said(Struct, kw_only=True):
    """What would be written of a contact: each property with our field and what the tool is known to hold; and the
    request, or in words why there would be none."""

    contact_id: int
    properties: list[tuple[str, str, Any, Any]]
    request: Written | str


def can_write(runtime: Runtime, connection: Connection) -> bool:
    """Whether the connection's tool can be told about contacts at all."""
    adapter = runtime.adapter(connection)
    return adapter.connect is not None and UpsertContact in adapter.pushes


def said_of(
    runtime: Runtime, conn: Conn, connection: Connection, mapping: FieldMapping, contact_id: int
) -> Said | None:
    """What a tool would be told of a contact now, all of it and not only what it lacks; None without such a contact.
    Built without any way to send it."""
    contact_id = people.survivor(conn, contact_id)
    stored = people.load(conn, [contact_id]).get(contact_id)
    if stored is None:
        return None
    state = stored.state
    values = outward(state, runtime.rulebook().policies, runtime.clock())
    properties = mapping.outbound(values)
    ids = shadows.ids_in(conn, connection.id, {contact_id: state})
    held = {name: value for one in shadows.of_contacts(conn, [contact_id]).get(contact_id, ())
            if one.connection_id == connection.id for name, (value, _) in one.properties.items()}  # fmt: skip
    ours = {vendor: name for name, vendor in mapping.targets}
    to = Recipient(
        contact_id=contact_id,
        vendor_id=ids.get(contact_id, ""),
        email=state.email or "",
        phone=str(values.get("phone") or ""),
    )
    delivery = Delivery(id=0, key="test", action=UpsertContact(properties=properties), to=to)
    request: Written | str = "the mapping writes nothing of this contact"
    if properties:
        request = write_down(runtime.adapter(connection), connection.settings, connection.base_url, [delivery])
    listed = [(name, ours.get(name, ""), value, held.get(name)) for name, value in properties.items()]
    return Said(contact_id=contact_id, properties=listed, request=request)
