"""A report as a workbook."""

from app.domain.month_inputs import MonthInputs
from app.domain.scorecard import Scorecard
from app.reports.document import Document
from app.reports.view import ReportView
from app.reports.workbook.background import write_about, write_assumptions, write_charts
from app.reports.workbook.book import Book
from app.reports.workbook.decision import write_decision
from app.reports.workbook.evidence import write_evidence
from app.reports.workbook.money_sheet import write_money
from app.reports.workbook.party import Party
from app.reports.workbook.sensitivity import write_sensitivity


def render_workbook(view: ReportView) -> bytes:
    """All sheets, the decision first; formulas are computed once more when it is opened."""
    document = view.document
    scorecard = Scorecard.model_validate(document.scorecard)
    book = Book(document.title, document.made_at)
    parties = parties_of(document, scorecard)
    write_decision(book, view, scorecard)
    for party in parties:
        write_money(book, party)
    write_sensitivity(book, parties)
    write_evidence(book, scorecard)
    write_charts(book, document)
    write_assumptions(book, parties)
    write_about(book, view, parties)
    return book.bytes()


def parties_of(document: Document, scorecard: Scorecard) -> list[Party]:
    """The candidates with their inputs; their sheets bear their names where there are several."""
    incumbents = {each.candidate: each.incumbent for each in document.leadership}
    is_alone = len(scorecard.candidates) == 1
    return [
        Party(
            candidate=name,
            incumbent=incumbents.get(name, "the incumbent"),
            arm=arm,
            cost=card.cost,
            inputs=card.cost.model or MonthInputs(),
            sheet="Money" if is_alone else f"Money {name}",
        )
        for arm, (name, card) in enumerate(scorecard.candidates.items(), 1)
    ]
