"""production: keys under which texts are stored, erasures with receipts

Revision: 0007, after 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MOMENT = postgresql.TIMESTAMP(timezone=True)
_NOW = sa.text("now()")


def upgrade() -> None:
    op.create_table(
        "pilot_keys",
        sa.Column("pilot_id", sa.BigInteger(), sa.ForeignKey("pilots.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.SmallInteger(), primary_key=True),
        sa.Column("wrapped", postgresql.BYTEA(), nullable=False),
        sa.Column("made_at", _MOMENT, server_default=_NOW, nullable=False),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("pilot_id", sa.BigInteger(), sa.ForeignKey("pilots.id", ondelete="CASCADE"), nullable=False),
        *(sa.Column(name, sa.TEXT(), nullable=False) for name in ("kind", "subject_digest", "by")),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("erased_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("receipt_hash", sa.TEXT(), nullable=False),
        sa.CheckConstraint("kind IN ('conversation', 'user', 'pilot', 'retention')", name=op.f("ck_erasures_kind")),
    )
    op.create_index("ix_erasures_pilot_id", "erasures", ["pilot_id"])
    op.add_column("pilots", sa.Column("shredded_at", _MOMENT, nullable=True))
    op.add_column("exchanges", sa.Column("text_erased_at", _MOMENT, nullable=True))
    op.add_column("pairs", sa.Column("is_again", sa.Boolean(), server_default=sa.text("false"), nullable=False))


def downgrade() -> None:
    op.drop_column("pairs", "is_again")
    op.drop_column("exchanges", "text_erased_at")
    op.drop_column("pilots", "shredded_at")
    op.drop_table("erasures")
    op.drop_table("pilot_keys")
