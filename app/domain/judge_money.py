"""What the models that grade cost a pilot: its own money, by purpose and day."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import PlainSerializer

from app.domain.estimate_models import Model

# A call costs parts of a cent.
SmallMoney = Annotated[Decimal, PlainSerializer(lambda value: f"{value:.6f}", return_type=str, when_used="json")]


class JudgePurpose(StrEnum):
    """What a call to a model that grades is for; all of them come out of the budget of `[judge]`."""

    JUDGE = "judge"
    ANCHOR = "anchor"
    PANEL = "panel"
    CANARY = "canary"


class JudgePurposeModel(Model):
    """One purpose. `uncounted_…`: the part of it whose tokens no server has counted, booked at the most that it may cost."""

    purpose: str
    calls: int
    usd: SmallMoney
    uncounted_calls: int = 0
    uncounted_usd: SmallMoney = Decimal(0)


class JudgeDayModel(Model):
    """One UTC day of wall time, all purposes together."""

    day: date
    calls: int
    usd: SmallMoney


class JudgeMoneyModel(Model):
    """What judging has cost, and what is left of its budget; `usd_per_grade` `None` = there is no paid grade yet.

    `waits_for`: what pairs wait for that could not be asked about yet: today's money, or the server's room.
    """

    calls: int = 0
    usd: SmallMoney = Decimal(0)
    uncounted_usd: SmallMoney = Decimal(0)
    budget_usd: SmallMoney | None = None
    left_usd: SmallMoney | None = None
    budget_usd_per_day: SmallMoney | None = None
    grades: int = 0
    usd_per_grade: SmallMoney | None = None
    by_purpose: list[JudgePurposeModel] = []
    by_day: list[JudgeDayModel] = []
    waits_for: str = ""
