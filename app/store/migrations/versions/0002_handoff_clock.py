"""A handoff's clock: when its owner is reminded, when that and the word to somebody else left, and to whom.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIMES = ("remind_at", "reminded_at", "escalated_at")


def upgrade() -> None:
    for name in TIMES:
        op.add_column("handoffs", sa.Column(name, sa.BigInteger(), nullable=True))
    op.add_column("handoffs", sa.Column("escalated_to", sa.Text(), nullable=True))
    op.create_index("ix_handoffs_due", "handoffs", ["status", "due_at", "id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_handoffs_due", table_name="handoffs")
    with op.batch_alter_table("handoffs") as batch:
        for name in ("escalated_to", *TIMES):
            batch.drop_column(name)
