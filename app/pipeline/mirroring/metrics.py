"""What the mirror counts. Import it after `app.metrics.share_metrics`; every reason is there from the start, at 0."""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from app.domain.live import RepeatEvent, Skipped
from app.domain.words import CoverageReason, FailureKind
from app.pipeline.mirroring.breaker import BreakerState

REASONS = (
    CoverageReason.CAPTURED.value, CoverageReason.UNREADABLE_BODY.value, CoverageReason.OUTSIDE_WINDOW.value,
    CoverageReason.NOT_SAMPLED.value,
)  # fmt: skip
DROPPED = ("unreadable_entry", "unknown_pilot", "fault")
OUTCOMES = ("answered", *(kind.value for kind in FailureKind))
STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}
REPEATED = ("equal", "different", "failed", "not_made")
READ = ("read", "problem", "not_stored")
_LAGS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

requests = Counter("pilot_mirror_requests_total", "Requests that were decided, by reason.", ["reason"])
retries = Counter("pilot_mirror_retries_total", "Requests that were folded into an earlier attempt.")
dropped = Counter("pilot_mirror_dropped_total", "Entries of the stream that could not be used, by reason.", ["reason"])
skipped = Counter(
    "pilot_mirror_skipped_total", "Arms that were not asked for a request, by reason.", ["pilot", "arm", "reason"]
)
replies = Counter("pilot_mirror_replies_total", "Replies by arm and outcome.", ["pilot", "arm", "outcome"])
repeats = Counter("pilot_mirror_repeats_total", "Calls that were to be repeated, by outcome.", ["pilot", "arm", "outcome"])
server_pages = Counter(
    "pilot_mirror_server_pages_total",
    "Metrics pages of candidates that were to be read, by outcome.",
    ["pilot", "arm", "outcome"],
)
queue_lag = Histogram(
    "pilot_mirror_queue_lag_seconds", "From a request's arrival to the start of the call to an arm.", buckets=_LAGS
)
in_flight = Gauge("pilot_mirror_in_flight", "Calls under way.", ["pilot", "arm"], multiprocess_mode="livesum")
held_bytes = Gauge("pilot_mirror_held_bytes", "Requests that wait or are being asked.", multiprocess_mode="livesum")
in_hand = Gauge("pilot_mirror_entries_in_hand", "Entries read and not yet acknowledged.", multiprocess_mode="livesum")
newer = Gauge(
    "pilot_mirror_newer_entries",
    "Entries of a newer version that wait for a mirror that can read them.",
    multiprocess_mode="livesum",
)
breaker = Gauge(
    "pilot_mirror_breaker_state", "Of an arm: 0 closed, 1 half-open, 2 open.", ["pilot", "arm"], multiprocess_mode="livemax"
)

for _reason in REASONS:
    requests.labels(_reason)
for _reason in DROPPED:
    dropped.labels(_reason)


def prepare_arm(pilot: str, arm: str, *, is_asked: bool) -> None:
    """Every series of an arm, at 0."""
    for outcome in OUTCOMES:
        replies.labels(pilot, arm, outcome)
    if not is_asked:
        return
    for outcome in REPEATED:
        repeats.labels(pilot, arm, outcome)
    for outcome in READ:
        server_pages.labels(pilot, arm, outcome)
    for reason in get_args(Skipped):
        skipped.labels(pilot, arm, reason)
    in_flight.labels(pilot, arm)
    breaker.labels(pilot, arm)


def outcome_of(repeat: RepeatEvent | None) -> str:
    """What a repeat is counted as; `None` = it was not made."""
    if repeat is None:
        return "not_made"
    return "failed" if repeat.is_equal is None else "equal" if repeat.is_equal else "different"
