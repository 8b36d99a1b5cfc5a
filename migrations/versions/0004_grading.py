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
    op.add_column("staged_exchanges", sa.Column("reference", postgresql.BYTEA(), nullable=True))
    op.create_index("ix_grades_cut", "grades", ["pilot_id", "version"], postgresql_where=sa.text("facts ? 'cut_chars'"))
    _create_judge_shares()
    _create_rubric_scores()
    _create_reply_findings()
    _create_judge_reserves()


def downgrade() -> None:
    op.drop_table("judge_reserves")
    op.drop_column("spend", "is_at_most")
    _drop_reply_findings()
    op.drop_table("rubric_scores")
    op.drop_table("judge_shares")
    op.drop_index("ix_grades_cut", "grades", postgresql_where=sa.text("facts ? 'cut_chars'"))
    op.drop_column("staged_exchanges", "reference")


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


def _create_rubric_scores() -> None:
    op.create_table(
        "rubric_scores",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("exchange_id", sa.BigInteger(), nullable=False),
        sa.Column("arm_id", sa.BigInteger(), nullable=False),
        sa.Column("grader", sa.TEXT(), nullable=False),
        sa.Column("rater", sa.TEXT(), nullable=False),
        sa.Column("version", sa.TEXT(), nullable=False),
        sa.Column("value", sa.DOUBLE_PRECISION(), nullable=True),
        sa.Column("ungraded", sa.TEXT(), nullable=True),
        sa.Column("reason", sa.TEXT(), server_default="", nullable=False),
        sa.Column("met", postgresql.ARRAY(sa.DOUBLE_PRECISION()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("evidence", postgresql.ARRAY(sa.TEXT()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("quoted", postgresql.ARRAY(sa.Boolean()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("calls", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cost_usd", sa.Numeric(18, 8), server_default=sa.text("0"), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("graded_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("(value IS NULL) <> (ungraded IS NULL)", name=op.f("ck_rubric_scores_value_or_ungraded")),
        sa.CheckConstraint("value <= 1", name=op.f("ck_rubric_scores_value")),
        sa.ForeignKeyConstraint(["arm_id"], ["arms.id"], name=op.f("fk_rubric_scores_arm_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["exchange_id"], ["exchanges.id"], name=op.f("fk_rubric_scores_exchange_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("exchange_id", "arm_id", "grader", "rater", "version", name=op.f("pk_rubric_scores")),
    )
    op.create_index("ix_rubric_scores_pilot_id", "rubric_scores", ["pilot_id", "arm_id"])


def _create_reply_findings() -> None:
    op.create_table(
        "check_sets",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.TEXT()), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_check_sets_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_sets")),
        sa.UniqueConstraint("pilot_id", "labels", name=op.f("uq_check_sets_pilot_id_labels")),
    )
    op.create_table(
        "reply_findings",
        sa.Column("exchange_id", sa.BigInteger(), nullable=False),
        sa.Column("arm_id", sa.BigInteger(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("set_id", sa.BigInteger(), nullable=False),
        sa.Column("checked", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["arm_id"], ["arms.id"], name=op.f("fk_reply_findings_arm_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["exchange_id"], ["exchanges.id"], name=op.f("fk_reply_findings_exchange_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("exchange_id", "arm_id", name=op.f("pk_reply_findings")),
    )
    op.create_index("ix_reply_findings_pilot_id", "reply_findings", ["pilot_id", "arm_id"])
    op.execute("""
        CREATE FUNCTION touch_reply_findings() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO touched (pilot_id, hour)
            SELECT DISTINCT e.pilot_id, date_bin('1 hour', e.arrived_at, TIMESTAMPTZ '1970-01-01 00:00:00+00')
            FROM touched_rows AS t
            CROSS JOIN LATERAL (SELECT * FROM exchanges AS x WHERE x.id = t.exchange_id OFFSET 0) AS e
            ON CONFLICT DO NOTHING;
            RETURN NULL;
        END $$""")
    for event, side in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(f"""
            CREATE TRIGGER touch_reply_findings_{event.lower()} AFTER {event} ON reply_findings
            REFERENCING {side} TABLE AS touched_rows FOR EACH STATEMENT EXECUTE FUNCTION touch_reply_findings()""")


def _drop_reply_findings() -> None:
    for event in ("insert", "update", "delete"):
        op.execute(f"DROP TRIGGER touch_reply_findings_{event} ON reply_findings")
    op.execute("DROP FUNCTION touch_reply_findings()")
    op.drop_table("reply_findings")
    op.drop_table("check_sets")


def _create_judge_reserves() -> None:
    op.add_column("spend", sa.Column("is_at_most", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "judge_reserves",
        sa.Column("worker", sa.TEXT(), nullable=False),
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.TEXT(), nullable=False),
        sa.Column("model", sa.TEXT(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("usd", sa.Numeric(18, 8), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_judge_reserves_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("worker", name=op.f("pk_judge_reserves")),
    )
    op.create_index("ix_judge_reserves_pilot_id", "judge_reserves", ["pilot_id"])
