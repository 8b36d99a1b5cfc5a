"""The money part of a scorecard: both arms' month with ranges, what would change them, and what they rest on."""

import math
from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from app.costs.break_even import break_even_requests
from app.costs.month_draws import DRAWS, SEED, SavingRange, every_fourth, range_of, saving_range
from app.costs.month_model import Factors, Number, month_of
from app.costs.monthly import CandidateMonth
from app.costs.scenarios import FIELD_UPKEEP_SOURCE, FIELD_UPKEEP_USD, month_in, scenarios_of
from app.costs.tornado import Bar, tornado_of
from app.costs.totals import payback_months, totals_of
from app.domain.cost_figures import (
    CACHED_TOKENS,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CostInput,
    CostModel,
    HoursModel,
    ScenarioModel,
    StairModel,
    TornadoBar,
)
from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.pipeline.money import (
    Money,
    candidate_usd,
    given_migration,
    given_upkeep,
    incumbent_usd,
    missing_inputs,
    one_off_hours,
    requests_a_month,
    saving_usd,
    unpriced_models,
    upgrade_hours,
    upkeep_hours,
)
from app.pipeline.money_model import month_inputs
from app.pipeline.money_options import options_of
from app.pipeline.pilot_spend import pilot_total_usd
from app.pipeline.saving import Drawn, drawn_month

METHOD = "monte_carlo"
# The staircase is shown up to so many times the measured volume.
SHOWN_VOLUME = 5.0
MOST_STAIRS = 60
_AS_IT_IS = Factors()
_INPUTS = {
    "incumbent": ("incumbent's tokens", "by conversations and days"),
    "candidate": ("candidate's tokens", "by conversations and days"),
    "carrying": ("what a replica carries", "by the rehearsal"),
    "upkeep": ("hours of upkeep", "by the weeks logged"),
    "incumbent_price": ("incumbent's price", "halved, and as it is"),
    "volume": ("requests", "half as many, and half as many again"),
    "gpu_price": ("GPU price", "30 % less and more"),
    "engineer_price": ("price of an engineer's hour", "30 % less and more"),
    "one_off": ("one-off hours", "half as many, and twice as many"),
}


def cost_model(money: Money, moved: frozenset[str]) -> CostModel:
    """The part of the scorecard; every missing input is named. `moved` is what a `HYBRID` moves, else empty."""
    incumbent, candidate = incumbent_usd(money, None), candidate_usd(money, None)
    requests = requests_a_month(money)
    points = CostModel(
        incumbent_usd_per_month=_point(incumbent),
        candidate_usd_per_month=_point(candidate.usd),
        saving_usd_per_month=_point(saving_usd(money, None)),
        saving_of_split_usd_per_month=_point(saving_usd(money, moved) if moved else None),
        engineering_hours=_hours(money),
        pilot_usd=money.pilot_usd,
        pilot_spend=list(money.pilot_spend),
        pilot_total_usd=pilot_total_usd(money.pilot_spend),
        unpriced_models=sorted(unpriced_models(money) | set(money.unpriced_calls)),
        missing=missing_inputs(money),
        parts=dict(candidate.parts),
        requests_per_month=float(requests) if requests is not None else None,
        utilisation_rate=money.utilisation_rate,
        usage=list(money.usage),
        inputs=list(_inputs(money)),
        options=options_of(money),
        model=month_inputs(money),
    )
    if saving_usd(money, None) is None:
        return points
    return points.model_copy(update=_ranges(money, candidate, moved))


