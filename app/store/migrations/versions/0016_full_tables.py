"""Indexes for what is looked for and counted in tables that have grown large.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_contacts_stage", "contacts", ["stage", "id"])
    merged, dead = sa.text("merged_into IS NOT NULL"), sa.text("status = 'dead'")
    op.create_index("ix_contacts_merged", "contacts", ["id"], sqlite_where=merged, postgresql_where=merged)
    op.create_index("ix_deliveries_dead", "deliveries", ["connection_id", "id"], sqlite_where=dead, postgresql_where=dead)


def downgrade() -> None:
    op.drop_index("ix_deliveries_dead", "deliveries")
    op.drop_index("ix_contacts_merged", "contacts")
    op.drop_index("ix_contacts_stage", "contacts")
