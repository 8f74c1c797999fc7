"""Mappings that are rehearsed: how far their payloads are read again, and what is read otherwise in them.

Revision ID: 0020
Revises: 0019
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_NEW = ("payloads", "payloads_read", "last_request", "last_event")


def upgrade() -> None:
    for name in _NEW:
        op.add_column("rehearsals", sa.Column(name, sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "rehearsal_events",
        sa.Column("rehearsal_id", BigId, autoincrement=False, nullable=False),
        sa.Column("event_id", sa.LargeBinary(), nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rehearsal_id", "event_id"),
    )
    op.create_index(
        op.f("ix_rehearsal_events_rehearsal_id_contact_id"),
        "rehearsal_events",
        ["rehearsal_id", "contact_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_table("rehearsal_events")
    for name in reversed(_NEW):
        op.drop_column("rehearsals", name)
