"""The vendor's invoice beside what the pilot measured, and why they differ."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from datetime import date

from app.domain.estimate_models import Model, Money

# Above this share of the invoiced dollars, nobody knows what the incumbent costs.
MOST_DIFFERENCE = 0.05


class ReconciledCount(Model):
    """A count on both sides; `difference_rate` = measured / invoiced - 1, below 0 where the pilot saw less than was billed."""

    measured: float | None = None
    invoiced: float | None = None
    difference_rate: float | None = None


class ReconciledMoney(Model):
    """Dollars on both sides, as `ReconciledCount`; `low` and `high` of what was measured, where it was sampled."""

    measured: Money | None = None
    invoiced: Money | None = None
    difference_rate: float | None = None
    measured_low: Money | None = None
    measured_high: Money | None = None


class ReconciledRow(Model):
    """One day and model, one of both, or all of what is compared; `n` = exchanges that the measured side rests on."""

    day: date | None = None
    model: str | None = None
    n: int = 0
    requests: ReconciledCount = ReconciledCount()
    input_tokens: ReconciledCount = ReconciledCount()
    cached_input_tokens: ReconciledCount = ReconciledCount()
    output_tokens: ReconciledCount = ReconciledCount()
    usd: ReconciledMoney = ReconciledMoney()


class CauseModel(Model):
    """A probable cause of a difference: `code` for programs, `words` for people."""

    code: str
    words: str


class OtherModel(Model):
    """A model that is on the invoice, and that the pilot saw no call of: not compared."""

    model: str
    input_tokens: float | None = None
    output_tokens: float | None = None
    usd: Money | None = None


class ReconciliationModel(Model):
    """Invoice against measurement over the UTC days that are wholly closed and on the invoice.

    Attributes:
        first_day: Of the days compared.
        compared_days: How many.
        total: All of what is compared.
        usd_is_implied: The invoice has no dollars: its tokens at the measured prices are compared.
        missing_days: Closed UTC days with measured traffic of which the invoice says nothing.
        other_models: On the invoice only.
        unmatched_models: Measured, and under no name on the invoice.
        uncounted_rate: Share of the measured requests whose token counts are estimated: the vendor gave none.
        price_factor: Invoiced over measured dollars, where tokens are the same and one factor explains every day and model.
        discount_rate: What `[incumbent] discount_rate` would have to be for both to be the same.
        is_unknown: The dollars differ by more than `most_difference_rate`, or where there are none the tokens do: the saving
            gate is unknown.
        reason: Why it is, in words; "" where it is not.
    """

    first_day: date | None = None
    last_day: date | None = None
    compared_days: int = 0
    total: ReconciledRow = ReconciledRow()
    by_model: list[ReconciledRow] = []
    by_day: list[ReconciledRow] = []
    rows: list[ReconciledRow] = []
    usd_is_implied: bool = False
    missing_days: list[date] = []
    other_models: list[OtherModel] = []
    unmatched_models: list[str] = []
    uncounted_rate: float | None = None
    causes: list[CauseModel] = []
    price_factor: float | None = None
    discount_rate: float | None = None
    most_difference_rate: float = MOST_DIFFERENCE
    is_unknown: bool = False
    reason: str = ""

    @property
    def is_check(self) -> bool:
        """Whether estimated counts are held against it: all but 5 % is compared, by dollars or output tokens, and agrees."""
        rates = [(row.n, (row.usd.difference_rate, row.output_tokens.difference_rate)) for row in self.rows]
        held = sum(n for n, both in rates if both != (None, None))
        return not self.is_unknown and held > 0 and held >= (1 - MOST_DIFFERENCE) * self.total.n
