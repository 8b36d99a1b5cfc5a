"""Coverage and failures day by day: pictures say what the tables say."""

from typing import Any

import altair as alt
import pytest

from app.domain.operation_models import DayEstimate
from app.domain.scorecard import EstimateModel, LedgerModel
from app.domain.words import CoverageReason
from app.reports.build import build_document
from app.reports.context import Subject
from app.reports.coverage import coverage_section, funnel_steps
from app.reports.document import Chart, Section, Table
from app.reports.failure_charts import top_of
from app.reports.glance import glances
from app.reports.label_charts import Progress, progress_chart, said
from app.reports.operation import reliability_section
from app.reports.wording import COVERAGE_ADVICE, COVERAGE_REASONS
from tests.unit.reports.days_example import with_days
from tests.unit.reports.examples import HOURS, MADE_AT, SCORECARDS, a_full_configuration
from tests.unit.reports.test_document import blocks_of


def subject_of(example: str = "days", **replaced: Any) -> Subject:
    card = with_days() if example == "days" else SCORECARDS[example]()
    name = next(iter(card.candidates))
    candidate = card.candidates[name].model_copy(update=replaced)
    return Subject(name, 1, candidate, card, a_full_configuration())


def charts_of(section: Section) -> dict[str, Chart]:
    return {block.name: block for block in section.blocks if isinstance(block, Chart)}


def rows_drawn(chart: Chart) -> list[dict[str, Any]]:
    return [row for layer in chart.spec["layer"] for row in layer["data"]["values"]]


def test_the_funnel_only_shrinks_and_ends_where_the_tables_do() -> None:
    subject = subject_of()
    steps = list(funnel_steps(subject.scorecard.coverage, subject))
    assert [step.n for step in steps] == [3581, 3581, 3193, 3140, 3132, 3111, 3022, 742]
    assert [step.arm for step in steps] == [None] * 4 + [1] * 4
    section = coverage_section(subject.scorecard, [subject])
    tables = {block.caption: block for block in section.blocks if isinstance(block, Table)}
    whole = tables["Every production request, by what became of it"]
    lost = sum(int(row[2].text.replace(",", "")) for row in whole.rows[:-1] if "compared" not in row[0].text)
    assert steps[0].n - steps[3].n == lost
    pairs = tables["The compared requests, for qwen"]
    assert sum(int(row[1].text.replace(",", "")) for row in pairs.rows[:-1]) == steps[3].n
    assert [row[1].text for row in pairs.rows[:2]] == ["3,022", "89"]


def test_without_requests_there_is_no_funnel_and_an_old_scorecard_has_no_step_of_grades() -> None:
    subject = subject_of("nothing_imported")
    assert not charts_of(coverage_section(subject.scorecard, [subject]))
    old = subject_of("hybrid")
    assert "graded" not in [step.name for step in funnel_steps(old.scorecard.coverage, old)]
    assert not {"coverage-by-day"} & set(charts_of(coverage_section(old.scorecard, [old])))


def test_each_reason_has_words_and_something_to_do() -> None:
    reasons = {reason.value for reason in CoverageReason}
    assert reasons == set(COVERAGE_REASONS) == set(COVERAGE_ADVICE)


def test_coverage_by_day_names_the_lowest_day_and_leaves_out_days_without_requests() -> None:
    subject = subject_of()
    chart = charts_of(coverage_section(subject.scorecard, [subject]))["coverage-by-day"]
    assert "lowest: day 9 with 70.3%" in chart.caption
    assert chart.data is not None
    assert [cell.text for cell in chart.data.rows[8]] == ["9", "90", "22", "0", "128", "70.3%"]
    ledger: LedgerModel = subject.scorecard.coverage
    days = [ledger.by_day[0].model_copy(update={"production_requests": 0, "captured": 0}), *ledger.by_day[1:]]
    card = subject.scorecard.model_copy(update={"coverage": ledger.model_copy(update={"by_day": days})})
    shorter = charts_of(coverage_section(card, [subject]))["coverage-by-day"]
    assert min(row["day"] for row in rows_drawn(shorter)) == 2


