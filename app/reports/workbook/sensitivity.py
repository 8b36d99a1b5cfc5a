"""What if: the saving with some inputs multiplied, by live formulas on the sheet of money; one line is the reader's own."""

from typing import NamedTuple

import numpy as np

from app.costs.month_model import Factors, Month, month_of
from app.reports.workbook import money_formulas as formulas
from app.reports.workbook.book import Book, Sheet, Value
from app.reports.workbook.money_formulas import Names
from app.reports.workbook.party import Party

WIDTHS = (36, 11, 11, 11, 11, 11, 11, 16, 11, 16, 16, 16, 18)
_COLUMNS = (
    "Case",
    "Requests, times",
    "API price, times",
    "GPU price, times",
    "Replicas, times",
    "Upkeep, times",
    "Hour's price, times",
    "Requests a month",
    "Replicas",
    "Staying, US dollars",
    "Leaving, US dollars",
    "Saving, US dollars",
    "Against as it is",
)


class _Case(NamedTuple):
    """By what each input is multiplied."""

    words: str
    volume: float = 1.0
    incumbent_price: float = 1.0
    gpu_price: float = 1.0
    replicas: float = 1.0
    upkeep: float = 1.0
    engineer_price: float = 1.0

    @property
    def factors(self) -> Factors:
        """As the formula takes them."""
        return Factors(
            volume=self.volume, incumbent_price=self.incumbent_price, gpu_price=self.gpu_price, replicas=self.replicas,
            upkeep=self.upkeep, engineer_price=self.engineer_price,
        )  # fmt: skip


_CASES = (
    _Case("As it is"),
    _Case("Half as many requests", volume=0.5),
    _Case("Half as many requests again", volume=1.5),
    _Case("The API's price halves", incumbent_price=0.5),
    _Case("The API's price falls by 80%", incumbent_price=0.2),
    _Case("GPUs cost 30% less", gpu_price=0.7),
    _Case("GPUs cost 30% more", gpu_price=1.3),
    _Case("The same load needs twice the replicas", replicas=2.0),
    _Case("No hours of upkeep", upkeep=0.0),
    _Case("Half the hours of upkeep", upkeep=0.5),
    _Case("Twice the hours of upkeep", upkeep=2.0),
    _Case("An hour costs 30% less", engineer_price=0.7),
    _Case("An hour costs 30% more", engineer_price=1.3),
    _Case("The API halves and requests grow by half", volume=1.5, incumbent_price=0.5),
    _Case("Your own case"),
)
_RENT = (3, 4)


def write_sensitivity(book: Book, parties: list[Party]) -> None:
    """A table a candidate."""
    sheet = book.sheet("Sensitivity", WIDTHS, is_locked=True)
    sheet.title(
        "What if?",
        "Each line multiplies inputs of the sheet of money; the month follows by the same formula. Change the yellow cells.",
    )
    for party in parties:
        sheet.heading(f"Moving everything to {party.candidate} ({party.sheet})", len(WIDTHS))
        sheet.header(_COLUMNS, range(1, len(_COLUMNS)))
        first = sheet.row
        for case in _CASES:
            if not (party.inputs.is_paid_by_token and (case.gpu_price != 1 or case.replicas != 1)):
                _write_case(sheet, party, case, first)
        saving = f"{sheet.at(11, first)}:{sheet.at(12, sheet.row - 1)}"
        loss = {"type": "cell", "criteria": "<", "value": 0, "format": book.look("loss")}
        sheet.made.conditional_format(saving, loss)


def _write_case(sheet: Sheet, party: Party, case: _Case, first: int) -> None:
    names, model = party.names, party.model
    month = month_of(model, case.factors) if model is not None else None
    now = month_of(model) if model is not None else None
    sheet.text(0, case.words)
    for column, factor in enumerate(case[1:], 1):
        if names.is_paid_by_token and column in _RENT:
            sheet.text(column, "—", "unknown")
        else:
            sheet.entry(column, factor, "factor")
    requests = model.requests * case.volume if model is not None else None
    values = (requests, *_values(month, names))
    looks = ("count", "count", "usd", "usd", "total_usd")
    for column, (formula, value, look) in enumerate(zip(_formulas(sheet, names), values, looks, strict=True), 7):
        sheet.formula(column, formulas.if_known(names, formula), value, look)
    change = _float(month.saving_usd) - _float(now.saving_usd) if month is not None and now is not None else None
    sheet.formula(12, formulas.if_known(names, f"{sheet.at(11)}-{sheet.at(11, first)}"), change, "usd")
    sheet.row += 1


def _formulas(sheet: Sheet, names: Names) -> tuple[str, ...]:
    volume, price, gpu, many, upkeep, engineer = (sheet.at(column) for column in range(1, 7))
    requests, count, stays, leaves = (sheet.at(column) for column in range(7, 11))
    rented = "0" if names.is_paid_by_token else f"{formulas.replicas(names, requests)}*{many}"
    return (
        f"{names['requests']}*{volume}",
        rented,
        formulas.staying(names, requests, price),
        formulas.leaving(names, requests, count, gpu=gpu, hours=upkeep, engineer=engineer),
        f"{stays}-{leaves}",
    )


def _values(month: Month | None, names: Names) -> tuple[Value, ...]:
    if month is None:
        return (None, None, None, None)
    rented = 0.0 if names.is_paid_by_token else _float(month.replicas)
    return rented, _float(month.incumbent_usd), _float(month.candidate_usd), _float(month.saving_usd)


def _float(number: object) -> float:
    return float(np.asarray(number))
