"""One scenario: traffic, the fault, recovery; and what production, ledger and rows say of it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tests.faults.rows import MISSING, PENDING, Ledger, rows_of
from tests.faults.scenarios import Scenario
from tests.faults.site import Site
from tests.faults.traffic import OK, WRONG, Asked, outcomes, percentile

WARM_SECONDS = 1.0
AFTER_SECONDS = 1.0
SHED = "shed"


@dataclass
class Cell:
    """What one scenario came to.

    Attributes:
        failed: Production requests without a right answer, beyond those that the direct path would have met as well.
        excused: Requests that the fault itself carried (of a killed gateway), and how many of them failed.
        carried: Requests of a killed gateway that it had not handed over, answered or not.
        wrong: Replies in which a byte differs.
        p50_ms: Of all requests that are not excused, from when they were due.
        late_ms: The largest of those that are excused.
        twice: Rows beyond the first of a request.
        missing: Answered requests that neither have a row nor are counted by the ledger as left out.
        unheard: Answered requests that no event told of.
        uncounted: Requests that the ledger does not know.
        beyond: Requests that the ledger knows and nobody sent.
        lost: Rows of these requests that the ledger calls so.
        told: What the ledger now calls missing of requests that gateways carried which earlier scenarios killed.
        restarted: How often which process was started again.
    """

    sent: int
    answered: int
    failed: int
    how: dict[str, int]
    excused: int
    excused_failed: int
    carried: int
    wrong: int
    direct_failed: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    direct_p50_ms: float
    late_ms: float | None
    rows: int
    twice: int
    missing: int
    unheard: int
    uncounted: int
    beyond: int
    lost: int
    told: int
    reasons: dict[str, int]
    settled_seconds: float
    back_seconds: float = 0.0
    memory_mb: float = 0.0
    restarted: dict[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For the report."""
        return asdict(self)


def problems(cell: Cell, scenario: Scenario) -> list[str]:
    """What production may not meet, and the ledger not lack; nothing = as promised."""
    found = []
    if cell.failed:
        found.append(f"{cell.failed} requests failed: {cell.how}")
    if cell.wrong:
        found.append(f"{cell.wrong} replies had other bytes")
    if cell.twice:
        found.append(f"{cell.twice} rows twice")
    if cell.missing:
        found.append(f"{cell.missing} acknowledged requests have no row")
    if cell.uncounted > cell.carried:
        found.append(f"{cell.uncounted} requests are not in the ledger")
    if cell.beyond:
        found.append(f"{cell.beyond} requests in the ledger were never sent")
    shed, missing = cell.reasons.get(SHED, 0), cell.reasons.get(MISSING, 0) - cell.told
    left_out = {"lost": cell.lost, SHED: shed, MISSING: missing}
    if max(left_out.values()) > 0 and not (scenario.may_shed or scenario.ends_gateway):
        found.append(f"observations lost: {left_out}")
    return found


def run(site: Site, scenario: Scenario, seconds: float, name: str) -> Cell:
    """Drives production for so many seconds, longer where recovery takes longer, and looks at what came of it."""
    before, memory = site.ledger(), sum(site.gateway_mb().values())
    restarts = site.parts.restarts()
    site.excuses.clear()
    site.parts.ended.clear()
    production, direct = site.drive(name), site.drive(f"{name}-direct", direct=True)
    began = time.monotonic()
    try:
        time.sleep(WARM_SECONDS)
        scenario.act(site)
        back = site.back()
        time.sleep(max(AFTER_SECONDS, began + seconds - time.monotonic()))
        asked, asked_directly = production.stop(), direct.stop()
    finally:
        production.end()
        direct.end()
    memory = sum(site.gateway_mb().values()) - memory
    cell = _cell(site, scenario, name, asked, asked_directly, before)
    return replace(cell, back_seconds=back, memory_mb=memory, restarted=_more(site.parts.restarts(), restarts))


def _cell(
    site: Site, scenario: Scenario, name: str, asked: Sequence[Asked], directly: Sequence[Asked], before: Ledger
) -> Cell:  # fmt: skip
    excused = [each for each in asked if any(excuse.holds(each) for excuse in site.excuses)]
    numbers = {each.number for each in excused}
    carried = {each.number for each in asked if scenario.ends_gateway and any(excuse.carries(each) for excuse in site.excuses)}
    spare = len(carried) + 2 if carried else 0
    others = [each for each in asked if each.number not in numbers]
    may_fail = {each.number for each in asked if any(excuse.holds(each) for excuse in site.excuses if not excuse.is_only_late)}
    after, settled = site.settled(before.requests + len(asked) - spare, spare + before.by_reason[PENDING])
    if carried:  # how many of them will come is not known: what is not on its way by now was never handed over
        site.drained()
        time.sleep(AFTER_SECONDS)  # the last batch that was read may still be on its way into the tables
        after = site.ledger()
    rows = rows_of(site.database_url, name)
    reasons = _more(after.by_reason, before.by_reason)
    told = site.told(max(0, reasons.get(MISSING, 0)))
    counted = after.requests - before.requests - told
    without_row = counted - (after.rows - before.rows)
    uncounted = max(0, len(asked) - counted)
    if scenario.ends_gateway:
        site.owes(uncounted)
    gone = set[int]().union(*(excuse.gone(asked, rows.numbers) for excuse in site.excuses if scenario.ends_gateway))
    unheard = {each.number for each in asked if each.outcome == OK and each.number not in rows.numbers}
    failed = [each for each in asked if each.number not in may_fail and each.outcome not in (OK, WRONG)]
    times = [each.milliseconds for each in others]
    return Cell(
        sent=len(asked),
        answered=sum(each.outcome == OK for each in asked),
        failed=len(failed),
        how=outcomes(failed),
        excused=len(excused),
        excused_failed=sum(each.outcome != OK for each in excused),
        carried=len(gone),
        wrong=sum(each.outcome == WRONG for each in asked),
        direct_failed=sum(each.outcome != OK for each in directly),
        p50_ms=percentile(times, 0.5),
        p99_ms=percentile(times, 0.99),
        max_ms=max(times),
        direct_p50_ms=percentile((each.milliseconds for each in directly), 0.5),
        late_ms=max((each.milliseconds for each in excused), default=None),
        rows=len(rows.numbers),
        twice=rows.twice,
        missing=max(0, len(unheard - gone) - max(0, without_row)),
        unheard=max(0, len(unheard) - max(0, without_row)),
        uncounted=uncounted,
        beyond=max(0, counted - len(asked)),
        lost=rows.lost,
        told=told,
        reasons=reasons,
        settled_seconds=settled,
    )


def _more(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What was added, and what is no longer there."""
    found = {name: after.get(name, 0) - before.get(name, 0) for name in {*after, *before}}
    return {name: count for name, count in sorted(found.items()) if count}
