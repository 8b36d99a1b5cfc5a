"""What a weekly report knows beside its scorecard."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.domain.scorecard import Scorecard


@dataclass(frozen=True, slots=True)
class EarlierReport:
    """The weekly report before this one; `card` `None` = its figures cannot be read by this version."""

    number: int
    made_at: datetime
    data_hash: str
    card: Scorecard | None


@dataclass(frozen=True, slots=True)
class AlarmSeen:
    """An alarm of the week, in words."""

    title: str
    text: str
    opened_at: datetime
    is_open: bool


@dataclass(frozen=True, slots=True)
class Expiring:
    """A signed decision that ends soon, or has."""

    candidate: str
    outcome: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Week:
    """What a weekly report knows beside its scorecard.

    Attributes:
        made_at: When it is made.
        begins: Since when things count as new: the report before, or the pilot's start.
        earlier: The report before; `None` = this is the first one.
        is_last: The pilot's window is over: no other weekly report follows.
        alarms: Those that were opened since, and those that hold still.
        last_worked: The newest day for which hours are logged; `None` = none are.
        has_invoice: Whether an invoice of the vendor was imported.
        decisions: Signed ones that end soon.
        judge_spent_usd: Of the judge's budget; `None` = there is no judge to ask.
    """

    made_at: datetime
    begins: datetime
    earlier: EarlierReport | None
    is_last: bool = False
    alarms: Sequence[AlarmSeen] = ()
    last_worked: date | None = None
    has_invoice: bool = False
    decisions: Sequence[Expiring] = ()
    judge_spent_usd: Decimal | None = None
