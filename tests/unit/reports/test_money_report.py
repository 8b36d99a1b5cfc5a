"""The money part of a report: ranges, swings, scenarios, the staircase, other ways out, sources, the pilot's own cost."""

from decimal import Decimal

from app.costs.month_draws import draw_factors
from app.costs.stored_month import spread_of_inputs
from app.costs.what_if import what_if
from app.domain.cost_figures import (
    CostInput,
    CostModel,
    OptionModel,
    PilotSpend,
    ScenarioModel,
    StairModel,
    TornadoBar,
)
from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.domain.words import GateName, GateOutcome
from app.reports.build import build_document
from app.reports.context import Subject
from app.reports.document import Document
from app.reports.html import render_html
from app.reports.markdown import render_markdown
from app.reports.what_if import Beside, sentence
from tests.unit.reports.examples import HOURS, MADE_AT, a_full_configuration, hybrid, migrate
from tests.unit.reports.money_example import a_cost, made_inputs


def between(value: int, low: int, high: int) -> MoneyEstimate:
    return MoneyEstimate(value=Decimal(value), low=Decimal(low), high=Decimal(high), n=900, method="monte_carlo")


TORNADO = [
    TornadoBar(
        input="requests",
        low=0.5,
        high=1.5,
        saving_at_low_usd=Decimal(600),
        saving_at_high_usd=Decimal(9900),
        is_measured=False,
        words="half as many, and half as many again",
    ),
    TornadoBar(
        input="hours of upkeep",
        low=0.5,
        high=2.0,
        saving_at_low_usd=Decimal(6000),
        saving_at_high_usd=Decimal(-150),
        is_measured=True,
        words="by the weeks logged",
    ),
]
SCENARIOS = [
    ScenarioModel(
        name="api_price_minus_50",
        words="the incumbent's price halves",
        saving_usd_per_month=between(576, -900, 1200),
        probability_saving_positive=0.71,
        total_saving_usd=Decimal(13824),
    ),
]
STAIRS = [
    StairModel(requests_per_month=642_000.0, incumbent_usd=Decimal(4706), candidate_usd=Decimal(4130), replicas=1),
    StairModel(requests_per_month=1_284_000.0, incumbent_usd=Decimal(9412), candidate_usd=Decimal(6320), replicas=2),
]
OPTIONS = [
    OptionModel(
        name="gpt-5-mini",
        kind="vendor_tier",
        usd_per_month=between(1880, 1700, 2000),
        saving_usd_per_month=between(7532, 7400, 7700),
        source="genai-prices: openai/gpt-5-mini",
    )
]
INPUTS = [
    CostInput(
        name="hours of upkeep",
        unit="hours per month",
        value=16.25,
        low=8.0,
        high=33.5,
        source="measured",
        citation="2 entries of 4 weeks",
    ),
    CostInput(name="hours for upgrades", unit="hours per month", source="unknown"),
]
PILOT_SPEND = [
    PilotSpend(purpose="judge", usd=Decimal("38.20"), calls=900),
    PilotSpend(purpose="replay", usd=None, calls=3),
]


def a_full_cost(**replaced: object) -> CostModel:
    given = {
        "saving_usd_per_month": between(5282, 3100, 6900),
        "probability_saving_positive": 0.987,
        "draws": 100_000,
        "seed": 7,
        "horizon_months": 24,
        "incumbent_total_usd": between(225_895, 210_000, 240_000),
        "candidate_total_usd": between(99_120, 90_000, 130_000),
        "payback_months": EstimateModel(value=0.8, low=0.6, high=1.4, n=900, method="monte_carlo"),
        "break_even_requests_per_month": EstimateModel(
            value=563_000.0, low=500_000.0, high=700_000.0, n=900, method="monte_carlo"
        ),
        "utilisation_rate": 0.31,
        "tornado": TORNADO,
        "scenarios": SCENARIOS,
        "stairs": STAIRS,
        "options": OPTIONS,
        "inputs": INPUTS,
        "pilot_spend": PILOT_SPEND,
    }
    return a_cost(**given | replaced)