def _ranges(money: Money, candidate: CandidateMonth, moved: frozenset[str]) -> dict[str, object]:
    """What only draws can say; there is a saving."""
    drawn = drawn_month(money, None)
    found = saving_range(drawn.month)
    n = sum(each.conversations for each in money.moments.values())
    month, horizon = month_of(drawn.model), drawn.model.horizon_months
    totals, point = (totals_of(each, horizon_months=horizon) for each in (drawn.month, month))
    return {
        "incumbent_usd_per_month": _ranged(incumbent_usd(money, None), drawn.month.incumbent_usd, n),
        "candidate_usd_per_month": _ranged(candidate.usd, drawn.month.candidate_usd, n),
        "saving_usd_per_month": _between(saving_usd(money, None), found, n),
        **(_of_split(money, moved, n) if moved else {}),
        "probability_saving_positive": found.probability_positive,
        "saving_p5_usd": _usd(found.p5),
        "saving_p50_usd": _usd(found.p50),
        "saving_p95_usd": _usd(found.p95),
        "draws": DRAWS,
        "seed": SEED,
        "break_even_requests_per_month": _estimate(
            break_even_requests(drawn.model), break_even_requests(drawn.model, drawn.factors), n
        ),
        "payback_months": _estimate(payback_months(month), payback_months(drawn.month), n),
        "horizon_months": horizon,
        "incumbent_total_usd": _ranged(_usd(float(point.incumbent_usd)), totals.incumbent_usd, n),
        "candidate_total_usd": _ranged(_usd(float(point.candidate_usd)), totals.candidate_usd, n),
        "tornado": [_bar(bar) for bar in tornado_of(drawn.model, drawn.spread)],
        "scenarios": list(_scenarios(drawn, n)),
        "stairs": list(_stairs(drawn)),
    }


def _of_split(money: Money, moved: frozenset[str], n: int) -> dict[str, object]:
    saving = saving_usd(money, moved)
    if saving is None:
        return {}
    drawn = drawn_month(money, moved)
    found = saving_range(drawn.month)
    return {
        "saving_of_split_usd_per_month": _between(saving, found, n),
        "probability_split_saving_positive": found.probability_positive,
        "payback_of_split_months": _estimate(payback_months(month_of(drawn.model)), payback_months(drawn.month), n),
    }


def _scenarios(drawn: Drawn, n: int) -> Iterator[ScenarioModel]:
    some = every_fourth(drawn.factors)
    for scenario in scenarios_of(drawn.model):
        point = month_in(scenario, drawn.model, _AS_IT_IS)
        so = saving_range(month_in(scenario, drawn.model, some).month)
        yield ScenarioModel(
            name=scenario.name,
            words=scenario.words,
            saving_usd_per_month=_between(_usd(float(point.month.saving_usd)), so, n),
            probability_saving_positive=so.probability_positive,
            total_saving_usd=_usd(float(point.total_saving_usd)),
        )


def _stairs(drawn: Drawn) -> Iterator[StairModel]:
    """Both sides' cost at the end of each step, and at the measured volume."""
    model = drawn.model
    ends = {volume for volume, _ in model.stairs.steps(SHOWN_VOLUME)[:MOST_STAIRS]} | {1.0}
    for volume in sorted(ends):
        month = month_of(model, Factors(volume=volume))
        yield StairModel(
            requests_per_month=model.requests * volume,
            incumbent_usd=_usd(float(month.incumbent_usd)),
            candidate_usd=_usd(float(month.candidate_usd)),
            replicas=int(month.replicas),
        )


def _bar(bar: Bar) -> TornadoBar:
    name, words = _INPUTS[bar.name]
    ends = (_usd(bar.saving_at_low_usd), _usd(bar.saving_at_high_usd))
    return TornadoBar(
        input=name, low=bar.low, high=bar.high, saving_at_low_usd=ends[0], saving_at_high_usd=ends[1],
        is_measured=bar.is_measured, words=words,
    )  # fmt: skip


