"""Sequences with hundreds of thousands of people are listed and counted from indexes alone.

Revision ID: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_RUNNING = sa.text("exit IS NULL")


def upgrade() -> None:
    op.drop_index("ix_enrolments_counted", table_name="enrolments")
    op.drop_index(op.f("ix_enrolments_sequence_id"), table_name="enrolments")
    op.create_index("ix_enrolments_counted", "enrolments", ["sequence", "exit", "step", "version", "waiting"])
    op.create_index("ix_enrolments_lately", "enrolments", ["sequence", "id", "entered_at", "ended_at", "exit"])
    op.create_index(
        "ix_enrolments_running", "enrolments", ["sequence", "id"], sqlite_where=_RUNNING, postgresql_where=_RUNNING
    )


def downgrade() -> None:
    op.drop_index("ix_enrolments_running", table_name="enrolments")
    op.drop_index("ix_enrolments_lately", table_name="enrolments")
    op.drop_index("ix_enrolments_counted", table_name="enrolments")
    op.create_index("ix_enrolments_counted", "enrolments", ["sequence", "exit", "step"])
    op.create_index(op.f("ix_enrolments_sequence_id"), "enrolments", ["sequence", "id"])
