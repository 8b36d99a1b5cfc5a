"""Plans a pilot before it exists: what is needed, and how likely each end is, by simulating the rule itself."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.domain.estimate import Estimate
from app.domain.estimate_models import EstimateModel
from app.domain.plan import (
    CalibrationModel,
    ChancesModel,
    EndsModel,
    NeededModel,
    PlanAnswer,
    PlanQuestion,
    SeriesPlanModel,
)
from app.domain.words import OTHER_SEGMENT
from app.pipeline.plan_terms import PARITY, Terms, terms_of
from app.pipeline.plan_words import calibration_words, recommendation, segment_words, warnings_of, whole_words
from app.pipeline.ruling import USABLE_LABELS
from app.statistics.conversation_model import ConversationModel
from app.statistics.hybrid import LOOKS_SHARE, WEEK, whole_weeks
from app.statistics.needs import Need, cost_factor, critical_value
from app.statistics.planning import (
    Design,
    Ends,
    Rule,
    Simulated,
    Stratum,
    corrected_ends,
    simulate,
    trusted_ends,
)
from app.statistics.power import fixed_sample_size, hybrid_multiplier

MEASURED_POWER = 0.8
# A share of no or of all pilots has no place on the normal scale: half a pilot is left on either side.
HALF_A_PILOT = 0.5
# Drawn conversations that one simulation tells apart: more labels mean fewer pilots.
MOST_DRAWN = 500_000
LEAST_RUNS = 100


@dataclass(frozen=True, slots=True)
class _Series:
    """The whole (`names` = all kinds of work) or one segment."""

    names: tuple[str, ...]
    margin: float
    alpha: float
    share: float
    needs_people: bool
    part: int

    @property
    def threshold(self) -> float:
        """The least win rate that is good enough."""
        return PARITY - self.margin


@dataclass(frozen=True, slots=True)
class Measured:
    """Critical values of the rule: as estimated, and where the simulation's interval ends."""

    value: float
    low: float
    high: float
    runs: int


def plan_pilot(question: PlanQuestion, now: datetime) -> PlanAnswer:
    """Answers a question; the same question gets the same answer.

    Raises:
        InvalidInput: If the question or its file is wrong or contradicts itself.
    """
    terms = terms_of(question, now)
    names = tuple(terms.shares)
    whole = _Series(names, terms.margin, terms.alpha, 1.0, bool(terms.judged), 1)
    count = max(1, len(terms.segments))
    parts = {
        name: _Series((name,), margin, terms.alpha / count, terms.shares[name], name in terms.judged, count)
        for name, margin in terms.margins.items()
    }
    chances = _chances(terms, [whole, *parts.values()])
    planned = _series_plan(terms, whole, chances[whole])
    planned = planned.model_copy(update={"words": whole_words(planned, terms)})
    segments = {name: _series_plan(terms, series, chances[series]) for name, series in parts.items()}
    segments = {name: each.model_copy(update={"words": segment_words(name, each, terms)}) for name, each in segments.items()}
    calibration = _calibration(terms, planned)
    return PlanAnswer(
        plan=_said(terms),
        assumed=list(terms.assumed),
        looks=list(terms.looks),
        whole=planned,
        segments=segments,
        calibration=calibration,
        warnings=list(warnings_of(terms, planned)),
        recommendation=recommendation(planned, segments, calibration, terms),
    )


def _chances(terms: Terms, series: list[_Series]) -> dict[_Series, list[ChancesModel]]:
    """At each true win rate one set of pilots, read as a whole and by segment."""
    found: dict[_Series, list[ChancesModel]] = {each: [] for each in series}
    design, names = _design(terms), list(terms.shares)
    for number, win_rate in enumerate(terms.win_rates):
        pilots = simulate(
            strata=_strata(terms, win_rate), design=design, runs=_runs(terms), seed=terms.question.seed + number
        )  # fmt: skip
        by_name = dict(zip(names, pilots, strict=True))
        for each in series:
            mine = [by_name[name] for name in each.names]
            rule = Rule(
                threshold=each.threshold, alpha=each.alpha, n_optimal=max(0.5, terms.conversations / 2 / each.part)
            )  # fmt: skip
            found[each].append(_ends_at(win_rate, mine, rule, design, needs_people=each.needs_people))
    return found


def _ends_at(win_rate: float, pilots: list[Simulated], rule: Rule, design: Design, *, needs_people: bool) -> ChancesModel:
    trusted = _ends_model(trusted_ends(pilots=pilots, rule=rule, design=design))
    corrected: EndsModel | None = trusted
    if needs_people:
        is_labelled = any(len(stratum.drawn.place) for stratum in pilots)
        corrected = _ends_model(corrected_ends(pilots=pilots, rule=rule, design=design)) if is_labelled else None
    return ChancesModel(true_win_rate=win_rate, judge_trusted=trusted, corrected=corrected)


