"""The inputs on the sheet of money: volume, tokens with their prices, GPUs with what replicas carry, hours."""

from decimal import Decimal

from app.costs.monthly import HOURS_PER_MONTH
from app.costs.stored_month import stairs_of_inputs, tokens_usd
from app.domain.month_inputs import TokenKind, TokenLine
from app.reports.workbook import money_formulas as formulas
from app.reports.workbook.book import Sheet, Value
from app.reports.workbook.money_formulas import MILLION, UNKNOWN
from app.reports.workbook.party import Party, Slopes

MEASURED, GIVEN, CHOSEN = "measured in the pilot", "given in pilot.toml", "to play with; 100% = as measured"
COLUMNS = 6
_SOURCE = 5
_USUAL_KINDS: tuple[TokenKind, ...] = ("input", "cached input", "output")


def write_inputs(sheet: Sheet, party: Party) -> None:
    """All of them."""
    inputs = party.inputs
    sheet.heading("Volume", COLUMNS)
    _entry(sheet, party, "Production requests", "requests", inputs.requests_per_month, "requests a month", "count", MEASURED)
    _write_tokens(
        sheet, party, "incumbent", f"Staying: tokens of {party.incumbent}", inputs.incumbent_tokens, inputs.incumbent_lack
    )
    if inputs.is_paid_by_token:
        title = f"Leaving: tokens of {party.candidate}"
        _write_tokens(sheet, party, "candidate", title, inputs.candidate_tokens, inputs.candidate_lack)
    else:
        _write_serving(sheet, party)
    _write_work(sheet, party)


def _entry(sheet: Sheet, party: Party, label: str, name: str, value: Value, unit: str, look: str, source: str) -> None:
    sheet.text(0, label)
    sheet.entry(1, value, look)
    sheet.text(2, unit, "note")
    sheet.text(_SOURCE, source if value is not None else "unknown: nobody knows or said it", "note")
    sheet.name_cell(party.names[name])
    sheet.row += 1


def _write_tokens(sheet: Sheet, party: Party, arm: str, title: str, lines: list[TokenLine], lack: str) -> None:
    names = party.names
    sheet.heading(title, COLUMNS)
    if lack:
        sheet.line(f"The token counts are too few to speak for all, so they are left empty: {lack}.", "warning")
    if arm == "incumbent":
        _entry(sheet, party, "All of the incumbent's prices, times", "api_price", 1, "", "factor", CHOSEN)
    sheet.header(
        ("Tokens", "Tokens per request", "US dollars per million", "Tokens a month", "US dollars a month", "Prices from"),
        range(1, 5),
    )
    first = sheet.row
    if not lines and party.inputs.requests_per_month is None:
        # Nothing was measured yet: lines to be filled in.
        model, lack = party.incumbent if arm == "incumbent" else party.candidate, "no day is closed"
        lines = [TokenLine(model=model, kind=kind, tokens_per_month=Decimal(0)) for kind in _USUAL_KINDS]
    for line in lines:
        _write_line(sheet, party, arm, line, lack)
    if not lines:
        sheet.text(0, "no tokens were counted")
        sheet.row += 1
    last, total = sheet.row - 1, tokens_usd(lines, lack) if party.inputs.requests_per_month is not None else None
    cells = [f"{sheet.at(column, first)}:{sheet.at(column, last)}" for column in (1, 2, 4)]
    sheet.text(0, "Bill of a month", "strong")
    sheet.formula(4, f'IF({names["requests"]}="",{UNKNOWN},{formulas.known(cells[2], f"SUM({cells[2]})")})', total, "total_usd")
    sheet.name_cell(names[f"{arm}_tokens_usd"], 4)
    bill = sheet.at(4)
    sheet.row += 1
    price = f"*{names['api_price']}" if arm == "incumbent" else ""
    sheet.text(0, "A request costs, on average")
    each = f"IF(ISTEXT({bill}),{UNKNOWN},SUMPRODUCT({cells[0]},{cells[1]})/{MILLION}{price})"
    requests = party.inputs.requests_per_month
    sheet.formula(4, each, total / requests if total is not None and requests else total, "usd_rate")
    sheet.name_cell(names[f"{arm}_usd_per_request"], 4)
    sheet.row += 1


