"""The ledger of a scorecard: every request and its one reason, what we left out and when, and what may mislead."""

from collections import Counter
from datetime import datetime, timedelta

import numpy as np

from app.domain.evidence import ArmEvidence, Evidence, Flags, Words, places_by_number
from app.domain.ledger import BESIDE, FOLDED, LiveLedger
from app.domain.pilot import Pilot
from app.domain.scorecard import DayCoverage, HourCount, LedgerModel, PairCoverage
from app.domain.words import CoverageReason
from app.pipeline.closing import EPOCH, SHED, Selection

SKIPS = ("shed", "over_budget", "not_asked")
MOST_OF_ONE_CONVERSATION, MOST_OF_ONE_USER = 0.01, 0.05
_HOUR_US = 3_600_000_000


def ledger_model(pilot: Pilot, selection: Selection, ledger: LiveLedger) -> LedgerModel:
    """Exchanges and live requests that have none, together; adds up by construction."""
    counts = Counter(selection.count_by_reason())
    because = {SHED: 0, "missing": ledger.missing_lost, "no_reply": counts[CoverageReason.LOST.value]}
    for line in ledger.lines:
        reason = _reason(pilot, line.reason, line.at)
        if reason == SHED:
            because[SHED] += line.requests
        elif reason not in BESIDE:
            counts[reason] += line.requests
    counts[CoverageReason.LOST.value] += because[SHED] + because["missing"]
    counts[CoverageReason.PENDING.value] += ledger.missing_pending
    by_reason = {reason.value: counts[reason.value] for reason in CoverageReason}
    return LedgerModel(
        production_requests=sum(by_reason.values()),
        by_reason=by_reason,
        unknown_seconds=ledger.unknown_seconds,
        lost_because=because if ledger.is_live else {},
        retries_folded=ledger.requests(FOLDED),
        late_replies=ledger.late_replies,
        shed_by_hour=_shed_by_hour(ledger),
        by_day=_by_day(pilot, selection, ledger),
    )


def _reason(pilot: Pilot, reason: str, at: datetime) -> str:
    """What is shed or not sampled outside the window is outside it before all."""
    if reason in (SHED, CoverageReason.NOT_SAMPLED.value) and pilot.day_of(at) is None:
        return CoverageReason.OUTSIDE_WINDOW.value
    return reason


def _by_day(pilot: Pilot, selection: Selection, ledger: LiveLedger) -> list[DayCoverage]:
    """Each day of the window that has requests; those that were numbered and never came are of no day."""
    counts: dict[int, Counter[str]] = {}
    for day, places in places_by_number(selection.days):
        counts[day] = Counter(selection.reasons[places].tolist())
    for line in ledger.lines:
        day_of = pilot.day_of(line.at)
        if line.reason not in BESIDE and day_of is not None:
            reason = CoverageReason.LOST.value if line.reason == SHED else line.reason
            counts.setdefault(day_of, Counter())[reason] += line.requests
    names = (CoverageReason.CAPTURED.value, CoverageReason.LOST.value, CoverageReason.PENDING.value)
    return [
        DayCoverage(day=day, production_requests=found.total(), **{name: found[name] for name in names})
        for day, found in sorted(counts.items())
        if 1 <= day <= pilot.days
    ]


def _shed_by_hour(ledger: LiveLedger) -> list[HourCount]:
    hours: Counter[datetime] = Counter()
    for line in ledger.lines:
        if line.reason == SHED:
            hours[line.at.replace(minute=0, second=0, microsecond=0)] += line.requests
    return [HourCount(hour=hour, shed=requests) for hour, requests in sorted(hours.items())]


def skipped_of(evidence: Evidence, name: str, arm: ArmEvidence) -> Words:
    """Why an arm has no reply to an exchange, by the exchange; "" where it has one, or nobody said why."""
    if evidence.live is None or name not in evidence.live.skipped:
        return np.full(len(evidence.exchanges), "", dtype=object)
    return np.where(arm.replies.is_there, "", evidence.live.skipped[name])


def pair_coverage(evidence: Evidence, name: str, arm: ArmEvidence, selection: Selection) -> PairCoverage:
    """What became of each captured exchange, the open day's too; adds up to `captured`."""
    asked = selection.captured & arm.replies.is_there
    incumbent, candidate = evidence.incumbent.failed, arm.replies.failed
    left = skipped_of(evidence, name, arm)[selection.captured & ~arm.replies.is_there]
    reasons = Counter(reason or "not_asked" for reason in left.tolist())
    return PairCoverage(
        both_ok=int((asked & ~incumbent & ~candidate).sum()),
        candidate_failed=int((asked & ~incumbent & candidate).sum()),
        incumbent_failed=int((asked & incumbent & ~candidate).sum()),
        both_failed=int((asked & incumbent & candidate).sum()),
        **{reason: reasons[reason] for reason in SKIPS},
    )


def left_out_by_hour(evidence: Evidence, name: str, arm: ArmEvidence, selection: Selection) -> list[HourCount]:
    """Live exchanges that an arm was not asked, by the hour of their arrival and why."""
    if evidence.live is None:
        return []
    skipped = skipped_of(evidence, name, arm)
    rows = np.flatnonzero(selection.captured & evidence.live.is_live & (skipped != ""))
    hours = (evidence.exchanges.arrived_us[rows] // _HOUR_US).tolist()
    counts = Counter(zip(hours, skipped[rows].tolist(), strict=True))
    return [
        HourCount(hour=EPOCH + timedelta(hours=hour), **{reason: counts[hour, reason] for reason in SKIPS})
        for hour in sorted(set(hours))
    ]


def warnings_of(evidence: Evidence, selection: Selection) -> list[str]:
    """What may mislead: few conversations or users that are much of the traffic."""
    conversations = evidence.exchanges.conversations[selection.captured]
    found = [_too_much(conversations, MOST_OF_ONE_CONVERSATION, "conversation")]
    if evidence.live is not None:
        users = evidence.live.users[_with_user(evidence.live.users, selection)]
        found.append(_too_much(users, MOST_OF_ONE_USER, "user", len(conversations)))
    return [warning for warning in found if warning]


def _with_user(users: Words, selection: Selection) -> Flags:
    return np.asarray(selection.captured & (users != ""), dtype=bool)


def _too_much(names: Words, most: float, what: str, total: int | None = None) -> str:
    """In words; in a small pilot, where even the average is above the share, only what stands out."""
    counts = Counter(names.tolist())
    size = total if total is not None else len(names)
    average = size / len(counts) if counts else 0.0
    limit = max(most * size, 2 * average if average > most * size else 0.0, 1.0)
    above = {name: count for name, count in counts.items() if count > limit}
    if not above:
        return ""
    largest = max(above.values())
    many = f"one {what} holds" if len(above) == 1 else f"{len(above)} {what}s each hold"
    return f"{many} more than {most:.0%} of the {size:,} exchanges, the largest {largest:,} ({largest / size:.1%}): " + (
        "is it one conversation at all?" if what == "conversation" else "what is shown is mostly their work"
    )
