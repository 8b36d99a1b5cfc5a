"""The first sheet: the verdict on each candidate, its key figures, its gates, and who signed."""

from app.domain.cost_figures import CostModel
from app.domain.estimate_models import EstimateModel, MoneyEstimate
from app.domain.scorecard import CandidateModel, Scorecard
from app.reports.context import deciding
from app.reports.document import Answer
from app.reports.figures import moment
from app.reports.view import ReportView
from app.reports.wording import GATE_OUTCOMES, GATE_QUESTIONS, NOT_TESTED, OUTCOMES, plain
from app.reports.workbook.book import Book, Sheet

_WIDTHS = (50, 18, 18, 18, 14, 40)
_LOOKS = {"saving": "usd", "latency": "seconds"}


def write_decision(book: Book, view: ReportView, card: Scorecard) -> None:
    """The whole sheet."""
    document = view.document
    sheet = book.sheet("Decision", _WIDTHS)
    sheet.title(document.title, document.subtitle)
    for answer in document.summary.answers:
        candidate = card.candidates.get(answer.candidate)
        if candidate is not None:
            _write_answer(sheet, answer, candidate)
    if view.decisions:
        _write_signatures(sheet, view)


def _write_answer(sheet: Sheet, answer: Answer, candidate: CandidateModel) -> None:
    final = ", final" if answer.is_final else ""
    sheet.heading(f"Verdict on {answer.candidate} ({answer.model}){final}: {answer.outcome.value}", len(_WIDTHS))
    sheet.line(answer.words, "words")
    sheet.line(answer.sentence)
    if answer.provisional:
        sheet.line(answer.provisional)
    sheet.row += 1
    _write_figures(sheet, candidate)
    _write_gates(sheet, candidate)
    verdict = candidate.verdict
    _write_list(sheet, "Why", verdict.reasons)
    _write_list(sheet, "What would change this answer", verdict.would_change)
    _write_list(sheet, "What was not tested", [plain(each, NOT_TESTED) for each in verdict.not_tested])
    sheet.row += 1


def _write_figures(sheet: Sheet, candidate: CandidateModel) -> None:
    cost = candidate.cost
    sheet.header(("Key figures", "Value", "Low", "High", "n", "What it is"), range(1, 5))
    _figure(sheet, "Win rate against the incumbent", deciding(candidate.quality), "percent", "50% = as good; decides quality")
    _figure(sheet, "Staying, a month", cost.incumbent_usd_per_month, "usd", "US dollars")
    _figure(sheet, "Leaving, a month", cost.candidate_usd_per_month, "usd", "US dollars")
    _figure(sheet, "Saving, a month", cost.saving_usd_per_month, "usd", "US dollars, if all of it moves")
    if cost.saving_of_split_usd_per_month.value is not None:
        _figure(
            sheet, "Saving of the split, a month", cost.saving_of_split_usd_per_month, "usd", "if only the named kinds move"
        )
        chance = EstimateModel(value=cost.probability_split_saving_positive, n=cost.draws)
        _figure(sheet, "Chance that the split saves money", chance, "percent", "share of seeded draws; n = draws")
        if cost.payback_of_split_months.n:
            _figure(sheet, "By the split paid back after", cost.payback_of_split_months, "number", _months(cost))
    chance = EstimateModel(value=cost.probability_saving_positive, n=cost.draws)
    _figure(sheet, "Chance that it saves money", chance, "percent", "if all of it moves: share of seeded draws; n = draws")
    volume = f"requests a month{_never(cost, 'at no volume')}"
    _figure(sheet, "It pays from", cost.break_even_requests_per_month, "count", volume)
    _figure(sheet, "One-off hours are paid back after", cost.payback_months, "number", _months(cost))
    total = candidate.latency.total_seconds.p95
    _figure(sheet, "95 of 100 answers, incumbent", total.incumbent, "seconds", "seconds")
    _figure(sheet, "95 of 100 answers, candidate", total.candidate, "seconds", "seconds")
    reliability = candidate.reliability
    _figure(sheet, "The incumbent fails", reliability.incumbent_failure_rate, "percent", "of requests")
    _figure(sheet, "The candidate fails", reliability.candidate_failure_rate, "percent", "of requests")


def _months(cost: CostModel) -> str:
    return f"months{_never(cost, 'never')}"


def _never(cost: CostModel, words: str) -> str:
    """What an unknown end means once draws were made."""
    return f"; unknown = {words}" if cost.draws else "; not computed"


def _figure(sheet: Sheet, words: str, found: EstimateModel | MoneyEstimate, look: str, what: str) -> None:
    sheet.text(0, words)
    for column, value in enumerate((found.value, found.low, found.high), 1):
        sheet.value(column, value, look)
    sheet.value(4, found.n or None, "count")
    sheet.text(5, what, "note")
    sheet.row += 1


def _write_gates(sheet: Sheet, candidate: CandidateModel) -> None:
    sheet.row += 1
    sheet.header(("Gate", "Result", "Bound", "Compared with", "", "Why"), (2, 3))
    for gate in candidate.gates:
        look = _LOOKS.get(gate.name.value, "percent")
        sheet.text(0, GATE_QUESTIONS[gate.name])
        sheet.text(1, GATE_OUTCOMES[gate.outcome], "strong")
        sheet.value(2, gate.bound, look)
        sheet.value(3, gate.threshold, look)
        sheet.text(5, gate.reason)
        sheet.row += 1


def _write_list(sheet: Sheet, title: str, items: list[str]) -> None:
    if items:
        sheet.row += 1
        sheet.text(0, title, "strong")
        sheet.row += 1
        for item in items:
            sheet.line(f"•  {item}")


def _write_signatures(sheet: Sheet, view: ReportView) -> None:
    sheet.heading("Signatures", len(_WIDTHS))
    sheet.header(("Who", "Candidate", "Report says", "Decided", "", "Why, until when"))
    for each in view.decisions:
        until = f" (until {moment(each.expires_at, view.document.timezone)})" if each.expires_at is not None else ""
        sheet.text(0, f"{each.signed_name}, {each.signed_role}, {moment(each.signed_at, view.document.timezone)}")
        sheet.text(1, each.candidate)
        sheet.text(2, OUTCOMES[each.verdict])
        sheet.text(3, OUTCOMES[each.outcome])
        sheet.text(5, f"{each.reason}{until}")
        sheet.row += 1
