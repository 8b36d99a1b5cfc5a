"""What judging has cost so far, as scorecards, reports and `pilot status` say it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from app.domain.configuration import PilotConfiguration
from app.domain.judge_money import JudgeDayModel, JudgeMoneyModel, JudgePurposeModel
from app.store.judge_money import SpendLine

_NOTHING = Decimal(0)


def judge_money_of(
    configuration: PilotConfiguration, lines: Sequence[SpendLine], *, grades: int = 0, waits_for: str = ""
) -> JudgeMoneyModel | None:
    """The sums; `None` where nobody was asked and nobody can be.

    Args:
        configuration: Its budgets count now.
        lines: All spend on judges.
        grades: How many grades it bought.
        waits_for: What pairs wait for that could not be asked about yet.
    """
    table = configuration.judge if configuration.judge is not None and configuration.judge.base_url else None
    if table is None and not lines:
        return None
    usd = _usd(lines)
    return JudgeMoneyModel(
        calls=sum(line.calls for line in lines),
        usd=usd,
        uncounted_usd=_usd(line for line in lines if line.is_at_most),
        budget_usd=table.budget_usd if table is not None else None,
        left_usd=max(_NOTHING, table.budget_usd - usd) if table is not None else None,
        budget_usd_per_day=table.budget_usd_per_day if table is not None else None,
        grades=grades,
        usd_per_grade=usd / grades if grades else None,
        by_purpose=_by_purpose(lines),
        by_day=_by_day(lines),
        waits_for=waits_for,
    )


def _by_purpose(lines: Sequence[SpendLine]) -> list[JudgePurposeModel]:
    found: defaultdict[str, list[SpendLine]] = defaultdict(list)
    for line in lines:
        found[line.purpose].append(line)
    return [
        JudgePurposeModel(
            purpose=purpose,
            calls=sum(line.calls for line in of_it),
            usd=_usd(of_it),
            uncounted_calls=sum(line.calls for line in of_it if line.is_at_most),
            uncounted_usd=_usd(line for line in of_it if line.is_at_most),
        )
        for purpose, of_it in sorted(found.items())
    ]


def _by_day(lines: Sequence[SpendLine]) -> list[JudgeDayModel]:
    found: defaultdict[object, list[SpendLine]] = defaultdict(list)
    for line in lines:
        found[line.day].append(line)
    return [
        JudgeDayModel(day=of_it[0].day, calls=sum(line.calls for line in of_it), usd=_usd(of_it))
        for _, of_it in sorted(found.items(), key=lambda item: item[1][0].day)
    ]


def _usd(lines: Iterable[SpendLine]) -> Decimal:
    return sum((line.usd for line in lines), _NOTHING)
