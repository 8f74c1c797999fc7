"""What happened to contacts, contact by contact and in its order, for whatever replays it. Nothing is held for longer
than it takes to go through it: histories that are short are read together, one that is long piece by piece."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from app.contacts.event import Event, position
from app.store import histories
from app.store.engine import Database

TOGETHER = 4_000  # events that are read at once


def read_histories(
    database: Database, contact_ids: Sequence[int], until: datetime, alive: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Iterable[Event]]]:
    """Each of these contacts, in this order, with its events before a moment; an empty list where there are none.
    ``alive`` is called now and then where one of them takes long."""
    with database.read() as conn:
        sizes = histories.sizes(conn, contact_ids, until)
    for some in _groups(contact_ids, sizes):
        if len(some) == 1 and sizes.get(some[0], 0) > TOGETHER:
            yield some[0], _long(database, some[0], until, alive)
            continue
        with database.read() as conn:
            found = histories.histories(conn, some, until)
        for contact_id in some:
            yield contact_id, sorted(found.pop(contact_id), key=position)


def _groups(contact_ids: Sequence[int], sizes: dict[int, int]) -> Iterator[list[int]]:
    """Contacts whose histories are read together."""
    some: list[int] = []
    count = 0
    for contact_id in contact_ids:
        size = sizes.get(contact_id, 0)
        if some and count + size > TOGETHER:
            yield some
            some, count = [], 0
        some.append(contact_id)
        count += size
    if some:
        yield some


def _long(database: Database, contact_id: int, until: datetime, alive: Callable[[], None]) -> Iterator[Event]:
    """A long history in its order, without ever holding all of it."""
    since, last = datetime.min.replace(tzinfo=until.tzinfo), None
    while True:
        alive()
        with database.read() as conn:
            found = histories.moments(conn, contact_id, since, until, TOGETHER)
        fresh = [event for event in found if last is None or event.occurred_at > last]
        if not fresh:
            return
        for _, same in groupby(fresh, key=lambda event: event.occurred_at):
            yield from sorted(same, key=position)
        last = since = fresh[-1].occurred_at
