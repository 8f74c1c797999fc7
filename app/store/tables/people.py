"""Contacts: what happened to them, by what they are known, and what tools hold of them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.store.columns import BigId, Code, Hash, Key, UtcTime, where
from app.store.tables.base import OFTEN_CHANGED, metadata

# What happened, in Baton's own terms. seq is the order of arrival and what pages of events go by.
events = Table(
    "events",
    metadata,
    Column("seq", BigId, primary_key=True),
    Column("id", Hash, nullable=False, unique=True),
    Column("contact_id", BigId),
    Column("connection_id", BigId, nullable=False),
    Column("inbox_id", BigId),
    Column("type", Key, nullable=False),
    Column("occurred_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("body", Text, nullable=False),  # the event as JSON
    Column("origin_id", BigId),  # the contact that it was of until that one was merged away
)
Index(None, events.c.contact_id, events.c.occurred_at)
Index(None, events.c.type, events.c.seq)
Index(None, events.c.inbox_id)  # who else a request tells of
Index(None, events.c.connection_id, events.c.seq)

contacts = Table(
    "contacts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),  # the folded contact as JSON
    Column("email", Key),
    Column("name", Key),  # lower case, for search
    Column("stage", Code),
    Column("score", Float, nullable=False, server_default="0"),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("merged_into", BigId),
    Column("parted_at", UtcTime),  # when another one left it because a merge was undone
    postgresql_with=OFTEN_CHANGED,
)
Index(None, contacts.c.email)
Index(None, contacts.c.name)
Index("ix_contacts_stage", contacts.c.stage, contacts.c.id)
Index("ix_contacts_merged", contacts.c.id, **where("merged_into IS NOT NULL"))

checkpoints = Table(  # a state in the contact's past, to fold its history again from
    "checkpoints",
    metadata,
    Column("contact_id", BigId, primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),  # when the newest event in it occurred
    Column("state", Text, nullable=False),
    postgresql_with=OFTEN_CHANGED,
)

# Identities that make one person of all who share them.
aliases = Table(
    "aliases",
    metadata,
    Column("key", Key, primary_key=True),
    Column("kind", Code, nullable=False),
    Column("value", Key, nullable=False),
    Column("connection_id", BigId),  # for a vendor's own ids
    Column("contact_id", BigId, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
Index(None, aliases.c.contact_id)

# Phones and browsers: they follow people, and may follow several; each with when it was first and last seen with one.
shared_aliases = Table(
    "shared_aliases",
    metadata,
    Column("key", Key, primary_key=True),
    Column("contact_id", BigId, primary_key=True, autoincrement=False),
    Column("kind", Code, nullable=False),
    Column("value", Key, nullable=False),
    # Null while nothing but the browser or phone itself is known of the person
    Column("first_at", UtcTime),
    Column("last_at", UtcTime),
)
Index(None, shared_aliases.c.contact_id)

merges = Table(
    "merges",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("winner_id", BigId, nullable=False),
    Column("loser_id", BigId, nullable=False),
    Column("key", Key, nullable=False),  # the identity in which they met
    Column("event_id", Hash),
    Column("at", UtcTime, nullable=False),
    # What is needed to part them again; null for merges that are older than that
    Column("last_seq", BigInteger),  # the newest event of all
    Column("parts", Text),  # the alias keys that each had
    Column("undone_at", UtcTime),
    Column("undone_by", Text),
    Column("undone_why", Text),
)
Index(None, merges.c.winner_id)
Index(None, merges.c.loser_id)

# Contacts that a person has parted: what they share makes them one no more.
kept_apart = Table(
    "kept_apart",
    metadata,
    Column("low_id", BigId, primary_key=True, autoincrement=False),
    Column("high_id", BigId, primary_key=True, autoincrement=False),
    Column("merge_id", BigId, nullable=False),
)
Index(None, kept_apart.c.high_id)

# What we know that a tool holds: an object as read or as written.
shadows = Table(
    "shadows",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("ref", Key, primary_key=True),  # contact:123, deal:55, or email:ann@example.com where no id is known
    Column("contact_id", BigId),
    Column("properties", Text, nullable=False, server_default="{}"),
    Column("contacts", Text, nullable=False, server_default="[]"),
    Column("read_at", UtcTime),
    Column("written_at", UtcTime),
)
Index(None, shadows.c.contact_id, shadows.c.connection_id)

# What we wrote and may hear back from the tool, which is then no news.
echoes = Table(
    "echoes",
    metadata,
    Column("ref", Key, primary_key=True),  # as in shadows
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("property", Key, primary_key=True),
    Column("value", Hash, primary_key=True),
    Column("at", UtcTime, nullable=False),
)
Index(None, echoes.c.at)

# Fields on which tools disagree, as the contacts' states say: a person has to say which it is.
conflicts = Table(
    "conflicts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("contact_id", BigId, nullable=False),
    Column("field", Key, nullable=False),
    Column("reason", Code, nullable=False),
    Column("since", UtcTime, nullable=False),
    UniqueConstraint("contact_id", "field"),
)

contact_segments = Table(  # who is in which segment, as the contacts' states say
    "contact_segments",
    metadata,
    Column("contact_id", BigId, primary_key=True, autoincrement=False),
    Column("segment", Code, primary_key=True),
)
Index(None, contact_segments.c.segment, contact_segments.c.contact_id)

# People who were erased, without a word of who they were.
erasures = Table(
    "erasures",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("contact_id", BigId, nullable=False),
    Column("status", Code, nullable=False),  # asked, cleaning, waiting (for tools), done
    Column("asked_by", Text, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("told_by", BigId, nullable=False, server_default="0"),  # the connection that told of it, or 0
    Column("names", LargeBinary),  # encrypted, while stored requests are gone through
    Column("began", BigId),  # after which request that began
    Column("wrapped", Boolean, nullable=False, server_default=text("false")),  # and whether it came to their end
    Column("forgotten_at", UtcTime),  # when nothing more was left of them here
    Column("ended_at", UtcTime),
    Column("late", Integer, nullable=False, server_default="0"),  # what came about them afterwards and was kept out
    Column("late_at", UtcTime),
)
Index("ix_erasures_open", erasures.c.id, **where("status <> 'done'"))
Index(None, erasures.c.contact_id)

# By what they were known, as nobody can read it back: what comes in about them stays out.
erased_keys = Table(
    "erased_keys",
    metadata,
    Column("hash", Hash, primary_key=True),
    Column("erasure_id", BigId, nullable=False),
)
Index(None, erased_keys.c.erasure_id)

# That each tool has forgotten them, too.
erasure_receipts = Table(
    "erasure_receipts",
    metadata,
    Column("erasure_id", BigId, primary_key=True, autoincrement=False),
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("status", Code, nullable=False),  # waiting, stuck, by_hand, done
    Column("delivery_id", BigId),
    Column("at", UtcTime, nullable=False),
    Column("note", Text, nullable=False, server_default=""),
)
