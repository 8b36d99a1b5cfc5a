"""The worlds that the rule is tried on, the rules tried on each, and what has to come out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tests.simulation.worlds import Judge, Labels, Tenant, World

BOUNDARY, PARITY = 0.45, 0.5
# 2,000 runs tell 5 % from 6 % (standard error 0.5 pp).
MOST_FALSE = 0.06
MANY, SOME = 2000, 1000
SIZES = (700, 1400, 2800, 5600)
NAIVE = ("pair_z_weekly", "pair_z_daily", "conversation_z_weekly", "conversation_z_daily")
OWN = ("h1_without_guard", "h1")
WATCHED = (*OWN, "h1_and_watch")
SHOCK = 0.03
KIND = "judge +3 pp"
SKIPS = {0.0: "no skips", 0.02: "2 % skipped", 0.1: "10 % skipped"}
# At the boundary with and without day shocks, as the project's notes on method have it (2,000 to 4,000 runs).
PUBLISHED = {
    "": {
        "pair_z_weekly": (0.191, 0.173, 0.180, 0.187),
        "pair_z_daily": (0.295, 0.279, 0.280, 0.293),
        "conversation_z_weekly": (0.122, 0.108, 0.116, 0.115),
        "conversation_z_daily": (0.204, 0.180, 0.186, 0.189),
        "asymptotic_daily": (0.017, 0.017, 0.012, 0.015),
        "h1_without_guard": (0.026, 0.028, 0.024, 0.025),
    },
    " with day shocks": {
        "pair_z_weekly": (0.22, 0.25, 0.30, 0.37),
        "pair_z_daily": (0.34, 0.37, 0.43, 0.51),
        "conversation_z_weekly": (0.16, 0.17, 0.23, 0.30),
        "conversation_z_daily": (0.25, 0.27, 0.34, 0.43),
        "asymptotic_daily": (0.026, 0.036, 0.082, 0.149),
        "h1_without_guard": (0.038, 0.037, 0.044, 0.042),
    },
}
ANY_DAY, LAST_DAY = "any day", "last day"


@dataclass(frozen=True, slots=True)
class Goal:
    """What has to come out of one rule: bounds of the share that is told to migrate, and not to."""

    at_most: float = 1.0
    at_least: float = 0.0
    dont_at_most: float = 1.0

    def holds(self, *, migrate: float, dont_migrate: float) -> bool:
        """Whether the shares keep the bounds."""
        return self.at_least <= migrate <= self.at_most and dont_migrate <= self.dont_at_most

    @property
    def words(self) -> str:
        """As a reader sees it."""
        parts = [f"at most {self.at_most:.1%}"] if self.at_most < 1 else []
        parts += [f"at least {self.at_least:.1%}"] if self.at_least > 0 else []
        parts += [f"wrongly refused at most {self.dont_at_most:.1%}"] if self.dont_at_most < 1 else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Scene:
    """One world, simulated once for all of its rules.

    Attributes:
        read: `any day`: a pilot counts if any day's reader was told to migrate; `last day`: if the last day's was.
        goal: Of the rule `h1`; `None` = reported only.
        published: What another simulation of the same world found, by rule.
    """

    world: World
    rules: tuple[str, ...] = WATCHED
    runs: int = SOME
    read: str = LAST_DAY
    goal: Goal | None = None
    note: str = ""
    published: Mapping[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Unique: world, conversations, labels."""
        labels = f"/{self.world.labels.planned}" if self.world.labels is not None else ""
        return f"{self.world.name}:{self.world.conversations}{labels}"

    @property
    def cost(self) -> float:
        """Of running it, roughly."""
        return self.runs * float(self.world.traffic.sum()) * len(self.rules)


def scenes() -> Iterator[Scene]:
    """All of them."""
    yield from _boundary()
    yield from _power()
    yield from _drift()
    yield from _tenants()
    yield from _corrected()
    yield from _corrected_drift()
    yield from _nasty()


def _boundary() -> Iterator[Scene]:
    false = Goal(at_most=MOST_FALSE)
    for shock, words in ((0.0, ""), (SHOCK, " with day shocks")):
        for conversations in SIZES:
            world = World(f"boundary{words}", BOUNDARY, conversations=conversations, day_shock=shock)
            published = {rule: rates[SIZES.index(conversations)] for rule, rates in PUBLISHED[words].items()}
            rules = (*NAIVE, "asymptotic_daily", "fifty_pairs_net", *OWN)
            yield Scene(world, rules, MANY, ANY_DAY, false, published=published)
            longer = world.but(name=f"boundary{words}, extended to day 42", days=42)
            yield Scene(longer, OWN, MANY, ANY_DAY, false)
    ties = World("boundary, four of five pairs are ties", BOUNDARY, tie_rate=0.8)
    yield Scene(ties, ("fifty_pairs_worse", "fifty_pairs_net", *NAIVE[:2], *OWN), MANY, ANY_DAY, false)


