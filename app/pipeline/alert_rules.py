"""The one table of alarm rules: each a pure function of what is seen of a pilot at one moment.

A rule raises its alarm, clears it, or keeps things as they are: what is unknown never raises and never clears, and between the
level that raises and the one that clears nothing changes, so that a figure at the edge does not ring twice. Of what is not
watched a rule says nothing, and an alarm that was open of it ends.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from app.domain.notify_table import AlertsTable

RECORDER_LATE = timedelta(minutes=5)
RECORDER_WELL = timedelta(minutes=1)
# Fewer say little of a share, and a single failure is no outage.
LEAST_REQUESTS, LEAST_FAILURES, LEAST_ASKED = 50, 3, 3
# An alarm of coverage ends a fifth of the way from its limit to everything.
COVERAGE_BACK = 0.2
MINUTE = timedelta(minutes=1)
MINUTES_ARE_SAID_BELOW = 120
# What may be silent: subjects of one rule, each of which ends for itself.
SILENCES = GATEWAY, MIRROR, PAIRS = "gateway", "mirror", "pairs"


class Sign(StrEnum):
    """What a rule says of one subject."""

    RAISE = "raise"
    KEEP = "keep"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class LiveSeen:
    """Live traffic of a pilot.

    Attributes:
        counted_at: When a producer of this pilot counted last; `None` = none ever did.
        is_gateway: Whether that was a gateway: an application that does not run makes no requests.
        waiting_since: By then requests were counted whose events have not come.
        heard_at: Arrival of the newest request whose event came.
        asked: Requests of the silent time, past their first moments, that a candidate had to be asked for.
        asked_since: Arrival of the first of them.
        answered: How many of them have a reply of a candidate, also a failed one, or were left out for money.
        recorded_at: When the recorder was last done with all that stood in the stream.
        captured: Of the last hour's requests.
        countable: Requests of the last hour that should have been captured; `None` = unknown.
    """

    counted_at: datetime | None = None
    is_gateway: bool = True
    waiting_since: datetime | None = None
    heard_at: datetime | None = None
    asked: int = 0
    asked_since: datetime | None = None
    answered: int = 0
    recorded_at: datetime | None = None
    captured: int = 0
    countable: int | None = None


@dataclass(frozen=True, slots=True)
class ArmSeen:
    """A candidate's newest replies to live requests; `failing_since` = arrival of the oldest failed one that was looked at.

    `is_breaker_open` `None` = nobody could say.
    """

    name: str
    calls: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    is_breaker_open: bool | None = None


@dataclass(frozen=True, slots=True)
class BudgetSeen:
    """A budget and what is spent of it; `None` = no bound, or a call was made whose price nobody knows."""

    name: str
    spent_usd: Decimal | None
    limit_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class DriftSeen:
    """What the newest scorecard says of a candidate."""

    candidate: str
    is_frozen: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgeSeen:
    """Why the judge's word does not count now, each in words; "" = it does, `None` = unknown."""

    stopped: str | None = None
    canaries: str | None = None
    control: str | None = None
    anchors: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A pilot at one moment; `live` `None` = no live traffic is to be watched."""

    now: datetime
    limits: AlertsTable
    live: LiveSeen | None = None
    arms: tuple[ArmSeen, ...] = ()
    budgets: tuple[BudgetSeen, ...] = ()
    drifts: tuple[DriftSeen, ...] = ()
    judge: JudgeSeen = JudgeSeen()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says of one subject (an arm, a budget, ""): `text` in words with figures, `facts` for programs."""

    subject: str
    sign: Sign
    text: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Rule(NamedTuple):
    """One line of the table.

    Attributes:
        name: Stable; stored with each alarm.
        severity: `critical`: evidence is being lost now.
        title: What it is, without any figure or name.
        advice: What to do.
        threshold: From where on, in words.
        look: The condition.
    """

    name: str
    severity: str
    title: str
    advice: str
    threshold: Callable[[AlertsTable], str]
    look: Callable[[Seen], Iterator[Finding]]


def mirror_silent(seen: Seen) -> Iterator[Finding]:
    """A gateway that spoke before says nothing; or production is alive and the mirror hears it not; or no pair comes of it."""
    live, limit = seen.live, timedelta(minutes=seen.limits.silent_minutes)
    if live is None:
        return
    if live.counted_at is None or not _recorder_is_well(seen):
        yield from (Finding(cause, Sign.KEEP) for cause in SILENCES)
        return
    yield _gateway(seen, live.counted_at, limit, is_gateway=live.is_gateway)
    yield _mirror(seen, live, limit)
    yield _pairs(seen, live, limit)


def _gateway(seen: Seen, counted_at: datetime, limit: timedelta, *, is_gateway: bool) -> Finding:
    quiet = seen.now - counted_at
    if quiet < limit or not is_gateway:
        return Finding(GATEWAY, Sign.CLEAR if quiet <= limit / 2 else Sign.KEEP)
    text = (
        f"Nothing at all was heard of the gateway for {_minutes(quiet)} (since {_clock(counted_at)}), though it counted "
        "before: does it run, and does production still send its requests there?"
    )
    return Finding(GATEWAY, Sign.RAISE, text, {"since": counted_at.isoformat()})


