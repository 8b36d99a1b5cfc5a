"""money: usage as it was billed, invoices, rehearsals, the candidate's own metrics, hours with their history

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MOMENT = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    _add_to_replies()
    _add_to_hours()
    _create_invoices()
    _create_rehearsals()
    _create_server_metrics()
    _create_repeats()


def downgrade() -> None:
    for table in ("repeats", "server_metrics", "rehearsals", "invoice_lines", "invoices"):
        op.drop_table(table)
    for column in ("reason", "removed_by", "removed_at", "external_id", "source"):
        op.drop_column("hours", column)
    for column in _REPLIES:
        op.drop_column("replies", column)
        op.drop_column("staged_replies", column)


_REPLIES = {
    "cache_write_tokens": sa.Integer(),
    "audio_input_tokens": sa.Integer(),
    "audio_output_tokens": sa.Integer(),
    "service_tier": sa.TEXT(),
    "usage": postgresql.JSONB(),
    "cost_usd": sa.Numeric(18, 8),
    "price_version": sa.TEXT(),
}


def _add_to_replies() -> None:
    for name, kind in _REPLIES.items():
        op.add_column("replies", sa.Column(name, kind, nullable=True))
        op.add_column("staged_replies", sa.Column(name, sa.TEXT() if name == "usage" else kind, nullable=True))


def _add_to_hours() -> None:
    for name in ("source", "external_id", "reason"):
        op.add_column("hours", sa.Column(name, sa.TEXT(), server_default="", nullable=False))
    op.add_column("hours", sa.Column("removed_at", _MOMENT, nullable=True))
    op.add_column("hours", sa.Column("removed_by", sa.TEXT(), nullable=True))


def _create_invoices() -> None:
    op.create_table(
        "invoices",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.TEXT(), nullable=False),
        sa.Column("digest", sa.TEXT(), nullable=False),
        sa.Column("format", sa.TEXT(), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("by", sa.TEXT(), nullable=False),
        sa.Column("imported_at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("voided_at", _MOMENT, nullable=True),
        sa.Column("voided_by", sa.TEXT(), nullable=True),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_invoices_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoices")),
    )
    op.create_index("ix_invoices_pilot_id", "invoices", ["pilot_id"])
    still_counts = sa.text("voided_at IS NULL")
    op.create_index("uq_invoices_digest", "invoices", ["pilot_id", "digest"], unique=True, postgresql_where=still_counts)
    op.create_table(
        "invoice_lines",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("invoice_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("model", sa.TEXT(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("cached_input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("usd", sa.Numeric(18, 8), nullable=True),
        sa.Column("facts", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(["invoice_id"], ["invoices.id"], name=op.f("fk_invoice_lines_invoice_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_lines")),
    )
    op.create_index("ix_invoice_lines_invoice_id", "invoice_lines", ["invoice_id"])


def _create_rehearsals() -> None:
    op.create_table(
        "rehearsals",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("arm_id", sa.BigInteger(), nullable=False),
        sa.Column("terms", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.TEXT(), server_default="queued", nullable=False),
        sa.Column("steps", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("message", sa.TEXT(), server_default="", nullable=False),
        sa.Column("by", sa.TEXT(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("claimed_until", _MOMENT, nullable=True),
        sa.Column("claimed_by", sa.TEXT(), nullable=True),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'cancelled', 'failed')", name=op.f("ck_rehearsals_state")),
        sa.ForeignKeyConstraint(["arm_id"], ["arms.id"], name=op.f("fk_rehearsals_arm_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_rehearsals_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rehearsals")),
    )
    op.create_index("ix_rehearsals_pilot_id", "rehearsals", ["pilot_id"])


def _create_server_metrics() -> None:
    op.create_table(
        "server_metrics",
        sa.Column("arm_id", sa.BigInteger(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.TEXT(), nullable=True),
        sa.Column("readings", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.ForeignKeyConstraint(["arm_id"], ["arms.id"], name=op.f("fk_server_metrics_arm_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("arm_id", "at", name=op.f("pk_server_metrics")),
    )
    op.create_index("ix_server_metrics_pilot_id_at", "server_metrics", ["pilot_id", "at"])


def _create_repeats() -> None:
    op.create_table(
        "repeats",
        sa.Column("exchange_id", sa.BigInteger(), nullable=False),
        sa.Column("arm_id", sa.BigInteger(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("is_deterministic", sa.Boolean(), nullable=False),
        sa.Column("is_equal", sa.Boolean(), nullable=True),
        sa.Column("failure", sa.TEXT(), nullable=True),
        sa.Column("total_seconds", sa.DOUBLE_PRECISION(), nullable=True),
        sa.ForeignKeyConstraint(["arm_id"], ["arms.id"], name=op.f("fk_repeats_arm_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["exchange_id"], ["exchanges.id"], name=op.f("fk_repeats_exchange_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("exchange_id", "arm_id", name=op.f("pk_repeats")),
    )
    op.create_index("ix_repeats_pilot_id", "repeats", ["pilot_id"])
