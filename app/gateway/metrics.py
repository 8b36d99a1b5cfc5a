"""The gateway's Prometheus metrics, made once a second from plain numbers."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from app.capture.outbox import Outbox
from app.domain.live import DROP_REASONS
from app.gateway.counting import Ledger
from app.gateway.figures import BUCKETS_SECONDS, GROUPS, REFUSED_REASONS, UPSTREAM_REASONS, Figures
from app.gateway.observing import Observer
from app.gateway.watching import RoutingWatch

requests = Counter("pilot_gateway_requests_total", "Requests of pilots, by what became of their copy", ["reason"])
statuses = Counter("pilot_gateway_responses_total", "Answers relayed, by class of status", ["status"])
upstream_errors = Counter("pilot_gateway_upstream_errors_total", "Requests that the incumbent did not answer whole", ["reason"])
added = Histogram(
    "pilot_gateway_added_seconds",
    "The gateway's own time: from a whole request to its write upstream, from a reply's first read to its write",
    ["side", "group"],
    buckets=BUCKETS_SECONDS,
)
refused = Counter("pilot_gateway_refused_total", "What clients sent that is no request", ["reason"])
bad_content = Counter("pilot_gateway_bad_content_total", "X-Pilot-Content headers that name no level")
faults = Counter("pilot_gateway_faults_total", "Observations lost to a fault of the gateway")
acknowledged = Counter("pilot_gateway_events_acknowledged_total", "Events that Redis has")
reloads = Counter("pilot_gateway_routing_reloads_total", "Routing files read", ["outcome"])
in_flight = Gauge("pilot_gateway_in_flight", "Requests under way", multiprocess_mode="livesum")
held = Gauge("pilot_gateway_held_bytes", "Bodies and replies held to mirror", multiprocess_mode="livesum")
outbox_bytes = Gauge("pilot_gateway_outbox_bytes", "Events that wait for Redis", multiprocess_mode="livesum")
connected = Gauge("pilot_gateway_redis_connected", "Whether Redis takes events", multiprocess_mode="livemin")
MIRRORED = "mirrored"


class Publisher:
    """Carries what was counted since the last time into the metrics."""

    def __init__(self, ledger: Ledger, figures: Figures, observer: Observer, outbox: Outbox, watch: RoutingWatch) -> None:
        self._ledger = ledger
        self._figures = figures
        self._observer = observer
        self._outbox = outbox
        self._watch = watch
        self._last: dict[tuple[str, ...], float] = {}
        self.publish()  # every label is there at 0

    def publish(self) -> None:
        """Called once a second."""
        self._requests()
        figures = self._figures
        for number in range(1, 6):
            self._add(statuses.labels(f"{number}xx"), figures.statuses[number], "status", str(number))
        for reason in UPSTREAM_REASONS:
            self._add(upstream_errors.labels(reason), figures.upstream_errors[reason], "upstream", reason)
        for reason in REFUSED_REASONS:
            self._add(refused.labels(reason), figures.refused[reason], "refused", reason)
        for number, group in enumerate(GROUPS):
            self._times("before", group, figures.before[number], figures.before_seconds[number])
            self._times("after", group, figures.after[number], figures.after_seconds[number])
        self._add(bad_content, figures.bad_content, "bad_content")
        self._add(faults, self._observer.failures, "faults")
        self._add(acknowledged, self._outbox.acknowledged, "acknowledged")
        self._add(reloads.labels("read"), self._watch.reloads, "reloads")
        self._add(reloads.labels("failed"), self._watch.failures, "reload_failures")
        in_flight.set(figures.in_flight)
        held.set(self._observer.held)
        outbox_bytes.set(self._outbox.held_bytes)
        connected.set(self._outbox.is_connected)

    def _requests(self) -> None:
        dropped = self._ledger.dropped()
        for reason in DROP_REASONS:
            self._add(requests.labels(reason), dropped[reason], "request", reason)
        self._add(requests.labels(MIRRORED), self._ledger.issued() - sum(dropped.values()), "request", MIRRORED)

    def _times(self, side: str, group: str, counts: Iterable[int], seconds: float) -> None:
        """Whole buckets at once; `observe` would cost every request what this costs a second."""
        child = added.labels(side, group)
        for number, count in enumerate(counts):
            if more := self._more(count, "time", side, group, str(number)):
                child._buckets[number].inc(more)
        child._sum.inc(self._more(seconds, "time", side, group))

    def _add(self, counter: Counter, value: float, *key: str) -> None:
        counter.inc(self._more(value, *key))

    def _more(self, value: float, *key: str) -> float:
        """A request that is under way is mirrored until it is shed: such a step back waits for the next step forward."""
        last = self._last.get(key, 0.0)
        self._last[key] = max(value, last)
        return max(0.0, value - last)
