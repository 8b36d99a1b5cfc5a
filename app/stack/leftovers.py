"""What a supervisor that was killed left behind: told to end by its successor, and watched until it has."""

import time
from dataclasses import dataclass, field

from app.stack.home import GATEWAY, ProcessEntry, ProcessState, StackHome
from app.stack.stopping import GRACE_SECONDS, ask_leftovers, await_leftovers, leftovers


@dataclass(slots=True)
class Leftovers:
    """Orphans of one home; its gateways may finish what they carry."""

    home: StackHome
    drain_seconds: float
    _left: list[tuple[ProcessEntry, float]] = field(default_factory=list)

    def ask_all_but_gateways(self) -> None:
        """Tells the others to end."""
        self._ask([child for child in leftovers(self.home) if child.name != GATEWAY], GRACE_SECONDS)

    def ask_gateways(self) -> None:
        """Tells the gateways to end."""
        self._ask([child for child in leftovers(self.home) if child.name == GATEWAY], self.drain_seconds)

    @property
    def have_gateways(self) -> bool:
        """Whether gateways serve without a supervisor."""
        return any(child.name == GATEWAY for child in leftovers(self.home))

    def _ask(self, left: list[ProcessEntry], grace_seconds: float) -> None:
        until = time.monotonic() + grace_seconds
        self._left += [(child.model_copy(update={"state": ProcessState.DRAINING}), until) for child in ask_leftovers(left)]

    @property
    def entries(self) -> list[ProcessEntry]:
        """Those that have not ended yet."""
        return [child for child, _ in self._left]

    @property
    def are_in_the_way(self) -> bool:
        """Whether one is left whose successor must not work beside it."""
        return any(child.name != GATEWAY for child, _ in self._left)

    def look(self) -> bool:
        """Lets go of those that ended, and kills what takes too long; whether anything changed."""
        late = [child for child, until in self._left if time.monotonic() > until]
        await_leftovers(late, 0.0)
        left = [(child, until) for child, until in self._left if child.is_alive()]
        is_changed = len(left) != len(self._left)
        self._left = left
        return is_changed

    def end(self) -> None:
        """Waits until all ended."""
        for child, until in self._left:
            await_leftovers([child], max(0.0, until - time.monotonic()))
        self._left = []
