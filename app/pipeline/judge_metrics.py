"""What workers count of the models that grade, by model. Import it after `app.metrics.share_metrics`."""

from prometheus_client import Counter, Gauge

in_flight = Gauge("pilot_judge_in_flight", "Judge calls under way.", ["model"], multiprocess_mode="livesum")
limit = Gauge(
    "pilot_judge_limit",
    "Judge calls that one process lets be under way: falls where the server has no room.",
    ["model"],
    multiprocess_mode="livemin",
)
calls = Counter("pilot_judge_calls_total", "Judge calls by outcome: answered, or why not.", ["model", "outcome"])
no_room = Counter("pilot_judge_no_room_total", "Judge calls that the server had no room for (429, 503, 529).", ["model"])
usd = Counter("pilot_judge_usd_total", "Dollars that judge calls cost, as they are booked.", ["model", "purpose"])
uncounted_usd = Counter(
    "pilot_judge_uncounted_usd_total",
    "The part of it that is booked at the most a call may cost: no server counted it.",
    ["model"],
)
above_reserve = Counter("pilot_judge_above_reserve_total", "Judge calls that cost more than was reserved for them.", ["model"])