def _write_line(sheet: Sheet, party: Party, arm: str, line: TokenLine, lack: str) -> None:
    names, requests = party.names, party.inputs.requests_per_month or Decimal(0)
    each = line.tokens_per_month / requests if requests and not lack else None
    month = line.tokens_per_month if each is not None else None
    usd = tokens_usd([line], lack)
    sheet.text(0, _label(line))
    sheet.entry(1, each, "exact")
    sheet.entry(2, line.usd_per_million_tokens, "exact")
    per_request, price, tokens = (sheet.at(column) for column in (1, 2, 3))
    sheet.formula(
        3, f'IF(OR({per_request}="",{names["requests"]}=""),{UNKNOWN},{names["requests"]}*{per_request})', month, "count"
    )
    times = f"*{names['api_price']}" if arm == "incumbent" else ""
    sheet.formula(4, f'IF(OR(ISTEXT({tokens}),{price}=""),{UNKNOWN},{tokens}*{price}/{MILLION}{times})', usd, "usd")
    sheet.text(_SOURCE, line.source or "unknown: nobody knows this price", "note")
    sheet.row += 1


def _label(line: TokenLine) -> str:
    tier = f", {line.tier}" if line.tier else ""
    long = f", requests above {line.above_input_tokens:,} tokens" if line.above_input_tokens else ""
    return f"{line.model}{tier}{long}: {line.kind}"


def _write_serving(sheet: Sheet, party: Party) -> None:
    inputs, names = party.inputs, party.names
    sheet.heading(f"Leaving: GPUs of {party.candidate}", COLUMNS)
    _entry(sheet, party, "Price of a GPU", "gpu_usd", inputs.gpu_usd_per_hour, "US dollars an hour", "exact", GIVEN)
    _entry(sheet, party, "GPUs per replica", "gpus_per_replica", inputs.gpus_per_replica, "GPUs", "count", GIVEN)
    _constant(sheet, party, "Hours of a month", "hours_in_month", float(HOURS_PER_MONTH), "a year by twelve")
    _entry(sheet, party, "Replicas at least", "least_replicas", inputs.least_replicas, "replicas", "count", GIVEN)
    if inputs.steps:
        _write_steps(sheet, party)
    else:
        text = "Nobody measured what a replica carries (pilot rehearse does): the replicas above are taken to serve any volume."
        sheet.line(text, "warning")
    count = float(stairs_of_inputs(inputs).at(1.0)) if inputs.requests_per_month is not None else None
    formula = f'IF({names["requests"]}="",{UNKNOWN},{formulas.replicas(names, names["requests"])})'
    _derived(sheet, party, "Replicas rented, spare ones included", "replicas", formula, count, "count")
    rent = inputs.gpu_usd_per_hour
    month = rent * inputs.gpus_per_replica * HOURS_PER_MONTH if rent is not None else None
    formula = names.fill('IF({gpu_usd}="","unknown",{gpu_usd}*{gpus_per_replica}*{hours_in_month})')
    _derived(sheet, party, "One replica, a month", "replica_usd", formula, month, "usd")


def _constant(sheet: Sheet, party: Party, label: str, name: str, value: float, unit: str) -> None:
    sheet.text(0, label)
    sheet.value(1, value, "count")
    sheet.text(2, unit, "note")
    sheet.name_cell(party.names[name])
    sheet.row += 1


def _derived(sheet: Sheet, party: Party, label: str, name: str, formula: str, value: Value, look: str) -> None:
    sheet.text(0, label)
    sheet.formula(1, formula, value, look)
    sheet.name_cell(party.names[name])
    sheet.row += 1


