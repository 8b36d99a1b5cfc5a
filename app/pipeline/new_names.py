"""Another name for a conversation, on which the same is decided as on the old one: figures rest on draws by name."""

import secrets
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from app.domain.draws import draw_point
from app.domain.judge_sample import judging_point
from app.domain.pilot import Pilot
from app.domain.registered import RegisteredPlan
from app.store.erasing import Named

PREFIX = "e-"
# On average as many names are tried as there are different decisions; a conversation that is drawn by a chance of one in
# thousands takes thousands.
MOST_TRIES = 1_000_000


def new_name(pilot: Pilot, plan: RegisteredPlan, shares: Mapping[str, Sequence[float]], named: Named) -> str:
    """A random name: drawn for people and for the judge exactly where the old one is.

    Args:
        pilot: Its name is what the judge's draws are made from.
        plan: People's draws.
        shares: Of conversations that a judge looks at, by segment.
        named: The conversation.
    """
    people = sorted({plan.label_probability.get(segment, 0.0) for segment in named.segments}) if plan.seed else []
    judge = sorted({share for segment in named.segments for share in shares.get(segment, ())})

    def decided(name: str) -> tuple[int, int]:
        drawn = bisect_right(people, draw_point(plan.seed, name)) if people else 0
        return drawn, bisect_right(judge, judging_point(pilot.name, name)) if judge else 0

    wanted = decided(named.name)
    found = PREFIX + secrets.token_hex(16)
    for _ in range(MOST_TRIES):
        if decided(found) == wanted:
            break
        found = PREFIX + secrets.token_hex(16)
    return found


def new_point(point: float, rates: Iterable[float]) -> float:
    """A random sample point on the same side of every sampling rate as the old one."""
    edges = [0.0, *sorted(rate for rate in set(rates) if 0.0 < rate < 1.0), 1.0]
    place = min(bisect_right(edges, point), len(edges) - 1)
    low, high = edges[place - 1], edges[place]
    return min(low + (high - low) * (secrets.randbits(53) / (1 << 53)), max(low, high - 2**-53))
