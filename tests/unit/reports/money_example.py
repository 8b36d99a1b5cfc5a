"""What the example's month is made of: adds up to its points."""

from decimal import Decimal
from typing import Any

from app.domain.cost_figures import CostModel, HoursModel
from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.domain.month_inputs import MonthInputs, ReplicaStep, SpreadModel, TokenKind, TokenLine

STEPS = [ReplicaStep(volume=v, replicas=r) for v, r in ((0.6, 2), (1.4, 3), (2.1, 4))]


def token_lines(output_tokens: int = 747_481_000) -> list[TokenLine]:
    """$9,412.31 of tokens, or with fewer of them as output less."""
    lines: list[tuple[TokenKind, int, str]] = [
        ("input", 1_500_000_000, "1.25"), ("cached input", 500_000_000, "0.125"), ("output", output_tokens, "10")
    ]  # fmt: skip
    return [
        TokenLine(
            model="gpt-5.1", kind=kind, tokens_per_month=Decimal(tokens), usd_per_million_tokens=Decimal(usd),
            source="genai-prices 1: openai/gpt-5.1",
        )
        for kind, tokens, usd in lines
    ]  # fmt: skip


def made_inputs(**replaced: Any) -> MonthInputs:
    """One rented GPU at $3, sixteen hours of upkeep at $90, $500 of other cost."""
    given: dict[str, Any] = {
        "requests_per_month": Decimal(1_284_000),
        "incumbent_tokens": token_lines(),
        "gpu_usd_per_hour": Decimal(3),
        "upkeep_hours_per_month": Decimal(16),
        "is_upkeep_logged": True,
        "engineer_usd_per_hour": Decimal(90),
        "other_usd_per_month": Decimal(500),
        "spread": SpreadModel(incumbent=0.03, upkeep_sigma=0.3),
    }
    return MonthInputs(**given | replaced)


def a_cost(**replaced: Any) -> CostModel:
    given: dict[str, Any] = {
        "incumbent_usd_per_month": MoneyEstimate(value=Decimal("9412.31"), n=3140, method="tokens"),
        "candidate_usd_per_month": MoneyEstimate(value=Decimal("4130.00"), n=3140, method="replicas"),
        "saving_usd_per_month": MoneyEstimate(value=Decimal("5282.31"), n=3140, method="difference"),
        "engineering_hours": HoursModel(one_off=36.5, recurring_per_month=EstimateModel(value=16.0, n=2, method="logged")),
        "pilot_usd": Decimal("38.20"),
        "parts": {"gpus": Decimal("2190.00"), "engineering hours": Decimal("1440.00"), "other": Decimal("500.00")},
        "requests_per_month": 1_284_000.0,
        "model": made_inputs(),
    }
    return CostModel(**(given | replaced))