def _mirror(seen: Seen, live: LiveSeen, limit: timedelta) -> Finding:
    """Well again as soon as nothing waits for long, whether or not other requests come."""
    since = live.waiting_since
    waits = timedelta() if since is None else seen.now - since
    is_deaf = since is not None and (live.heard_at is None or live.heard_at <= since)
    if since is None or waits < limit or not is_deaf:
        return Finding(MIRROR, Sign.CLEAR if waits <= limit / 2 or not is_deaf else Sign.KEEP)
    text = (
        f"Production is alive, but no request reached the mirror for {_minutes(waits)} (since {_clock(since)}): "
        "does the mirror run?"
    )
    return Finding(MIRROR, Sign.RAISE, text, {"since": since.isoformat()})


def _pairs(seen: Seen, live: LiveSeen, limit: timedelta) -> Finding:
    started = live.asked_since
    if live.answered:
        return Finding(PAIRS, Sign.CLEAR)
    if started is None or live.asked < LEAST_ASKED or seen.now - started < limit * 0.8:
        return Finding(PAIRS, Sign.KEEP)
    text = (
        f"The mirror hears production, but none of {live.asked} requests since {_clock(started)} was answered by a "
        "candidate, not even with a failure: is the mirror overloaded?"
    )
    return Finding(PAIRS, Sign.RAISE, text, {"since": started.isoformat(), "asked": live.asked})


def recorder_behind(seen: Seen) -> Iterator[Finding]:
    """What was mirrored waits to be stored."""
    if seen.live is None:
        return
    if seen.live.recorded_at is None:
        yield Finding("", Sign.KEEP)
        return
    late = seen.now - seen.live.recorded_at
    if late >= RECORDER_LATE:
        done = _clock(seen.live.recorded_at)
        text = f"The recorder was last done {_minutes(late)} ago ({done}): nothing newer is stored for sure"
        yield Finding("", Sign.RAISE, text, {"minutes": round(late / MINUTE, 1)})
    else:
        yield Finding("", Sign.CLEAR if late <= RECORDER_WELL else Sign.KEEP)


def coverage_low(seen: Seen) -> Iterator[Finding]:
    """Too few of the last hour's requests were captured."""
    live, limit = seen.live, seen.limits.coverage_below
    if live is None:
        return
    if limit == 0:
        yield Finding("", Sign.CLEAR)
        return
    if live.countable is None or live.countable < LEAST_REQUESTS or not _recorder_is_well(seen):
        yield Finding("", Sign.KEEP)
        return
    share = live.captured / live.countable
    facts = {"captured": live.captured, "of": live.countable, "below": limit}
    if share < limit:
        counted = f"{live.captured:,} of {live.countable:,} requests of the last hour"
        text = f"{counted} were captured ({share:.1%}; the limit is {limit:.0%})"
        yield Finding("", Sign.RAISE, text, facts)
    else:
        is_well = share >= limit + COVERAGE_BACK * (1 - limit)
        yield Finding("", Sign.CLEAR if is_well else Sign.KEEP, facts=facts)


def candidate_down(seen: Seen) -> Iterator[Finding]:
    """An arm answers nothing but failures."""
    limit = timedelta(minutes=seen.limits.candidate_down_minutes)
    for arm in seen.arms:
        since = arm.failing_since
        is_down = arm.calls == arm.failures >= LEAST_FAILURES and since is not None and seen.now - since >= limit
        if is_down and since is not None:
            breaker = "; the mirror leaves it alone and tries it now and then" if arm.is_breaker_open else ""
            text = f"{arm.name} failed in all of its last {arm.calls:,} calls, for {_minutes(seen.now - since)}{breaker}"
            facts = {"calls": arm.calls, "since": since.isoformat(), "breaker_open": arm.is_breaker_open}
            yield Finding(arm.name, Sign.RAISE, text, facts)
        else:
            is_back = arm.calls > 0 and 2 * arm.failures <= arm.calls and not arm.is_breaker_open
            yield Finding(arm.name, Sign.CLEAR if is_back else Sign.KEEP)


def budget(seen: Seen) -> Iterator[Finding]:
    """So much of a budget is spent; each share rings once."""
    for each in seen.budgets:
        shares = sorted(seen.limits.budget_shares, reverse=True)
        reached = next((share for share in shares if _is_reached(each, share)), None)
        for share in shares:
            # Of several shares that are reached at once only the largest rings.
            yield Finding(_subject(each, share), Sign.KEEP) if reached is not None and share < reached else _share(each, share)


def _subject(each: BudgetSeen, share: float) -> str:
    return f"{each.name} {share:.4g}"


def _is_reached(each: BudgetSeen, share: float) -> bool:
    spent, limit = each.spent_usd, each.limit_usd
    return spent is not None and limit is not None and limit > 0 and spent >= limit * Decimal(str(share))


