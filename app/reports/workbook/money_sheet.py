"""The sheet of money: inputs in yellow, everything else a formula, beside it what the report says."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from app.costs.break_even import break_even_requests
from app.costs.month_model import Factors, month_of
from app.costs.totals import payback_months
from app.reports import figures
from app.reports.workbook import money_formulas as formulas
from app.reports.workbook.book import Book, Sheet, Value
from app.reports.workbook.money_formulas import NEVER
from app.reports.workbook.money_inputs import COLUMNS, write_inputs
from app.reports.workbook.party import Party

WIDTHS = (44, 20, 24, 24, 22, 52)
VOLUMES = (0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)
AS_REPORTED, CHANGED = "as in the report", "not as in the report: an input was changed"
_CENT = 0.005
_PARTS = ("gpus", "tokens", "engineering hours", "upgrades", "one-off hours", "other")


def write_money(book: Book, party: Party) -> None:
    """The whole sheet."""
    sheet = book.sheet(party.sheet, WIDTHS, is_locked=True)
    sheet.title(
        f"Money per month: {party.incumbent} or {party.candidate}",
        "Yellow cells are inputs: change one and everything else follows. A month has 730 hours. The last column says where an "
        "input comes from. An empty yellow cell is not known: fill it in. The sheet is protected without a password.",
    )
    if party.cost.model is None:
        text = "The inputs of the formula are not known (no day is closed, or the report is older than this sheet)"
        sheet.line(f"{text}: fill them in, or read the report's figures in the column beside.", "warning")
    _write_top(sheet, party)
    write_inputs(sheet, party)
    _write_result(sheet, party)
    _write_volumes(book, sheet, party)


def _write_top(sheet: Sheet, party: Party) -> None:
    """What a reader wants to see move, without scrolling."""
    points, names, report = party.points, party.names, party.cost.saving_usd_per_month.value
    saving = points.saving_usd if party.inputs.requests_per_month is not None else None
    sheet.header(("", "Live", "In the report", "", "", ""), (1, 2))
    sheet.text(0, "Saving, a month", "strong")
    sheet.formula(1, names["saving_usd"], saving, "total_usd")
    sheet.value(2, report, "usd")
    sheet.formula(3, names["check"], _now(party), "check")
    sheet.row += 1


class _Line(NamedTuple):
    """A derived figure: `value` is what the formula gives now, `report` what the report says."""

    label: str
    name: str
    formula: str
    value: Value
    report: Value
    look: str = "usd"
    is_checked: bool = True


def _write_result(sheet: Sheet, party: Party) -> None:
    sheet.heading("The month", COLUMNS)
    sheet.header(("US dollars a month", "Live", "In the report", "Difference"), (1, 2, 3))
    first, parts = sheet.row, _parts(party)
    cells = f"{sheet.at(1, first + 1)}:{sheet.at(1, first + len(parts))}"
    lines = [*_bill(party), *parts, *_sums(party, cells), *_horizon(party)]
    _write_lines(sheet, party, lines)
    checked = f"{sheet.at(3, first)}:{sheet.at(3, sheet.row - 1)}"
    sheet.text(0, "Is this the report's month, to the cent?", "strong")
    sheet.formula(1, f'IF(SUMPRODUCT(--(ABS({checked})>={_CENT}))=0,"{AS_REPORTED}","{CHANGED}")', _now(party), "check")
    sheet.name_cell(party.names["check"])
    sheet.row += 1
    sheet.heading("When it pays", COLUMNS)
    sheet.header(("What", "Live", "In the report"), (1, 2))
    _write_lines(sheet, party, _whens(party))
    saving, chance = party.cost.saving_usd_per_month, party.cost.probability_saving_positive
    if saving.low is not None and saving.high is not None:
        sure = "" if chance is None else f"; the chance that it saves money is {figures.chance(chance)}"
        text = (
            f"The report's saving lies between ${saving.low:,.2f} and ${saving.high:,.2f} in 95% of {party.cost.draws:,} draws"
        )
        sheet.line(f"{text} (n = {saving.n:,} conversations){sure}. Formulas move the point, not this range.", "note")


def _write_lines(sheet: Sheet, party: Party, lines: Sequence[_Line]) -> None:
    for line in lines:
        is_sum = line.name.endswith(("incumbent_usd", "candidate_usd", "saving_usd"))
        look = f"total_{line.look}" if is_sum else line.look
        sheet.text(0, line.label, "strong" if is_sum else "text")
        sheet.formula(1, line.formula, line.value, look)
        sheet.name_cell(party.names[line.name])
        sheet.value(2, line.report, line.look) if not isinstance(line.report, str) else sheet.text(2, line.report, "unknown")
        live, said = sheet.at(1), sheet.at(2)
        if line.is_checked:
            sheet.formula(
                3, f"IF(OR(ISTEXT({live}),ISTEXT({said})),IF({live}={said},0,1),{live}-{said})", _difference(line), line.look
            )
        sheet.row += 1


def _now(party: Party) -> str:
    """What the check says as long as nobody changes anything; where the inputs are not stored nothing is compared."""
    lines = [*_bill(party), *_parts(party), *_sums(party, ""), *_horizon(party)]
    return AS_REPORTED if all(abs(_difference(line)) < _CENT for line in lines) else CHANGED


def _difference(line: _Line) -> float:
    value, report = line.value, line.report
    if isinstance(value, (str, type(None))) or isinstance(report, (str, type(None))):
        return 0.0 if (value or "unknown") == (report or "unknown") else 1.0
    return float(value) - float(report)


def _bill(party: Party) -> list[_Line]:
    known = party.points.incumbent_usd if party.inputs.requests_per_month is not None else None
    formula = party.names["incumbent_tokens_usd"]
    return [_Line(f"Staying: {party.incumbent}", "incumbent_usd", formula, known, party.cost.incumbent_usd_per_month.value)]


def _parts(party: Party) -> list[_Line]:
    names = party.names
    words = {
        "gpus": ("GPUs", 'IF(OR(ISTEXT({replicas}),ISTEXT({replica_usd})),"unknown",{replicas}*{replica_usd})'),
        "tokens": ("Tokens", "{candidate_tokens_usd}"),
        "engineering hours": (
            "Hours that come back",
            'IF(OR({upkeep_hours}="",{engineer_usd}=""),"unknown",{upkeep_hours}*{engineer_usd})',
        ),
        "upgrades": ("Upgrades", 'IF({upgrade_hours}*1=0,0,IF({engineer_usd}="","unknown",{upgrade_hours}*{engineer_usd}))'),
        "one-off hours": (
            "One-off hours, a month's part",
            'IF({one_off_hours}*1=0,0,IF({engineer_usd}="","unknown",{one_off_hours}*{engineer_usd}/{horizon_months}))',
        ),
        "other": ("Storage, network, monitoring, backups", 'IF({other_usd}="","unknown",{other_usd})'),
    }
    return [
        _Line(
            words[part][0],
            f"part_{part.replace(' ', '_').replace('-', '_')}_usd",
            names.fill(words[part][1]),
            *_said(party, part),
        )
        for part in _PARTS
        if part != ("gpus" if party.inputs.is_paid_by_token else "tokens")
    ]


def _said(party: Party, part: str) -> tuple[Value, Value]:
    """A part as the formula gives it and as the report has it; hours for upgrades and one-off hours may be none."""
    none = Decimal(0) if part in ("upgrades", "one-off hours") else None
    is_open = party.inputs.requests_per_month is None and part == "gpus"
    return None if is_open else party.points.candidate.parts.get(part, none), party.cost.parts.get(part, none)


def _sums(party: Party, parts: str) -> list[_Line]:
    """The candidate's month and the saving; `parts` are the cells that are added up."""
    names, points, cost = party.names, party.points, party.cost
    is_open = party.inputs.requests_per_month is None
    saving = names.fill('IF(OR(ISTEXT({incumbent_usd}),ISTEXT({candidate_usd})),"unknown",{incumbent_usd}-{candidate_usd})')
    return [
        _Line(
            f"Leaving: {party.candidate}", "candidate_usd", formulas.known(parts, f"SUM({parts})"),
            None if is_open else points.candidate.usd, cost.candidate_usd_per_month.value,
        ),
        _Line("Saving", "saving_usd", saving, None if is_open else points.saving_usd, cost.saving_usd_per_month.value),
    ]  # fmt: skip


