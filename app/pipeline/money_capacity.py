"""From what a rehearsal and the arrivals say of capacity to the staircase that the cost model rents by."""

from app.costs.stairs import Stairs
from app.domain.capacity_figures import CapacityModel
from app.domain.estimate_models import EstimateModel

# A two-sided 95 % range is so many standard errors wide.
_ERRORS_WIDE = 2 * 1.959963984540054


def stairs_of(capacity: CapacityModel, *, configured: int) -> Stairs:
    """Replicas by volume with the spare ones; never fewer than are configured, and just these where nothing was measured."""
    volumes: list[float] = []
    replicas: list[int] = []
    for stair in sorted(capacity.stairs, key=lambda each: each.replicas_with_spare):
        if not volumes or (stair.volume_factor > volumes[-1] and stair.replicas_with_spare > replicas[-1]):
            volumes.append(stair.volume_factor)
            replicas.append(stair.replicas_with_spare)
        elif stair.replicas_with_spare == replicas[-1]:
            volumes[-1] = max(volumes[-1], stair.volume_factor)
    return Stairs(tuple(volumes), tuple(replicas), least=configured)


def carrying_variation(slots: EstimateModel) -> float:
    """Coefficient of variation of what a replica carries, from its 95 % range; 0 = it was not measured with one."""
    if slots.value is None or slots.low is None or slots.high is None or slots.value <= 0:
        return 0.0
    return max(0.0, (slots.high - slots.low) / _ERRORS_WIDE / slots.value)
