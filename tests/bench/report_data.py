"""A pilot of any size straight in the database: realistic exchanges, replies, pairs, grades and labels, made by the server.

Rows are loaded without triggers and foreign keys, as a restored backup is; marks say then which hours are new.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from app.domain.pilot import Pilot
from app.pipeline.configuration import load_configuration
from app.pipeline.pilots import start_pilot
from app.store.pilots import insert_pilot
from app.store.session import SessionFactory, session_scope

START = datetime(2026, 9, 7, tzinfo=UTC)
DAYS = 28
LABELS = 280
TURNS = 3  # exchanges of a conversation
TOML = """\
[pilot]
name = "bench"
starts = 2026-09-07
planned_conversations = 20000
[incumbent]
base_url = "https://api.example.com/v1"
model = "gpt-5.1"
input_usd_per_million_tokens = 1.25
output_usd_per_million_tokens = 10
[[candidate]]
name = "qwen"
base_url = "http://127.0.0.1:8000/v1"
model = "Qwen/Qwen3.5-27B"
license = "Apache-2.0"
gpu_usd_per_hour = 3
[[segment]]
name = "extraction"
match = { header = "extraction" }
[[segment]]
name = "chat"
match = { header = "chat" }
[[segment]]
name = "summary"
match = { header = "summary" }
[judge]
rater = "gpt-4"
[latency]
ttft_any_p95_seconds = 1.0
total_p95_seconds = 4.0
accept_imported = true
[reliability]
max_failure_rate = 0.02
[cost]
engineer_usd_per_hour = 90
other_usd_per_month = 500
"""
# A number in [0, 1) of a row and a purpose: the same on every run, without a state.
_RANDOM = "((hashint8extended(n.number, {seed}) & 9007199254740991)::float8 / 9007199254740992)"
_NORMAL = "sqrt(-2 * ln({one} + 1e-12)) * cos(2 * pi() * {other})"


def _random(seed: int) -> str:
    return _RANDOM.format(seed=seed)


def _lognormal(median: float, spread: float, seed: int) -> str:
    return f"{median} * exp({spread} * {_NORMAL.format(one=_random(seed), other=_random(seed + 1))})"


_NUMBERS = "generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) AS n(number)"
_FAILS = {"incumbent": f"({_random(1)} < 0.004)", "qwen": f"({_random(2)} < 0.008)"}
_CHARS = {"incumbent": _lognormal(800, 0.7, 10), "qwen": _lognormal(800, 0.7, 20)}
_ANY_FAILS = f"({_FAILS['incumbent']} OR {_FAILS['qwen']})"
_EXCHANGES = f"""
INSERT INTO exchanges (id, pilot_id, external_id, arrived_at, conversation_id, turn, segment, sample_point, source, closed_at)
OVERRIDING SYSTEM VALUE
SELECT n.number, :pilot, 'e-' || lpad(n.number::text, 9, '0'),
    CAST(:start AS timestamptz) + (n.number - 1) * CAST(:step AS interval), 'c-' || (n.number - 1) / {TURNS},
    (n.number - 1) % {TURNS} + 1,
    (ARRAY['extraction', 'chat', 'summary', 'other'])[1 + (hashint8((n.number - 1) / {TURNS}) & 3)],
    (hashint8extended((n.number - 1) / {TURNS}, 9) & 9007199254740991)::float8 / 9007199254740992, 'imported', :start
FROM {_NUMBERS}"""
_REPLIES = """
INSERT INTO replies (exchange_id, arm_id, pilot_id, source, failure, model, content_chars, input_tokens, cached_input_tokens,
    output_tokens, ttft_any_seconds, ttft_visible_seconds, total_seconds)
SELECT r.number, :arm, :pilot, 'imported', CASE WHEN r.fails THEN 'timeout' END,
    CASE WHEN NOT r.fails THEN CAST(:model AS text) END,
    CASE WHEN NOT r.fails THEN r.chars END, r.input, r.input / 3, CASE WHEN NOT r.fails THEN r.chars / 4 END,
    CASE WHEN NOT r.fails THEN r.ttft END, CASE WHEN NOT r.fails THEN r.ttft END,
    CASE WHEN r.fails THEN 30 ELSE r.ttft + r.chars / 4 * {tpot} END
FROM (
    SELECT n.number, {fails} AS fails, ({chars})::int AS chars, ({input})::int AS input, {ttft} AS ttft FROM {numbers}
) AS r"""
# Two orders of one leaning: 45 % worse, 15 % ties, 40 % better; one in ten answers goes the other way.
_LEANING = f"(({_random(4)} > 0.6) <> ({{flip}} < 0.1))::int"
_MEAN = f"""CASE WHEN {_random(4)} BETWEEN 0.45 AND 0.6 THEN 0.5
    ELSE ({_LEANING.format(flip=_random(5))} + {_LEANING.format(flip=_random(6))}) / 2.0 END"""
_PAIRS = f"""
INSERT INTO pairs (exchange_id, arm_id, pilot_id, state, rule, preference, final_preference, length_difference, settled_at)
SELECT p.number, :arm, :pilot, 'settled', p.rule, p.preference, coalesce(p.preference, p.mean),
    CASE WHEN p.rule <> 'failure' THEN p.length END, :start