def _horizon(party: Party) -> list[_Line]:
    names, cost, model = party.names, party.cost, party.model
    month = month_of(model) if model is not None else None
    many = party.inputs.horizon_months
    stays, leaves = (
        (None, None)
        if month is None
        else (_float(month.incumbent_usd) * many, _float(month.running_usd) * many + _float(month.one_off_usd))
    )
    return [
        _Line(
            "Staying over all those months",
            "incumbent_total_usd",
            formulas.if_known(names, names.fill("{incumbent_usd}*{horizon_months}")),
            stays,
            _or(cost.incumbent_total_usd.value, stays),
        ),
        _Line(
            "Leaving over all those months",
            "candidate_total_usd",
            formulas.if_known(names, names.fill("{candidate_usd}*{horizon_months}")),
            leaves,
            _or(cost.candidate_total_usd.value, leaves),
        ),
    ]


def _or(report: Value, value: Value) -> Value:
    """What an older report does not say is not held against it."""
    return report if report is not None else value


def _whens(party: Party) -> list[_Line]:
    names, model, cost = party.names, party.model, party.cost
    pays = payback = None
    if model is not None:
        pays, payback = _finite(break_even_requests(model)[0]), _finite(payback_months(month_of(model))[0])
    running = names.fill("({candidate_usd}-{part_one_off_hours_usd})")
    once = names.fill("({one_off_hours}*{engineer_usd})")
    back = formulas.if_known(names, names.fill(f"IF({{incumbent_usd}}>{running},{once}/({{incumbent_usd}}-{running}),{NEVER})"))
    return [
        _Line(
            "It pays from, requests a month",
            "break_even_requests",
            _break_even(party),
            pays,
            _said_of(cost.break_even_requests_per_month.value, pays, cost.draws),
            "count",
            is_checked=False,
        ),
        _Line(
            "One-off hours are paid back after, months",
            "payback_months",
            back,
            payback,
            _said_of(cost.payback_months.value, payback, cost.draws),
            "number",
            is_checked=False,
        ),
    ]