def test_failures_of_both_arms_stand_beside_each_other_by_day() -> None:
    subject = subject_of()
    chart = charts_of(reliability_section(subject))["failures-1"]
    assert chart.data is not None
    assert len(chart.data.rows) == 28
    assert chart.data.rows[8][0].text == "9"
    assert "Most failures of qwen: day 9" in chart.alt
    assert "The line is the limit, 1.00%" in chart.caption
    points = [row for row in rows_drawn(chart) if "low" in row]
    assert {row["place"] for row in points} == {0, 1}
    at = {row["at"] for row in points if row["place"] == 1}
    assert at.isdisjoint({row["at"] for row in points if row["place"] == 0})


def test_a_day_of_few_requests_does_not_flatten_the_others() -> None:
    rows = [{"high": 0.02, "value": 0.01}] * 20 + [{"high": 0.9, "value": 0.0}]
    assert top_of(rows, 0.01) == pytest.approx(0.026)
    assert top_of(rows, 0.5) == pytest.approx(0.65)
    assert top_of([], None) == 1.0


def test_a_candidate_that_never_failed_is_said_so() -> None:
    fine = [DayEstimate(day=1, estimate=EstimateModel(value=0.0, low=0.0, high=0.03, n=100))]
    reliability = subject_of().card.reliability.model_copy(update={"by_day": fine, "incumbent_by_day": []})
    chart = charts_of(reliability_section(subject_of(reliability=reliability)))["failures-1"]
    assert "On no day did qwen fail." in chart.alt


def test_progress_is_a_share_of_what_is_needed_and_never_longer() -> None:
    assert said(Progress("a", 41, 200)) == "41 of 200"
    assert said(Progress("a", 700, 200)) == "700, needed 200"
    bars = progress_chart([Progress("a", 50, 200), Progress("b", 700, 200), Progress("c", 0, 0)])["layer"][1]
    assert [row["share"] for row in bars["data"]["values"]] == [0.25, 1.0, 0.0]


@pytest.mark.parametrize(
    ("example", "gate", "number", "needed"),
    [
        ("days", "quality", "win rate 45.4%", "above 45.0%"),
        ("hybrid", "latency", "95 of 100 answers within 2.14 s", "at most 3.00 s"),
        ("hybrid", "reliability", "0.57% of requests fail", "at most 1.00%"),
        ("hybrid", "saving", "saves $5,282 a month", "above $0"),
        ("dont_migrate", "saving", "costs $1,220 more a month", "above $0"),
        ("nothing_imported", "saving", "saving unknown", ""),
        ("nothing_imported", "latency", "times unknown", ""),
        ("hybrid", "constraints", "", ""),
    ],
)
def test_a_condition_at_a_glance_has_its_number_and_what_is_needed(example: str, gate: str, number: str, needed: str) -> None:
    found = next(each for each in glances(subject_of(example)) if each.gate.name.value == gate)
    assert (found.number, found.needed) == (number, needed)
    assert found.rests_on or found.gate.outcome.value == "unknown"


def test_every_chart_of_a_whole_report_is_valid() -> None:
    """Charts are made without validation; here each is held against the schema whole, with one row of its data."""
    document = build_document(with_days(), a_full_configuration(), HOURS, MADE_AT)
    charts = [block for block in blocks_of(document) if isinstance(block, Chart)]
    assert len(charts) > 10
    for chart in charts:
        layers = [
            layer | {"data": {"values": layer["data"]["values"][:1]}} if "data" in layer else layer
            for layer in chart.spec["layer"]
        ]
        outside = {key: value for key, value in chart.spec.items() if key != "config"} | {"layer": layers}
        alt.LayerChart.from_dict(outside, validate=True)
