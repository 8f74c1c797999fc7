"""Who is in which segment.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")


def upgrade() -> None:
    op.create_table(
        "contact_segments",
        sa.Column("contact_id", BigId, autoincrement=False, nullable=False),
        sa.Column("segment", Code, nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "segment"),
    )
    op.create_index(
        op.f("ix_contact_segments_segment_contact_id"), "contact_segments", ["segment", "contact_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("contact_segments")
