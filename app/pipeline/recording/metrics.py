"""What the recorder counts. Import it after `app.metrics.share_metrics`; every reason is there from the start, at 0."""

from prometheus_client import Counter, Gauge, Histogram

from app.pipeline.recording.checking import REASONS

events = Counter("pilot_recorder_events_total", "Events of the stream that were stored or known already.")
exchanges = Counter("pilot_recorder_requests_total", "Requests that came for the first time.")
replies = Counter("pilot_recorder_replies_total", "Replies that were stored.")
repeats = Counter("pilot_recorder_repeats_total", "Repeated calls that were stored.")
late = Counter("pilot_recorder_late_total", "Replies that came after their exchange was closed.")
overdue = Counter("pilot_recorder_overdue_total", "Exchanges that were closed without all their replies.")
rejected = Counter("pilot_recorder_rejected_total", "Events that cannot be stored, by reason.", ["reason"])
waits = Counter("pilot_recorder_waits_total", "Times that the recorder waited for a server.", ["server"])
batch_seconds = Histogram(
    "pilot_recorder_batch_seconds",
    "Storing one batch.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
watermark = Gauge(
    "pilot_recorder_watermark_seconds",
    "How far behind the present the recorder is.",
    multiprocess_mode="livemax",
)
newer = Gauge(
    "pilot_recorder_newer_entries",
    "Events of a newer version that wait in the stream for a recorder that can read them.",
    multiprocess_mode="livesum",
)

for _reason in REASONS:
    rejected.labels(_reason)
for _server in ("postgres", "redis", "payload_keys"):
    waits.labels(_server)
