"""Who is in which sequence, drawn for which variant, paused when, and whom somebody has to look at.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Code = sa.String(40, collation="C").with_variant(sa.String(40), "sqlite")
Key = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")
Hash = sa.LargeBinary()


def upgrade() -> None:
    op.create_table(
        "enrolments",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", Hash, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("sequence", Code, nullable=False),
        sa.Column("version", Key, nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.Column("step", Key, nullable=False),
        sa.Column("waiting", Code, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("ignored", Key, nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("exit", Code, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name=op.f("uq_enrolments_key")),
    )
    op.create_index(op.f("ix_enrolments_contact_id_id"), "enrolments", ["contact_id", "id"], unique=False)
    op.create_index(op.f("ix_enrolments_sequence_id"), "enrolments", ["sequence", "id"], unique=False)
    op.create_index("ix_enrolments_counted", "enrolments", ["sequence", "exit", "step"], unique=False)
    op.create_index(
        "ix_enrolments_paused",
        "enrolments",
        ["id"],
        unique=False,
        sqlite_where=sa.text("paused"),
        postgresql_where=sa.text("paused"),
    )
    op.create_table(
        "exposures",
        sa.Column("key", Hash, nullable=False),
        sa.Column("split", Key, nullable=False),
        sa.Column("sequence", Code, nullable=False),
        sa.Column("variant", Code, nullable=False),
        sa.PrimaryKeyConstraint("key", "split"),
    )
    op.create_index(
        op.f("ix_exposures_sequence_split_variant"), "exposures", ["sequence", "split", "variant"], unique=False
    )
    op.create_table(
        "pauses",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sequence", Code, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("paused_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("resumed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_pauses_running",
        "pauses",
        ["sequence"],
        unique=True,
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key", Hash, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("sequence", Code, nullable=False),
        sa.Column("version", Key, nullable=False),
        sa.Column("reason", Code, nullable=False),
        sa.Column("worst", Key, nullable=False),
        sa.Column("segments", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("status", Code, nullable=False),
        sa.Column("resolution", Code, nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key", name=op.f("uq_reviews_key")),
    )
    op.create_index(op.f("ix_reviews_status_id"), "reviews", ["status", "id"], unique=False)
    op.create_index(op.f("ix_reviews_contact_id_id"), "reviews", ["contact_id", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("reviews")
    op.drop_table("pauses")
    op.drop_table("exposures")
    op.drop_table("enrolments")