def _share(budget_seen: BudgetSeen, share: float) -> Finding:
    subject, spent, limit = _subject(budget_seen, share), budget_seen.spent_usd, budget_seen.limit_usd
    if not limit:
        return Finding(subject, Sign.CLEAR)
    if spent is None:
        return Finding(subject, Sign.KEEP)
    if not _is_reached(budget_seen, share):
        return Finding(subject, Sign.CLEAR)
    is_all = spent >= limit
    # Cut off, not rounded: all of it is said only where nothing is left.
    text = f"{int(100 * spent / limit)}% of the {budget_seen.name}'s budget is spent: ${spent:,.2f} of ${limit:,.2f}"
    text += f"; the {budget_seen.name} asks nothing more" if is_all else ""
    return Finding(subject, Sign.RAISE, text, {"spent_usd": f"{spent:.2f}", "budget_usd": f"{limit:.2f}", "share": share})


def drift(seen: Seen) -> Iterator[Finding]:
    """Something moved under the comparison, and the answer is frozen."""
    for each in seen.drifts:
        if each.is_frozen:
            said = "; ".join(each.reasons) or "the scorecard names no reason"
            yield Finding(each.candidate, Sign.RAISE, f"The answer on {each.candidate} is frozen: {said}")
        else:
            yield Finding(each.candidate, Sign.CLEAR)


def judge_suspended(seen: Seen) -> Iterator[Finding]:
    """The judge is not asked, or its word does not count."""
    causes = {name: getattr(seen.judge, name) for name in ("stopped", "canaries", "control", "anchors")}
    for name, said in causes.items():
        if said is None:
            yield Finding(name, Sign.KEEP)
        elif said:
            yield Finding(name, Sign.RAISE, f"{said[:1].upper()}{said[1:]}", {"cause": name})
        else:
            yield Finding(name, Sign.CLEAR)


def _recorder_is_well(seen: Seen) -> bool:
    """What is not stored yet must not look as if it had not come."""
    recorded = seen.live.recorded_at if seen.live is not None else None
    return recorded is not None and seen.now - recorded < RECORDER_LATE


def _minutes(span: timedelta) -> str:
    minutes = span // MINUTE
    if minutes < MINUTES_ARE_SAID_BELOW:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{minutes // 60} hours"


def _clock(moment: datetime) -> str:
    return f"{moment:%d %b %H:%M} UTC"


RULES = (
    Rule(
        "mirror_silent", "critical", "The mirror is silent",
        "Look with ./run status whether gateway, mirror and Redis run, and whether production still sends its requests here.",
        lambda limits: f"production is alive and no pair came for {limits.silent_minutes:g} minutes, or nothing is heard "
        "of the gateway for so long",
        mirror_silent,
    ),
    Rule(
        "recorder_behind", "critical", "The recorder is behind",
        "Look with ./run status whether the recorder and PostgreSQL run; nothing is lost while Redis has room.",
        lambda _: f"it is not done with what stands in the stream for {RECORDER_LATE // MINUTE} minutes; ends at "
        f"{RECORDER_WELL // MINUTE} minute",
        recorder_behind,
    ),
    Rule(
        "coverage_low", "warning", "Too few requests are captured",
        "The page Coverage says why requests are missing, by reason.",
        lambda limits: "no alarm: coverage_below is 0" if not limits.coverage_below else
        f"below {limits.coverage_below:.0%} of the last hour's requests, of at least {LEAST_REQUESTS}; ends at "
        f"{limits.coverage_below + COVERAGE_BACK * (1 - limits.coverage_below):.0%}",
        coverage_low,
    ),
    Rule(
        "candidate_down", "critical", "A candidate is down",
        "Look at the candidate's server; production is not touched by it. The page Reliability counts how often it failed.",
        lambda limits: f"nothing but failures for {limits.candidate_down_minutes:g} minutes, at least {LEAST_FAILURES}; ends "
        "when half of its calls are answered again",
        candidate_down,
    ),
    Rule(
        "budget", "warning", "A budget is used up, or nearly",
        "Raise it in pilot.toml with pilot configure, or let it end: what cannot be asked is counted as such.",
        lambda limits: f"at {_shares(limits)} of each budget; ends when the budget is raised",
        budget,
    ),
    Rule(
        "drift", "warning", "Something moved while it was measured",
        "The newest report says under its evidence what moved; the answer asks for an extension, no data is changed.",
        lambda _: "the scorecard says that its answer is frozen; ends when it says so no more",
        drift,
    ),
    Rule(
        "judge_suspended", "warning", "The judge is suspended",
        "Look at the judge's key, server and version; pilot grade starts it again, labels by people do not need it.",
        lambda _: "grading stopped, canaries below their floor, an unfair control, or another judge than in the first week",
        judge_suspended,
    ),
)  # fmt: skip
RULE_NAMES = {rule.name: rule for rule in RULES}


def _shares(limits: AlertsTable) -> str:
    return " and ".join(f"{100 * share:.4g}%" for share in limits.budget_shares) or "no share"
