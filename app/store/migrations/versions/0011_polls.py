"""How far vendors' streams have been read, and on which ways events came.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")


def upgrade() -> None:
    op.create_table(
        "polls",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("stream", Code, nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("page", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "stream"),
    )
    op.create_table(
        "polled",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("stream", Code, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "stream", "key"),
    )
    op.create_index(op.f("ix_polled_connection_id_stream_at"), "polled", ["connection_id", "stream", "at"])
    op.create_table(
        "intake",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("way", Code, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "day", "way"),
    )


def downgrade() -> None:
    op.drop_table("intake")
    op.drop_table("polled")
    op.drop_table("polls")
