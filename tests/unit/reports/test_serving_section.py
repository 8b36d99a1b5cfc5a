"""What the report says of a candidate's server."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.serving import RepeatModel, ServingBucket, ServingDay, ServingModel, ServingTrend
from app.domain.words import Outcome
from app.reports.context import Subject
from app.reports.document import Bullets, Paragraph, Table
from app.reports.live import live_blocks
from app.reports.serving import serving_sections
from tests.unit.reports.examples import a_candidate, a_full_configuration, a_scorecard, a_verdict, an_estimate

GREW = ServingTrend(
    buckets=[
        ServingBucket(from_=0, to=1, p95=an_estimate(1.2, 0.1, 900), at_once_mean=2.5),
        ServingBucket(from_=168, p95=an_estimate(1.9, 0.1, 800), at_once_mean=2.4),
    ],
    slope=an_estimate(0.05, 0.01, 1700),
    last_minus_first=an_estimate(0.7, 0.2, 850),
    grows=True,
)
UNKNOWN = ServingTrend(
    buckets=[ServingBucket(from_=begin, to=to, p95=an_estimate(1.2, 0.1, 900)) for begin, to in ((1, 2), (4, 8), (64, None))],
    slope=an_estimate(0.2, 0.1, 900),
)
DAYS = [
    ServingDay(day=1, readings=1440, running_mean=2.25, running_max=9, waiting_max=0, kv_cache_mean=0.125, kv_cache_max=0.5,
               gpu_memory_bytes_max=70 * 1024**3, preemptions=3, prefix_cache_hit_rate=0.4, ttft_mean_seconds=0.21),
    ServingDay(day=2, readings=0, problems=60),
]  # fmt: skip
WHOLE = ServingModel(
    configured_server="vllm", seen_servers=["vllm"], metrics_url="http://vllm:8000/metrics", readings=1440, problems=60,
    last_problem="it answers with status 503", days=DAYS, restarts=[datetime(2026, 9, 9, tzinfo=UTC)], processes_at_once=1,
    longest_uptime_hours=47.5, uptime={"total_seconds": GREW}, load={"ttft_any_seconds": UNKNOWN},
    kv_cache_per_day=an_estimate(0.012, 0.004, 600), kv_cache_grows=True,
    deterministic=RepeatModel(equal_rate=an_estimate(0.96, 0.03, 100), equal=96, different=4, failed=2),
    sampled=RepeatModel(failed=1), warnings=["qwen: it grows."],
)  # fmt: skip


def a_subject(serving: ServingModel) -> Subject:
    card = a_candidate(a_verdict(Outcome.MIGRATE)).model_copy(update={"serving": serving})
    scorecard = a_scorecard({"qwen": card}, warnings=["of the ledger", *serving.warnings])
    return Subject("qwen", 1, card, scorecard, a_full_configuration())


def text_of(serving: ServingModel) -> str:
    said: list[str] = []
    for section in serving_sections(a_subject(serving)):
        said.append(section.title)
        for block in section.blocks:
            if isinstance(block, Paragraph):
                said.append(block.text)
            elif isinstance(block, Bullets):
                said += [block.title, *block.items]
            elif isinstance(block, Table):
                said += [block.caption, *block.columns, *(cell.text for row in block.rows for cell in row)]
    return "\n".join(said)


def test_all_of_it_is_said_with_its_interval_and_n() -> None:
    said = text_of(WHOLE)
    for words in (
        "Its server while it served",
        "read 1,440 times, 60 times in vain (it answers with status 503)",
        "Restarts seen: 1; it ran for at most 47.5 hours on end",
        "fuller by +1.20 points (+0.80 to +1.60) at equal load, over 600 hours",
        "2.2 (9)", "12.5% (50.0%)", "70.0 GiB", "40.0%", "0.21 s",
        "0 to under 1", "from 168", "4 to 7", "64 and more", "1.20 s (1.10 to 1.30 s)",
        "the oldest quarter less the youngest is +0.7 s (+0.5 to +0.9 s), over 850 answers: it grows",
        "Each day of age adds +0.05 s (+0.04 to +0.06 s) on average, at equal load",
        "Too few answers to compare the busiest quarter with the quietest",
        "96.0% (93.0 to 99.0%)", "unknown: none was compared",
    ):  # fmt: skip
        assert words in said, words


def test_an_unknown_number_is_the_word_and_no_zero() -> None:
    (section,) = serving_sections(a_subject(WHOLE))
    (table,) = (block for block in section.blocks if isinstance(block, Table) and block.caption.endswith("by day"))
    assert [cell.text for cell in table.rows[1]] == ["2", *["unknown"] * 8]


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert serving_sections(a_subject(ServingModel(configured_server="openai"))) == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"load": {"total_seconds": UNKNOWN}}, "none is configured or known for this kind of server"),
        ({"load": {"total_seconds": UNKNOWN}, "metrics_url": "http://x/metrics"}, "nothing came yet"),
        (
            {"load": {"total_seconds": UNKNOWN}, "metrics_url": "http://x/metrics", "last_problem": "no answer"},
            "not read: no answer",
        ),
        ({"readings": 5, "processes_at_once": 2}, "2 processes answer at its address"),
        ({"readings": 5}, "read 5 times."),
    ],
)
def test_what_is_missing_has_its_reason(given: dict[str, Any], words: str) -> None:
    assert words in text_of(ServingModel(**given))


def test_a_warning_of_a_server_stands_with_its_candidate_and_nowhere_else() -> None:
    subject = a_subject(WHOLE)
    (section,) = serving_sections(subject)
    assert [block.text for block in section.blocks if block.kind == "paragraph" and block.tone == "warning"] == [
        "Qwen: it grows."
    ]
    assert [block.text for block in live_blocks(subject.scorecard) if block.kind == "paragraph"] == ["Of the ledger."]