def _inputs(money: Money) -> Iterator[CostInput]:
    """What the cost model was given, each with where it comes from."""
    cost, table, upkeep = money.configuration.cost, money.table, money.upkeep
    requests = requests_a_month(money)
    yield _input("requests a month", "requests", requests, _measured(requests))
    yield from _token_inputs(money)
    if money.candidate is None:
        yield _input("GPU price", "USD per hour", table.gpu_usd_per_hour, _given(table.gpu_usd_per_hour))
        yield _input("GPUs per replica", "GPUs", table.gpus_per_replica, "given")
        is_measured = money.stairs.is_measured
        yield _input("replicas", "replicas", int(money.stairs.at(1.0)), "measured" if is_measured else "given")
    if upkeep is not None:
        yield CostInput(
            name="hours of upkeep", unit="hours per month", value=float(upkeep.value), low=float(upkeep.low),
            high=float(upkeep.high), source="measured", citation=f"{upkeep.entries} entries of {upkeep.weeks} weeks",
        )  # fmt: skip
    else:
        said = given_upkeep(money)
        yield _input("hours of upkeep", "hours per month", said, _given(said))
        if said is None and money.candidate is None:
            low, high = FIELD_UPKEEP_USD
            yield CostInput(
                name="upkeep, as guides have it: a scenario only", unit="USD per month", low=low, high=high, source="field",
                citation=FIELD_UPKEEP_SOURCE,
            )  # fmt: skip
    upgrades, to_come, once = upgrade_hours(money), given_migration(money), one_off_hours(money)
    yield _input("hours for upgrades", "hours per month", upgrades, _given(upgrades))
    # Hours that nobody logged are not known to be none.
    logged = once - (to_come or 0) or None
    yield _input("one-off hours so far", "hours", logged, _measured(logged))
    yield _input("one-off hours still to come", "hours", to_come, _given(to_come))
    rate, other = (cost.engineer_usd_per_hour, cost.other_usd_per_month) if cost is not None else (None, None)
    yield _input("price of an engineer's hour", "USD per hour", rate, _given(rate))
    yield _input("storage, network, monitoring, backups", "USD per month", other, _given(other))


def _token_inputs(money: Money) -> Iterator[CostInput]:
    said = (None, None, None) if money.tokens is None else (money.tokens.input, money.tokens.cached, money.tokens.output)
    for name, tokens in zip((INPUT_TOKENS, CACHED_TOKENS, OUTPUT_TOKENS), said, strict=True):
        yield _input(name, "tokens", tokens, _measured(tokens))


def _input(name: str, unit: str, value: Decimal | float | None, source: str) -> CostInput:
    return CostInput.model_validate(
        {"name": name, "unit": unit, "value": float(value) if value is not None else None, "source": source}
    )


def _measured(value: object) -> str:
    return "measured" if value is not None else "unknown"


def _given(value: object) -> str:
    return "given" if value is not None else "unknown"


def _hours(money: Money) -> HoursModel:
    hours, upkeep = upkeep_hours(money), money.upkeep
    if upkeep is None or hours is None:
        return HoursModel(one_off=float(money.one_off_hours))
    estimate = EstimateModel(
        value=float(upkeep.value), low=float(upkeep.low), high=float(upkeep.high), n=upkeep.entries, method="logged_hours"
    )
    return HoursModel(one_off=float(money.one_off_hours), recurring_per_month=estimate)


def _point(usd: Decimal | None) -> MoneyEstimate:
    return MoneyEstimate(value=usd, method="point" if usd is not None else "none")


def _ranged(value: Decimal | None, drawn: Number, n: int) -> MoneyEstimate:
    low, high = range_of(drawn)
    return MoneyEstimate(value=value, low=_usd(low), high=_usd(high), n=n, method=METHOD)


def _between(value: Decimal | None, found: SavingRange, n: int) -> MoneyEstimate:
    return MoneyEstimate(value=value, low=_usd(found.low), high=_usd(found.high), n=n, method=METHOD)


def _estimate(value: np.ndarray, drawn: np.ndarray, n: int) -> EstimateModel:
    """Of what may be never: an end that is infinite is unknown."""
    with np.errstate(invalid="ignore"):
        low, high = (float(each) for each in np.percentile(drawn, (2.5, 97.5), method="nearest"))
    point = _finite(float(value[0]))
    if point is None and _finite(low) is None:
        return EstimateModel(n=n, method="none")
    return EstimateModel(value=point, low=_finite(low), high=_finite(high), n=n, method=METHOD)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _usd(amount: float) -> Decimal:
    return Decimal(repr(round(amount, 6)))
