"""A tool is imported once at a time, also where two people begin at the same moment.

Revision ID: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_OPEN = "source <> 'csv' AND status IN ('waiting', 'running')"


def upgrade() -> None:
    # Where it happened, the older one goes on
    op.execute(
        f"""UPDATE imports SET status = 'stopped', reason = 'begun twice at the same moment', ended_at = created_at
        WHERE {_OPEN} AND EXISTS (
            SELECT 1 FROM imports AS older
            WHERE older.connection_id = imports.connection_id AND older.id < imports.id
            AND older.source <> 'csv' AND older.status IN ('waiting', 'running')
        )"""
    )
    where = sa.text(_OPEN)
    op.create_index(
        "uq_imports_tool", "imports", ["connection_id"], unique=True, sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    op.drop_index("uq_imports_tool", table_name="imports")
