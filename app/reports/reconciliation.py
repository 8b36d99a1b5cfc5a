"""The vendor's invoice beside what was measured."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from app.domain.reconciliation import ReconciledCount, ReconciledRow, ReconciliationModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Bullets, Cell, Paragraph, Section, Table, cells

MOST_DAYS, MOST_MODELS = 14, 10
CENTS_BELOW = 100


def reconciliation_sections(subjects: Sequence[Subject]) -> tuple[Section, ...]:
    """One section, for the incumbent is the same for every candidate; none where no export was imported."""
    found = subjects[0].card.cost.reconciliation if subjects else None
    if found is None:
        return ()
    return (Section(slug="invoice", title="The vendor's invoice beside what was measured", blocks=tuple(_blocks(found))),)


def _blocks(found: ReconciliationModel) -> Iterator[Paragraph | Table | Bullets]:
    if found.is_unknown:
        yield Paragraph(text=f"The saving is not known: {found.reason}.", tone="warning")
    yield Paragraph(text=" ".join(_sentences(found)))
    if found.causes:
        yield Bullets(title="Probable causes", items=tuple(cause.words for cause in found.causes))
    if not found.compared_days:
        return
    yield _total(found)
    if len(found.by_model) > 1:
        yield _rows("By model", "Model", [(row.model or "", row) for row in found.by_model[:MOST_MODELS]], "")
    last = found.by_day[-MOST_DAYS:]
    note = f"The last {MOST_DAYS} of {len(found.by_day)} days." if len(found.by_day) > MOST_DAYS else ""
    yield _rows("By day (UTC)", "Day", [(f"{row.day:%d %b %Y}".lstrip("0") if row.day else "", row) for row in last], note)
    if found.other_models:
        names = [f"{each.model} ({_usd(each.usd)})" for each in found.other_models[:MOST_MODELS]]
        text = f"On the invoice only, and not compared: {figures.names(names)}."
        yield Paragraph(text=text, tone="note")


def _sentences(found: ReconciliationModel) -> Iterator[str]:
    if not found.compared_days:
        yield "The imported exports have nothing in common with the closed days, so nothing is compared."
        return
    difference = found.total.usd.difference_rate
    yield (
        f"Compared are {found.compared_days} days (UTC) that lie wholly in closed days, "
        f"{found.first_day} to {found.last_day}, from {figures.count(found.total.n)} exchanges."
    )
    if found.usd_is_implied:
        yield "The exports have no dollars: their tokens are taken at the measured prices."
    if difference is not None:
        more = "less" if difference < 0 else "more"
        limit = figures.percent(found.most_difference_rate, 0)
        share = figures.percent(abs(difference))
        yield f"The pilot measured {share} {more} than was invoiced; up to {limit} is taken for the same."
    elif found.total.input_tokens.difference_rate is not None or found.total.output_tokens.difference_rate is not None:
        limit = figures.percent(found.most_difference_rate, 0)
        yield f"There are no dollars on both sides, so tokens are compared; up to {limit} is taken for the same."
    if found.discount_rate is not None:
        yield f"With [incumbent] discount_rate = {found.discount_rate:g} in pilot.toml both would be the same."
    yield "The measured cost is what this report reckons with; the invoice is the check on it."


def _total(found: ReconciliationModel) -> Table:
    total = found.total
    counts = (
        ("Requests", total.requests),
        ("Input tokens", total.input_tokens),
        ("of them cached", total.cached_input_tokens),
        ("Output tokens", total.output_tokens),
    )
    rows = [cells(name, *_count(count)) for name, count in counts if count.invoiced is not None]
    usd = total.usd
    if usd.invoiced is not None:
        rows.append(cells("US dollars", _measured_usd(total), _usd(usd.invoiced), _difference(usd.difference_rate)))
    columns = ("What", "Measured", "Invoiced", "Measured against invoiced")
    return Table(caption="All that is compared", columns=columns, rows=tuple(rows), numeric=3)


def _measured_usd(row: ReconciledRow) -> str:
    usd = row.usd
    if usd.measured_low is None or usd.measured_high is None:
        return _usd(usd.measured)
    return f"{_usd(usd.measured)} ({_usd(usd.measured_low)} to {_usd(usd.measured_high)})"


def _rows(caption: str, first: str, rows: Sequence[tuple[str, ReconciledRow]], note: str) -> Table:
    return Table(
        caption=caption,
        columns=(first, "Exchanges", "Tokens measured against invoiced", "Measured", "Invoiced", "Dollars"),
        rows=tuple(_row(name, row) for name, row in rows),
        numeric=5,
        note=note,
    )


def _row(name: str, row: ReconciledRow) -> tuple[Cell, ...]:
    usd = row.usd
    tokens = _difference(_tokens(row).difference_rate)
    return cells(name, figures.count(row.n), tokens, _usd(usd.measured), _usd(usd.invoiced), _difference(usd.difference_rate))


def _tokens(row: ReconciledRow) -> ReconciledCount:
    """Input and output together, where both sides know both."""
    parts = (row.input_tokens, row.output_tokens)
    if any(part.measured is None or part.invoiced is None for part in parts):
        return ReconciledCount()
    measured, invoiced = (sum(getattr(part, side) for part in parts) for side in ("measured", "invoiced"))
    return ReconciledCount(measured=measured, invoiced=invoiced, difference_rate=measured / invoiced - 1 if invoiced else None)


def _count(count: ReconciledCount) -> tuple[str, str, str]:
    return figures.count(count.measured), figures.count(count.invoiced), _difference(count.difference_rate)


def _difference(rate: float | None) -> str:
    return figures.UNKNOWN if rate is None else f"{100 * rate:+.1f}%"


def _usd(amount: Decimal | None) -> str:
    if amount is None:
        return figures.UNKNOWN
    sign = "-" if amount < 0 else ""
    return f"{sign}${abs(amount):,.2f}" if abs(amount) < CENTS_BELOW else figures.money(amount)
