"""How often each field of a vendor's came, by day and kind of value.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")
Key = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "field_counts",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("vendor", Key, nullable=False),
        sa.Column("kind", Code, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection_id", "day", "vendor", "kind"),
    )


def downgrade() -> None:
    op.drop_table("field_counts")
