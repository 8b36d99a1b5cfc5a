"""Reports whose money is computed, not made up: a staircase, a candidate paid by the token, unknown prices, hostile names."""

import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np

from app.costs.break_even import break_even_requests
from app.costs.month_model import month_of
from app.costs.spread import SpendMoments
from app.costs.stairs import Stairs
from app.costs.token_bill import TokenBill, TokenRate
from app.costs.totals import payback_months
from app.domain.cost_figures import CostModel
from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.domain.scorecard import Scorecard
from app.pipeline.money import Money, candidate_usd, incumbent_usd, saving_usd
from app.pipeline.money_model import month_inputs
from app.pipeline.saving import month_model
from app.reports.build import scorecard_json
from app.reports.document import Chart, Document, Section
from tests.builders import a_configuration
from tests.unit.pipeline.made_case import money
from tests.unit.pipeline.test_money_figures import a_money
from tests.unit.reports.examples import a_document, hybrid, two_candidates

REPLIES = Decimal(1_284_000)
HOSTILE = '=HYPERLINK("http://evil.example","x")'


def a_bill(*prices: tuple[int, str, str | None], model: str = "gpt-5.1") -> TokenBill:
    """Kind, tokens, US dollars per million."""
    tokens = {
        TokenRate(model, "", 0, kind, None if usd is None else Decimal(usd), "" if usd is None else "own prices"): Decimal(many)
        for kind, many, usd in prices
    }
    usd = sum((many * (rate.usd_per_million_tokens or 0) for rate, many in tokens.items()), Decimal(0)) / 1_000_000
    unpriced = frozenset({model}) if any(price[2] is None for price in prices) else frozenset()
    return TokenBill(usd=usd, replies=REPLIES, output_tokens=Decimal(1), tokens=tokens, unpriced=unpriced)


STAYS = a_bill((0, "1500000000.5", "1.25"), (1, "500000000", "0.125"), (4, "747481000", "10"))


def some_money(**changes: Any) -> Money:
    """Rented GPUs on a measured staircase, hours and upgrades, what comes once."""
    given: dict[str, Any] = {
        "incumbent": {"a": STAYS},
        "requests": float(REPLIES),
        "month": Decimal(730) / 672,
        "moments": {"a": SpendMoments(np.array([300.0**2, 0, 0]), np.array([[9412.0, 0.0]]), 2012)},
        "stairs": Stairs((0.6, 1.4, 2.1), (2, 3, 5), least=2),
        "carrying_variation": 0.08,
        "ends_at": datetime(2026, 10, 5, tzinfo=UTC),
    }
    return a_money(**given | changes)


def by_token() -> Money:
    """A candidate that somebody else serves."""
    prices = {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 2}
    configuration = a_configuration(
        candidate=[{"name": "qwen", "base_url": "http://x/v1", "model": "m"} | prices],
        cost={"engineer_usd_per_hour": "90", "other_usd_per_month": "500", "upgrades_per_year": 2, "hours_per_upgrade": 7},
    )
    leaves = {"a": a_bill((0, "1900000000", "0.3"), (4, "800000000", "1.2"), model="m")}
    return replace(
        some_money(stairs=money().stairs), configuration=configuration, table=configuration.candidate[0], candidate=leaves
    )


@cache
def costs() -> dict[str, CostModel]:
    """By what is special of them."""
    unpriced = {"a": a_bill((0, "1500000000", "1.25"), (4, "747481000", None))}
    made = {
        "stairs": some_money(),
        "beyond": some_money(stairs=Stairs((0.01, 0.02), (1, 2), least=4)),
        "never": some_money(incumbent={"a": a_bill((0, "1000000000", "1"))}, stairs=Stairs((1.0,), (3,), least=1)),
        "flat": some_money(stairs=money().stairs),
        "by token": by_token(),
        "unpriced": some_money(incumbent=unpriced),
    }
    return {name: _cost(each) for name, each in made.items()}


def _cost(given: Money) -> CostModel:
    """The points of the pipeline's own functions; draws would take longer than all else."""
    leaves, saving, model = candidate_usd(given, None), saving_usd(given, None), month_model(given, None)
    points: dict[str, Any] = {}
    if saving is not None:
        pays, back = float(break_even_requests(model)[0]), float(payback_months(month_of(model))[0])
        points = {
            "break_even_requests_per_month": EstimateModel(value=pays if math.isfinite(pays) else None),
            "payback_months": EstimateModel(value=back if math.isfinite(back) else None),
            "draws": 1,
        }
    return CostModel(
        incumbent_usd_per_month=MoneyEstimate(value=incumbent_usd(given, None)),
        candidate_usd_per_month=MoneyEstimate(value=leaves.usd),
        saving_usd_per_month=MoneyEstimate(value=saving),
        parts=leaves.parts,
        model=month_inputs(given),
        **points,
    )


@cache
def all_kinds() -> Document:
    """A report with a candidate for each."""
    card = hybrid()
    first = card.candidates["qwen"]
    named = {name: first.model_copy(update={"cost": cost}) for name, cost in costs().items()}
    return _saying(card.model_copy(update={"candidates": named}))


def named_hostile() -> Document:
    """Names and reasons that a spreadsheet would take for formulas."""
    card = two_candidates()
    first, second = card.candidates.values()
    gates = [gate.model_copy(update={"reason": "+1+cmd|' /C calc'!A0"}) for gate in first.gates]
    verdict = first.verdict.model_copy(update={"reasons": ["@SUM(1+1)", "-2+3"], "not_tested": ["\x01\tx"]})
    segments = {HOSTILE: next(iter(first.segments.values()))}
    changed = first.model_copy(update={"gates": gates, "verdict": verdict, "segments": segments})
    return _saying(card.model_copy(update={"candidates": {HOSTILE: changed, "a/b[c]:*?\\" + "d" * 40: second}}))


def without_charts(example: str) -> Document:
    """An example's report; drawing takes longer than all else."""
    return _without_charts(a_document(example))


def with_money_charts() -> Document:
    """Only the pictures of money."""
    document = a_document("dont_migrate")
    evidence = next(each for each in document.sections if each.slug == "evidence-1")
    return document.model_copy(update={"sections": tuple(each for each in evidence.sections if each.slug == "money-1")})


def _saying(card: Scorecard) -> Document:
    """A report of a scorecard with an answer a candidate and no sections: the workbook reads figures."""
    document = a_document("hybrid")
    (answer,) = document.summary.answers
    answers = tuple(answer.model_copy(update={"candidate": name}) for name in card.candidates)
    summary = document.summary.model_copy(update={"answers": answers})
    return document.model_copy(update={"summary": summary, "scorecard": scorecard_json(card), "sections": ()})


def _without_charts(document: Document) -> Document:
    return document.model_copy(update={"sections": tuple(map(_plain, document.sections))})


def _plain(section: Section) -> Section:
    blocks = tuple(block for block in section.blocks if not isinstance(block, Chart))
    return section.model_copy(update={"blocks": blocks, "sections": tuple(map(_plain, section.sections))})
