"""The demo's history: an import file (CONTRACTS section 4) of 28 days of a simulated support assistant.

Everything but the dates is drawn from case numbers alone: whichever day the demo is run on, each week of the history holds
the same conversations on the same weekdays. Sizes: with 1,160 conversations and about 720 labels a candidate on a par passes
the rule of `reference/statistics.md` section 3 at a third of the error in about nine of ten worlds; `SEED` is one of those.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from app.domain.exchange import Json
from app.domain.words import FailureKind
from app.simulator.assistant import CANDIDATE, INCUMBENT, prompt_tokens, reply_text, request_of, tokens_in
from app.simulator.completions import usage_body
from app.simulator.draws import lognormal, one_of, uniform, weighted
from app.simulator.models import tempo_of
from app.simulator.truth import ANSWERS, ESCALATIONS, EXTRACTION, Outcome, case_number, outcome_of

SEED = 23
HISTORY_DAYS = 28
INCUMBENT_MODEL, CANDIDATE_MODEL, CANDIDATE_NAME = "gpt-5.1", "Qwen/Qwen3.5-27B", "qwen"
INCLUSION_PROBABILITY = 0.0004
# In the last days the candidate was asked at once only for what people were about to label; the rest waits for a replay.
REPLAYED_DAYS = 6
FAILURE_SECONDS = {FailureKind.TIMEOUT: 60.0, FailureKind.HTTP: 0.35}
RATERS = ("dana", "emil", "farah")


@dataclass(frozen=True, slots=True)
class Plan:
    """One segment's share of the history."""

    conversations: int
    draw_probability: float
    turns: dict[int, float]


PLANS = {
    ANSWERS: Plan(1160, 0.62, {1: 0.55, 2: 0.30, 3: 0.15}),
    EXTRACTION: Plan(420, 0.40, {1: 1.0}),
    ESCALATIONS: Plan(420, 0.40, {1: 0.5, 2: 0.3, 3: 0.2}),
}
_WEEKDAYS = {0: 1.05, 1: 1.0, 2: 1.0, 3: 0.98, 4: 0.92, 5: 0.42, 6: 0.36}
_HOURS = dict(enumerate([1, 1, 1, 1, 1, 2, 4, 8, 14, 19, 21, 20, 16, 17, 19, 19, 18, 17, 15, 13, 11, 8, 5, 2]))


def history_lines(ends: datetime, *, seed: int = SEED) -> list[bytes]:
    """The lines of the import file, by arrival.

    Args:
        ends: Midnight after the last day, with zone.
        seed: Of the simulated world.
    """
    lines = [line for segment in PLANS for line in _segment_lines(segment, ends, seed)]
    return [orjson.dumps(line) + b"\n" for line in sorted(lines, key=lambda line: (line["arrived_at"], line["exchange_id"]))]


def write_history(path: Path, ends: datetime, *, seed: int = SEED) -> int:
    """Writes the import file; how many exchanges it has."""
    lines = history_lines(ends, seed=seed)
    path.write_bytes(b"".join(lines))
    return len(lines)


def _segment_lines(segment: str, ends: datetime, seed: int) -> Iterator[Json]:
    plan = PLANS[segment]
    for index in range(plan.conversations):
        case = case_number(segment, index)
        turns = weighted(plan.turns, seed, case, "turns")
        drawn = uniform(seed, case, "drawn") < plan.draw_probability
        labelled = 1 + int(uniform(seed, case, "labelled") * turns) if drawn else None
        arrived = _start(case, index, ends, seed)
        replayed = not drawn and arrived >= ends - timedelta(days=REPLAYED_DAYS)
        for turn in range(1, turns + 1):
            line = _line(segment, case, turn, arrived, seed, with_candidate=not replayed)
            if turn == labelled:
                line["preferences"] = [_label(case, turn, arrived, ends, plan.draw_probability, seed)]
            yield line
            pause = line["replies"][INCUMBENT]["total_seconds"] + lognormal(75, 0.5, seed, case, turn, "pause")
            arrived = min(arrived + timedelta(seconds=pause), _last_moment(arrived))


