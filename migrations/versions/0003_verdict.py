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
    _create_touched()
    op.add_column("labels", sa.Column("reason", sa.TEXT(), nullable=True))
    op.add_column("labels", sa.Column("incumbent_critical", sa.Boolean(), nullable=True))
    op.add_column("labels", sa.Column("shown_first", sa.TEXT(), nullable=True))


def downgrade() -> None:
    _drop_touched()
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


# By what a changed row's exchange is found; each statement looks its exchanges up one by one, whatever the planner knows.
_BY_EXCHANGE = "touched_rows AS t CROSS JOIN LATERAL (SELECT * FROM exchanges AS x WHERE x.id = t.exchange_id OFFSET 0) AS e"
_BY_ATTEMPT = (
    "touched_rows AS t CROSS JOIN LATERAL ("
    "SELECT * FROM exchanges AS x WHERE x.pilot_id = t.pilot_id AND x.external_id = t.first_id OFFSET 0) AS e"
)
_HOUR = "date_bin('1 hour', e.arrived_at, TIMESTAMPTZ '1970-01-01 00:00:00+00')"
_ANY_HOUR = "TIMESTAMPTZ '1970-01-01 00:00:00+00'"
_TOUCHING = {
    "exchanges": ("touched_rows AS e", _HOUR),
    "replies": (_BY_EXCHANGE, _HOUR),
    "pairs": (_BY_EXCHANGE, _HOUR),
    "grades": (_BY_EXCHANGE, f"CASE WHEN t.grader = 'anchor' THEN {_ANY_HOUR} ELSE {_HOUR} END"),
    "labels": (_BY_EXCHANGE, _HOUR),
    "skipped_replies": (_BY_EXCHANGE, _HOUR),
    "attempts": (_BY_ATTEMPT, _HOUR),
}


def _create_touched() -> None:
    op.create_table(
        "touched",
        sa.Column("pilot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column(
            "transaction",
            sa.BigInteger(),
            autoincrement=False,
            server_default=sa.text("(pg_current_xact_id()::text)::bigint"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("pilot_id", "hour", "transaction", name=op.f("pk_touched")),
    )
    op.create_table(
        "day_parts",
        sa.Column("pilot_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.SmallInteger(), nullable=False),
        sa.Column("content", postgresql.BYTEA(), nullable=False),
        sa.Column("inputs_hash", sa.TEXT(), nullable=False),
        sa.Column("seen", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.ForeignKeyConstraint(["pilot_id"], ["pilots.id"], name=op.f("fk_day_parts_pilot_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("pilot_id", "day", name=op.f("pk_day_parts")),
    )
    for column in ("content", "inputs_hash"):
        op.add_column("scorecards", sa.Column(column, sa.TEXT(), nullable=True))
    for table, (rows, hour) in _TOUCHING.items():
        op.execute(f"""
            CREATE FUNCTION touch_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO touched (pilot_id, hour) SELECT DISTINCT e.pilot_id, {hour} FROM {rows} ON CONFLICT DO NOTHING;
                RETURN NULL;
            END $$""")  # noqa: S608 - our own words
        for event, side in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
            op.execute(f"""
                CREATE TRIGGER touch_{table}_{event.lower()} AFTER {event} ON {table}
                REFERENCING {side} TABLE AS touched_rows FOR EACH STATEMENT EXECUTE FUNCTION touch_{table}()""")
    _create_moved()


# An exchange that leaves its conversation may change the day of those that stay: any hour. EXCEPT is linear, a join may not be.
_CONVERSATION = "SELECT pilot_id, id, conversation_id, arrived_at FROM"
_MOVED = {
    "update": ("UPDATE", f"({_CONVERSATION} touched_rows EXCEPT {_CONVERSATION} old_rows)", "OLD TABLE AS old_rows NEW"),
    "delete": ("DELETE", "touched_rows", "OLD"),
}


def _create_moved() -> None:
    for name, (event, rows, side) in _MOVED.items():
        op.execute(f"""
            CREATE FUNCTION move_exchanges_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO touched (pilot_id, hour) SELECT DISTINCT m.pilot_id, {_ANY_HOUR} FROM {rows} AS m ON CONFLICT DO NOTHING;
                RETURN NULL;
            END $$""")  # noqa: S608 - our own words
        op.execute(f"""
            CREATE TRIGGER move_exchanges_{name} AFTER {event} ON exchanges
            REFERENCING {side} TABLE AS touched_rows FOR EACH STATEMENT EXECUTE FUNCTION move_exchanges_{name}()""")


def _drop_touched() -> None:
    for name in _MOVED:
        op.execute(f"DROP TRIGGER move_exchanges_{name} ON exchanges")
        op.execute(f"DROP FUNCTION move_exchanges_{name}()")
    for table in _TOUCHING:
        for event in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER touch_{table}_{event} ON {table}")
        op.execute(f"DROP FUNCTION touch_{table}()")
    for column in ("inputs_hash", "content"):
        op.drop_column("scorecards", column)
    op.drop_table("day_parts")
    op.drop_table("touched")
