"""What the worker counts of alarms and messages. Import it after `app.metrics.share_metrics`."""

from collections.abc import Mapping, Sequence

from prometheus_client import Counter, Gauge

from app.domain.pilot import Pilot
from app.pipeline.alert_rules import RULES

OUTCOMES = ("sent", "failed", "given_up")

open_alerts = Gauge(
    "pilot_alerts_open", "Alarms that hold, by rule and pilot.", ["pilot", "rule"], multiprocess_mode="livemostrecent"
)
messages = Counter("pilot_messages_total", "Attempts to send a message, by channel and outcome.", ["channel", "outcome"])

for _channel in ("apprise", "webhook"):
    for _outcome in OUTCOMES:
        messages.labels(_channel, _outcome)


def show_open(pilots: Sequence[Pilot], counts: Mapping[tuple[int, str], int]) -> None:
    """Every rule of every pilot, so that an alarm that is over shows as 0."""
    for pilot in pilots:
        for rule in RULES:
            open_alerts.labels(pilot.name, rule.name).set(counts.get((pilot.id, rule.name), 0))
