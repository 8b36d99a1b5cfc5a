"""What a scorecard says of capacity: what the traffic asks of a server, what one was shown to carry, how many are needed."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from datetime import datetime

from app.domain.estimate_models import EstimateModel, Model


class ArmLoad(Model):
    """One arm's requests at once on closed days: counted, and by Little's law, requests a second x mean time.

    Attributes:
        mean_seconds: Mean time of a request.
        mean_counted: Requests at once on average over the closed days, by direct count.
        mean_little: The same by Little's law; the difference is what reaches over an edge of the time.
        busiest_minute_counted: Within the minute in which most requests arrive, by direct count.
        busiest_minute_little: The same by Little's law, as if that minute went on for ever.
        requests: Requests whose time is known, weighted.
    """

    mean_seconds: float | None = None
    mean_counted: float | None = None
    mean_little: float | None = None
    busiest_minute_counted: float | None = None
    busiest_minute_little: float | None = None
    requests: float = 0.0


class CapacityStair(Model):
    """A step: the largest volume that so many replicas carry at the objective; the measured volume is 1."""

    volume_factor: float
    requests_per_month: float | None = None
    replicas: int
    replicas_with_spare: int


class CapacityModel(Model):
    """What the traffic asks of a server, and how many replicas it needs; `None` = not known.

    Attributes:
        requests_per_minute_peak: By UTC clock minute.
        replicas: As configured.
        requests_per_minute_p999: The 99.9th percentile of all minutes of the closed days, empty ones too.
        peak_to_mean: Busiest minute over the mean minute: a GPU is paid for the peak.
        dispersion: Variance over mean of the minutes: 1 = Poisson arrivals at one rate.
        dispersion_within_hour: The same around each hour's own mean.
        weekday_requests_by_hour: Mean requests an hour by the pilot's local hour, 0 to 23.
        slots_needed: Fewest requests at once for which a replay of the arrivals keeps the objective, growth included.
        slots_per_replica: As a rehearsal measured them.
        slots_shown_per_replica: What the pilot's own live load showed, a lower bound; nothing is reckoned from it.
        replicas_needed: Fewest for which a replay keeps the objective; `low` and `high` over the range of `slots_per_replica`.
        replicas_with_spare: With `spare_replicas` that may fail.
        gpus: Of all of these.
        utilisation_rate: Slots in use on average over all slots, spare ones too.
        utilisation_peak_rate: The same at the peak.
        stairs: Replicas by volume, growth included.
        requests_per_month_per_replica: What a single replica carries at the objective and the measured shape of traffic.
        growth: Arrivals are taken times this.
        rate_source: What is known of a replica's slots, and from where, in words.
        method: How the number was found, in words.
        missing: What is not known, in words.
    """

    requests_per_minute_peak: int | None = None
    incumbent_concurrency_peak: int | None = None
    candidate_concurrency_peak: int | None = None
    replicas: int | None = None
    requests_per_minute_mean: float | None = None
    requests_per_minute_p999: float | None = None
    busiest_minute_at: datetime | None = None
    peak_to_mean: float | None = None
    dispersion: float | None = None
    dispersion_within_hour: float | None = None
    weekday_requests_by_hour: list[float | None] = []
    weekend_requests_by_hour: list[float | None] = []
    incumbent_load: ArmLoad = ArmLoad()
    candidate_load: ArmLoad = ArmLoad()
    slots_needed: int | None = None
    slots_per_replica: EstimateModel = EstimateModel()
    slots_shown_per_replica: float | None = None
    replicas_needed: int | None = None
    replicas_low: int | None = None
    replicas_high: int | None = None
    spare_replicas: int | None = None
    replicas_with_spare: int | None = None
    gpus: int | None = None
    utilisation_rate: float | None = None
    utilisation_peak_rate: float | None = None
    stairs: list[CapacityStair] = []
    requests_per_month_per_replica: float | None = None
    growth: float = 1.0
    wait_p95_seconds: float = 0.0
    rate_source: str = ""
    method: str = ""
    missing: list[str] = []
