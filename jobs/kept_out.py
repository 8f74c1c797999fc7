"""What comes in about people who were erased: it is left out of a batch, counted, and nothing of it stays."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from sqlalchemy import Connection as Conn

from app.contacts.identity import CONTACT
from app.contacts.redact import without
from app.contacts.resolve import Person
from app.store import erasures, inbox
from app.store.engine import Conflict
from app.store.inbox import NOTED
from app.store.vault import Vault
from jobs.unit import Incoming

_OURS = f"{CONTACT}:"


class KeptOut:
    """What of one batch is kept out."""

    def __init__(self) -> None:
        self._looked = False  # somebody new is in the batch
        self._newest: int | None = None  # the newest erasure as read then
        self._found: list[Incoming] = []
        self._late: Counter[int] = Counter()

    def part(
        self,
        conn: Conn,
        vault: Vault,
        incoming: Sequence[Incoming],
        owners: Mapping[str, Person],
        seen: Set[str],
    ) -> list[Incoming]:
        """What may come in. Only names that nobody has now, that are not among the ``owners`` or ``seen`` of anybody,
        can be erased ones, and our own numbers of contacts, by which we ourselves noted something of them."""
        telling = {key for one in incoming for key in _telling(one)}
        unknown = telling - owners.keys() - seen
        numbered = {key: owners[key] for key in telling & owners.keys() if key.startswith(_OURS)}
        if not unknown and not numbered:
            return list(incoming)
        self._looked, self._newest = True, erasures.newest(conn)
        erased = {} if self._newest is None else erasures.find(conn, vault, unknown)
        if self._newest is not None and numbered:
            by_contact = erasures.of_contacts(conn, set(numbered.values()))
            erased |= {key: by_contact[person] for key, person in numbered.items() if person in by_contact}
        staying: list[Incoming] = []
        for one in incoming:
            by = next((erased[key] for key in _telling(one) if key in erased), None)
            if by is None:
                staying.append(one)
            else:
                self._found.append(one)
                if one.row.kind != NOTED:
                    self._late[by] += 1
        return staying

    def write(self, conn: Conn, now: datetime) -> None:
        """Count what came too late. To be called when the batch's new names are written: raises Conflict where
        somebody was erased since they were looked up."""
        if self._looked and erasures.newest(conn) != self._newest:
            raise Conflict("somebody was erased in the meantime")
        erasures.count_late(conn, self._late, now)

    def blank(self, conn: Conn, staying: Sequence[Incoming]) -> None:
        """Leave nothing of it in the requests that brought it. To be called when these are settled."""
        others = {one.row.id for one in staying}
        left: dict[int, bytes] = {}
        for one in self._found:
            names = [identity.value for identity in one.event.identities]
            row_id = one.row.id
            left[row_id] = without(left.get(row_id, one.row.body), names) if row_id in others else b""
        inbox.blank(conn, left)


def _telling(one: Incoming) -> Sequence[str]:
    """The names that say who it is: a phone or browser may be somebody else's by now who says so."""
    return one.keys.own or one.keys.shared