def _start(case: int, index: int, ends: datetime, seed: int) -> datetime:
    week = index % (HISTORY_DAYS // 7)
    weekday = weighted(_WEEKDAYS, seed, case, "weekday")
    monday_based = (weekday - ends.weekday()) % 7
    hour = weighted(_HOURS, seed, case, "hour")
    seconds = uniform(seed, case, "second") * (3600 if hour < 23 else 2400)  # noqa: PLR2004 - none crosses midnight
    return ends - timedelta(days=HISTORY_DAYS) + timedelta(days=7 * week + monday_based, hours=hour, seconds=seconds)


def _last_moment(moment: datetime) -> datetime:
    return moment.replace(hour=23, minute=59, second=59, microsecond=moment.microsecond)


def _line(segment: str, case: int, turn: int, arrived: datetime, seed: int, *, with_candidate: bool) -> Json:
    request = request_of(seed, case, turn, model=INCUMBENT_MODEL)
    outcome = outcome_of(seed, case, turn)
    replies = {INCUMBENT: _reply(request, seed, case, turn, INCUMBENT, outcome.incumbent_failure)}
    if with_candidate:
        replies[CANDIDATE_NAME] = _reply(request, seed, case, turn, CANDIDATE, outcome.candidate_failure)
    return {
        "exchange_id": f"case-{case}-{turn}",
        "arrived_at": arrived.isoformat(timespec="milliseconds"),
        "conversation_id": f"case-{case}",
        "turn": turn,
        "segment": segment,
        "inclusion_probability": INCLUSION_PROBABILITY,
        "request": request,
        "replies": replies,
    }


def _reply(request: Json, seed: int, case: int, turn: int, arm: str, failure: FailureKind | None) -> Json:
    if failure is not None:
        status = {"status": 503} if failure is FailureKind.HTTP else {}
        return {"failure": failure.value, "total_seconds": FAILURE_SECONDS[failure], **status}
    content = reply_text(seed, case, turn, arm)
    tokens = tokens_in(content)
    first, rate = tempo_of(seed, case, turn, arm)
    return {
        "content": content,
        "finish_reason": "stop",
        "usage": usage_body(prompt_tokens(request["messages"]), tokens),
        "ttft_any_seconds": round(first, 4),
        "total_seconds": round(first + (tokens - 1) / rate, 4),
    }


def _label(case: int, turn: int, arrived: datetime, ends: datetime, draw_probability: float, seed: int) -> Json:
    outcome = outcome_of(seed, case, turn)
    delay = timedelta(hours=2 + 28 * uniform(seed, case, "label delay"))
    at = max(arrived + timedelta(seconds=90), min(arrived + delay, ends - timedelta(seconds=1)))
    return {
        "arm": CANDIDATE_NAME,
        "by": "person",
        "rater": one_of(RATERS, seed, case, "rater"),
        "value": _opinion(outcome, seed, case),
        "critical": _is_critical(outcome, case, seed),
        "draw_probability": draw_probability,
        "at": at.isoformat(timespec="seconds"),
    }


def _opinion(outcome: Outcome, seed: int, case: int) -> float:
    """A person is right about 93 of 100 clear pairs, and sees a difference in 14 of 100 ties."""
    truth = outcome.preference
    if truth == 0.5:  # noqa: PLR2004
        return weighted({0.5: 0.86, 0.0: 0.07, 1.0: 0.07}, seed, case, "opinion")
    return weighted({truth: 0.93, 0.5: 0.05, 1.0 - truth: 0.02}, seed, case, "opinion")


def _is_critical(outcome: Outcome, case: int, seed: int) -> bool:
    """A reply to an angry customer that misses nearly everything may do harm."""
    poor = outcome.candidate_failure is None and outcome.candidate_level <= 1
    return poor and uniform(seed, case, "critical") < 0.3  # noqa: PLR2004