def a_report(cost: CostModel) -> Document:
    scorecard = hybrid()
    card = scorecard.candidates["qwen"].model_copy(update={"cost": cost})
    changed = scorecard.model_copy(update={"candidates": {"qwen": card}})
    return build_document(changed, a_full_configuration(), HOURS, MADE_AT)


def test_every_figure_is_there_with_its_range() -> None:
    text = render_markdown(a_report(a_full_cost()))
    for line in (
        "| Saving if all of it moves | $5,282 ($3,100 to $6,900) |",
        "| Staying in 24 months, all in all | $225,895 ($210,000 to $240,000) |",
        "| Moving in 24 months, all in all | $99,120 ($90,000 to $130,000) |",
        "| Months until one-off hours are paid back, if all of it moves | 0.8 (0.6 to 1.4) |",
        "| Chance that it saves money, if all of it moves | 98.7% |",
        "| Share of the rented capacity in use on average | 31% |",
        "| The incumbent's price halves | $576 (-$900 to $1,200) | 71.0% | $13,824 |",
        "| As it is | $5,282 ($3,100 to $6,900) | 98.7% | $126,775 |",
        "| requests | assumed | 0.50 to 1.50 | $600 | $9,900 |",
        "| hours of upkeep | measured | 0.50 to 2.00 | $6,000 | \\-$150 |",
        "| 642,000 | 1 | $4,706 | $4,130 |",
        "| hours of upkeep | 16.25 (8.00 to 33.50) | hours per month | measured: 2 entries of 4 weeks |",
        "| hours for upgrades | unknown | hours per month | nobody said |",
        "| Judge | 900 | — | $38.20 |",
        "| Replay | 3 | — | unknown |",
        "| In all |",
    ):
        assert line in text, line
    assert "It pays from 563,000 (500,000 to 700,000) requests a month on. Replicas are whole" in text
    assert "gpt-5-mini | cheaper model of the same vendor | $1,880 ($1,700 to $2,000) | $7,532 ($7,400 to $7,700)" in text
    assert "their quality is not tested" in text


def test_the_pictures_are_drawn_and_named() -> None:
    page = render_html(a_report(a_full_cost()))
    for part in ("What moves the saving most", "Cost by volume, US dollars per month", "hours of upkeep", "requests per month"):
        assert part in page


def test_what_was_not_measured_is_said() -> None:
    flat = [stair.model_copy(update={"replicas": 2}) for stair in a_full_cost().stairs]
    text = render_markdown(a_report(a_full_cost(stairs=flat)))
    assert "Nobody measured what a replica carries (pilot rehearse does), so 2 replicas are taken to serve any volume" in text
    by_token = a_full_cost(stairs=flat, parts={"tokens": Decimal(4130)})
    assert "It is paid by the token" in render_markdown(a_report(by_token))
    never = a_full_cost(break_even_requests_per_month=EstimateModel(), payback_months=EstimateModel())
    text = render_markdown(a_report(never))
    assert "At no volume does it pay." in text
    assert "| Months until one-off hours are paid back, if all of it moves | never: running it costs no less |" in text


def test_without_draws_nothing_is_made_up() -> None:
    text = render_markdown(a_report(a_cost()))
    assert "If something else were so" not in text
    assert "| Chance that it saves money, if all of it moves | unknown: not computed |" in text


def test_what_if_does_not_say_that_a_gate_would_pass_that_is_held_open() -> None:
    card, inputs = migrate().candidates["qwen"], made_inputs()
    found = Beside(what_if(inputs, {}, draw_factors(spread_of_inputs(inputs), draws=400)), None)
    assert sentence(found, Subject("qwen", 1, card, migrate(), a_full_configuration())).endswith("the saving gate would pass.")
    doubt = {"outcome": GateOutcome.UNKNOWN, "reason": "the invoice says 12% more"}
    gates = [gate.model_copy(update=doubt) if gate.name is GateName.SAVING else gate for gate in card.gates]
    held = Subject("qwen", 1, card.model_copy(update={"gates": gates}), migrate(), a_full_configuration())
    assert sentence(found, held).endswith("It is open all the same: the invoice says 12% more.")
