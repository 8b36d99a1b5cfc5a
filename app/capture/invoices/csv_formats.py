"""The CSV exports that are known: by which columns each is told, and what a row of it says.

Columns as the vendors' exports have them in 2024 to 2026: OpenAI's dashboard (usage: `start_time`, `model`, `input_tokens`,
`input_cached_tokens`, `output_tokens`, `num_model_requests`; cost: `amount_value`, `amount_currency`, `line_item`; before 2025
`cost_in_major`, `name`), Anthropic's console (`usage_date_utc`, `model_version`, `usage_input_tokens_no_cache`; cost:
`token_type`, `cost_usd`), LiteLLM's `LiteLLM_SpendLogs`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from app.capture.invoices.azure import azure_piece
from app.capture.invoices.fields import amount, bucket_day, calendar_day, count, dollars_only, model_name
from app.capture.invoices.names import anthropic_model, line_item, litellm_model
from app.capture.invoices.pieces import Piece
from app.capture.invoices.tables import Row
from app.domain.invoices import ALL_MODELS, TOKENS

ReadRow = Callable[[Row], Piece | None]


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """One export; `needs` = sets of columns of which one each must be there."""

    name: str
    needs: tuple[frozenset[str], ...]
    read: ReadRow
    note: str = ""

    def fits(self, columns: frozenset[str]) -> bool:
        """Whether the file has what tells this format."""
        return all(some & columns for some in self.needs)


def plain(row: Row) -> Piece | None:
    """Our own: every number may be left out, but not all of them."""
    day = row.read(calendar_day, "day", required=True)
    model = row.read(model_name, "model", required=True)
    tokens = {name: row.read(count, name) for name in TOKENS}
    usd = row.read(amount, "usd")
    _cached_is_a_part(row, tokens["cached_input_tokens"], tokens["input_tokens"])
    if usd is None and not row.problems and all(value is None for value in tokens.values()):
        row.checked("usd", lambda: _fail("and the counts are all empty: give at least one"))
    return _piece(day, model, **tokens, usd=usd) if model is not None else None


def openai_usage(row: Row) -> Piece | None:
    """A bucket without a single number is a day without usage."""
    if not row.text("model", "num_model_requests", "input_tokens", "output_tokens"):
        return None
    day = _bucket(row)
    inputs, cached = row.read(count, "input_tokens", required=True), row.read(count, "input_cached_tokens")
    _cached_is_a_part(row, cached, inputs)
    return _piece(
        day, row.text("model", "snapshot_id") or ALL_MODELS,
        requests=row.read(count, "num_model_requests", "num_requests"), input_tokens=inputs, cached_input_tokens=cached,
        output_tokens=row.read(count, "output_tokens", required=True),
        tier="batch" if row.text("batch").lower() == "true" else row.text("service_tier"),
    )  # fmt: skip


def openai_legacy_usage(row: Row) -> Piece | None:
    """The usage export of before 2025."""
    return _piece(
        _bucket(row),
        row.text("model", "snapshot_id") or ALL_MODELS,
        requests=row.read(count, "num_requests", "n_requests"),
        input_tokens=row.read(count, "n_context_tokens_total", required=True),
        output_tokens=row.read(count, "n_generated_tokens_total", required=True),
    )


def openai_cost(row: Row) -> Piece | None:
    """A bucket without an amount is a day without costs."""
    if not row.text("amount_value", "cost_in_major"):
        return None
    row.read(dollars_only, "amount_currency", "currency", required=True)
    model, kind = line_item(row.text("line_item", "name"))
    return _piece(_bucket(row), model, usd=row.read(amount, "amount_value", "cost_in_major", required=True), kind=kind)


def anthropic_usage(row: Row) -> Piece | None:
    """Input is what came fresh, what was written to the cache, and what was read from it."""
    fresh = row.read(count, "usage_input_tokens_no_cache", required=True)
    names = ("usage_input_tokens_cache_write", "usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")
    written = sum(row.read(count, name) or 0 for name in names)
    cached = row.read(count, "usage_input_tokens_cache_read") or 0
    return _piece(
        row.read(calendar_day, "usage_date_utc", required=True),
        anthropic_model(row.text("model_version", "model")) or ALL_MODELS,
        input_tokens=(fresh or 0) + written + cached,
        cached_input_tokens=cached,
        output_tokens=row.read(count, "usage_output_tokens", required=True),
        cache_write_tokens=written or None,
        tier=row.text("usage_type"),
    )


def anthropic_cost(row: Row) -> Piece | None:
    """`list_price_usd` is not what is paid."""
    return _piece(
        row.read(calendar_day, "usage_date_utc", required=True),
        anthropic_model(row.text("model")) or ALL_MODELS,
        usd=row.read(amount, "cost_usd", required=True),
        kind=row.text("token_type").replace("_", " "),
    )


def litellm_spend(row: Row) -> Piece | None:
    """One request a row, its times in UTC."""
    return _piece(
        row.read(_utc_day, "starttime", required=True),
        litellm_model(row.text("model", "model_group")) or ALL_MODELS,
        requests=1,
        input_tokens=row.read(count, "prompt_tokens", required=True),
        output_tokens=row.read(count, "completion_tokens", required=True),
        usd=row.read(amount, "spend", required=True),
    )


def _piece(day: date | None, model: str, **numbers: int | Decimal | str | None) -> Piece | None:
    return Piece(day, model, **numbers) if day is not None else None  # type: ignore[arg-type]


def _bucket(row: Row) -> date | None:
    start = row.text("start_time", "start_time_iso", "timestamp", "aggregation_timestamp")
    if not start:
        return row.read(calendar_day, "date", "usage_date_utc", required=True)
    return row.checked("start_time", lambda: bucket_day(start, row.text("end_time", "end_time_iso")))


def _utc_day(text: str) -> date:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        message = f"must be a time such as 2026-11-02 10:00:00, not {text!r}"
        raise ValueError(message) from None
    return (found if found.tzinfo is None else found.astimezone(UTC)).date()


def _cached_is_a_part(row: Row, cached: int | None, inputs: int | None) -> None:
    if cached is not None and inputs is not None and cached > inputs:
        text = f"must be a part of the input tokens, not {cached:,} of {inputs:,}"
        row.checked("cached_input_tokens" if "cached_input_tokens" in row.cells else "input_cached_tokens", lambda: _fail(text))


def _fail(text: str) -> None:
    raise ValueError(text)


def _one_of(*names: str) -> frozenset[str]:
    return frozenset(names)


_STARTS = _one_of("start_time", "start_time_iso", "timestamp", "date", "usage_date_utc")
LITELLM_NOTE = "LiteLLM reckons spend with its own price table: this is a second measurement, not what the vendor asks for"
FORMATS: tuple[CsvFormat, ...] = (
    CsvFormat(
        "anthropic usage CSV",
        (_one_of("usage_date_utc"), _one_of("usage_input_tokens_no_cache"), _one_of("usage_output_tokens")), anthropic_usage,
    ),
    CsvFormat("anthropic cost CSV", (_one_of("usage_date_utc"), _one_of("cost_usd"), _one_of("model")), anthropic_cost),
    CsvFormat(
        "azure cost CSV",
        (_one_of("date", "usagedatetime", "usagedate"), _one_of("metername", "meter"),
         _one_of("costinbillingcurrency", "costinusd", "pretaxcost", "cost")), azure_piece,
    ),
    CsvFormat(
        "openai usage CSV",
        (_STARTS, _one_of("input_tokens"), _one_of("output_tokens"), _one_of("num_model_requests", "input_cached_tokens")),
        openai_usage,
    ),
    CsvFormat(
        "openai usage CSV (before 2025)",
        (_one_of("timestamp", "date", "aggregation_timestamp"), _one_of("n_context_tokens_total"),
         _one_of("n_generated_tokens_total")), openai_legacy_usage,
    ),
    CsvFormat("openai cost CSV", (_STARTS, _one_of("amount_value"), _one_of("amount_currency")), openai_cost),
    CsvFormat(
        "openai cost CSV (before 2025)",
        (_one_of("timestamp", "date"), _one_of("cost_in_major"), _one_of("currency")), openai_cost,
    ),
    CsvFormat(
        "litellm spend CSV",
        (_one_of("starttime"), _one_of("spend"), _one_of("prompt_tokens"), _one_of("completion_tokens")), litellm_spend,
        LITELLM_NOTE,
    ),
    CsvFormat(
        "plain CSV",
        (_one_of("day"), _one_of("model"), _one_of("usd", "input_tokens", "output_tokens", "requests", "cached_input_tokens")),
        plain,
    ),
)  # fmt: skip
BY_NAME: Mapping[str, CsvFormat] = {each.name: each for each in FORMATS}
