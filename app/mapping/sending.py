"""Sending what a mapping writes to one test contact: the very request that was shown, once, as everything is sent.

Profile writes only: a message, a list, a consent cannot be asked for from here. The last look before each send is taken
as for everything else.
"""

from hashlib import blake2b
from uuid import uuid4

from sqlalchemy import Connection as Conn
from sqlalchemy import select

from app.contacts.action import UpsertContact, kind_of
from app.mapping.desk import MAPPING
from app.mapping.outward import Said, Written, can_write, said_of
from app.rules.route import belongs
from app.runtime import Runtime
from app.store import connections, deliveries, notes, people, shadows
from app.store.connections import Connection
from app.store.deliveries import Planned
from app.store.tables import deliveries as deliveries_table
from mappings.mapping import FieldMapping


class NotSent(Exception):
    """Nothing leaves; the message says why, in words."""


def digest(said: Said) -> str:
    """Stands for a request as it was shown, so that nothing else is sent than what somebody has seen; "" for none."""
    if not isinstance(said.request, Written):
        return ""
    whole = f"{said.contact_id}\0{said.request.method}\0{said.request.url}\0{said.request.body}"
    return blake2b(whole.encode(), digest_size=16).hexdigest()


def send(runtime: Runtime, who: str, connection: Connection, mapping: FieldMapping, contact_id: int, seen: str) -> int:
    """Have a tool told what a mapping, in force or a draft, writes of a contact; the delivery's id. ``seen`` is the
    digest of the request as it was shown. Raises NotSent."""
    now = runtime.clock()
    with runtime.database.write() as conn:
        _check_ways(runtime, conn, connection)
        said = said_of(runtime, conn, connection, mapping, contact_id)
        if said is None:
            raise NotSent("there is no such contact")
        if not isinstance(said.request, Written):
            raise NotSent(f"there would be no request: {said.request}")
        action = UpsertContact(properties={name: value for name, _, value, _ in said.properties})
        _check_contact(conn, connection, mapping, said.contact_id)
        if digest(said) != seen:
            raise NotSent("the request is another one by now; look at it again")
        key = uuid4().hex
        planned = Planned(
            key=key,
            contact_id=said.contact_id,
            connection_id=connection.id,
            kind=kind_of(action),
            urgency=int(action.urgency),
            action=action,
        )
        deliveries.plan(conn, runtime.database, [planned], now)
        delivery_id = int(conn.execute(select(deliveries_table.c.id).where(deliveries_table.c.key == key)).scalar_one())
        what = f"contact {said.contact_id}, {mapping.version}, {len(said.properties)} fields, delivery {delivery_id}"
        notes.write_audit(conn, who, "mapping.send", f"{MAPPING} {mapping.name}", now, f"{connection.name}: {what}")
    return delivery_id


def _check_ways(runtime: Runtime, conn: Conn, connection: Connection) -> None:
    """Raises NotSent where it would not leave now but later, when nobody thinks of it any more."""
    if not can_write(runtime, connection):
        raise NotSent(f"{runtime.adapter(connection).title} takes no profiles")
    if runtime.client(connection) is None:
        raise NotSent(f"{connection.name} lacks what it needs to call its tool")
    now = connections.load_by_name(conn, runtime.vault, connection.name)
    if now is None or not now.sends:
        raise NotSent(f"nothing leaves through {connection.name} now: {now.status if now else 'it was removed'}")
    if notes.PAUSED in notes.read_marks(conn):
        raise NotSent("everything is paused")


def _check_contact(conn: Conn, connection: Connection, mapping: FieldMapping, contact_id: int) -> None:
    state = people.load(conn, [contact_id])[contact_id].state
    if state.erased_at is not None:
        raise NotSent("the person was erased")
    if str(connection.id) in state.deleted_in:
        raise NotSent(f"the contact was deleted in {connection.name}")
    if not belongs(state, mapping, shadows.ids_in(conn, connection.id, {contact_id: state}).get(contact_id, "")):
        raise NotSent("the contact is not in the tool, and by this mapping would not be created there")
