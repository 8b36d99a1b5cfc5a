"""What one replica of a candidate can serve while it keeps the objective, as a rehearsal measured it."""

from app.domain.estimate_models import EstimateModel, Model


class ServingRate(Model):
    """Measured on `replicas` replicas together and divided by their number.

    Attributes:
        replicas: How many served while it was measured.
        slots_per_replica: Requests that one replica answers at once while the objective is kept (k*).
        requests_per_second_per_replica: The most that one replica answers within the objective.
        service_seconds_p50: From the first byte sent to the end of the answer, under that load.
        service_seconds_p95: The same, of the slowest twentieth.
    """

    replicas: int
    slots_per_replica: EstimateModel
    requests_per_second_per_replica: EstimateModel
    service_seconds_p50: float
    service_seconds_p95: float
