"""A plan's answer in words."""

import math
from collections.abc import Iterator, Mapping

from app.domain.plan import CalibrationModel, EndsModel, SeriesPlanModel
from app.pipeline.plan_terms import PARITY, Terms
from app.pipeline.ruling import LEAST_ACCURACY, USABLE_LABELS

MOST_DAYS = 42
# A margin wider than this many times the planned one is another question.
MOST_WIDER = 2.0
HALF = 0.5
_CLOSE = 1e-9


def whole_words(whole: SeriesPlanModel, terms: Terms) -> str:
    """What the plan can say of all traffic."""
    size = _size(whole)
    ends = _at(whole, PARITY)
    if ends is None:
        return f"the whole gets {size}: without labels by people no verdict may rest on a judge"
    said = f"the whole gets {size}: with an equal candidate {_of_100(ends)} say migrate on quality"
    limit = _at(whole, whole.threshold)
    if limit is not None:
        said += f", with one that is just {whole.margin:.1%} worse {_of_100(limit)}"
    return said if whole.settles else f"{said}; {_instead(whole, terms, 'the margin')}"


def segment_words(name: str, segment: SeriesPlanModel, terms: Terms) -> str:
    """What the plan can say of one segment."""
    size = f"segment {name} gets {_size(segment)}"
    ends = _at(segment, PARITY)
    if ends is None:
        return f"{size}: without labels by people it stays unknown"
    if segment.settles:
        return f"{size}: with an equal candidate {_of_100(ends)} say that it passes"
    stays = "may well stay unknown" if (ends.migrate.value or 0.0) >= HALF else "will stay unknown"
    return f"{size}: it {stays} (equal, it passes in {_of_100(ends)}); merge it, or {_instead(segment, terms, '')}"


def calibration_words(found: CalibrationModel, terms: Terms, days: int | None) -> str:
    """How long people label until a judge may be trusted."""
    if days is None:
        return f"nobody labels: a verdict that rests on a judge needs {USABLE_LABELS} labels by people"
    skipped = f" with {terms.question.skip_rate:.0%} skipped" if terms.question.skip_rate else ""
    capped = terms.labels_per_day > terms.conversations_per_day
    rate = (
        f"{terms.conversations_per_day:g} conversations a day, all labelled,"
        if capped
        else f"{terms.labels_per_day} labels a day"
    )
    said = f"{rate}{skipped} take {days} days for the {USABLE_LABELS} that a judge's calibration needs"
    if found.days is not None:
        return said
    least = math.ceil(USABLE_LABELS / terms.days / (1 - terms.question.skip_rate))
    return f"{said}: longer than the {terms.days} days of the pilot, label {least} a day at least"


def warnings_of(terms: Terms, whole: SeriesPlanModel) -> Iterator[str]:
    """What spoils a plan."""
    asked = terms.question
    if asked.skip_rate and terms.judged:
        lost = asked.skip_rate / 2
        yield (
            f"each skipped pair counts as a lost one: {asked.skip_rate:.1%} skips take {lost:.1%} of win rate from the margin "
            f"{terms.margin:.1%}" + (", all of it: nothing can be shown" if lost >= terms.margin else "")
        )
    if terms.judged and asked.judge_accuracy < LEAST_ACCURACY:
        yield (
            f"a judge that is right in {asked.judge_accuracy:.0%} is below the floor of {LEAST_ACCURACY:.0%}: no verdict rests "
            "on it however many labels there are"
        )
    if terms.judged and terms.labels_per_day > terms.conversations_per_day:
        yield (
            f"{terms.labels_per_day} labels a day are more than the {terms.conversations_per_day:g} conversations: all are "
            "labelled"
        )
    if any(each.true_win_rate == PARITY and each.judge_trusted.migrate.n < asked.runs for each in whole.chances):
        yield f"so many labels are simulated on {whole.chances[0].judge_trusted.migrate.n} pilots instead of {asked.runs:,}"
    if asked.day_swing:
        yield "the chances count the swing from day to day; the needed numbers do not"


