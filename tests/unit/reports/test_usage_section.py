"""The report's section on tokens: counts, shares, prices, and a warning where a server counted nothing."""

from typing import Any

import pytest

from app.domain.usage_figures import ArmUsage
from app.reports.context import Subject
from app.reports.document import Paragraph, Section, Table
from app.reports.usage import usage_sections
from tests.unit.reports.examples import a_full_configuration, hybrid
from tests.unit.reports.money_example import a_cost

COUNTED = ArmUsage(
    arm="incumbent", counted=1900, input_tokens_per_month=4_000_000, cached_rate=0.4, output_tokens_per_month=900_000,
    reasoning_rate=0.25, estimated_output_rate=0.0, service_tiers={"default": 1900},
    price_sources=["genai-prices 1: openai/gpt-5.1"],
)  # fmt: skip
RENTED = ArmUsage(arm="qwen", counted=1800, input_tokens_per_month=4_100_000, output_tokens_per_month=700_000)


def section(*usage: ArmUsage) -> Section | None:
    scorecard = hybrid()
    card = scorecard.candidates["qwen"].model_copy(update={"cost": a_cost(usage=list(usage))})
    found = usage_sections(Subject("qwen", 1, card, scorecard, a_full_configuration()))
    return found[0] if found else None


def table_of(found: Section) -> list[list[str]]:
    (table,) = [block for block in found.blocks if isinstance(block, Table)]
    return [[cell.text for cell in row] for row in table.rows]


def words_of(found: Section) -> list[tuple[str, str]]:
    return [(block.tone, block.text) for block in found.blocks if isinstance(block, Paragraph)]


def test_both_arms_tokens_stand_side_by_side() -> None:
    found = section(COUNTED, RENTED)
    assert found is not None
    assert table_of(found) == [
        ["gpt-5.1", "1,900", "0", "0", "4,000,000", "40.0%", "900,000", "25.0%"],
        ["qwen", "1,800", "0", "0", "4,100,000", "unknown", "700,000", "unknown"],
    ]
    assert words_of(found) == [("plain", "Prices of gpt-5.1: genai-prices 1: openai/gpt-5.1.")]


@pytest.mark.parametrize(
    ("changed", "tone", "words"),
    [
        ({"estimated": 20, "estimated_output_rate": 0.02}, "note", "20 replies; 2.0% of the output tokens are estimated"),
        ({"estimated": 200, "estimated_output_rate": 0.2}, "warning", "stream_options.include_usage"),
        ({"missing": 3}, "warning", "3 replies"),
        ({"service_tiers": {"": 5, "flex": 12}}, "note", "flex (12)"),
    ],
)
def test_what_a_reader_must_know_is_said(changed: dict[str, Any], tone: str, words: str) -> None:
    found = section(RENTED.model_copy(update=changed))
    assert found is not None
    ((was, text),) = words_of(found)
    assert was == tone
    assert words in text


def test_nothing_is_said_of_nothing() -> None:
    assert section() is None
    assert section(ArmUsage(arm="incumbent"), ArmUsage(arm="qwen")) is None
