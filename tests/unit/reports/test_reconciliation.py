"""What a report says of the vendor's invoice."""

from datetime import date
from decimal import Decimal
from typing import Any

from app.domain.reconciliation import (
    CauseModel,
    OtherModel,
    ReconciledCount,
    ReconciledMoney,
    ReconciledRow,
    ReconciliationModel,
)
from app.reports.context import Subject
from app.reports.reconciliation import reconciliation_sections
from tests.unit.reports.examples import a_full_configuration, hybrid

ROW = ReconciledRow(
    n=1200,
    requests=ReconciledCount(measured=12_000, invoiced=12_000, difference_rate=0.0),
    input_tokens=ReconciledCount(measured=9_000_000, invoiced=10_000_000, difference_rate=-0.1),
    output_tokens=ReconciledCount(measured=900_000, invoiced=1_000_000, difference_rate=-0.1),
    usd=ReconciledMoney(
        measured=Decimal(90), invoiced=Decimal(100), difference_rate=-0.1, measured_low=Decimal(80), measured_high=Decimal(99)
    ),
)
DAYS = [ROW.model_copy(update={"day": date(2026, 11, day)}) for day in range(2, 22)]
FOUND = ReconciliationModel(
    first_day=date(2026, 11, 2),
    last_day=date(2026, 11, 21),
    compared_days=20,
    total=ROW,
    by_model=[ROW.model_copy(update={"model": name}) for name in ("gpt-5.1", "gpt-4o")],
    by_day=DAYS,
    other_models=[OtherModel(model="o3", usd=Decimal(7))],
    causes=[CauseModel(code="other_traffic", words="more volume on the invoice")],
    is_unknown=True,
    reason="the invoice and the measured cost differ by 10.0%",
)


def said(found: ReconciliationModel | None, **changes: Any) -> str:
    card = hybrid().candidates["qwen"]
    changed = found.model_copy(update=changes) if found is not None else None
    card = card.model_copy(update={"cost": card.cost.model_copy(update={"reconciliation": changed})})
    subject = Subject("qwen", 1, card, hybrid(), a_full_configuration())
    return "\n".join(section.model_dump_json() for section in reconciliation_sections([subject, subject]))


def test_both_sides_stand_beside_each_other_with_the_cause_and_what_it_means() -> None:
    text = said(FOUND)
    for words in ("The saving is not known", "more volume on the invoice", "20 days", "1,200 exchanges", "10.0% less than"):
        assert words in text
    for words in (
        "9,000,000",
        "10,000,000",
        "-10.0%",
        "$90.00 ($80.00 to $99.00)",
        "$100",
        "o3 ($7.00)",
        "The last 14 of 20 days",
    ):
        assert words in text
    assert text.count('"slug":"invoice"') == 1
    assert '"8 Nov 2026"' in text
    assert '"7 Nov 2026"' not in text


def test_what_is_not_there_is_not_said() -> None:
    assert said(None) == ""
    agrees = said(FOUND, is_unknown=False, reason="", causes=[], other_models=[], by_model=FOUND.by_model[:1])
    for words in ("not known", "Probable causes", "On the invoice only", "By model", "discount_rate"):
        assert words not in agrees
    assert "discount_rate = 0.2" in said(FOUND, discount_rate=0.2)
    assert "no dollars" in said(FOUND, usd_is_implied=True)
    assert "nothing is compared" in said(FOUND, compared_days=0)
