"""What comes in, and how it is read."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from app.store.columns import BigId, Code, Hash, Key, UtcTime, where
from app.store.tables.base import metadata

connections = Table(
    "connections",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", Code, nullable=False, unique=True),
    Column("kind", Code, nullable=False),
    Column("base_url", Text, nullable=False, server_default=""),
    Column("settings", LargeBinary, nullable=False),  # encrypted JSON
    Column("status", Code, nullable=False, server_default="active"),  # active, paused (by a person), broken
    Column("status_reason", Text, nullable=False, server_default=""),
    Column("status_at", UtcTime, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("checks", Text, nullable=False, server_default="[]"),
    Column("checked_at", UtcTime),
    Column("version", Integer, nullable=False, server_default="1"),
)

# Everything that arrived, as it arrived.
inbox = Table(
    "inbox",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("connection_id", BigId, nullable=False),
    Column(
        "kind", Code, nullable=False
    ),  # webhook, poll, import, form, track, or baton for what Baton itself has to say
    Column("route", Text, nullable=False, server_default=""),
    Column("received_at", UtcTime, nullable=False),
    Column("url", Text, nullable=False, server_default=""),
    Column("headers", Text, nullable=False, server_default="{}"),
    Column("body", LargeBinary, nullable=False),
    Column("status", Code, nullable=False, server_default="pending"),  # pending, done, parked
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("claim", BigInteger),
    Column("claimed_until", UtcTime),
    Column("not_before", UtcTime),
    Column("done_at", UtcTime),
    Column("events", Integer),
    Column("parent_id", BigId),
)
Index("ix_inbox_pending", inbox.c.id, **where("status = 'pending'"))
Index(None, inbox.c.status, inbox.c.id)
Index(None, inbox.c.connection_id, inbox.c.id)

# How far each stream of a connection has been read: everything before ``upto``. While a round is under way, the window
# that it reads and the page at which it goes on.
polls = Table(
    "polls",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("stream", Code, primary_key=True),
    Column("upto", UtcTime, nullable=False),
    Column("since", UtcTime),
    Column("until", UtcTime),
    Column("page", Text, nullable=False, server_default=""),
    Column("due_at", UtcTime, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("problem", Text, nullable=False, server_default=""),
    Column("place", Text, nullable=False, server_default=""),
)

# What was read lately, so that what is read again in the overlap is not stored again.
polled = Table(
    "polled",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("stream", Code, primary_key=True),
    Column("key", Hash, primary_key=True),
    Column("at", UtcTime, nullable=False),
)
Index(None, polled.c.connection_id, polled.c.stream, polled.c.at)

# How many new events each connection brought in a day, by the way on which they came: webhook, poll, import, ...
intake = Table(
    "intake",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),  # since 1970, UTC
    Column("way", Code, primary_key=True),  # as inbox.kind
    Column("count", BigInteger, nullable=False),
)

# First loads of contacts and history, from files and tools.
imports = Table(
    "imports",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("connection_id", BigId, nullable=False),
    Column("source", Code, nullable=False),  # csv, or the vendor
    Column("name", Text, nullable=False),
    Column("status", Code, nullable=False),  # waiting, running, done, stopped, failed
    Column("reason", Text, nullable=False, server_default=""),
    Column("plan", Text, nullable=False),  # what is read, and how, as JSON
    Column("position", Text, nullable=False, server_default=""),
    Column("total", BigInteger),
    Column("fed", BigInteger, nullable=False, server_default="0"),
    Column("settled", BigInteger, nullable=False, server_default="0"),
    Column("skipped", BigInteger, nullable=False, server_default="0"),
    Column("events", BigInteger, nullable=False, server_default="0"),
    Column("asked_by", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
)
Index("ix_imports_open", imports.c.id, **where("status IN ('waiting', 'running')"))
# A tool is imported once at a time; files wait for one another
Index(
    "uq_imports_tool",
    imports.c.connection_id,
    unique=True,
    **where("source <> 'csv' AND status IN ('waiting', 'running')"),
)

import_parts = Table(  # a file's pieces, until it was read
    "import_parts",
    metadata,
    Column("import_id", BigId, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),
)

import_skips = Table(  # what was not taken, and why
    "import_skips",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("import_id", BigId, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("held", Text, nullable=False, server_default=""),
)
Index(None, import_skips.c.import_id, import_skips.c.id)

# Values that a mapping had no place for.
held_values = Table(
    "held_values",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("vendor", Key, primary_key=True),
    Column("value", Key, primary_key=True),
    Column("reason", Code, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
)

# How often each field of a vendor's came on a day, by the kind of its value; "" and payload are all payloads.
field_counts = Table(
    "field_counts",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),  # since 1970
    Column("vendor", Key, primary_key=True),
    Column("kind", Code, primary_key=True),  # of its value, or blank, held, payload
    Column("count", BigInteger, nullable=False),
)

# What a tool itself lists of its contacts' fields, as it was last read.
schemas = Table(
    "schemas",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("fields", Text, nullable=False),  # by name: kind, options, since when, since when it is gone
    Column("read_at", UtcTime),
    Column("tried_at", UtcTime, nullable=False),
    Column("problem", Text, nullable=False, server_default=""),
)

# Payloads that are read again by a mapping that was mended since; how far that has come.
rereads = Table(
    "rereads",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", Code, nullable=False),  # the mapping's
    Column("version", Key, nullable=False),  # the one that reads: hubspot@3
    Column("since", UtcTime, nullable=False),
    Column("vendor", Key, nullable=False, server_default=""),  # only payloads that hold this field
    Column("status", Code, nullable=False),  # open, done, stopped
    Column("reason", Text, nullable=False, server_default=""),
    Column("asked_by", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("upto", BigId, nullable=False),  # the last request that is read again
    Column("last_request", BigId, nullable=False),  # how far it has come
    Column("last_event", BigId, nullable=False),
    Column("last_contact", BigId, nullable=False, server_default="0"),
    Column("total", BigInteger, nullable=False),  # requests to read
    Column("seen", BigInteger, nullable=False, server_default="0"),
    Column("failed", BigInteger, nullable=False, server_default="0"),  # those that the new mapping cannot read
    Column("differing", BigInteger, nullable=False, server_default="0"),  # events that say something else now
    Column("news", BigInteger, nullable=False, server_default="0"),  # things that happened and had not been seen
    Column("contacts", BigInteger, nullable=False, server_default="0"),  # whose values changed
)
Index("ix_rereads_open", rereads.c.id, **where("status = 'open'"))
Index(None, rereads.c.name, rereads.c.id)

# What a later mapping reads in an event's payload, where that is something else than what the event says.
readings = Table(
    "readings",
    metadata,
    Column("event_id", Hash, primary_key=True),
    Column("reread_id", BigId, nullable=False),
    Column("mapping", Key, nullable=False),
    Column("fields", Text, nullable=False),
    Column("identities", Text, nullable=False, server_default="[]"),
    Column(
        "contact_id", BigId, nullable=False, server_default="0"
    ),  # whose it was then; they may have been merged since
)
Index(None, readings.c.reread_id, readings.c.contact_id)

# Requests that could not prove where they came from, kept so that they can be taken after a secret is mended.
refusals = Table(
    "refusals",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("connection_id", BigId, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
Index(None, refusals.c.connection_id, refusals.c.id)

refusal_counts = Table(
    "refusal_counts",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("reason", Key, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("last_at", UtcTime, nullable=False),
)
