"""The first schema.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")
Key = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "aliases",
        sa.Column("key", Key, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("value", Key, nullable=False),
        sa.Column("connection_id", BigId, nullable=True),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_aliases_contact_id"), "aliases", ["contact_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("delivery_id", BigId, nullable=False),
        sa.Column("call_id", BigId, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", Code, nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_attempts_delivery_id_id"), "attempts", ["delivery_id", "id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", BigId, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("what", Key, nullable=False),
        sa.Column("on", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "budgets",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("name", Key, nullable=False),
        sa.Column("next_us", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("used", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "name"),
    )
    op.create_table(
        "calls",
        sa.Column("id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("method", Code, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_calls_at"), "calls", ["at"], unique=False)
    op.create_table(
        "connections",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", Code, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("base_url", sa.Text(), server_default="", nullable=False),
        sa.Column("settings", sa.LargeBinary(), nullable=False),
        sa.Column("status", Code, server_default="active", nullable=False),
        sa.Column("status_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("status_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("checks", sa.Text(), server_default="[]", nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name=op.f("uq_connections_name")),
    )
    op.create_table(
        "contacts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("email", Key, nullable=True),
        sa.Column("name", Key, nullable=True),
        sa.Column("stage", Code, nullable=True),
        sa.Column("score", sa.Float(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("merged_into", BigId, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_contacts_email"), "contacts", ["email"], unique=False)
    op.create_index(op.f("ix_contacts_name"), "contacts", ["name"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("event_id", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("rule", Key, nullable=False),
        sa.Column("policy", Key, nullable=False),
        sa.Column("what", Key, nullable=False),
        sa.Column("outcome", Code, nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("gates", sa.Text(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name=op.f("uq_decisions_key")),
    )
    op.create_index(op.f("ix_decisions_contact_id_id"), "decisions", ["contact_id", "id"], unique=False)
    op.create_index(op.f("ix_decisions_outcome_id"), "decisions", ["outcome", "id"], unique=False)
    op.create_index(op.f("ix_decisions_what_id"), "decisions", ["what", "id"], unique=False)
    op.create_table(
        "deliveries",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("decision_key", sa.LargeBinary(), nullable=True),
        sa.Column("handoff_key", sa.LargeBinary(), nullable=True),
        sa.Column("kind", Code, nullable=False),
        sa.Column("slot", Code, nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name=op.f("uq_deliveries_key")),
    )
    op.create_index(op.f("ix_deliveries_connection_id_id"), "deliveries", ["connection_id", "id"], unique=False)
    op.create_index(op.f("ix_deliveries_contact_id_id"), "deliveries", ["contact_id", "id"], unique=False)
    op.create_index(
        "ix_deliveries_open",
        "deliveries",
        ["contact_id", "connection_id", "id"],
        unique=False,
        sqlite_where=sa.text("status IN ('pending', 'sending', 'unknown')"),
        postgresql_where=sa.text("status IN ('pending', 'sending', 'unknown')"),
    )
    op.create_index(
        "ix_deliveries_sending",
        "deliveries",
        ["connection_id", "id"],
        unique=False,
        sqlite_where=sa.text("status IN ('sending', 'unknown')"),
        postgresql_where=sa.text("status IN ('sending', 'unknown')"),
    )
    op.create_index(op.f("ix_deliveries_status_id"), "deliveries", ["status", "id"], unique=False)
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["connection_id", "urgency", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(
        "uq_deliveries_slot",
        "deliveries",
        ["connection_id", "contact_id", "slot"],
        unique=True,
        sqlite_where=sa.text("status = 'pending' AND slot IS NOT NULL"),
        postgresql_where=sa.text("status = 'pending' AND slot IS NOT NULL"),
    )
    op.create_table(
        "events",
        sa.Column("seq", BigId, nullable=False),
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("inbox_id", BigId, nullable=True),
        sa.Column("type", Key, nullable=False),
        sa.Column("occurred_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("id", name=op.f("uq_events_id")),
    )
    op.create_index(op.f("ix_events_connection_id_seq"), "events", ["connection_id", "seq"], unique=False)
    op.create_index(op.f("ix_events_contact_id_occurred_at"), "events", ["contact_id", "occurred_at"], unique=False)
    op.create_index(op.f("ix_events_type_seq"), "events", ["type", "seq"], unique=False)
    op.create_table(
        "handoffs",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("rule", Key, nullable=False),
        sa.Column("event_id", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Text(), server_default="", nullable=False),
        sa.Column("owner_email", sa.Text(), server_default="", nullable=False),
        sa.Column("owner_name", sa.Text(), server_default="", nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=True),
        sa.Column("assigned_why", sa.Text(), server_default="", nullable=False),
        sa.Column("alerted_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("verdict", Code, nullable=True),
        sa.Column("verdict_at", sa.BigInteger(), nullable=True),
        sa.Column("verdict_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name=op.f("uq_handoffs_key")),
    )
    op.create_index(op.f("ix_handoffs_contact_id_id"), "handoffs", ["contact_id", "id"], unique=False)
    op.create_index(op.f("ix_handoffs_status_id"), "handoffs", ["status", "id"], unique=False)
    op.create_table(
        "held_values",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("vendor", Key, nullable=False),
        sa.Column("value", Key, nullable=False),
        sa.Column("reason", Code, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "vendor", "value"),
    )
    op.create_table(
        "inbox",
        sa.Column("id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("route", sa.Text(), server_default="", nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), server_default="", nullable=False),
        sa.Column("headers", sa.Text(), server_default="{}", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("status", Code, server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("claim", sa.BigInteger(), nullable=True),
        sa.Column("claimed_until", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("events", sa.Integer(), nullable=True),
        sa.Column("parent_id", BigId, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_inbox_connection_id_id"), "inbox", ["connection_id", "id"], unique=False)
    op.create_index(
        "ix_inbox_pending",
        "inbox",
        ["id"],
        unique=False,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_index(op.f("ix_inbox_status_id"), "inbox", ["status", "id"], unique=False)
    op.create_table(
        "lanes",
        sa.Column("name", Key, nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("fence", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "marks",
        sa.Column("name", Key, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "merges",
        sa.Column("id", BigId, nullable=False),
        sa.Column("winner_id", BigId, nullable=False),
        sa.Column("loser_id", BigId, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("event_id", sa.LargeBinary(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_merges_loser_id"), "merges", ["loser_id"], unique=False)
    op.create_index(op.f("ix_merges_winner_id"), "merges", ["winner_id"], unique=False)
    op.create_table(
        "policies",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("name", Code, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("author", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "name", "version", name=op.f("uq_policies_kind_name_version")),
    )
    op.create_index(
        "uq_policies_published",
        "policies",
        ["kind", "name"],
        unique=True,
        sqlite_where=sa.text("status = 'published'"),
        postgresql_where=sa.text("status = 'published'"),
    )
    op.create_table(
        "refusal_counts",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("reason", Key, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "reason"),
    )
    op.create_table(
        "refusals",
        sa.Column("id", BigId, nullable=False),
        sa.Column("connection_id", BigId, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_refusals_connection_id_id"), "refusals", ["connection_id", "id"], unique=False)
    op.create_table(
        "rotations",
        sa.Column("name", Key, nullable=False),
        sa.Column("turn", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", BigId, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "shadows",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("ref", Key, nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("properties", sa.Text(), server_default="{}", nullable=False),
        sa.Column("contacts", sa.Text(), server_default="[]", nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("written_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("connection_id", "ref"),
    )
    op.create_index(
        op.f("ix_shadows_contact_id_connection_id"), "shadows", ["contact_id", "connection_id"], unique=False
    )
    op.create_table(
        "shared_aliases",
        sa.Column("key", Key, nullable=False),
        sa.Column("contact_id", BigId, autoincrement=False, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("value", Key, nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=True),
        sa.Column("last_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", "contact_id"),
    )
    op.create_index(op.f("ix_shared_aliases_contact_id"), "shared_aliases", ["contact_id"], unique=False)
    op.create_table(
        "timers",
        sa.Column("contact_id", BigId, autoincrement=False, nullable=False),
        sa.Column("key", Key, nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "key"),
    )
    op.create_index(op.f("ix_timers_due_at"), "timers", ["due_at"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", Code, nullable=False),
        sa.Column("prefix", Code, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash", name=op.f("uq_tokens_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_tokens_name")),
    )
    op.create_table(
        "users",
        sa.Column("id", BigId, nullable=False),
        sa.Column("email", Key, nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("role", Code, nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default=sa.text("(true)"), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )


def downgrade() -> None:
    op.drop_table("users")
    op.drop_table("tokens")
    op.drop_table("timers")
    op.drop_table("shared_aliases")
    op.drop_table("shadows")
    op.drop_table("sessions")
    op.drop_table("rotations")
    op.drop_table("refusals")
    op.drop_table("refusal_counts")
    op.drop_table("policies")
    op.drop_table("merges")
    op.drop_table("marks")
    op.drop_table("lanes")
    op.drop_table("inbox")
    op.drop_table("held_values")
    op.drop_table("handoffs")
    op.drop_table("events")
    op.drop_table("deliveries")
    op.drop_table("decisions")
    op.drop_table("contacts")
    op.drop_table("connections")
    op.drop_table("calls")
    op.drop_table("budgets")
    op.drop_table("audit")
    op.drop_table("attempts")
    op.drop_table("aliases")
