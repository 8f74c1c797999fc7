"""What belonged to whom before contacts were merged, so that they can be parted again.

Revision ID: 0018
Revises: 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("contacts", sa.Column("parted_at", sa.BigInteger(), nullable=True))
    op.add_column("events", sa.Column("origin_id", BigId, nullable=True))
    op.add_column("deliveries", sa.Column("origin_id", BigId, nullable=True))
    op.add_column("merges", sa.Column("last_seq", sa.BigInteger(), nullable=True))
    op.add_column("merges", sa.Column("parts", sa.Text(), nullable=True))
    op.add_column("merges", sa.Column("undone_at", sa.BigInteger(), nullable=True))
    op.add_column("merges", sa.Column("undone_by", sa.Text(), nullable=True))
    op.add_column("merges", sa.Column("undone_why", sa.Text(), nullable=True))
    op.create_table(
        "kept_apart",
        sa.Column("low_id", BigId, autoincrement=False, nullable=False),
        sa.Column("high_id", BigId, autoincrement=False, nullable=False),
        sa.Column("merge_id", BigId, nullable=False),
        sa.PrimaryKeyConstraint("low_id", "high_id"),
    )
    op.create_index(op.f("ix_kept_apart_high_id"), "kept_apart", ["high_id"], unique=False)


def downgrade() -> None:
    op.drop_table("kept_apart")
    for table, columns in (
        ("merges", ("undone_why", "undone_by", "undone_at", "parts", "last_seq")),
        ("deliveries", ("origin_id",)),
        ("events", ("origin_id",)),
        ("contacts", ("parted_at",)),
    ):
        for column in columns:
            op.drop_column(table, column)