def _strata(terms: Terms, win_rate: float) -> list[Stratum]:
    draws = terms.draw_probability
    return [
        Stratum(
            model=_model(terms, win_rate, needs_people=name in terms.judged),
            conversations=terms.conversations * share,
            draw_probability=draws[name],
        )
        for name, share in terms.shares.items()
    ]


def _model(terms: Terms, win_rate: float, *, needs_people: bool) -> ConversationModel:
    asked = terms.question
    return ConversationModel(
        win_rate=win_rate,
        tie_rate=asked.tie_rate,
        icc=asked.icc,
        pairs=asked.pairs_per_conversation,
        judge_accuracy=asked.judge_accuracy if needs_people else 1.0,
    )


def _design(terms: Terms) -> Design:
    asked = terms.question
    return Design(
        days=terms.days,
        weekend_volume=asked.weekend_volume,
        day_swing=asked.day_swing,
        skip_rate=asked.skip_rate,
        delay_days=asked.label_delay_days,
    )


def _runs(terms: Terms) -> int:
    labels = max(1.0, min(terms.labels_per_day * terms.days, terms.conversations))
    return min(terms.question.runs, max(LEAST_RUNS, int(MOST_DRAWN / labels)))


def _series_plan(terms: Terms, series: _Series, chances: list[ChancesModel]) -> SeriesPlanModel:
    draws = terms.draw_probability
    conversations = terms.conversations * series.share
    drawn = sum(terms.conversations * terms.shares[name] * draws[name] for name in series.names)
    labels = drawn * (1 - terms.question.skip_rate)
    at_parity = next(each for each in chances if each.true_win_rate == PARITY)
    reached = at_parity.corrected.migrate.value if at_parity.corrected is not None else 0.0
    return SeriesPlanModel(
        share=series.share,
        margin=series.margin,
        threshold=round(series.threshold, 9),
        alpha=series.alpha,
        needs_people=series.needs_people,
        conversations=round(conversations, 1),
        labels=round(labels, 1),
        draw_probability=draws[series.names[0]] if len(set(draws.values())) == 1 or len(series.names) == 1 else None,
        chances=chances,
        needed=_needed(terms, series, conversations, labels),
        settles=(reached or 0.0) >= terms.question.power,
        words="",
    )


def _needed(terms: Terms, series: _Series, conversations: float, labels: float) -> NeededModel:
    asked = terms.question
    model = _model(terms, PARITY, needs_people=series.needs_people)
    plain = measured_critical(model, series.margin, series.alpha, terms.days, runs=asked.runs, seed=asked.seed)
    corrected = plain
    if series.needs_people:
        size = max(1, round(conversations))
        corrected = measured_corrected(model, series.margin, series.alpha, terms.days, size, runs=asked.runs, seed=asked.seed)
    need = Need(
        model=model,
        threshold=series.threshold,
        critical=plain.value,
        corrected_critical=corrected.value,
        power=asked.power,
        lost=asked.skip_rate * PARITY,
    )
    wanted = need.labels(conversations=conversations) if series.needs_people else None
    per_day = labels / terms.days if series.needs_people else None
    days = need.days(conversations_per_day=conversations / terms.days, labels_per_day=per_day)
    distance = need.distance(conversations=conversations, labels=labels if series.needs_people else None)
    return NeededModel(
        conversations=need.conversations(),
        labels=wanted,
        labels_per_day=_labels_per_day(terms, series, wanted) if wanted is not None else None,
        days=_whole_weeks(days),
        cost_factor=_cost_factor(plain, asked.power, series.alpha),
        shown_from=round(series.threshold + distance, 4) if series.threshold + distance < 1 else None,
    )


