"""Azure's cost export: one row a meter and day, of all services; those of language models are taken.

Columns as in Azure's "cost and usage details" schemas (EA, MCA and pay-as-you-go name them with different case).
"""

import re
from decimal import Decimal

from app.capture.invoices.fields import amount, calendar_day, dollars_only
from app.capture.invoices.names import azure_meter
from app.capture.invoices.pieces import Piece
from app.capture.invoices.tables import Row

SERVICES = ("openai", "foundry models", "azure ai foundry")
COSTS = ("costinbillingcurrency", "pretaxcost", "cost")
_UNIT = re.compile(r"^\s*(\d+)\s*([KM]?)\b", re.IGNORECASE)
_SCALE = {"": 1, "K": 1000, "M": 1_000_000}


def azure_piece(row: Row) -> Piece | None:
    """What one meter says; rows of other services are passed over. Quantities count units such as `1K` tokens."""
    model, kind, tier = azure_meter(row.text("metername", "meter"))
    if not _is_of_models(row, kind):
        return None
    day = row.read(calendar_day, "date", "usagedatetime", "usagedate", required=True)
    in_usd = "costinusd" in row.cells
    if not in_usd:
        row.read(dollars_only, "billingcurrency", "billingcurrencycode", "currency", "currencycode", required=True)
    usd = row.read(amount, *(("costinusd",) if in_usd else COSTS), required=True)
    tokens = _tokens(row) if kind and _is_usage(row) else None
    if day is None:
        return None
    is_input = kind in ("input", "cached input")
    return Piece(
        day, model, usd=usd, kind=kind, tier=tier,
        input_tokens=tokens if is_input else None,
        cached_input_tokens=tokens if kind == "cached input" else None,
        output_tokens=tokens if kind == "output" else None,
    )  # fmt: skip


def _is_of_models(row: Row, kind: str) -> bool:
    about = " ".join(row.text(name) for name in ("metersubcategory", "metercategory", "productname", "product", "servicename"))
    return any(service in about.lower() for service in SERVICES) or (not about.strip() and bool(kind))


def _is_usage(row: Row) -> bool:
    return row.text("chargetype").lower() in ("", "usage")


def _tokens(row: Row) -> int | None:
    """`None` where the unit is no count, as with provisioned hours."""
    quantity = row.read(amount, "quantity", "consumedquantity", "usagequantity")
    if quantity is None:
        return None
    unit = row.text("unitofmeasure", "unit") or "1"
    found = _UNIT.match(unit)
    if found is None or "hour" in unit.lower():
        return None
    whole = (quantity * Decimal(found[1]) * _SCALE[found[2].upper()]).to_integral_value()
    if whole < 0:
        row.checked("quantity", lambda: _negative(quantity))
        return None
    return int(whole)


def _negative(quantity: Decimal) -> None:
    message = f"of usage must be 0 or more, not {quantity}; a credit has another ChargeType than Usage"
    raise ValueError(message)
