"""Policies, and what they would have done."""

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, Text, UniqueConstraint

from app.store.columns import BigId, Code, Hash, Key, UtcTime, where
from app.store.tables.base import metadata

policies = Table(
    "policies",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Code, nullable=False),
    Column("name", Code, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", Code, nullable=False),  # draft, published, retired
    Column("body", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
    Column("author", Text, nullable=False, server_default=""),
    Column("created_at", UtcTime, nullable=False),
    Column("published_at", UtcTime),
    UniqueConstraint("kind", "name", "version"),
)
Index("uq_policies_published", policies.c.kind, policies.c.name, unique=True, **where("status = 'published'"))

# What is being written and is not in force; one of each policy, for all who edit it. A draft that was published or
# thrown away leaves its row without a text, so that revisions go on counting and no page takes the next for its own.
drafts = Table(
    "drafts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Code, nullable=False),
    Column("name", Code, nullable=False),
    Column("body", Text),  # may be invalid: nobody loses work
    Column("base", Integer),  # the published version that it began from; null where there was none
    Column("revision", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    UniqueConstraint("kind", "name"),
)

# What a policy that is not in force would have done; kept for some days.
rehearsals = Table(
    "rehearsals",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("kind", Code, nullable=False),
    Column("name", Code, nullable=False),
    Column("label", Text, nullable=False),  # where the text is from: draft 4, a file
    Column("body", Text, nullable=False),
    Column("since", UtcTime, nullable=False),  # the span that is looked at
    Column("until", UtcTime, nullable=False),
    Column("segment", Code, nullable=False, server_default=""),  # only who is in it today
    Column("every", Integer, nullable=False, server_default="1"),  # only each so-many-th contact
    Column("rules", Text, nullable=False),  # the versions it is held against: kind → number
    Column("status", Code, nullable=False),  # waiting, running, done, canceled, failed
    Column("reason", Text, nullable=False, server_default=""),
    Column("asked_by", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("began_at", UtcTime),
    Column("ended_at", UtcTime),
    Column("attempts", Integer, nullable=False, server_default="0"),  # how often it was begun or gone on with
    Column("total", BigInteger, nullable=False, server_default="0"),  # contacts to look at
    Column("seen", BigInteger, nullable=False, server_default="0"),  # ... and those that were
    Column("last", BigId, nullable=False, server_default="0"),  # the last one's id
    Column("seconds", Float, nullable=False, server_default="0"),
    Column("tally", Text, nullable=False, server_default="{}"),
    Column("kept", Integer, nullable=False, server_default="0"),  # differences that are kept singly
    Column("beside", Text, nullable=False, server_default="[]"),  # other texts that come into force with it, as JSON
    Column("payloads", BigInteger, nullable=False, server_default="0"),  # to be read again, for mappings
    Column("payloads_read", BigInteger, nullable=False, server_default="0"),
    Column("last_request", BigInteger, nullable=False, server_default="0"),  # how far that has come
    Column("last_event", BigInteger, nullable=False, server_default="0"),
)
Index("ix_rehearsals_open", rehearsals.c.id, **where("status IN ('waiting', 'running')"))

# What would have been otherwise, decision by decision.
rehearsal_changes = Table(
    "rehearsal_changes",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("rehearsal_id", BigId, nullable=False),
    Column("contact_id", BigId, nullable=False),
    Column("effect", Code, nullable=False),
    Column("rule", Key, nullable=False),
    Column("side", Code, nullable=False),  # more, less, moved, other
    Column("body", Text, nullable=False),  # what is said in both replays, as JSON
)
Index(None, rehearsal_changes.c.rehearsal_id, rehearsal_changes.c.id)
Index(None, rehearsal_changes.c.rehearsal_id, rehearsal_changes.c.effect, rehearsal_changes.c.id)

# Events that a mapping which is rehearsed reads otherwise than the one in force, as both read them.
rehearsal_events = Table(
    "rehearsal_events",
    metadata,
    Column("rehearsal_id", BigId, primary_key=True, autoincrement=False),
    Column("event_id", Hash, primary_key=True),
    Column("contact_id", BigId, nullable=False),
    Column("body", Text, nullable=False),  # as JSON
)
Index(None, rehearsal_events.c.rehearsal_id, rehearsal_events.c.contact_id)
