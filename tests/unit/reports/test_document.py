"""What a report says, for every outcome."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.scorecard import CostModel, LedgerModel, MoneyEstimate
from app.domain.words import GateOutcome, Outcome
from app.reports import figures
from app.reports.build import build_document
from app.reports.document import Answer, Block, Bullets, Chart, Document, Section, Table
from app.reports.markdown import render_markdown
from tests.unit.reports.examples import HOURS, MADE_AT, SCORECARDS, a_document, a_full_configuration, hybrid


def blocks_of(document: Document) -> list[Block]:
    def inside(section: Section) -> list[Block]:
        return [*section.blocks, *(block for inner in section.sections for block in inside(inner))]

    return [block for section in document.sections for block in inside(section)]


def tables_of(document: Document) -> dict[str, Table]:
    return {block.caption: block for block in blocks_of(document) if isinstance(block, Table)}


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


@pytest.mark.parametrize(
    ("example", "words", "sentence"),
    [
        ("hybrid", "Move these kinds of work, keep the rest", "Move extraction and triage to qwen. Everything else stays"),
        ("migrate", "Migrate", "The evidence supports moving all"),
        ("dont_migrate", "Don't migrate", "Stay with gpt-5.1."),
        ("nothing_imported", "Not enough evidence yet", "The pilot has not started"),
        ("final_extend", "Not enough evidence yet", "was not shown to be safe: stay with gpt-5.1"),
    ],
)
def test_page_one_says_the_verdict_in_words(example: str, words: str, sentence: str) -> None:
    answer = next(block for block in blocks_of(a_document(example)) if isinstance(block, Answer))
    assert answer.words == words
    assert sentence in answer.sentence


def test_a_provisional_answer_says_that_it_is_none() -> None:
    second = a_document("two_candidates").summary.answers[1]
    assert (second.candidate, second.outcome) == ("llama-70b", Outcome.EXTEND)
    assert second.provisional.startswith("For now it points to: Migrate. That is not an answer yet")


def test_each_arm_keeps_one_colour_and_one_name() -> None:
    document = a_document("two_candidates")
    arms = {
        (cell.arm, cell.text.removesuffix(" (moves)").removesuffix(" (stays)"))
        for block in blocks_of(document)
        if isinstance(block, Table)
        for row in block.rows
        for cell in row
        if cell.arm is not None
    }
    assert arms == {(0, "gpt-5.1"), (1, "qwen"), (2, "llama-70b")}


def test_a_hybrid_says_who_would_answer_what() -> None:
    routing = tables_of(a_document("hybrid"))["Who would answer what"]
    assert texts(routing) == [
        ["extraction", "qwen (moves)", "its lower bound is 46.2%"],
        ["triage", "qwen (moves)", "its lower bound is 51.2%"],
        ["multi-step support", "gpt-5.1 (stays)", "its upper bound is 38.3%"],
        ["other", "gpt-5.1 (stays)", "not registered"],
    ]


def test_what_the_tables_say_word_for_word_is_not_said_twice() -> None:
    scorecard = hybrid()
    card = scorecard.candidates["qwen"]
    says = {GateOutcome.PASSES: "passes", GateOutcome.FAILS: "fails", GateOutcome.UNKNOWN: "is not known yet"}
    said = [f"{gate.name.value.title()} {says[gate.outcome]}: {gate.reason}." for gate in card.gates]
    said += [f"The quality of {name} {says[s.outcome]}: {s.reason}." for name, s in card.segments.items() if s.registered]
    verdict = card.verdict.model_copy(update={"reasons": ["Two of three may move.", *said]})
    changed = scorecard.model_copy(update={"candidates": {"qwen": card.model_copy(update={"verdict": verdict})}})
    document = build_document(changed, a_full_configuration(), HOURS, MADE_AT)
    why = next(block for block in blocks_of(document) if isinstance(block, Bullets) and block.title == "Why")
    assert why.items == ("Two of three may move.",)


def test_every_condition_has_its_bound_its_need_and_its_reason() -> None:
    rows = texts(tables_of(a_document("hybrid"))["The conditions"])
    assert [row[1:4] for row in rows] == [
        ["unknown", "44.4%", "above 45.0%"],
        ["passes", "at most 2.41 s", "at most 3.00 s"],
        ["passes", "at most 0.85%", "at most 1.00%"],
        ["passes", "$4,100", "above $0"],
        ["passes", "—", "—"],
    ]
    assert all(row[4] for row in rows)
    failing = texts(tables_of(a_document("dont_migrate"))["The conditions"])
    assert failing[0][1:4] == ["fails", "at most 44.4%", "above 45.0%"]


def test_the_ledger_adds_up_or_says_by_how_much_it_does_not() -> None:
    caption = "Every production request, by what became of it"
    rows = texts(tables_of(a_document("hybrid"))[caption])
    assert rows[-1] == ["all production requests", "—", "3,581", "100.0%"]
    assert sum(int(row[2].replace(",", "")) for row in rows[:-1]) == 3581
    short = hybrid().model_copy(update={"coverage": LedgerModel(production_requests=10, by_reason={"captured": 7})})
    gap = texts(tables_of(build_document(short, a_full_configuration(), HOURS, MADE_AT))[caption])
    assert ["not accounted for", "A fault of ours: please report it.", "3", "30.0%"] in gap


def test_unknown_money_is_named_and_never_zero() -> None:
    text = render_markdown(a_document("two_candidates"))
    money = text[text.index("## The evidence on llama-70b") :]
    assert "| Saving if all of it moves | unknown |" in money
    assert r"Missing, so what needs it is unknown: candidate\[llama-70b\].gpu\_usd\_per\_hour." in money
    assert "Cost per month if all of it moved" not in money


def test_nothing_imported_makes_a_report_without_charts_and_without_numbers() -> None:
    document = a_document("nothing_imported")
    assert not [block for block in blocks_of(document) if isinstance(block, Chart)]
    text = render_markdown(document)
    assert "Day 0 of 35" in text
    assert "no day is closed yet" in text
    assert "unknown: no labels by people on judged answers" in text
    assert "Nothing is registered yet" in text
    assert "No engineering hours were logged" in text


def test_times_are_the_pilots_own_and_named() -> None:
    document = a_document("hybrid")
    assert document.subtitle == (
        "Day 28 of 35 · data up to 30 Nov 2026, 00:00 · made 30 Nov 2026, 09:12 · times in Europe/Berlin"
    )


def test_changes_after_the_registration_are_listed() -> None:
    changes = texts(tables_of(a_document("two_candidates"))["Changed after the registration"])
    at, path = "11 Nov 2026, 00:00 (Europe/Berlin)", "reliability.max_failure_rate"
    assert changes == [[at, "ops", path, "0.02", "0.01", "reliability limit"]]


def test_what_was_registered_and_the_epochs_are_listed() -> None:
    tables = tables_of(a_document("two_candidates"))
    drawn = texts(tables["How likely a conversation was to be shown to people, fixed beforehand"])
    assert drawn == [["extraction", "40.0%", "10.0%"], ["other", "7.50%", "5.0%"]]
    epochs = texts(tables["Epochs of qwen: the verdict rests on the last one alone"])
    assert [row[:5] for row in epochs] == [
        ["0", "1 to 8", "8", "400", "incumbent: gpt-5.1"], ["1", "from 9", "20", "1,000", "unknown"],
    ]  # fmt: skip
    assert epochs[1][5].startswith("another model: evidence began anew; candidate[qwen].model from a to b on 10 Nov 2026")
    assert "Epochs of llama" not in str(tables)


def test_hours_are_listed_with_their_sum() -> None:
    table = tables_of(a_document("hybrid"))["Logged hours"]
    assert texts(table)[0] == ["3 Nov 2026", "Ada", "set-up", "once", "GPU drivers, vLLM image", "12.5"]
    assert table.note.startswith("52.5 hours in all: 36.5 once, 16.0 of a kind that comes again. ")


@pytest.mark.parametrize("example", SCORECARDS)
def test_a_stored_document_reads_back_as_it_was(example: str) -> None:
    document = a_document(example)
    assert Document.model_validate(document.model_dump(mode="json")) == document


@pytest.mark.parametrize("example", SCORECARDS)
def test_every_table_is_rectangular_and_every_address_differs(example: str) -> None:
    document = a_document(example)
    for block in blocks_of(document):
        if isinstance(block, Table):
            assert {len(row) for row in block.rows} <= {len(block.columns)}, block.caption
    slugs = [part.slug for section in document.sections for part in (section, *section.sections)]
    assert len(slugs) == len(set(slugs))


def test_the_hash_follows_what_the_report_is_made_from_and_not_its_time() -> None:
    configuration = a_full_configuration()
    first = build_document(hybrid(), configuration, HOURS, MADE_AT)
    later = build_document(hybrid(), configuration, HOURS, MADE_AT.replace(hour=20))
    other = build_document(hybrid(), configuration, HOURS[:1], MADE_AT)
    assert first.data_hash == later.data_hash != other.data_hash


@pytest.mark.parametrize(
    ("amount", "text"),
    [("1234.4", "$1,234"), ("-1234", "-$1,234"), ("12.5", "$12.50"), ("0", "$0"), ("99.99", "$99.99"), (None, "unknown")],
)
def test_money_reads_as_people_write_it(amount: str | None, text: str) -> None:
    assert figures.money(None if amount is None else Decimal(amount)) == text


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (figures.percent(0.4834), "48.3%"),
        (figures.small_percent(0.00221), "0.22%"),
        (figures.seconds(0.0113), "11 ms"),
        (figures.seconds(1.2), "1.20 s"),
        (figures.interval("1.00 s", "2.00 s"), "1.00 to 2.00 s"),
        (figures.interval("90 ms", "0.11 s"), "90 ms to 0.11 s"),
        (figures.interval("unknown", "2.00 s"), ""),
        (figures.names(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_read_as_people_write_them(shown: str, text: str) -> None:
    assert shown == text


def test_a_candidate_that_costs_more_says_so() -> None:
    text = render_markdown(a_document("dont_migrate"))
    assert "**Extra cost per month: $1,220** if all of it moved" in text


def changed_cost(**fields: Any) -> Document:
    scorecard = hybrid()
    card = scorecard.candidates["qwen"]
    cost = CostModel(**(card.cost.model_dump() | fields))
    changed = scorecard.model_copy(update={"candidates": {"qwen": card.model_copy(update={"cost": cost})}})
    return build_document(changed, a_full_configuration(), HOURS, MADE_AT)


def test_a_split_is_told_with_its_own_saving() -> None:
    text = render_markdown(changed_cost(saving_of_split_usd_per_month=MoneyEstimate(value=Decimal("3085.98"), n=28)))
    assert "**Saving per month: $3,086** by moving these kinds" in text
    assert "| Saving if only the named kinds move | $3,086 |" in text
    assert "Saving per month if all moves" not in text


def test_a_range_of_money_is_shown_where_there_is_one() -> None:
    saving = MoneyEstimate(value=Decimal(5000), low=Decimal(3000), high=Decimal(7000), n=28)
    text = render_markdown(changed_cost(saving_usd_per_month=saving, unpriced_models=["mystery-1"]))
    assert "| Saving if all of it moves | $5,000 ($3,000 to $7,000) |" in text
    assert "Models whose price nobody knows: mystery-1." in text
