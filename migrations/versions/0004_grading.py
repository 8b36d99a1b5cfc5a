"""grading: what graders find, what judges are asked beside the pairs

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_judge_shares()


def downgrade() -> None:
    op.drop_table("judge_shares")


def _create_judge_shares() -> None:
    op.create_table(
        "judge_shares",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.TEXT(), nullable=False),
        sa.Column("segment", sa.TEXT(), nullable=False),
        sa.Column("week", sa.Date(), nullable=False),
        sa.Column("share", sa.DOUBLE_PRECISION(), nullable=False),
        sa.Column("pairs_expected", sa.Integer(), nullable=False),
        sa.Column("usd_expected", sa.Numeric(18, 8), nullable=False),
        sa.Column("decided_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("share BETWEEN 0 AND 1", name=op.f("ck_judge_shares_share")),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_judge_shares_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "version", "segment", "week", name=op.f("pk_judge_shares")),
    )
