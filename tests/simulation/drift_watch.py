"""How often the drift watch freezes a pilot that nothing happens to, and how often one that falls; by the product's own code.

`python -m tests.simulation.drift_watch` prints the table of docs/drift.md.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from app.domain.evidence import words
from app.domain.grading import anchor_version
from app.pipeline.conversations import Conversations
from app.pipeline.judge_watch import judge_watch
from app.pipeline.prompt_mix import mix_weeks
from app.pipeline.quality_watch import quality_watch
from app.pipeline.settlement import judge_of
from app.statistics.sums import Sums
from tests.builders import a_configuration
from tests.simulation.worlds import Pilots, World, simulate
from tests.unit.pipeline.made_evidence import Made, MadeEvidence, made

LIMIT = 0.45
FIRST_LOOK, DAYS, WEEK = 14, 28, 7
SEGMENTS = ("support", "search", "other")
SEGMENT_SHARES = (0.5, 0.3, 0.2)
# Days mix their requests a little differently, too.
MIX_CONCENTRATION = 60.0
ANCHORS, SAME_ANSWER = 50, 0.8
FREE = {"input_usd_per_million_tokens": 0, "output_usd_per_million_tokens": 0}
JUDGED = a_configuration(judge={"base_url": "http://127.0.0.1:9/v1", "model": "m", **FREE})


@dataclass(frozen=True, slots=True)
class Alarms:
    """Shares of pilots: frozen at any daily look from day 14 on by each watcher, and by any; frozen on the last day."""

    quality: float
    mix: float
    judge: float
    ever: float
    at_the_end: float


def alarms_of(world: World, *, runs: int, seed: int = 0) -> Alarms:
    """Each pilot read on every day from the 14th on."""
    chance = np.random.default_rng([seed, world.conversations])
    looks = range(FIRST_LOOK, world.days + 1)
    found = [
        _pilot(pilots, run, looks, chance) for pilots in simulate(world, runs=runs, seed=seed) for run in range(pilots.runs)
    ]
    quality, mix, judge = np.moveaxis(np.array(found), 2, 0)
    frozen = quality | mix | judge
    ever_quality, ever_mix, ever_judge, ever = (float(part.any(axis=1).mean()) for part in (quality, mix, judge, frozen))
    return Alarms(ever_quality, ever_mix, ever_judge, ever, float(frozen[:, -1].mean()))


def _pilot(pilots: Pilots, run: int, looks: range, chance: np.random.Generator) -> list[tuple[bool, bool, bool]]:
    """What each watcher says on each look."""
    mine = pilots.run == run
    days, means = pilots.day[mine] + 1, pilots.judge_mean[mine]
    daily = {day: Sums.of(values=means[days == day]) for day in range(1, pilots.days + 1)}
    it = _requests(days, pilots.size[mine], means, chance)
    rows = _anchors(chance)
    weeks = {look: _frozen_weeks(it, rows, look - look % WEEK) for look in looks if look % WEEK == 0}
    return [
        (
            bool(quality_watch(daily, days=range(1, look + 1), threshold=LIMIT)[1].reasons),
            *weeks[look - look % WEEK],
        )
        for look in looks
    ]


def _frozen_weeks(it: MadeEvidence, anchors: MadeEvidence, last_day: int) -> tuple[bool, bool]:
    mix = list(mix_weeks(it.evidence, it.arm, it.pairs, it.talks, days=range(1, last_day + 1), threshold=LIMIT))
    _, said = judge_watch(JUDGED, anchors.arm.grades, ANCHORS, last_day=last_day)
    return bool(mix) and mix[-1].freezes, bool(said.reasons)


def _requests(days: np.ndarray, sizes: np.ndarray, means: np.ndarray, chance: np.random.Generator) -> MadeEvidence:
    """The conversations' exchanges with a segment, turns and prompt lengths; what they are says nothing of quality."""
    shares = chance.dirichlet(MIX_CONCENTRATION * np.array(SEGMENT_SHARES), size=int(days.max()) + 1)
    segment = (chance.random(len(days))[:, None] > np.cumsum(shares[days], axis=1)[:, :-1]).sum(axis=1)
    of_row = np.repeat(np.arange(len(days)), sizes)
    begins = np.repeat(np.cumsum(sizes) - sizes, sizes)
    many, some = len(of_row), made([Made("c")])
    turns = np.arange(many) - begins + 1.0
    tokens = chance.lognormal(np.log(600.0), 1.0, size=len(days))[of_row] * turns
    exchanges = replace(
        some.evidence.exchanges, ids=np.arange(many), turns=turns, arrived_us=np.arange(many),
        conversations=words([""] * many), segments=words([""] * many),
    )  # fmt: skip
    evidence = replace(some.evidence, exchanges=exchanges, incumbent=replace(some.evidence.incumbent, input_tokens=tokens))
    names = words([SEGMENTS[number] for number in segment])
    talks = Conversations(of_row, days, names, names[of_row])
    pairs = replace(some.pairs, counted=np.ones(many, dtype=bool), values=means[of_row])
    arm = replace(some.arm, replies=replace(some.arm.replies, input_tokens=np.full(many, np.nan)))
    return MadeEvidence(evidence, arm, pairs, talks)


