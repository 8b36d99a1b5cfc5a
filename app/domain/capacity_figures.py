"""What a scorecard says of capacity: what the traffic asks of a server, and what was shown of the candidate's."""

from app.domain.estimate_models import Model


class CapacityModel(Model):
    """What the traffic asks of a server."""

    requests_per_minute_peak: int | None = None
    incumbent_concurrency_peak: int | None = None
    candidate_concurrency_peak: int | None = None
    replicas: int | None = None
