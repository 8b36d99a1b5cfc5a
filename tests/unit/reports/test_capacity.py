"""What the report says of capacity: whole numbers with their ranges, the unknown as a word, nothing where nothing is known."""

import re

import pytest

from app.domain.capacity_figures import CapacityModel
from app.domain.scorecard import EstimateModel
from app.domain.words import Outcome
from app.reports.capacity import MOST_SHOWN, capacity_sections
from app.reports.context import Subject
from app.reports.document import Chart, Paragraph, Section, Table
from app.reports.svg import chart_svg
from tests.builders import a_configuration
from tests.unit.reports.capacity_example import a_capacity, a_stair
from tests.unit.reports.examples import a_candidate, a_scorecard, a_verdict


def section_of(capacity: CapacityModel) -> Section:
    card = a_candidate(a_verdict(Outcome.EXTEND), capacity=capacity)
    (found,) = capacity_sections(Subject("qwen", 1, card, a_scorecard({"qwen": card}), a_configuration()))
    return found


def rows_of(section: Section, caption: str) -> dict[str, list[str]]:
    (table,) = [block for block in section.blocks if isinstance(block, Table) and block.caption == caption]
    return {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}


NEEDS = "What a replica carries, and how many are needed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Requests at once that one replica answers within the objective", "12.5 (11.0 to 14.0)"),
        ("Requests at once that the traffic needs", "23"),
        ("Replicas needed", "2 (2 to 3)"),
        ("with 1 that may fail", "3"),
        ("GPUs of all of them", "6"),
        ("Their capacity in use on average", "31%"),
        ("and at the peak", "100%"),
        ("Requests a month that a single replica carries", "450,000"),
    ],
)
def test_what_is_needed(name: str, value: str) -> None:
    assert rows_of(section_of(a_capacity()), NEEDS)[name] == [value]


def test_what_the_traffic_asks() -> None:
    rows = rows_of(section_of(a_capacity()), "What the traffic asks of a server")
    assert rows["Requests a minute on average"] == ["40.50"]
    assert rows["in the busiest minute, 5 Nov 2026, 09:12 (UTC)"] == ["212"]
    assert rows["Busiest minute, times the average one"] == ["5.2"]
    assert rows["on average: counted; Little's law"] == ["2.70; 2.71"]
    assert rows["in the busiest minute: counted; Little's law"] == ["13.00; 14.10"]


def test_without_a_rehearsal_the_report_says_so() -> None:
    unknown = dict.fromkeys(
        ("replicas_needed", "replicas_low", "replicas_high", "replicas_with_spare", "gpus", "utilisation_rate",
         "utilisation_peak_rate", "requests_per_month_per_replica")
    )  # fmt: skip
    found = section_of(
        a_capacity(
            **unknown, slots_per_replica=EstimateModel(), slots_shown_per_replica=9.0, stairs=[], missing=["what it carries"]
        )
    )
    rows = rows_of(found, NEEDS)
    assert rows["Requests at once that one replica answers within the objective"] == ["unknown: at least 9.0 were seen"]
    assert rows["Replicas needed"] == ["unknown"]
    assert "GPUs of all of them" not in rows
    assert [block.text for block in found.blocks if isinstance(block, Paragraph)] == ["Not known: what it carries."]
    assert not [block for block in found.blocks if isinstance(block, Table) and "staircase" in block.caption]


def test_a_long_staircase_is_shown_around_the_present_volume() -> None:
    stairs = [a_stair(number / 20, number) for number in range(1, 101)]
    shown = rows_of(section_of(a_capacity(stairs=stairs)), "Whole replicas make a staircase")
    assert len(shown) == MOST_SHOWN
    assert shown["1.00"] == ["1,000,000", "20", "21"]
    assert rows_of(section_of(a_capacity()), "Whole replicas make a staircase")["1.10"] == ["1,100,000", "2", "3"]


def test_the_hours_are_drawn_and_listed() -> None:
    (chart,) = [block for block in section_of(a_capacity()).blocks if isinstance(block, Chart)]
    assert "on weekdays 300.0 an hour" in chart.alt
    assert chart.data is not None
    assert [cell.text for cell in chart.data.rows[9]] == ["9:00", "300.0", "60.0"]
    assert len(re.findall("week(?:days|ends)", chart_svg(chart.spec, name=chart.name, width=600))) >= 2
    without = a_capacity(weekday_requests_by_hour=[], weekend_requests_by_hour=[])
    assert not [block for block in section_of(without).blocks if isinstance(block, Chart)]


def test_nothing_is_said_where_nothing_is_known() -> None:
    card = a_candidate(a_verdict(Outcome.EXTEND), capacity=CapacityModel())
    assert capacity_sections(Subject("qwen", 1, card, a_scorecard({"qwen": card}), a_configuration())) == ()