def _power() -> Iterator[Scene]:
    least = {700: 0.90, 1400: 0.98, 2800: 0.98, 5600: 0.98}
    for conversations in SIZES:
        world = World("parity", PARITY, conversations=conversations)
        goal = Goal(at_least=least[conversations], dont_at_most=0.0)
        yield Scene(world, (*NAIVE, "asymptotic_daily", "fifty_pairs_net", "fifty_pairs_worse", *WATCHED), SOME, LAST_DAY, goal)
        yield Scene(world.but(name="parity with day shocks", day_shock=SHOCK), WATCHED, SOME, LAST_DAY, Goal(dont_at_most=0.0))
    for win_rate in (0.48, 0.42, 0.40):
        for conversations in (700, 1400, 5600):
            yield Scene(World(f"flat at {win_rate:.2f}", win_rate, conversations=conversations))


def _drift() -> Iterator[Scene]:
    # statistics.md 3.2, the column of the guard; two standard errors where the column itself is the goal.
    for start, end, most in (
        (0.48, 0.42, {700: 0.05, 1400: 0.05, 2800: 0.05, 5600: 0.05}),
        (0.52, 0.42, {700: 0.08, 1400: 0.05, 2800: 0.05, 5600: 0.05}),
        (0.50, 0.44, {700: 0.20, 1400: 0.26, 5600: 0.17}),
    ):
        for conversations, share in most.items():
            world = World(f"falling {start:.2f} to {end:.2f}", start, end, conversations=conversations)
            yield Scene(world, WATCHED, SOME, LAST_DAY, Goal(at_most=share))
    for conversations, published in {700: 0.71, 1400: 0.84, 5600: 0.98}.items():
        world = World("falling 0.53 to 0.47", 0.53, 0.47, conversations=conversations)
        yield Scene(world, published={"h1": published})


def _tenants() -> Iterator[Scene]:
    for shock, words in ((0.0, ""), (SHOCK, " with day shocks")):
        for conversations in (700, 1400, 5600):
            world = World(
                f"boundary, one worse tenant{words}", BOUNDARY, conversations=conversations, day_shock=shock, tenant=Tenant()
            )
            yield Scene(world, OWN, MANY, ANY_DAY, Goal(at_most=MOST_FALSE))
    for conversations in (700, 1400):
        world = World("parity, one worse tenant", PARITY, conversations=conversations, tenant=Tenant())
        yield Scene(world, OWN, SOME, LAST_DAY, Goal(dont_at_most=0.0))


def _corrected() -> Iterator[Scene]:
    judged = ("h1_raw", "h1_people_only", *OWN)
    false = Goal(at_most=MOST_FALSE)
    for conversations, labels in ((1400, 280), (1400, 420), (2800, 560)):
        world = World("", BOUNDARY, conversations=conversations, judge=Judge())
        for skip_rate, words in SKIPS.items():
            few = Labels(labels, skip_rate=skip_rate)
            yield Scene(world.but(name=f"boundary, {KIND}, {words}", labels=few), judged, MANY, ANY_DAY, false)
        shocked = world.but(day_shock=SHOCK, labels=Labels(labels, skip_rate=0.0))
        yield Scene(shocked.but(name=f"boundary, {KIND}, no skips, day shocks"), judged, MANY, ANY_DAY, false)
        yield Scene(
            shocked.but(name=f"boundary, {KIND}, no skips, day shocks, extended to day 42", days=42), OWN, MANY, ANY_DAY, false
        )
    for conversations, labels, share in ((1400, 280, 0.75), (1400, 420, 0.86), (2800, 560, 0.93)):
        equal = World("", PARITY, conversations=conversations, judge=Judge())
        for skip_rate, words in SKIPS.items():
            least = share if skip_rate == 0 else 0.0
            skipping = equal.but(name=f"parity, {KIND}, {words}", labels=Labels(labels, skip_rate=skip_rate))
            yield Scene(skipping, (*judged, "h1_and_watch"), SOME, LAST_DAY, Goal(at_least=least, dont_at_most=0.0))
    unsure = Judge(tie_rate=0.0)
    untied = World(f"parity, {KIND} that never ties, no skips", PARITY, judge=unsure, labels=Labels(skip_rate=0.0))
    yield Scene(untied, judged, SOME, LAST_DAY, Goal(dont_at_most=0.0))


