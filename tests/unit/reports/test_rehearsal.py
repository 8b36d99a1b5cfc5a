"""What the report says of a rehearsal: each step with its interval, what was missed, and that it is no evidence of latency."""

from app.domain.rehearsal import CoversModel, ObjectiveModel, RehearsalModel, RehearsalTerms, StepModel, TargetModel
from app.domain.words import Outcome
from app.pipeline.rehearsal_summary import capacity_of, rate_of
from app.reports.context import Subject
from app.reports.document import Bullets, Chart, Paragraph, Section, Table
from app.reports.rehearsal import rehearsal_sections
from tests.builders import a_configuration
from tests.unit.pipeline.rehearsal_server import AT, poisson, rehearsed
from tests.unit.reports.examples import a_candidate, a_scorecard, a_verdict

OBJECTIVE = ObjectiveModel(total_p95_seconds=2.0)


def a_rehearsal(steps: list[StepModel]) -> RehearsalModel:
    return RehearsalModel(
        id=1,
        target=TargetModel(base_url="http://vllm/v1", model="Qwen", server="vllm", replicas=1, gpus_per_replica=1),
        objective=OBJECTIVE,
        started_at=AT,
        finished_at=AT,
        steps=steps,
        covers=CoversModel(production_requests_per_minute_peak=700.0),
        capacity_requests_per_second=capacity_of(steps),
        rate=rate_of(steps, 1),
        notes=["Mirroring went on: 12 live requests were put to the candidate besides."],
    )


def sections_of(rehearsal: RehearsalModel | None) -> tuple[Section, ...]:
    card = a_candidate(a_verdict(Outcome.EXTEND), rehearsal=rehearsal)
    return rehearsal_sections(Subject("qwen", 1, card, a_scorecard({"qwen": card}), a_configuration()))


def test_nothing_is_said_where_nothing_was_rehearsed() -> None:
    assert sections_of(None) == ()


def test_steps_capacity_and_what_was_missed() -> None:
    steps = rehearsed(poisson(10, 1500), RehearsalTerms(minutes=10, find_capacity=True), OBJECTIVE, slots=8, service=0.5)
    (section,) = sections_of(a_rehearsal(steps))
    summary, found, chart, table, notes = section.blocks
    assert isinstance(summary, Paragraph)
    assert "again at the moments at which production sent them" in summary.text
    assert "At 2 times production's pace the objective was missed" in summary.text
    assert isinstance(found, Bullets)
    assert "The most that it answered: 16.0 (" in found.items[0]
    assert "One replica serves 16.0 (16.0 to 16.0) requests a second within the objective, with " in found.items[1]
    assert "(n = 3 steps)" in found.items[1]
    assert isinstance(chart, Chart)
    assert "at 20.8 a second (2 times production's pace) 27.57 s" in chart.alt
    assert "2 of 10 steps lie above the edge" in chart.caption
    drawn = [row for layer in chart.spec["layer"] for row in layer.get("data", {}).get("values", [])]
    assert {row["word"] for row in drawn if "word" in row} == {"passes", "fails"}
    assert max(row["value"] for row in drawn if "value" in row) < 5.0
    assert isinstance(table, Table)
    assert len(table.rows) == len(steps)
    first = [cell.text for cell in table.rows[0]]
    assert first[:2] == ["1x, as asked", "met"]
    assert table.rows[2][1].text.startswith("missed: total time: the 95th percentile was")
    assert isinstance(notes, Bullets)
    assert "no evidence for the latency gate" in notes.items[0]
    assert "12 live requests" in notes.items[1]


def test_a_rehearsal_without_a_minute_at_full_load_is_called_no_load_test() -> None:
    steps = rehearsed(poisson(10, 1500), RehearsalTerms((0.5,), 10, find_capacity=False), OBJECTIVE, slots=8, service=0.5)
    (section,) = sections_of(a_rehearsal(steps))
    (summary,) = [block for block in section.blocks if isinstance(block, Paragraph)]
    assert "It is no load test" in summary.text
    (found,) = [block for block in section.blocks if isinstance(block, Bullets) and block.title == "What it can carry"]
    assert found.items[0].startswith("It answered at least 5.")