def _labels_per_day(terms: Terms, series: _Series, labels: int) -> int:
    """In all kinds of work together: each conversation of a judged one has the same chance."""
    of_these = sum(terms.shares[name] for name in series.names if name in terms.judged)
    made = of_these * terms.days * (1 - terms.question.skip_rate)
    return -int(-labels // made)


def _whole_weeks(days: float | None) -> int | None:
    return None if days is None or days > 10**6 else max(2 * WEEK, -int(-days // WEEK) * WEEK)


@lru_cache(maxsize=256)
def measured_critical(model: ConversationModel, margin: float, alpha: float, days: int, *, runs: int, seed: int) -> Measured:
    """How many standard errors the rule asks of an equal candidate, if the judge says what people would.

    It is measured on pilots whose size should give a chance of 0.8: the chance that is found tells it exactly.
    """
    looks, design = whole_weeks(days=days), Design(days=days)
    fixed = fixed_sample_size(distance=margin, sd=model.sd, alpha=alpha, power=MEASURED_POWER)
    n = fixed * hybrid_multiplier(power=MEASURED_POWER, alpha=alpha, looks=looks, looks_share=LOOKS_SHARE)
    rule = Rule(threshold=PARITY - margin, alpha=alpha, n_optimal=n / 2)
    pilots = simulate(strata=[Stratum(model=model, conversations=n)], design=design, runs=runs, seed=seed)
    return _measured(trusted_ends(pilots=pilots, rule=rule, design=design), margin, model.sd / n**0.5)


@lru_cache(maxsize=256)
def measured_corrected(
    model: ConversationModel, margin: float, alpha: float, days: int, conversations: int, *, runs: int, seed: int
) -> Measured:
    """The same of the series that people's labels correct, with so many conversations.

    The fewer they are the more the guard against a falling candidate asks; where they are too few for any number of labels,
    it is taken to ask as much as without people.
    """
    plain = measured_critical(model, margin, alpha, days, runs=runs, seed=seed)
    need = Need(model=model, threshold=PARITY - margin, critical=plain.value, corrected_critical=plain.value)
    labels = need.labels(conversations=conversations)
    if labels is None:
        return plain
    of_all, of_labels = model.corrected_parts
    work = Stratum(model=model, conversations=conversations, draw_probability=labels / conversations)
    design, rule = Design(days=days), Rule(threshold=PARITY - margin, alpha=alpha, n_optimal=conversations / 2)
    fewer = min(runs, max(LEAST_RUNS, int(MOST_DRAWN / labels)))
    pilots = simulate(strata=[work], design=design, runs=fewer, seed=seed)
    error = (of_all / conversations + of_labels / labels) ** 0.5
    return _measured(corrected_ends(pilots=pilots, rule=rule, design=design), margin, error)


def _measured(ends: Ends, distance: float, error: float) -> Measured:
    found = ends.chances["migrate"]
    aside = HALF_A_PILOT / found.n
    best, least, most = (
        critical_value(power=min(1 - aside, max(aside, share or 0.0)), distance=distance, standard_error=error)
        for share in (found.value, found.low, found.high)
    )
    return Measured(best, min(least, most), max(least, most), found.n)


def _cost_factor(measured: Measured, power: float, alpha: float) -> EstimateModel:
    value, low, high = (
        cost_factor(critical=critical, power=power, alpha=alpha) for critical in (measured.value, measured.low, measured.high)
    )
    return EstimateModel(value=round(value, 3), low=round(low, 3), high=round(high, 3), n=measured.runs, method="simulation")


def _calibration(terms: Terms, whole: SeriesPlanModel) -> CalibrationModel | None:
    if not terms.judged:
        return None
    made = whole.labels / terms.days
    days = -int(-USABLE_LABELS // made) if made > 0 else None
    found = CalibrationModel(
        labels=USABLE_LABELS, planned=whole.labels, days=days if days is None or days <= terms.days else None, words=""
    )
    return found.model_copy(update={"words": calibration_words(found, terms, days)})


def _ends_model(ends: Ends) -> EndsModel:
    return EndsModel(**{name: _rounded(chance) for name, chance in ends.chances.items()})


def _rounded(chance: Estimate) -> EstimateModel:
    found = EstimateModel.of(chance)
    ends = {name: round(getattr(found, name), 4) for name in ("value", "low", "high") if getattr(found, name) is not None}
    return found.model_copy(update=ends)


def _said(terms: Terms) -> dict[str, float | int | list[float] | dict[str, float] | None]:
    asked = terms.question
    named = ("tie_rate", "icc", "pairs_per_conversation", "weekend_volume", "day_swing", "skip_rate", "label_delay_days")
    more = ("judge_accuracy", "power", "seed")
    return {
        "margin": terms.margin,
        "days": terms.days,
        "candidates": terms.candidates,
        "conversations_per_day": round(terms.conversations_per_day, 4),
        "conversations": round(terms.conversations, 1),
        "labels_per_day": terms.labels_per_day,
        "segments": {name: round(share, 6) for name, share in terms.shares.items() if name != OTHER_SEGMENT},
        "true_win_rates": list(terms.win_rates),
        "runs": _runs(terms),
        **{name: getattr(asked, name) for name in (*named, *more)},
    }
