"""The installation itself: its leases and budgets, who may come in, and what was changed."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Table, Text, text

from app.store.columns import BigId, Code, Hash, Key, UtcTime
from app.store.tables.base import metadata

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
