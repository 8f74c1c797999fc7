"""All tables. Times are epoch microseconds in UTC on both databases, so that the same code compares them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from app.store.columns import BigId, Code, Hash, Key, UtcTime, where

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# A row that is changed where its page has room costs PostgreSQL a third less: no index has to hear of it
_OFTEN_CHANGED = {"fillfactor": 70}

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
    postgresql_with=_OFTEN_CHANGED,
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
    postgresql_with=_OFTEN_CHANGED,
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

# Why something was done or not done.
decisions = Table(
    "decisions",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Hash, nullable=False, unique=True),
    Column("contact_id", BigId, nullable=False),
    Column("event_id", Hash),
    Column("at", UtcTime, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("rule", Key, nullable=False),
    Column("policy", Key, nullable=False),  # kind@version
    Column("what", Key, nullable=False),
    Column("outcome", Code, nullable=False),  # taken, withheld, superseded
    Column("summary", Text, nullable=False),
    Column("gates", Text, nullable=False, server_default="[]"),
)
Index(None, decisions.c.contact_id, decisions.c.id)
Index(None, decisions.c.outcome, decisions.c.id)
Index(None, decisions.c.what, decisions.c.id)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Hash, nullable=False, unique=True),
    Column("contact_id", BigId, nullable=False),
    Column("connection_id", BigId, nullable=False),
    Column("decision_key", Hash),
    Column("handoff_key", Hash),
    Column("kind", Code, nullable=False),
    Column("slot", Code),  # set where a newer action replaces a waiting one
    Column("urgency", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("status", Code, nullable=False),  # pending, sending, sent, withheld, unknown, dead
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("not_before", UtcTime, nullable=False),
    Column("fence", BigInteger),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("result", Text),
    Column("origin_id", BigId),  # as with events
)
Index(
    "ix_deliveries_waiting",
    deliveries.c.connection_id,
    deliveries.c.urgency,
    deliveries.c.id,
    **where("status = 'pending'"),
)
Index(
    "ix_deliveries_open",
    deliveries.c.contact_id,
    deliveries.c.connection_id,
    deliveries.c.id,
    **where("status IN ('pending', 'sending', 'unknown')"),
)
Index(
    "ix_deliveries_sending",
    deliveries.c.connection_id,
    deliveries.c.id,
    **where("status IN ('sending', 'unknown')"),
)
Index("ix_deliveries_dead", deliveries.c.connection_id, deliveries.c.id, **where("status = 'dead'"))
Index(
    "uq_deliveries_slot",
    deliveries.c.connection_id,
    deliveries.c.contact_id,
    deliveries.c.slot,
    unique=True,
    **where("status = 'pending' AND slot IS NOT NULL"),
)
Index(None, deliveries.c.contact_id, deliveries.c.id)
Index(None, deliveries.c.status, deliveries.c.id)
Index(None, deliveries.c.connection_id, deliveries.c.id)

# One HTTP call; an attempt is one delivery's part in it.
calls = Table(
    "calls",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("connection_id", BigId, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("method", Code, nullable=False),
    Column("url", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("status", Integer),
    Column("answer", Text, nullable=False),
)
Index(None, calls.c.at)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("delivery_id", BigId, nullable=False),
    Column("call_id", BigId),
    Column("at", UtcTime, nullable=False),
    Column("outcome", Code, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
)
Index(None, attempts.c.delivery_id, attempts.c.id)

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

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Hash, nullable=False, unique=True),
    Column("contact_id", BigId, nullable=False),
    Column("rule", Key, nullable=False),
    Column("event_id", Hash),
    Column("opened_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("status", Code, nullable=False),  # open, claimed, closed, withdrawn
    Column("score", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("owner_id", Text, nullable=False, server_default=""),
    Column("owner_email", Text, nullable=False, server_default=""),
    Column("owner_name", Text, nullable=False, server_default=""),
    Column("assigned_at", UtcTime),
    Column("assigned_why", Text, nullable=False, server_default=""),
    Column("alerted_at", UtcTime),
    Column("claimed_at", UtcTime),
    Column("claimed_by", Text),
    Column("verdict", Code),
    Column("verdict_at", UtcTime),
    Column("verdict_by", Text),
    Column("remind_at", UtcTime),
    Column("reminded_at", UtcTime),  # when the reminder, and the word to somebody else, left
    Column("escalated_at", UtcTime),
    Column("escalated_to", Text),
)
Index(None, handoffs.c.status, handoffs.c.id)
Index("ix_handoffs_due", handoffs.c.status, handoffs.c.due_at, handoffs.c.id)
Index(None, handoffs.c.contact_id, handoffs.c.id)

rotations = Table(
    "rotations",
    metadata,
    Column("name", Key, primary_key=True),
    Column("turn", BigInteger, nullable=False, server_default="0"),
)

contact_segments = Table(  # who is in which segment, as the contacts' states say
    "contact_segments",
    metadata,
    Column("contact_id", BigId, primary_key=True, autoincrement=False),
    Column("segment", Code, primary_key=True),
)
Index(None, contact_segments.c.segment, contact_segments.c.contact_id)

# Who is, and was, in which sequence, as the contacts' states say. ``exit`` is null while somebody is in.
enrolments = Table(
    "enrolments",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Hash, nullable=False, unique=True),
    Column("contact_id", BigId, nullable=False),
    Column("sequence", Code, nullable=False),
    Column("version", Key, nullable=False),
    Column("entered_at", UtcTime, nullable=False),
    Column("step", Key, nullable=False),
    Column("waiting", Code, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("told_at", UtcTime),  # when word was sent that the pause is over
    Column("sent", Integer, nullable=False),
    Column("ignored", Key, nullable=False),
    Column("ended_at", UtcTime),
    Column("exit", Code),
)
Index(None, enrolments.c.contact_id, enrolments.c.id)
Index(None, enrolments.c.sequence, enrolments.c.id)
Index("ix_enrolments_counted", enrolments.c.sequence, enrolments.c.exit, enrolments.c.step)
Index("ix_enrolments_paused", enrolments.c.id, **where("paused"))

# Which variant of a split each was drawn for.
exposures = Table(
    "exposures",
    metadata,
    Column("key", Hash, primary_key=True),
    Column("split", Key, primary_key=True),
    Column("sequence", Code, nullable=False),
    Column("variant", Code, nullable=False),
)
Index(None, exposures.c.sequence, exposures.c.split, exposures.c.variant)

# From when until when a sequence stood still for everybody.
pauses = Table(
    "pauses",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("sequence", Code, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("until", UtcTime),
    Column("paused_by", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("resumed_by", Text),
)
Index("uq_pauses_running", pauses.c.sequence, unique=True, **where("until IS NULL"))

# Who came to the end of a sequence without its goal, and what was decided then.
reviews = Table(
    "reviews",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("key", Hash, nullable=False, unique=True),  # the enrolment's
    Column("contact_id", BigId, nullable=False),
    Column("sequence", Code, nullable=False),
    Column("version", Key, nullable=False),
    Column("reason", Code, nullable=False),
    Column("worst", Key, nullable=False),  # the last message that got no sign of life
    Column("segments", Text, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("status", Code, nullable=False),  # open, resolved, withdrawn
    Column("resolution", Code),
    Column("resolved_by", Text),
    Column("resolved_at", UtcTime),
)
Index(None, reviews.c.status, reviews.c.id)
Index(None, reviews.c.contact_id, reviews.c.id)

timers = Table(
    "timers",
    metadata,
    Column("contact_id", BigId, primary_key=True, autoincrement=False),
    Column("key", Key, primary_key=True),
    Column("due_at", UtcTime, nullable=False),
)
Index(None, timers.c.due_at)

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

# A lease that ends, with a number that grows each time it changes hands.
lanes = Table(
    "lanes",
    metadata,
    Column("name", Key, primary_key=True),
    Column("holder", Text, nullable=False, server_default=""),
    Column("fence", BigInteger, nullable=False, server_default="0"),
    Column("until", UtcTime),
)

# A vendor's rate limit, shared by all workers: when the next call may start, and how many started lately.
budgets = Table(
    "budgets",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("name", Key, primary_key=True),
    Column("next_us", BigInteger, nullable=False, server_default="0"),
    Column("used", Text, nullable=False, server_default="{}"),  # slice of the window → calls
)

marks = Table(  # small facts about the installation: paused, first run, last sweep
    "marks",
    metadata,
    Column("name", Key, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("email", Key, nullable=False, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("role", Code, nullable=False),
    Column("password", Text, nullable=False),
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", UtcTime, nullable=False),
    Column("signed_in_at", UtcTime),
)
sessions = Table(
    "sessions",
    metadata,
    Column("hash", Hash, primary_key=True),
    Column("user_id", BigId, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
)
tokens = Table(
    "tokens",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("name", Code, nullable=False, unique=True),
    Column("prefix", Code, nullable=False),
    Column("hash", Hash, nullable=False, unique=True),
    Column("created_at", UtcTime, nullable=False),
    Column("used_at", UtcTime),
    Column("revoked_at", UtcTime),
    Column("scopes", Text, nullable=False, server_default="read work manage"),
)
audit = Table(  # who changed what, and what it was before and after
    "audit",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Key, nullable=False),
    Column("on", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("before", Text, nullable=False, server_default=""),
    Column("after", Text, nullable=False, server_default=""),
)
Index(None, audit.c.who, audit.c.id)
Index(None, audit.c.on, audit.c.id)
