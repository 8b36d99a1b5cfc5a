"""Plain numbers that the hot path counts in; once a second they go into Prometheus metrics."""

from bisect import bisect_left

BUCKETS_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
UPSTREAM_REASONS = (
    "dns", "refused_address", "connect", "connect_timeout", "tls", "closed", "invalid_response", "head_too_large", "upgrade",
    "aborted",
)  # fmt: skip
GROUPS = ("mirrored", "bypass", "other")
"""Whose time is told apart: requests that are mirrored, those of the group that bypasses it, and those that never are."""
COPIED, BYPASS, OTHER = 0, 1, 2
REFUSED_REASONS = ("invalid", "head_too_long", "incomplete")


class Figures:
    """Counts of one process since its start.

    Attributes:
        before: By group, how often the time from a whole request to its write upstream fell into each bucket, the last one
            open.
        after: The same for the time from a reply's first read to its write to the client.
    """

    __slots__ = (
        "after",
        "after_seconds",
        "bad_content",
        "before",
        "before_seconds",
        "in_flight",
        "refused",
        "statuses",
        "upstream_errors",
    )

    def __init__(self) -> None:
        self.in_flight = 0
        self.bad_content = 0
        self.refused = dict.fromkeys(REFUSED_REASONS, 0)
        self.statuses = [0] * 10
        self.upstream_errors = dict.fromkeys(UPSTREAM_REASONS, 0)
        self.before = [[0] * (len(BUCKETS_SECONDS) + 1) for _ in GROUPS]
        self.before_seconds = [0.0] * len(GROUPS)
        self.after = [[0] * (len(BUCKETS_SECONDS) + 1) for _ in GROUPS]
        self.after_seconds = [0.0] * len(GROUPS)

    def note_status(self, status: int) -> None:
        """An answer's class: 2 for 2xx."""
        self.statuses[status // 100] += 1

    def note_before(self, group: int, seconds: float) -> None:
        """From a whole request to its write upstream, connecting included."""
        self.before[group][bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self.before_seconds[group] += seconds

    def note_after(self, group: int, seconds: float) -> None:
        """From a reply's first read to its write to the client."""
        self.after[group][bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self.after_seconds[group] += seconds
