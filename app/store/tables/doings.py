"""What was decided and done, and what waits for its time."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text

from app.store.columns import BigId, Code, Hash, Key, UtcTime, where
from app.store.tables.base import metadata

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
# Counted and listed without a look at the rows
_enrolled = enrolments.c
Index("ix_enrolments_counted", *(_enrolled[name] for name in ("sequence", "exit", "step", "version", "waiting")))
Index("ix_enrolments_lately", *(_enrolled[name] for name in ("sequence", "id", "entered_at", "ended_at", "exit")))
Index("ix_enrolments_running", _enrolled.sequence, _enrolled.id, **where("exit IS NULL"))
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