def recommendation(
    whole: SeriesPlanModel, segments: Mapping[str, SeriesPlanModel], calibration: CalibrationModel | None, terms: Terms
) -> str:
    """One line: what to do."""
    open_ = {name: segment for name, segment in segments.items() if not segment.settles}
    steps = []
    if terms.judged and terms.question.judge_accuracy < LEAST_ACCURACY:
        steps.append("take a better judge")
    if not whole.settles:
        steps.append(_instead(whole, terms, "the margin"))
    if calibration is not None and calibration.days is None:
        steps.append(calibration.words)
    if not steps and not open_:
        said = f"start: {terms.days} days"
        return f"{said} and {terms.labels_per_day} labels a day settle it" if terms.judged else f"{said} settle it"
    begins = "the plan does not settle it" if steps else "the plan settles the whole, not every segment"
    return f"{begins}: {'; '.join([*steps, *_about_segments(open_, terms)])}"


def _about_segments(open_: Mapping[str, SeriesPlanModel], terms: Terms) -> Iterator[str]:
    rates = {name: segment.needed.labels_per_day for name, segment in open_.items() if segment.needs_people}
    helped = {name: rate for name, rate in rates.items() if rate is not None and rate > terms.labels_per_day}
    if helped:
        yield f"label {max(helped.values())} a day to settle {', '.join(helped)}"
    rest = [name for name in open_ if name not in helped]
    if rest:
        yield f"merge {', '.join(rest)} with other segments, or accept unknown there"


def _instead(series: SeriesPlanModel, terms: Terms, margin_of: str) -> str:
    """What would settle it."""
    needed, found = series.needed, []
    if series.needs_people and needed.labels_per_day is not None and needed.labels_per_day > terms.labels_per_day:
        found.append(f"label {needed.labels_per_day} a day")
    if needed.days is not None and terms.days < needed.days <= MOST_DAYS:
        found.append(f"run {needed.days} days")
    wider = _wider(series) if margin_of else None
    if wider is not None:
        found.append(f"widen {margin_of} to {wider:.1%}")
    if terms.question.skip_rate and series.needs_people and not found:
        found.append("have people answer what they skip")
    return " or ".join(found or [_too_little(series, terms)])


def _wider(series: SeriesPlanModel) -> float | None:
    """A margin at which the plan would do, if it is not far from the planned one."""
    if series.needed.shown_from is None:
        return None
    wider = math.ceil((series.needed.shown_from - series.threshold) * 1000 - _CLOSE) / 1000
    return wider if series.margin < wider < min(PARITY, MOST_WIDER * series.margin) else None


def _too_little(series: SeriesPlanModel, terms: Terms) -> str:
    needed = series.needed
    if series.conversations < needed.conversations:
        per_day = math.ceil(needed.conversations / terms.days)
        there = f"{needed.conversations:,} in all, there are {series.conversations:,.0f}"
        return f"bring at least {per_day} conversations a day of it ({there})"
    if needed.days is not None and needed.days <= terms.days:
        return "add a tenth to labels or days: it lies just below"
    return f"bring more conversations: {series.conversations:,.0f} are too few even if people label each"


def _size(series: SeriesPlanModel) -> str:
    labels = f"{series.labels:,.0f} labels and " if series.needs_people else ""
    return f"{labels}{series.conversations:,.0f} conversations"


def _at(series: SeriesPlanModel, win_rate: float) -> EndsModel | None:
    return next((each.corrected for each in series.chances if abs(each.true_win_rate - win_rate) < _CLOSE), None)


def _of_100(ends: EndsModel) -> str:
    chance = ends.migrate
    value, low, high = (100 * (number or 0.0) for number in (chance.value, chance.low, chance.high))
    return f"{value:.0f} of 100 pilots ({low:.0f} to {high:.0f}, {chance.n:,} simulated)"
