"""Running pilots with evidence, and their scorecards."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.pilot import Pilot
from app.domain.scorecard import CandidateModel, Scorecard
from app.domain.words import GateName, GateOutcome
from app.pipeline.pilots import start_pilot
from app.pipeline.scorecard import make_scorecard
from app.pipeline.scorecard_inputs import read_stored
from app.store.pilots import insert_pilot
from tests.builders import a_configuration
from tests.integration.scorecard_rows import DAY, NOW, START, Row, Told, both, store_rows

TOKENS = {"input_tokens": 1000, "cached_input_tokens": 0, "output_tokens": 100}
TIMEOUT = {"failure": "timeout", "total_seconds": 9.0}
QWEN = {"name": "qwen", "base_url": "http://127.0.0.1:8000/v1", "model": "Qwen/Qwen3.5"}
PRICED: dict[str, Any] = {
    "judge": {"rater": "gpt-4"},
    "cost": {"engineer_usd_per_hour": 90, "other_usd_per_month": 10},
    "candidate": [QWEN | {"license": "MIT", "gpu_usd_per_hour": "0.01"}],
    "incumbent": {
        "base_url": "https://api.example.com/v1",
        "model": "gpt-5.1",
        "input_usd_per_million_tokens": 100,
        "output_usd_per_million_tokens": 1000,
    },
}  # fmt: skip


def started(session: Session, rows: list[Row], *, at: datetime = START - DAY, **tables: Any) -> Pilot:
    """A running pilot with these rows; registered before its first day unless said otherwise."""
    configuration = a_configuration(**{"pilot": {"starts": START.date()}} | PRICED | tables)
    pilot = insert_pilot(session, configuration, source_toml="")
    running = start_pilot(session, pilot.name, "test", at).pilot
    store_rows(session, running, rows)
    return running


def card_of(session: Session, pilot: Pilot, *, as_of: datetime | None = None, now: datetime = NOW) -> Scorecard:
    stored = read_stored(session, pilot.name, as_of=as_of)
    return make_scorecard(stored, as_of=as_of, now=now)[0]


def qwen_of(session: Session, pilot: Pilot, **times: Any) -> CandidateModel:
    return card_of(session, pilot, **times).candidates["qwen"]


def gate_of(card: CandidateModel, name: GateName) -> GateOutcome:
    return next(gate.outcome for gate in card.gates if gate.name is name)


def spread(count: int, *, value: float = 0.5, segment: str = "other", labels: int = 0, prefix: str = "") -> list[Row]:
    """Conversations over 28 days whose answers are `value` or, half of them each, a quarter to both sides of it.

    Labels are spread over them, as draws are.
    """
    return list(_spread(count, value, segment, labels, prefix or segment))


def _spread(count: int, value: float, segment: str, labels: int, prefix: str) -> Iterator[Row]:
    for number in range(count):
        own = value + (0.25 if number % 2 else -0.25)
        yield Row(
            START + number * 28 * DAY / count,
            name=f"{prefix}-{number:05d}",
            segment=segment,
            said=both(own),
            told=(Told(float(own > 0.5)),) if (number + 1) * labels // count > number * labels // count else (),
            incumbent=TOKENS | {"total_seconds": 1.0},
            candidate=TOKENS | {"total_seconds": 1.0},
        )


def started_again(session: Session, rows: list[Row], *, at: datetime) -> Pilot:
    return started(session, rows, at=at, pilot={"name": "second", "starts": START.date()})
