"""What tools list of their contacts' fields; and whose payloads were read again.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "schemas",
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("connection_id"),
    )
    op.add_column("readings", sa.Column("contact_id", BigId, server_default="0", nullable=False))
    op.drop_index(op.f("ix_readings_reread_id"), table_name="readings")
    op.create_index(op.f("ix_readings_reread_id_contact_id"), "readings", ["reread_id", "contact_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_readings_reread_id_contact_id"), table_name="readings")
    op.create_index(op.f("ix_readings_reread_id"), "readings", ["reread_id"], unique=False)
    op.drop_column("readings", "contact_id")
    op.drop_table("schemas")
