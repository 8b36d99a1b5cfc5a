"""Whether an invoice and the measurement differ where there are no dollars: the tokens say."""

from collections.abc import Sequence

from app.domain.reconciliation import MOST_DIFFERENCE, CauseModel, ReconciledRow
from app.pipeline.reconciliation_rows import Pair, difference_rate, row_of

WORDS = {"input_tokens": "input tokens", "output_tokens": "output tokens"}


def is_counted(pair: Pair) -> bool:
    """Whether both sides know the tokens, and the measured ones their dollars."""
    return pair[0].usd is not None and all(getattr(side, name) is not None for side in pair for name in WORDS)


def token_doubt(undollared: Sequence[Pair], total: ReconciledRow, causes: Sequence[CauseModel]) -> str:
    """Why the measured tokens are not to be trusted, in words; "" = they may be, or nothing is compared.

    The difference of the days and models without dollars, input or output, whichever is the larger, as a share of all tokens
    on the invoice: where there are dollars for all but a few of them, those few decide nothing.
    """
    row = row_of(undollared, is_sampled=False)
    rates = {name: rate for name in WORDS if (rate := _rate(row, total, name)) is not None}
    name = max(rates, key=lambda each: abs(rates[each]), default=None)
    if name is None or abs(rates[name]) <= MOST_DIFFERENCE:
        return ""
    count = getattr(row, name)
    first = causes[0].words if causes else "no rule finds a cause"
    what = WORDS[name]
    return (
        f"the vendor's invoice and the measured {what} differ by {abs(rates[name]):.1%} (at most {MOST_DIFFERENCE:.0%} is "
        f"allowed): {count.invoiced:,.0f} {what} invoiced and {count.measured:,.0f} measured, with no dollars to compare. "
        f"Probable cause: {first}"
    )


def _rate(row: ReconciledRow, total: ReconciledRow, name: str) -> float | None:
    part, whole = getattr(row, name), getattr(total, name).invoiced
    if part.measured is None or part.invoiced is None:
        return None
    return (part.measured - part.invoiced) / whole if whole else difference_rate(part.measured, part.invoiced)
