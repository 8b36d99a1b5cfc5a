"""verdict: epochs

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("daily_sums", sa.Column("epoch", sa.SmallInteger(), server_default="0", nullable=False))
    _create_model_sightings()
    op.add_column("labels", sa.Column("reason", sa.TEXT(), nullable=True))
    op.add_column("labels", sa.Column("incumbent_critical", sa.Boolean(), nullable=True))
    op.add_column("labels", sa.Column("shown_first", sa.TEXT(), nullable=True))


def downgrade() -> None:
    op.drop_column("labels", "shown_first")
    op.drop_column("labels", "incumbent_critical")
    op.drop_column("labels", "reason")
    op.drop_table("model_sightings")
    op.drop_column("daily_sums", "epoch")


def _create_model_sightings() -> None:
    op.create_table(
        "model_sightings",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("arm_id", sa.BigInteger(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("source", sa.TEXT(), nullable=False),
        sa.Column("base_url", sa.TEXT(), nullable=True),
        sa.Column("ids", postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("served", sa.TEXT(), server_default="", nullable=False),
        sa.Column("root", sa.TEXT(), nullable=True),
        sa.Column("created", sa.BigInteger(), nullable=True),
        sa.Column("max_model_len", sa.BigInteger(), nullable=True),
        sa.Column("fingerprint", sa.TEXT(), nullable=True),
        sa.Column("failure", sa.TEXT(), nullable=True),
        sa.CheckConstraint("source IN ('models', 'reply')", name=op.f("ck_model_sightings_source")),
        sa.ForeignKeyConstraint(["arm_id"], ["arms.id"], name=op.f("fk_model_sightings_arm_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_model_sightings_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_sightings")),
    )
    op.create_index("ix_model_sightings_pilot_id_at", "model_sightings", ["pilot_id", "at"])
    op.create_index(
        "uq_model_sightings_fingerprint",
        "model_sightings",
        ["arm_id", "fingerprint"],
        unique=True,
        postgresql_where=sa.text("source = 'reply'"),
    )
