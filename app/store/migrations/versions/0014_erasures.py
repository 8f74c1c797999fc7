"""Erasures: who was, as nobody can read it back, and what each tool said.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")


def upgrade() -> None:
    op.create_table(
        "erasures",
        sa.Column("id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("told_by", BigId, server_default="0", nullable=False),
        sa.Column("names", sa.LargeBinary(), nullable=True),
        sa.Column("began", BigId, nullable=True),
        sa.Column("wrapped", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("forgotten_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("late", sa.Integer(), server_default="0", nullable=False),
        sa.Column("late_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    unfinished = sa.text("status <> 'done'")
    op.create_index("ix_erasures_open", "erasures", ["id"], sqlite_where=unfinished, postgresql_where=unfinished)
    op.create_index("ix_erasures_contact_id", "erasures", ["contact_id"])
    op.create_table(
        "erased_keys",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("erasure_id", BigId, nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_erased_keys_erasure_id", "erased_keys", ["erasure_id"])
    op.create_table(
        "erasure_receipts",
        sa.Column("erasure_id", BigId, autoincrement=False, nullable=False),
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("delivery_id", BigId, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("erasure_id", "connection_id"),
    )


def downgrade() -> None:
    op.drop_table("erasure_receipts")
    op.drop_table("erased_keys")
    op.drop_table("erasures")
