"""Which events a request brought is found without going through all of them.

Revision ID: 0021
Revises: 0020
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_events_inbox_id"), "events", ["inbox_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_events_inbox_id"), table_name="events")
