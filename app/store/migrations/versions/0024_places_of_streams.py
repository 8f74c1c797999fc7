"""How far streams were read whose vendors count by places of their own, not by time.

Revision ID: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Code of before that runs beside names the columns that it writes: it leaves this one as it is
    op.add_column("polls", sa.Column("place", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("polls", "place")
