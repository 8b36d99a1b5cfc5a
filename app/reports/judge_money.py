"""What judging has cost the pilot itself."""

from collections.abc import Iterator
from decimal import Decimal

from app.domain.judge_money import JudgeMoneyModel
from app.domain.scorecard import Scorecard
from app.reports import figures
from app.reports.document import Paragraph, Section, Table, cells
from app.reports.wording import plain

PURPOSES = {
    "judge": "Judging pairs",
    "anchor": "Asking again about the first week, to see whether the judge has changed",
    "panel": "Other judges on a part of the pairs",
    "canary": "Pairs whose loser is known",
}
MOST_DAYS = 14
_CENT = Decimal("0.01")


def judge_money_sections(scorecard: Scorecard) -> tuple[Section, ...]:
    """One section; none where nobody is asked."""
    money = scorecard.judge_money
    if money is None:
        return ()
    blocks: list[Paragraph | Table] = [Paragraph(text=" ".join(_sentences(money)))]
    if money.waits_for:
        blocks.append(Paragraph(text=f"Pairs wait for their grades: {money.waits_for}.", tone="warning"))
    if money.by_purpose:
        blocks += [_by_purpose(money), _by_day(money)]
    return (Section(slug="judge-money", title="What judging cost", blocks=tuple(blocks)),)


def small(usd: Decimal | None) -> str:
    """Dollars of which parts of a cent count."""
    return f"${usd:.6f}" if usd is not None and 0 < usd < _CENT else figures.money(usd)


def _sentences(money: JudgeMoneyModel) -> Iterator[str]:
    yield f"{figures.count(money.calls)} calls to models that grade cost {small(money.usd)}."
    if money.uncounted_usd:
        yield (
            f"Of it {small(money.uncounted_usd)} is the most that calls may have cost whose tokens no server has counted "
            "(broken off, no answer in time, a worker that died)."
        )
    if money.usd_per_grade is not None:
        yield f"That is {small(money.usd_per_grade)} for each of {figures.count(money.grades)} usable grades."
    if money.budget_usd is not None:
        yield f"Of the budget of {small(money.budget_usd)}, {small(money.left_usd)} is left."
    if money.budget_usd_per_day is not None:
        yield f"No more than {small(money.budget_usd_per_day)} is spent on one day (UTC); what that leaves waits for the next."


def _by_purpose(money: JudgeMoneyModel) -> Table:
    rows = tuple(
        cells(plain(each.purpose, PURPOSES), figures.count(each.calls), small(each.usd), small(each.uncounted_usd))
        for each in money.by_purpose
    )
    return Table(caption="By purpose", columns=("For", "Calls", "Cost", "Of it not counted by a server"), rows=rows, numeric=3)


def _by_day(money: JudgeMoneyModel) -> Table:
    last = money.by_day[-MOST_DAYS:]
    rows = tuple(cells(f"{each.day.day} {each.day:%b %Y}", figures.count(each.calls), small(each.usd)) for each in last)
    note = f"The last {MOST_DAYS} days with calls." if len(money.by_day) > MOST_DAYS else ""
    return Table(caption="By day (UTC)", columns=("Day", "Calls", "Cost"), rows=rows, numeric=2, note=note)
