"""What we wrote and may hear back, and fields on which tools disagree.

Revision ID: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")
Key = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "echoes",
        sa.Column("ref", Key, nullable=False),
        sa.Column("connection_id", BigId, autoincrement=False, nullable=False),
        sa.Column("property", Key, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("ref", "connection_id", "property", "value"),
    )
    op.create_index(op.f("ix_echoes_at"), "echoes", ["at"], unique=False)
    op.create_table(
        "conflicts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("field", Key, nullable=False),
        sa.Column("reason", Code, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("contact_id", "field", name=op.f("uq_conflicts_contact_id_field")),
    )


def downgrade() -> None:
    op.drop_table("conflicts")
    op.drop_table("echoes")