def _write_steps(sheet: Sheet, party: Party) -> None:
    """What replicas carry, and from where leaving pays with so many of them."""
    inputs, names, stairs = party.inputs, party.names, stairs_of_inputs(party.inputs)
    requests = float(inputs.requests_per_month or 0)
    _entry(sheet, party, "What a replica carries, times", "carrying", 1, "", "factor", CHOSEN)
    further = stairs.volume_per_replica * requests
    source = f"measured by a rehearsal; {inputs.spare_replicas} of the replicas may fail"
    _entry(sheet, party, "Each further replica carries", "further_requests", further, "requests a month", "count", source)
    sheet.header(
        (
            "Steps, as measured",
            "Requests a month up to",
            "Replicas, spare ones included",
            "Pays from, requests a month",
            "Where that is on this step",
        ),
        range(1, 5),
    )
    first = sheet.row
    for number, step in enumerate(inputs.steps, 1):
        sheet.text(0, f"Step {number}")
        sheet.entry(1, step.volume * requests, "count")
        sheet.entry(2, step.replicas, "count")
        rented = f"MAX({sheet.at(2)},{names['least_replicas']})"
        _write_break_even(sheet, party, rented, sheet.at(1), max(step.replicas, stairs.least), step.volume * requests)
        if number == len(inputs.steps):
            sheet.name_cell(names["step_requests"], 1, len(inputs.steps))
            sheet.name_cell(names["step_replicas"], 2, len(inputs.steps))
        sheet.row += 1
    most = max(stairs.replicas[-1], stairs.least)
    volume = stairs.volumes[-1] + (most - stairs.replicas[-1]) * stairs.volume_per_replica
    sheet.text(0, "With all that are rented anyway")
    formula = names.fill("MAX(MAX({step_replicas}),{least_replicas})")
    sheet.formula(2, formula, most, "count")
    sheet.name_cell(names["most_replicas"], 2)
    formula = names.fill("MAX({step_requests})+({most_replicas}-MAX({step_replicas}))*{further_requests}")
    sheet.formula(1, formula, volume * requests, "count")
    sheet.name_cell(names["most_requests"], 1)
    _write_break_even(sheet, party, names["most_replicas"], names["most_requests"], most, volume * requests)
    sheet.name_cell(names["step_answers"], 4, sheet.row - first + 1)
    sheet.row += 1


def _write_break_even(sheet: Sheet, party: Party, count: str, most: str, replicas: int, requests: float) -> None:
    model = party.model
    found = Slopes.of(model).pays_from(replicas) if model is not None else None
    sheet.formula(3, formulas.pays_from(party.names, count), found, "count")
    cell = sheet.at(3)
    is_here = isinstance(found, float) and found <= requests
    sheet.formula(
        4, f'IF(ISTEXT({cell}),"",IF({cell}<={most}*{party.names["carrying"]},{cell},""))', found if is_here else "", "count"
    )


def _write_work(sheet: Sheet, party: Party) -> None:
    inputs = party.inputs
    hours = inputs.upkeep_hours_per_month
    logged = "logged, extrapolated to a month"
    upkeep = logged if inputs.is_upkeep_logged else GIVEN if hours else "none logged, none given: counts as none"
    upgrades = GIVEN if inputs.upgrade_hours_per_month is not None else "nobody said: counts as none"
    sheet.heading("Leaving: hours and other cost", COLUMNS)
    _entry(sheet, party, "Hours of upkeep", "upkeep_hours", hours, "hours a month", "number", upkeep)
    _entry(
        sheet,
        party,
        "Hours for upgrades",
        "upgrade_hours",
        inputs.upgrade_hours_per_month or 0,
        "hours a month",
        "number",
        upgrades,
    )
    _entry(
        sheet,
        party,
        "One-off hours, logged and still to come",
        "one_off_hours",
        inputs.one_off_hours,
        "hours",
        "number",
        "logged, and given in pilot.toml",
    )
    _entry(
        sheet,
        party,
        "Price of an engineer's hour",
        "engineer_usd",
        inputs.engineer_usd_per_hour,
        "US dollars an hour",
        "exact",
        GIVEN,
    )
    _entry(sheet, party, "One-off hours are spread over", "horizon_months", inputs.horizon_months, "months", "count", GIVEN)
    _entry(
        sheet,
        party,
        "Storage, network, monitoring, backups",
        "other_usd",
        inputs.other_usd_per_month,
        "US dollars a month",
        "exact",
        GIVEN,
    )
