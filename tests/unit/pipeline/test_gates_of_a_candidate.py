"""The five conditions together: whose exchanges each rests on, which are required, and what is shown of each."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.costs.token_bill import TokenBill
from app.domain.words import GateName, GateOutcome
from app.pipeline.gates import Gates, gates_of
from app.pipeline.money import Money
from tests.builders import a_configuration
from tests.unit.pipeline.test_conversations import Facts, evidence_of

P, F, U, N = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN, GateOutcome.NOT_REQUIRED
EACH = 400


def gates(*, reason: str = "cost", gpu_usd: str = "1.00") -> Gates:
    """In segment a nothing fails, in b everything; a month of a's tokens costs 800 US dollars, of b's 100, a GPU 730 each."""
    candidate = {"name": "qwen", "base_url": "http://x/v1", "model": "m", "license": "MIT", "gpu_usd_per_hour": gpu_usd}
    configuration = a_configuration(
        candidate=[candidate], decision={"reason": reason}, reliability={"max_failure_rate": 0.05},
        cost={"engineer_usd_per_hour": "0", "other_usd_per_month": "0"},
    )  # fmt: skip
    rows: list[Facts] = [
        (number, number, segment, kind, None, None, 1.0)
        for segment, kind in (("a", "equal"), ("b", "failure"))
        for number in range(EACH)
    ]
    evidence = evidence_of(list(enumerate(rows)), [])
    money = Money(
        configuration=configuration, table=configuration.candidate[0], candidate=None, month=Decimal(1),
        incumbent={
            segment: TokenBill(usd=Decimal(usd), replies=Decimal(EACH)) for segment, usd in (("a", "800"), ("b", "100"))
        },
        upkeep=None, one_off_hours=Decimal(0), idle_hours=Decimal(0),
        requests=2.0 * EACH, pilot_usd=Decimal(0), unpriced_calls=(),
    )  # fmt: skip
    quality: Any = SimpleNamespace(
        gate=F,
        ruled=SimpleNamespace(bound=0.41, reason="below", passed_on=14, failed_on=21),
        terms=SimpleNamespace(threshold=0.45, alpha=0.025),
    )
    everything = np.ones(2 * EACH, dtype=bool)
    return gates_of(
        configuration, quality, evidence.arms["qwen"], everything, np.ones(2 * EACH, dtype=np.int64),
        evidence.exchanges.segments, money,
    )  # fmt: skip


def test_all_traffic_counts_for_the_whole_and_its_own_for_a_split() -> None:
    found = gates()
    assert found.outcomes() == {
        GateName.QUALITY: F, GateName.LATENCY: N, GateName.RELIABILITY: F, GateName.SAVING: P, GateName.CONSTRAINTS: N,
    }  # fmt: skip
    for segment, reliability, saving in (("a", P, P), ("b", F, F)):
        split = found.operation(frozenset({segment}))
        assert {name: one.outcome for name, one in split.items()} == {
            GateName.LATENCY: N, GateName.RELIABILITY: reliability, GateName.SAVING: saving,
        }  # fmt: skip
        assert f" of {EACH} requests failed" in split[GateName.RELIABILITY].reason
        assert f"if only {segment} moved" in split[GateName.SAVING].reason
    whole = found.operation(None)
    assert f"{EACH} of {2 * EACH} requests failed" in whole[GateName.RELIABILITY].reason
    assert (
        whole[GateName.SAVING].reason
        == "if all of it moves, 170.00 US dollars a month are saved; the chance that it saves money is over 99.9%"
    )


@pytest.mark.parametrize(("reason", "outcome"), [("cost", F), ("privacy", N), ("latency", N), ("control", N)])
def test_a_saving_is_required_of_those_who_leave_for_cost(reason: str, outcome: GateOutcome) -> None:
    saving = gates(reason=reason, gpu_usd="2.00").operation(None)[GateName.SAVING]
    assert (saving.outcome, saving.bound, saving.threshold) == (outcome, -560.0, 0.0)
    assert saving.reason.endswith("it costs 560.00 US dollars a month more; the chance that it saves money is under 0.1%")
    assert saving.reason.startswith("if") == (reason == "cost")


def test_what_is_shown_of_each_condition() -> None:
    found = {gate.name: gate for gate in gates().models}
    assert {name: gate.alpha for name, gate in found.items()} == {
        GateName.QUALITY: 0.025, GateName.LATENCY: None, GateName.RELIABILITY: 0.05, GateName.SAVING: None,
        GateName.CONSTRAINTS: None,
    }  # fmt: skip
    quality = found[GateName.QUALITY]
    assert (quality.bound, quality.threshold, quality.reason) == (0.41, 0.45, "below")
    assert (quality.passed_on, quality.failed_on) == (14, 21)
