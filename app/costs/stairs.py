"""How many replicas a volume needs: whole ones, so that the cost of serving is a staircase."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# A volume that lies on the edge of a step belongs to it, also after rounding.
_EDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Stairs:
    """Steps of replicas over volume; the volume measured in the pilot is 1.

    Attributes:
        volumes: The largest volume that each step carries, ascending.
        replicas: How many replicas each step has, ascending.
        least: Never fewer are rented, whatever the volume.

    Beyond the last step each further replica carries as much as those between the first step and the last one do on average.
    Without steps nobody measured what a replica carries: `least` serve any volume.
    """

    volumes: tuple[float, ...] = ()
    replicas: tuple[int, ...] = ()
    least: int = 1

    def __post_init__(self) -> None:
        if len(self.volumes) != len(self.replicas):
            message = f"as many volumes as replicas are needed, not {len(self.volumes)} and {len(self.replicas)}"
            raise ValueError(message)
        if list(self.volumes) != sorted(set(self.volumes)) or list(self.replicas) != sorted(set(self.replicas)):
            message = "volumes and replicas must ascend"
            raise ValueError(message)
        if self.least < 1 or (self.volumes and (self.volumes[0] <= 0 or self.replicas[0] < 1)):
            message = "volumes must be above 0 and replicas at least 1"
            raise ValueError(message)

    @property
    def is_measured(self) -> bool:
        """Whether it is known what a replica carries."""
        return bool(self.volumes)

    @property
    def volume_per_replica(self) -> float:
        """What each replica beyond the last step carries; infinite where nothing is measured."""
        if not self.volumes:
            return float("inf")
        if len(self.volumes) == 1:
            return self.volumes[0] / self.replicas[0]
        return (self.volumes[-1] - self.volumes[0]) / (self.replicas[-1] - self.replicas[0])

    def at(self, volume: Floats | float) -> Floats:
        """Replicas that a volume needs, at least `least`.

        Example:
            >>> Stairs((1.0, 2.0), (2, 3)).at(np.array([0.5, 1.0, 1.5, 2.5, 3.5])).tolist()
            [2.0, 2.0, 3.0, 4.0, 5.0]
        """
        asked = np.asarray(volume, dtype=np.float64)
        if not self.volumes:
            return np.full(asked.shape, float(self.least))
        edges = np.array(self.volumes) * (1 + _EDGE)
        step = np.searchsorted(edges, asked, side="left")
        inside = np.array(self.replicas, dtype=np.float64)[np.minimum(step, len(edges) - 1)]
        beyond = np.ceil((asked - edges[-1]) / self.volume_per_replica)
        return np.maximum(np.where(step < len(edges), inside, self.replicas[-1] + beyond), float(self.least))

    def of_share(self, share: float) -> "Stairs":
        """The stairs of a part of the requests: their volume 1 is this share of the whole.

        Example:
            >>> Stairs((0.5, 1.0), (1, 2)).of_share(0.5)
            Stairs(volumes=(1.0, 2.0), replicas=(1, 2), least=1)
        """
        if not 0 < share <= 1:
            message = f"share must be above 0 and at most 1, not {share}"
            raise ValueError(message)
        return Stairs(tuple(volume / share for volume in self.volumes), self.replicas, self.least)

    def steps(self, most_volume: float) -> list[tuple[float, int]]:
        """Each step as (its largest volume, replicas) up to a volume, `least` applied; the last one ends there."""
        if not self.volumes:
            return [(most_volume, self.least)]
        found: list[tuple[float, int]] = []
        volume, replicas = 0.0, 0
        every = list(zip(self.volumes, self.replicas, strict=True))
        while volume < most_volume:
            volume, replicas = every.pop(0) if every else (volume + self.volume_per_replica, replicas + 1)
            rented = max(replicas, self.least)
            if found and found[-1][1] == rented:
                found.pop()
            found.append((min(volume, most_volume), rented))
        return found