def _corrected_drift() -> Iterator[Scene]:
    for conversations, labels in ((1400, 280), (2800, 560)):
        for start, end, share in ((0.48, 0.42, 0.05), (0.52, 0.42, 0.17), (0.50, 0.44, 1.0)):
            world = World(
                f"falling {start:.2f} to {end:.2f}, {KIND}", start, end, conversations=conversations, judge=Judge(),
                labels=Labels(labels, skip_rate=0.0),
            )  # fmt: skip
            yield Scene(world, ("h1_raw", *WATCHED), SOME, LAST_DAY, Goal(at_most=share))


def _nasty() -> Iterator[Scene]:
    """Worlds of our own that try to break the rule."""
    false = Goal(at_most=MOST_FALSE)
    judged = World("", BOUNDARY, judge=Judge(), labels=Labels(skip_rate=0.0))
    missing = Labels(skip_rate=0.0, missing_if_worse=0.3)
    yield Scene(
        judged.but(name=f"boundary, {KIND}, 30 % of labels on worse replies missing", labels=missing), OWN, MANY, ANY_DAY,
        false, "a naive correction would believe the labels that came",
    )  # fmt: skip
    yield Scene(judged.but(name=f"parity, {KIND}, 30 % of labels on worse replies missing", labels=missing, win_rate=PARITY))
    for swing in (0.06, -0.06):
        word = "better" if swing > 0 else "worse"
        world = World(f"boundary, weekends 6 pp {word}", BOUNDARY, weekly_swing=swing)
        yield Scene(world, OWN, MANY, ANY_DAY, false)
    for turn, word in ((-0.05, "harsher"), (0.05, "milder")):
        turned = Judge(turn=turn)
        yield Scene(judged.but(name=f"boundary, the judge turns 5 pp {word} midway", judge=turned), OWN, MANY, ANY_DAY, false)
        yield Scene(judged.but(name=f"parity, the judge turns 5 pp {word} midway", judge=turned, win_rate=PARITY))
    yield Scene(
        judged.but(
            name="falling 0.52 to 0.42 while the judge turns 5 pp milder",
            win_rate=0.52,
            end_win_rate=0.42,
            judge=Judge(turn=0.05),
        ),
        note="the judge hides the fall from the guard",
    )
    heavy = tuple((np.arange(1, 61) ** -1.5 / (np.arange(1, 61) ** -1.5).sum()).tolist())
    yield Scene(World("boundary, conversations of up to 60 pairs", BOUNDARY, sizes=heavy), (*NAIVE, *OWN), MANY, ANY_DAY, false)
    long = judged.but(name=f"boundary, {KIND}, long conversations 15 pp worse", sizes=heavy, long_gap=0.15)
    yield Scene(long, OWN, MANY, ANY_DAY, false)
    yield Scene(World("rising 0.42 to 0.48", 0.42, 0.48), OWN, MANY, ANY_DAY, false)
    yield Scene(World("collapse 0.50 to 0.38 on day 22", 0.50, steps=((21, 0.38),)), note="fine for three weeks")
    yield Scene(World("collapse 0.50 to 0.38 on day 26", 0.50, steps=((25, 0.38),)), note="three bad days: nobody can know yet")
    stopped = Labels(skip_rate=0.0, last_day=13)
    for win_rate, word in ((BOUNDARY, "boundary"), (PARITY, "parity")):
        yield Scene(
            judged.but(name=f"{word}, {KIND}, nobody labels after two weeks", labels=stopped, win_rate=win_rate),
            OWN, MANY, ANY_DAY, false if win_rate == BOUNDARY else None,
        )  # fmt: skip
    yield Scene(World("boundary, busy days 6 pp worse", BOUNDARY, busy_gap=0.06), OWN, MANY, ANY_DAY, false)
    for conversations in (1400, 5600):
        world = World("boundary, shocks of 3 pp fade over days", BOUNDARY, conversations=conversations)
        yield Scene(world.but(day_shock=SHOCK, shock_memory=0.6), OWN, MANY, ANY_DAY)
        yield Scene(
            World("boundary, shocks of 3 pp last a week", BOUNDARY, conversations=conversations, week_shock=0.03),
            OWN, MANY, ANY_DAY, None, "four weeks hold four shocks: the pilot's own mean is not the boundary",
        )  # fmt: skip
