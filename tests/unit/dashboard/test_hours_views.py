"""What the page of hours says of a month, in words."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.dashboard.hours_views import facts_of
from app.domain.hours import HoursEntry
from app.pipeline.hours_totals import totals
from tests.builders import a_configuration

ONCE = HoursEntry(1, "ada", date(2026, 11, 2), Decimal("60.00"), "set-up", is_recurring=False)
AGAIN = HoursEntry(2, "bob", date(2026, 11, 3), Decimal("7.00"), "on-call", is_recurring=True)
COST = {"engineer_usd_per_hour": 90, "other_usd_per_month": 0, "horizon_months": 24}


@pytest.mark.parametrize(
    ("tables", "entries", "closed", "once", "upkeep"),
    [
        ({"cost": COST}, [ONCE, AGAIN], 7, "$5,400 at $90 an hour; 2.50 h a month over 24 months",
         "95% sure: 0.8 to 1,093.5 h, from 1 week and 1 entry; $2,737 a month"),
        ({}, [ONCE, AGAIN], 7, "spread over [cost] horizon_months", "95% sure: 0.8 to 1,093.5 h, from 1 week and 1 entry"),
        ({}, [ONCE], 7, "spread over", "nothing that comes again was logged on a closed day"),
        ({}, [ONCE, AGAIN], 0, "spread over", "no day is closed yet"),
    ],
)  # fmt: skip
def test_what_hours_mean_for_the_month(
    tables: dict[str, Any], entries: list[HoursEntry], closed: int, once: str, upkeep: str
) -> None:
    found = facts_of(totals(entries, date(2026, 11, 1), range(1, closed + 1)), a_configuration(**tables))
    assert found[0].value == "60.00 h"
    assert once in found[0].detail
    assert found[2].detail == upkeep
    assert (found[2].value == "unknown") == (not upkeep.startswith("95"))
