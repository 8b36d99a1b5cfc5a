"""Tokens of both arms: counted, estimated, missing; what they are made of, a month, and by whose prices."""

from decimal import Decimal

import numpy as np
import pytest

from app.costs.token_bill import TokenBill
from app.domain.evidence import ArmEvidence, Evidence
from app.domain.usage_figures import ArmUsage
from app.pipeline.token_bills import Basis
from app.pipeline.usage_figures import usage_figures
from tests.unit.pipeline.made_evidence import Made as Row
from tests.unit.pipeline.made_evidence import made
from tests.unit.pipeline.made_replies import Made, replies


def figures(incumbent: list[Made], candidate: list[Made], *, month: int | None = 2, rows: list[bool] | None = None) -> ArmUsage:
    """The incumbent's figures; the last row stands for two requests."""
    many = len(incumbent)
    base = made([Row(f"c{number}") for number in range(many)]).evidence
    arm = base.arms["qwen"]
    evidence = Evidence(
        base.exchanges, replies(incumbent), {"qwen": ArmEvidence(replies(candidate), arm.pairs, arm.grades, arm.labels)}
    )
    counted = np.array(rows or [True] * many, dtype=bool)
    weights = np.array([*[1.0] * (many - 1), 2.0])
    basis = Basis(counted, weights, np.zeros(many, dtype=np.int64), np.zeros(many, dtype=np.int64), ["a"])
    bill = TokenBill(sources=frozenset({"genai-prices 1: openai/gpt-5.1"}))
    stays, leaves = usage_figures(
        "qwen", evidence, basis, month=Decimal(month) if month is not None else None, incumbent={"a": bill}, candidate=None
    )
    assert (stays.price_sources, leaves.price_sources) == (["genai-prices 1: openai/gpt-5.1"], [])
    assert (stays.arm, leaves.arm) == ("incumbent", "qwen")
    return stays


def test_tokens_and_shares_are_weighted_and_made_a_month() -> None:
    rows = [Made(1000, 100, cached=500, reasoning=10, written=100), Made(2000, 200, cached=500, tier="flex")]
    found = figures(rows, [Made()] * 2)
    assert (found.counted, found.estimated, found.missing) == (2, 0, 0)
    assert (found.input_tokens_per_month, found.output_tokens_per_month) == (10_000, 1000)
    assert (found.cached_rate, found.cache_write_rate, found.reasoning_rate) == (0.3, 0.1, 0.1)
    assert (found.estimated_output_rate, found.service_tiers) == (0, {"": 1, "flex": 1})


def test_what_no_server_says_is_unknown() -> None:
    found = figures([Made()] * 2, [Made()] * 2)
    assert (found.cached_rate, found.cache_write_rate, found.reasoning_rate) == (None, None, None)
    nothing = figures([Made(there=False)] * 2, [Made()] * 2)
    assert (nothing.input_tokens_per_month, nothing.output_tokens_per_month, nothing.estimated_output_rate) == (None,) * 3
    assert figures([Made()] * 2, [Made()] * 2, month=None).input_tokens_per_month is None


def test_estimates_are_counted_apart_and_what_is_missing_is_like_the_others() -> None:
    rows = [Made(1000, 100), Made(None, None), Made(None, None, chars=0), Made(None, None, failure="timeout"), Made(1000, 100)]
    found = figures(rows, [Made(500)] * 5)
    assert (found.counted, found.estimated, found.missing) == (2, 1, 1)
    assert found.estimated_output_rate == pytest.approx(100 / 400)
    assert found.output_tokens_per_month == pytest.approx(400 * 2 * 5 / 4)


def test_rows_of_open_days_do_not_count() -> None:
    found = figures([Made(1000, 100), Made(9000, 900)], [Made()] * 2, rows=[True, False])
    assert (found.counted, found.input_tokens_per_month, found.service_tiers) == (1, 2000, {"": 1})