def _anchors(chance: np.random.Generator) -> MadeEvidence:
    """A judge that says the same again in four of five answers, asked at first and after weeks 2, 3 and 4."""
    judge = judge_of(JUDGED)
    version = judge.version if judge is not None and judge.version is not None else ""
    thinks = chance.choice([0.0, 0.5, 1.0], p=[0.35, 0.3, 0.35], size=ANCHORS)
    versions = [version, *(anchor_version(version, week) for week in (2, 3, 4))]
    many = len(versions) * 2 * ANCHORS
    again = np.tile(np.repeat(thinks, 2), len(versions))
    values = np.where(chance.random(many) < SAME_ANSWER, again, chance.choice([0.0, 0.5, 1.0], size=many))
    some = made([Made("c")])
    grades = replace(
        some.arm.grades,
        rows=np.tile(np.repeat(np.arange(ANCHORS), 2), len(versions)),
        graders=words(["judge"] * (2 * ANCHORS) + ["anchor"] * (many - 2 * ANCHORS)),
        raters=words(["m"] * many),
        shown_first=words(["incumbent", "qwen"] * (many // 2)),
        values=values,
        ungraded=words([""] * many),
        is_imported=np.zeros(many, dtype=bool),
        graded_us=np.zeros(many, dtype=np.int64),
        versions=words([each for each in versions for _ in range(2 * ANCHORS)]),
    )
    return replace(some, arm=replace(some.arm, grades=grades))


def table(runs: int) -> Iterator[str]:
    """The rows of docs/drift.md; pilots that fall are fewer, as nothing depends on their last digit."""
    yield "| world | conversations | quality | mix | judge | any, on any day | on day 28 |\n|---|---|---|---|---|---|---|"
    steady = [World("steady", win_rate=rate, day_shock=shock) for rate in (0.5, 0.45) for shock in (0.0, 0.03)]
    lines = ((0.52, 0.42), (0.48, 0.42))
    falling = [World("falls in a line", win_rate=start, end_win_rate=end, day_shock=0.03) for start, end in lines]
    steps = [World("falls at once after day 14", win_rate=0.5, steps=((14, low),), day_shock=0.03) for low in (0.4, 0.45)]
    for world in (*steady, *falling, *steps):
        for conversations in (700, 1400, 2800, 5600):
            found = alarms_of(world.but(conversations=conversations), runs=runs if world in steady else runs // 3)
            said = " | ".join(
                f"{100 * share:.1f} %" for share in (found.quality, found.mix, found.judge, found.ever, found.at_the_end)
            )
            yield f"| {_words(world)} | {conversations:,} | {said} |"


def _words(world: World) -> str:
    ends = world.steps[0][1] if world.steps else world.end_win_rate
    level = f"{world.win_rate:.0%}" if ends is None else f"{world.win_rate:.0%} to {ends:.0%}"
    return f"{world.name}, {level}, day shocks {100 * world.day_shock:g} pp"


if __name__ == "__main__":
    for line in table(int(sys.argv[1]) if len(sys.argv) > 1 else 1000):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