FROM (
    SELECT n.number, CASE WHEN {_ANY_FAILS} THEN 'failure' WHEN {_random(3)} < 0.1 THEN 'equal' ELSE 'grader' END AS rule,
        CASE WHEN {_ANY_FAILS} THEN ({_FAILS["incumbent"]}::int - {_FAILS["qwen"]}::int + 1) / 2.0
             WHEN {_random(3)} < 0.1 THEN 0.5 END AS preference,
        {_MEAN} AS mean, ({_CHARS["qwen"]})::int - ({_CHARS["incumbent"]})::int AS length
    FROM {_NUMBERS}
) AS p"""
_GRADES = f"""
INSERT INTO grades (pilot_id, exchange_id, arm_id, grader, rater, version, shown_first, value, source, at)
SELECT :pilot, n.number, :arm, 'judge', 'gpt-4', 'imported', o.first,
    CASE WHEN {_random(4)} BETWEEN 0.45 AND 0.6 THEN 0.5 ELSE {_LEANING.format(flip="o.flipped")} END, 'imported', :start
FROM {_NUMBERS} CROSS JOIN LATERAL (VALUES ('incumbent', {_random(5)}), ('qwen', {_random(6)})) AS o(first, flipped)
WHERE NOT {_ANY_FAILS} AND {_random(3)} >= 0.1"""
_LABELS = f"""
INSERT INTO labels (pilot_id, exchange_id, arm_id, rater, value, draw_probability, source, at)
SELECT :pilot, n.number, :arm, 'r1', CASE WHEN {_random(4)} BETWEEN 0.45 AND 0.6 THEN 0.5 ELSE ({_random(4)} > 0.6)::int END,
    CAST(:chance AS float8), 'imported', :start + INTERVAL '1 day' * {DAYS // 2}
FROM {_NUMBERS} WHERE {_random(3)} >= 0.1 AND NOT {_ANY_FAILS} AND (n.number - 1) % CAST(:every AS bigint) = 0"""


_MARKS = f"""
INSERT INTO touched (pilot_id, hour)
SELECT DISTINCT :pilot,
    date_bin('1 hour', CAST(:start AS timestamptz) + (n.number - 1) * CAST(:step AS interval), '1970-01-01Z')
FROM {_NUMBERS}"""


def create_pilot(factory: SessionFactory) -> Pilot:
    """A running pilot without exchanges, registered the day before."""
    with session_scope(factory) as session:
        configuration = load_configuration(TOML, START).configuration
        pilot = insert_pilot(session, configuration, source_toml=TOML)
        return start_pilot(session, pilot.name, "bench", START - timedelta(days=1)).pilot


def load_days(factory: SessionFactory, pilot: Pilot, *, pairs: int, first_day: int, last_day: int) -> None:
    """The exchanges of some days of a pilot that has so many pairs in all its days."""
    first, last = pairs * (first_day - 1) // DAYS + 1, pairs * last_day // DAYS
    step = timedelta(days=DAYS) / pairs
    common = {"pilot": pilot.id, "start": START, "step": step, "first": first, "last": last}
    arm = pilot.arm_named("qwen").id
    every = max(1, pairs // LABELS) // TURNS * TURNS or 1
    with session_scope(factory) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(_EXCHANGES), common)
        for name, number, tpot, ttft in (("incumbent", pilot.incumbent.id, 0.006, 0.35), ("qwen", arm, 0.008, 0.25)):
            model = "gpt-5.1" if name == "incumbent" else "Qwen/Qwen3.5-27B"
            session.execute(text(_replies(name, tpot, ttft)), common | {"arm": number, "model": model})
        for statement in (_PAIRS, _GRADES):
            session.execute(text(statement), common | {"arm": arm})
        session.execute(text(_LABELS), common | {"arm": arm, "every": every, "chance": min(1.0, TURNS / every)})
        session.execute(text(_MARKS), common)


def _replies(arm: str, tpot: float, ttft: float) -> str:
    seed = 10 if arm == "incumbent" else 20
    return _REPLIES.format(
        tpot=tpot,
        fails=_FAILS[arm],
        chars=_CHARS[arm],
        input=_lognormal(600, 0.9, 30),
        ttft=_lognormal(ttft, 0.4, seed + 4),
        numbers=_NUMBERS,
    )


def analyse(factory: SessionFactory) -> None:
    """Statistics for the planner, and the visibility map: the raw SQL shall have every chance."""
    with factory() as session:
        session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        for table in ("exchanges", "replies", "pairs", "grades", "labels"):
            session.execute(text(f"VACUUM ANALYZE {table}"))
