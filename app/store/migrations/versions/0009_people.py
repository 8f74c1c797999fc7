"""When users signed in last, what a token may do, and what something was before and after somebody changed it.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("signed_in_at", sa.BigInteger(), nullable=True))
    op.add_column("tokens", sa.Column("scopes", sa.Text(), server_default="read work manage", nullable=False))
    for name in ("before", "after"):
        op.add_column("audit", sa.Column(name, sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_audit_who_id"), "audit", ["who", "id"], unique=False)
    op.create_index(op.f("ix_audit_on_id"), "audit", ["on", "id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_on_id"), "audit")
    op.drop_index(op.f("ix_audit_who_id"), "audit")
    for name in ("after", "before"):
        op.drop_column("audit", name)
    op.drop_column("tokens", "scopes")
    op.drop_column("users", "signed_in_at")
