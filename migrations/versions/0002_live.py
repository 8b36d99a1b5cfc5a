"""live traffic: ledger, attempts, what waits and what is late

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


ROLES = "role IN ('viewer', 'labeller', 'operator', 'admin')"
ROLES_WITH_INGEST = "role IN ('ingest', 'viewer', 'labeller', 'operator', 'admin')"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_api_keys_role"), "api_keys", type_="check")
    op.create_check_constraint(op.f("ck_api_keys_role"), "api_keys", ROLES_WITH_INGEST)
    op.create_table(
        "producer_boots",
        sa.Column("boot", sa.TEXT(), nullable=False),
        sa.Column("slot", sa.TEXT(), nullable=False),
        sa.Column("source", sa.TEXT(), nullable=False),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.CheckConstraint("source IN ('gateway', 'app')", name=op.f("ck_producer_boots_source")),
        sa.PrimaryKeyConstraint("boot", name=op.f("pk_producer_boots")),
    )
    op.create_table(
        "recorder_state",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("watermark_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("updated_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recorder_state")),
    )
    op.create_table(
        "rejected_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("entry", sa.TEXT(), nullable=False),
        sa.Column("head", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reason", sa.TEXT(), nullable=False),
        sa.Column("problem", sa.TEXT(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_events")),
        sa.UniqueConstraint("entry", name=op.f("uq_rejected_events_entry")),
    )
    op.create_table(
        "attempts",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.TEXT(), nullable=False),
        sa.Column("first_id", sa.TEXT(), nullable=False),
        sa.Column("arrived_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("deadline_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("replied_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failure", sa.TEXT(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("total_seconds", sa.DOUBLE_PRECISION(), nullable=True),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_attempts_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "external_id", name=op.f("pk_attempts")),
    )
    op.create_index("ix_attempts_first", "attempts", ["pilot_id", "first_id"], unique=False)
    op.create_table(
        "boot_counts",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.TEXT(), nullable=False),
        sa.Column("issued", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("dropped", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("settled", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "checkpoints", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("last_seen_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_boot_counts_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "boot", name=op.f("pk_boot_counts")),
    )
    op.create_table(
        "late_replies",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.TEXT(), nullable=False),
        sa.Column("arm", sa.TEXT(), nullable=False),
        sa.Column("arrived_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("failure", sa.TEXT(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_late_replies_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "external_id", "arm", name=op.f("pk_late_replies")),
    )
    op.create_table(
        "live_ledger",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("reason", sa.TEXT(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_live_ledger_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "at", "reason", name=op.f("pk_live_ledger")),
    )
    op.create_table(
        "seen_numbers",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("boot", sa.TEXT(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("bits", postgresql.BYTEA(), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_seen_numbers_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "boot", "chunk", name=op.f("pk_seen_numbers")),
    )
    op.create_table(
        "waiting_replies",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("external_id", sa.TEXT(), nullable=False),
        sa.Column("arm", sa.TEXT(), nullable=False),
        sa.Column("head", postgresql.BYTEA(), nullable=False),
        sa.Column("body", postgresql.BYTEA(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_waiting_replies_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "external_id", "arm", name=op.f("pk_waiting_replies")),
    )
    op.create_table(
        "skipped_replies",
        sa.Column("exchange_id", sa.BigInteger(), nullable=False),
        sa.Column("arm_id", sa.BigInteger(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.TEXT(), nullable=False),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("reason IN ('shed', 'over_budget', 'not_asked')", name=op.f("ck_skipped_replies_reason")),
        sa.ForeignKeyConstraint(["arm_id"], ["arms.id"], name=op.f("fk_skipped_replies_arm_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["exchange_id"], ["exchanges.id"], name=op.f("fk_skipped_replies_exchange_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("exchange_id", "arm_id", name=op.f("pk_skipped_replies")),
    )
    op.create_index("ix_skipped_replies_pilot_id_arm_id", "skipped_replies", ["pilot_id", "arm_id"], unique=False)
    op.add_column("exchanges", sa.Column("awaits", postgresql.ARRAY(sa.BigInteger()), nullable=True))
    op.add_column("exchanges", sa.Column("deadline_at", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("exchanges", sa.Column("open_until", postgresql.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("exchanges", sa.Column("decided_by", sa.TEXT(), nullable=True))
    op.add_column("exchanges", sa.Column("sampling_rate", sa.DOUBLE_PRECISION(), nullable=True))
    op.add_column("exchanges", sa.Column("user_hash", sa.TEXT(), nullable=True))
    op.add_column(
        "exchanges",
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )
    op.create_index(
        "ix_exchanges_open",
        "exchanges",
        ["pilot_id", "deadline_at"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.add_column("replies", sa.Column("queue_lag_seconds", sa.DOUBLE_PRECISION(), nullable=True))
    op.add_column(
        "replies",
        sa.Column("checks", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False),
    )


def downgrade() -> None:
    op.execute("DELETE FROM api_keys WHERE role = 'ingest'")
    op.drop_constraint(op.f("ck_api_keys_role"), "api_keys", type_="check")
    op.create_check_constraint(op.f("ck_api_keys_role"), "api_keys", ROLES)
    op.drop_column("replies", "checks")
    op.drop_column("replies", "queue_lag_seconds")
    op.drop_index("ix_exchanges_open", table_name="exchanges", postgresql_where=sa.text("closed_at IS NULL"))
    op.drop_column("exchanges", "facts")
    op.drop_column("exchanges", "user_hash")
    op.drop_column("exchanges", "sampling_rate")
    op.drop_column("exchanges", "decided_by")
    op.drop_column("exchanges", "open_until")
    op.drop_column("exchanges", "deadline_at")
    op.drop_column("exchanges", "awaits")
    op.drop_index("ix_skipped_replies_pilot_id_arm_id", table_name="skipped_replies")
    op.drop_table("skipped_replies")
    op.drop_table("waiting_replies")
    op.drop_table("seen_numbers")
    op.drop_table("live_ledger")
    op.drop_table("late_replies")
    op.drop_table("boot_counts")
    op.drop_index("ix_attempts_first", table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("rejected_events")
    op.drop_table("recorder_state")
    op.drop_table("producer_boots")
