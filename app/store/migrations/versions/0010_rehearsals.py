"""Rehearsals of policies, and what each found.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")
Key = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "rehearsals",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("name", Code, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("segment", Code, server_default="", nullable=False),
        sa.Column("every", sa.Integer(), server_default="1", nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last", BigId, server_default="0", nullable=False),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        sa.Column("tally", sa.Text(), server_default="{}", nullable=False),
        sa.Column("kept", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    open_ones = sa.text("status IN ('waiting', 'running')")
    op.create_index(
        "ix_rehearsals_open", "rehearsals", ["id"], sqlite_where=open_ones, postgresql_where=open_ones
    )
    op.create_table(
        "rehearsal_changes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("rehearsal_id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("effect", Code, nullable=False),
        sa.Column("rule", Key, nullable=False),
        sa.Column("side", Code, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        op.f("ix_rehearsal_changes_rehearsal_id_id"), "rehearsal_changes", ["rehearsal_id", "id"], unique=False
    )
    op.create_index(
        op.f("ix_rehearsal_changes_rehearsal_id_effect_id"),
        "rehearsal_changes",
        ["rehearsal_id", "effect", "id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("rehearsal_changes")
    op.drop_table("rehearsals")
