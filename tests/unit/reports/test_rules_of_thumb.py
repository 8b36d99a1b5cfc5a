"""The rules of thumb in a report: the field's words, its source, the pilot's own number and where it falls."""

from app.costs.rules_of_thumb import OwnNumbers, rules_of_thumb
from app.domain.rules_of_thumb import RuleOfThumb
from app.reports.context import Subject
from app.reports.document import Paragraph, Section, Table
from app.reports.rules_of_thumb import rules_of_thumb_sections
from tests.unit.reports.examples import a_full_configuration, hybrid


def sections(rules: list[RuleOfThumb]) -> tuple[Section, ...]:
    card = hybrid()
    candidate = card.candidates["qwen"].model_copy(update={"rules_of_thumb": rules})
    return rules_of_thumb_sections(Subject("qwen", 1, candidate, card, a_full_configuration()))


def test_each_rule_stands_beside_the_own_number() -> None:
    own = OwnNumbers(tokens_per_month=12_000_000, incumbent_usd_per_month=25_000, candidate_available_rate=0.97)
    (section,) = sections(rules_of_thumb(own))
    note, thresholds, left_out = section.blocks
    assert isinstance(note, Paragraph)
    assert "no gate reads them" in note.text
    assert isinstance(thresholds, Table)
    assert isinstance(left_out, Table)
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in (*thresholds.rows, *left_out.rows)}
    tokens = next(cells for says, cells in rows.items() if says.startswith("below 5 M"))
    assert tokens == ["TR, 2026-03-30", "—", "tokens a month", "decision zone", "12.0 M"]
    spend = {cells[0]: cells[3:] for says, cells in rows.items() if cells[2].startswith("US dollars of API")}
    assert spend == {"TP, 2026": ["decision zone", "25,000"], "EV, 2026": ["pays", "25,000"]}
    assert next(cells for says, cells in rows.items() if says.startswith("self-hosted 95"))[3:] == ["within it", "97.0%"]
    hours = next(cells for says, cells in rows.items() if says == "a model update takes a week")
    assert hours[1:] == ["missing: give [cost] hours_per_upgrade", "hours an upgrade", "unknown", "unknown"]


def test_a_stored_scorecard_without_rules_has_no_section() -> None:
    assert sections([]) == ()