def _said_of(report: float | None, value: Value, draws: int) -> Value:
    return report if report is not None else value if not draws else "never"


def _break_even(party: Party) -> str:
    names = party.names
    if party.inputs.is_paid_by_token or not party.inputs.steps:
        return formulas.pays_from(names, "" if party.inputs.is_paid_by_token else names["least_replicas"])
    answers = names["step_answers"]
    most = f"({names['most_requests']}*{names['carrying']})"
    rest = formulas.beyond(names, most, names["most_replicas"])
    return formulas.if_known(names, f"IF(COUNT({answers})>0,MIN({answers}),{rest})")


def _write_volumes(book: Book, sheet: Sheet, party: Party) -> None:
    """Both sides by volume, and a picture of them that moves with the inputs."""
    requests = party.inputs.requests_per_month
    sheet.heading("By volume", COLUMNS)
    sheet.header(
        (
            "Of the measured volume",
            "Requests a month",
            "Replicas",
            "Staying, US dollars",
            "Leaving, US dollars",
            "Saving, US dollars",
        ),
        range(1, 6),
    )
    first = sheet.row
    for factor in VOLUMES:
        sheet.value(0, factor, "factor")
        sheet.entry(1, float(requests) * factor if requests is not None else None, "count")
        _write_volume(sheet, party, factor)
        sheet.row += 1
    _draw(book, sheet, party, first, sheet.row - 1)


def _write_volume(sheet: Sheet, party: Party, factor: float) -> None:
    names, model = party.names, party.model
    asked, count, stays, leaves = (sheet.at(column) for column in (1, 2, 3, 4))
    given = (
        formulas.replicas(names, asked),
        formulas.staying(names, asked),
        formulas.leaving(names, asked, count),
        f"{stays}-{leaves}",
    )
    values: tuple[Value, ...] = (None, None, None, None)
    if model is not None:
        month = month_of(model, Factors(volume=factor))
        rented = 0.0 if names.is_paid_by_token else _float(month.replicas)
        values = (rented, _float(month.incumbent_usd), _float(month.candidate_usd), _float(month.saving_usd))
    for column, (formula, value) in enumerate(zip(given, values, strict=True), 2):
        sheet.formula(column, formulas.if_known(names, formula), value, "usd" if column > 2 else "count")  # noqa: PLR2004


def _draw(book: Book, sheet: Sheet, party: Party, first: int, last: int) -> None:
    """The format's own chart: it follows the inputs."""
    chart = book.file.add_chart({"type": "scatter", "subtype": "straight_with_markers"})
    for column, (name, colour) in ((3, (party.incumbent, "#0072B2")), (4, (party.candidate, "#D55E00"))):
        chart.add_series(
            {
                "name": name.replace("=", " "),
                "categories": [sheet.name, first, 1, last, 1],
                "values": [sheet.name, first, column, last, column],
                "line": {"color": colour, "width": 2.25},
                "marker": {"type": "circle" if column == 4 else "square", "size": 6, "fill": {"color": colour}},  # noqa: PLR2004
            }
        )
    chart.set_title({"name": "Cost a month by volume", "name_font": {"size": 12}})
    chart.set_x_axis({"name": "requests a month", "num_format": "#,##0", "min": 0})
    chart.set_y_axis({"name": "US dollars a month", "num_format": "$#,##0", "min": 0})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 900, "height": 380})
    sheet.row += 1
    words = (
        f"What {party.incumbent} and {party.candidate} cost a month at the volumes of the table above; both axes start at 0."
    )
    sheet.made.insert_chart(sheet.row, 0, chart, {"description": words, "object_position": 2})
    sheet.row += 20


def _float(number: object) -> float:
    return float(np.asarray(number))


def _finite(number: float) -> float | str:
    return float(number) if np.isfinite(number) else "never"
