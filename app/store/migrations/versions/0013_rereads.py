"""Payloads that are read again by a mended mapping, and what it reads in them.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")
Key = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rereads",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", Code, nullable=False),
        sa.Column("version", Key, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("vendor", Key, server_default="", nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("upto", BigId, nullable=False),
        sa.Column("last_request", BigId, nullable=False),
        sa.Column("last_event", BigId, nullable=False),
        sa.Column("last_contact", BigId, server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("differing", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("news", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("contacts", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    is_open = sa.text("status = 'open'")
    op.create_index("ix_rereads_open", "rereads", ["id"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_index(op.f("ix_rereads_name_id"), "rereads", ["name", "id"], unique=False)
    op.create_table(
        "readings",
        sa.Column("event_id", sa.LargeBinary(), nullable=False),
        sa.Column("reread_id", BigId, nullable=False),
        sa.Column("mapping", Key, nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("identities", sa.Text(), server_default="[]", nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    op.create_index(op.f("ix_readings_reread_id"), "readings", ["reread_id"], unique=False)


def downgrade() -> None:
    op.drop_table("readings")
    op.drop_table("rereads")
