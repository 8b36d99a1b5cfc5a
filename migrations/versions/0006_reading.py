"""reading: people and their sessions, what reports hold beside their document, decisions, alerts, messages

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MOMENT = postgresql.TIMESTAMP(timezone=True)
_NOW = sa.text("now()")
_JSON = postgresql.JSONB()
_NOTHING = sa.text("'{}'::jsonb")
_READ_BY = (
    ("at", "id"),
    ("actor", "at", "id"),
    ("action", "at", "id"),
    ("actor", "action", "at", "id"),
    ("pilot_id", "at", "id"),
)


def upgrade() -> None:
    _add_to_reports()
    _create_people()
    _create_parts_of_reports()
    _create_decisions()
    _create_alerts()
    _create_messages()
    _add_to_pairs()
    for columns in _READ_BY:
        op.create_index(op.f(f"ix_audit_log_{'_'.join(columns)}"), "audit_log", list(columns))
    # Who does what is not independent: without it a filter by both that finds nothing reads the whole log.
    op.execute("CREATE STATISTICS audit_log_together (mcv) ON actor, action, pilot_id FROM audit_log")


def downgrade() -> None:
    op.execute("DROP STATISTICS audit_log_together")
    for column in ("length_difference", "final_preference"):
        op.drop_index(f"ix_pairs_{column}", table_name="pairs")
        op.drop_column("pairs", column)
    for columns in _READ_BY:
        op.drop_index(op.f(f"ix_audit_log_{'_'.join(columns)}"), table_name="audit_log")
    for table in ("messages", "alerts", "decisions", "report_files", "report_examples", "person_sessions", "people"):
        op.drop_table(table)
    op.execute("DROP FUNCTION decisions_are_kept()")
    op.drop_index("uq_reports_weekly", table_name="reports")
    op.drop_constraint(op.f("ck_reports_kind"), "reports")
    for column in ("made_by", "expires_at", "seeds", "program_hash", "code_version", "period", "kind"):
        op.drop_column("reports", column)


# What lists of pairs are sorted by, for pairs that were settled before: close enough, and exact from their next settling on.
_FIND_OLD_PAIRS = """
UPDATE pairs AS p SET final_preference = coalesce(p.preference, (
        SELECT avg(g.value) FROM grades AS g
        WHERE g.exchange_id = p.exchange_id AND g.arm_id = p.arm_id AND g.grader <> 'anchor' AND p.rule = 'grader' AND (
            g.rater = '' OR g.rater = coalesce(nullif(c.configuration #>> '{judge,rater}', ''), c.configuration #>> '{judge,model}')
        )
    )),
    length_difference = (
        SELECT r.content_chars - i.content_chars FROM replies AS r
        JOIN replies AS i ON i.exchange_id = r.exchange_id JOIN arms AS a ON a.id = i.arm_id AND a.role = 'incumbent'
        WHERE r.exchange_id = p.exchange_id AND r.arm_id = p.arm_id
    )
FROM pilots AS c WHERE c.id = p.pilot_id AND p.state = 'settled'
"""


def _add_to_pairs() -> None:
    op.add_column("pairs", sa.Column("final_preference", sa.Double(), nullable=True))
    op.add_column("pairs", sa.Column("length_difference", sa.Integer(), nullable=True))
    op.execute(_FIND_OLD_PAIRS)
    known = {
        "final_preference": "state = 'settled' AND final_preference IS NOT NULL",
        "length_difference": "length_difference IS NOT NULL",
    }
    for column, condition in known.items():
        places = ["pilot_id", column, "exchange_id", "arm_id"]
        op.create_index(f"ix_pairs_{column}", "pairs", places, postgresql_where=sa.text(condition))


def _number() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True)


def _pilot(**options: str) -> sa.Column[int]:
    return sa.Column("pilot_id", sa.BigInteger(), sa.ForeignKey("pilots.id", **options), nullable=False, index=True)


def _report() -> sa.Column[int]:
    return sa.Column("report_id", sa.BigInteger(), sa.ForeignKey("reports.id", ondelete="CASCADE"), primary_key=True)


def _add_to_reports() -> None:
    for name, default in (("kind", "on_demand"), ("period", ""), ("code_version", ""), ("program_hash", "")):
        op.add_column("reports", sa.Column(name, sa.TEXT(), server_default=default, nullable=False))
    op.add_column("reports", sa.Column("seeds", _JSON, server_default=_NOTHING, nullable=False))
    op.add_column("reports", sa.Column("expires_at", _MOMENT, nullable=True))
    op.add_column("reports", sa.Column("made_by", sa.TEXT(), server_default="", nullable=False))
    op.create_check_constraint(op.f("ck_reports_kind"), "reports", "kind IN ('on_demand', 'weekly', 'final')")
    weekly = sa.text("kind = 'weekly'")
    op.create_index("uq_reports_weekly", "reports", ["pilot_id", "period"], unique=True, postgresql_where=weekly)


def _create_people() -> None:
    op.create_table(
        "people",
        _number(),
        sa.Column("name", sa.TEXT(), nullable=False, unique=True),
        sa.Column("folded_name", sa.TEXT(), nullable=False, unique=True),
        sa.Column("role", sa.TEXT(), nullable=False),
        sa.Column("password_hash", sa.TEXT(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("password_set_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("last_seen_at", _MOMENT, nullable=True),
        sa.Column("disabled_at", _MOMENT, nullable=True),
        sa.CheckConstraint("role IN ('viewer', 'labeller', 'operator', 'admin')", name=op.f("ck_people_role")),
    )
    op.create_table(
        "person_sessions",
        _number(),
        sa.Column("person_id", sa.BigInteger(), sa.ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
        sa.Column("digest", postgresql.BYTEA(), nullable=False, unique=True),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("seen_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
    )


def _create_parts_of_reports() -> None:
    op.create_table(
        "report_examples",
        _report(),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("exchange_id", sa.BigInteger(), nullable=False, index=True),
        sa.Column("document", _JSON, nullable=False),
    )
    op.create_table(
        "report_files",
        _report(),
        sa.Column("name", sa.TEXT(), primary_key=True),
        sa.Column("piece", sa.Integer(), primary_key=True),
        sa.Column("body", postgresql.BYTEA(), nullable=False),
    )
    op.execute("ALTER TABLE report_files ALTER COLUMN body SET STORAGE EXTERNAL")  # it is packed already


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        _number(),
        _pilot(),
        sa.Column("report_id", sa.BigInteger(), sa.ForeignKey("reports.id"), nullable=False, index=True),
        *(sa.Column(name, sa.TEXT(), nullable=False) for name in ("candidate", "verdict", "outcome", "signed_name")),
        sa.Column("signed_role", sa.TEXT(), nullable=False),
        sa.Column("reason", sa.TEXT(), server_default="", nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        *(sa.Column(name, sa.TEXT(), nullable=False) for name in ("data_hash", "record_hash", "by")),
        sa.Column("signed_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.CheckConstraint("outcome IN ('MIGRATE', 'DONT_MIGRATE', 'HYBRID', 'EXTEND')", name=op.f("ck_decisions_outcome")),
        sa.CheckConstraint(
            "outcome = verdict OR (reason <> '' AND expires_at IS NOT NULL)", name=op.f("ck_decisions_override")
        ),
    )
    op.execute(
        """
        CREATE FUNCTION decisions_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'a signed decision is neither changed nor removed: sign another one';
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER decisions_are_kept BEFORE UPDATE OR DELETE ON decisions"
        " FOR EACH ROW EXECUTE FUNCTION decisions_are_kept()"
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        _number(),
        _pilot(ondelete="CASCADE"),
        sa.Column("rule", sa.TEXT(), nullable=False),
        sa.Column("subject", sa.TEXT(), server_default="", nullable=False),
        sa.Column("severity", sa.TEXT(), nullable=False),
        sa.Column("text", sa.TEXT(), nullable=False),
        sa.Column("facts", _JSON, server_default=_NOTHING, nullable=False),
        sa.Column("opened_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("resolved_at", _MOMENT, nullable=True),
        sa.CheckConstraint("severity IN ('warning', 'critical')", name=op.f("ck_alerts_severity")),
    )
    unresolved = sa.text("resolved_at IS NULL")
    op.create_index("uq_alerts_open", "alerts", ["pilot_id", "rule", "subject"], unique=True, postgresql_where=unresolved)


def _create_messages() -> None:
    op.create_table(
        "messages",
        _number(),
        _pilot(ondelete="CASCADE"),
        sa.Column("subject", sa.TEXT(), nullable=False),
        sa.Column("channel", sa.TEXT(), nullable=False),
        sa.Column("document", _JSON, nullable=False),
        sa.Column("created_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_at", _MOMENT, server_default=_NOW, nullable=False),
        sa.Column("sent_at", _MOMENT, nullable=True),
        sa.Column("given_up_at", _MOMENT, nullable=True),
        sa.Column("problem", sa.TEXT(), server_default="", nullable=False),
        sa.UniqueConstraint("subject", "channel"),
        sa.CheckConstraint("channel IN ('apprise', 'webhook')", name=op.f("ck_messages_channel")),
    )
    unsent = sa.text("sent_at IS NULL AND given_up_at IS NULL")
    op.create_index("ix_messages_due", "messages", ["next_at"], postgresql_where=unsent)
