"""Pictures of times: what they say in words, what is cut is said, and gaps stay gaps."""

from typing import Any

from app.domain.operation_models import ArmsByLoad, HourTimes
from app.domain.scorecard import LatencyModel
from app.domain.words import Outcome
from app.reports.context import Subject
from app.reports.document import Chart, Section
from app.reports.operation import latency_page_section, latency_section, under_load_sections
from tests.unit.reports.examples import STARTS, a_candidate, a_full_configuration, a_latency, a_scorecard, a_verdict
from tests.unit.reports.latency_example import N, with_pictures

SEEN = with_pictures(a_latency(), STARTS)


def about(latency: LatencyModel) -> Subject:
    card = a_candidate(a_verdict(Outcome.EXTEND), latency=latency)
    return Subject("qwen", 1, card, a_scorecard({"qwen": card}), a_full_configuration())


def charts_of(section: Section) -> dict[str, Chart]:
    return {block.name: block for block in section.blocks if isinstance(block, Chart)}


def drawn(chart: Chart) -> list[dict[str, Any]]:
    return [row for layer in chart.spec["layer"] for row in layer.get("data", {}).get("values", [])]


def test_the_report_has_the_distribution_and_the_hours_and_the_page_the_load_too() -> None:
    in_report, on_page = charts_of(latency_section(about(SEEN))), charts_of(latency_page_section(about(SEEN), "total_seconds"))
    both = {"total-seconds-1", "total-seconds-curve-1", "total-seconds-hours-1"}
    assert set(in_report) == both | {"ttft-any-seconds-1"}
    assert set(on_page) == both | {"total-seconds-load-1", "total-seconds-days-1"}
    assert all("n = " in chart.caption and "0" in chart.caption for chart in (*in_report.values(), *on_page.values()))


def test_what_lies_beyond_the_edge_is_said() -> None:
    chart = charts_of(latency_page_section(about(SEEN), "total_seconds"))["total-seconds-curve-1"]
    curve = SEEN.curve["total_seconds"]
    edge = max(row["seconds"] for row in drawn(chart) if "seconds" in row and row["share"] <= 0.99)
    assert curve.candidate[-1].seconds > 1.08 * edge
    assert f"of qwen 99.9 of 100 came within {curve.candidate[-1].seconds:.2f} s" in chart.caption
    assert "limit 3.00 s" in [row.get("text") for row in drawn(chart)]
    assert chart.data is not None
    assert [row[0].text for row in chart.data.rows][-1] == "99.9 of 100"


def test_hours_with_few_answers_say_so_and_are_not_bridged() -> None:
    hours = [each.model_copy(update={"candidate": HourTimes(hour=0).candidate}) if each.hour == 12 else each
             for each in SEEN.by_hour["total_seconds"]]  # fmt: skip
    latency = SEEN.model_copy(update={"by_hour": {"total_seconds": hours}})
    chart = charts_of(latency_page_section(about(latency), "total_seconds"))["total-seconds-hours-1"]
    runs = {row["at"]: row["run"] for layer in chart.spec["layer"] if "#d55e00" in str(layer["mark"])
            for row in layer["data"]["values"]}  # fmt: skip
    assert runs[11.5] != runs[13.5]
    assert 12.5 not in runs
    assert chart.data is not None
    assert chart.data.rows[12][3].text == "too few (0)"
    assert chart.data.rows[12][1].text.startswith("1.")


def test_growth_under_load_is_said_with_both_ends() -> None:
    (section,) = under_load_sections(about(SEEN))
    said = [block.text for block in section.blocks if block.kind == "paragraph"]
    assert "it grows, the intervals lie apart" in said[0]
    assert "a rise is no proof of its cause" in said[-1]
    table = charts_of(section)["total-seconds-load-1"].data
    assert table is not None
    assert sum(int(row[-1].text.replace(",", "")) for row in table.rows) == 2 * N


def test_what_is_not_bounded_has_no_band_and_one_load_alone_no_chart() -> None:
    hours = list(SEEN.by_hour["total_seconds"])
    loose = hours[11].candidate.p95.model_copy(update={"high": None})
    hours[11] = hours[11].model_copy(update={"candidate": hours[11].candidate.model_copy(update={"p95": loose})})
    loads = ArmsByLoad(candidate=SEEN.by_load["total_seconds"].candidate[:1])
    latency = SEEN.model_copy(update={"by_hour": {"total_seconds": hours}, "by_load": {"total_seconds": loads}})
    section = latency_page_section(about(latency), "total_seconds")
    charts = charts_of(section)
    rows = [row for row in drawn(charts["total-seconds-hours-1"]) if row.get("at") == 11.5 and "run" in row]
    assert [row["low"] is None for row in rows].count(True) == 1
    assert len({row["band"] for row in drawn(charts["total-seconds-hours-1"]) if "band" in row}) == 2
    assert "total-seconds-load-1" not in charts
    assert "qwen: its load hardly varied, 1 to 2 under way." in str(section.blocks)


def test_an_older_scorecard_without_these_figures_is_shown_as_before() -> None:
    assert set(charts_of(latency_page_section(about(a_latency()), "total_seconds"))) == {"total-seconds-1"}
    assert under_load_sections(about(a_latency())) == ()
    assert "Of this time only the quantiles are computed" in str(latency_page_section(about(SEEN), "tpot_seconds").blocks)
    (*_, words) = [b.text for b in latency_page_section(about(LatencyModel()), "tpot_seconds").blocks if b.kind == "paragraph"]
    assert "No time of this kind counts yet" in words
