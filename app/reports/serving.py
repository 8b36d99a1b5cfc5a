"""How the candidate's server fared: what is watched on it, its age and load, the same question twice."""

from collections.abc import Callable, Iterator

from app.domain.serving import RepeatModel, ServingBucket, ServingDay, ServingModel, ServingTrend
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Bullets, Cell, Paragraph, Section, Table, cells

TIMES = {"total_seconds": "Time to the whole answer", "ttft_any_seconds": "Time to the first sign of an answer"}
GIBIBYTE = 1024.0**3
INTERVALS = "In brackets the 95% interval; answers of one hour resemble each other, so they count less than their number."


def serving_sections(subject: Subject) -> tuple[Section, ...]:
    """Nothing where no call was live and nothing is known of the server."""
    serving = subject.card.serving
    blocks = (
        *(Paragraph(text=_sentence(said), tone="warning") for said in serving.warnings),
        *_lives(serving),
        *_days(serving),
        *_by_age(serving),
        *_by_load(serving),
        *_repeats(serving),
    )
    if not blocks:
        return ()
    return (Section(slug=f"serving-{subject.arm}", title="Its server while it served", blocks=blocks),)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _lives(serving: ServingModel) -> Iterator[Bullets | Paragraph]:
    if not serving.readings and not serving.uptime and not serving.load:
        return
    if not serving.readings:
        why = "none is configured or known for this kind of server" if serving.metrics_url is None else serving.last_problem
        yield Paragraph(text=f"Its own metrics were not read: {why or 'nothing came yet'}.", tone="note")
        return
    yield Bullets(title="Its process", items=tuple(_process(serving)))


def _process(serving: ServingModel) -> Iterator[str]:
    read = f"{figures.count(serving.readings)} times"
    failed = f", {figures.count(serving.problems)} times in vain ({serving.last_problem})" if serving.problems else ""
    yield f"Its metrics page was read {read}{failed}."
    if serving.processes_at_once > 1:
        yield f"{serving.processes_at_once} processes answer at its address, so no answer can be given a server's age."
    elif serving.processes_at_once == 1:
        ran = figures.number(serving.longest_uptime_hours, 1)
        yield f"Restarts seen: {figures.count(len(serving.restarts))}; it ran for at most {ran} hours on end."
    more = serving.kv_cache_per_day
    if more.value is not None:
        points = f"{100 * more.value:+.2f} points"
        ends = f" ({100 * more.low:+.2f} to {100 * more.high:+.2f})" if more.low is not None and more.high is not None else ""
        over = f"at equal load, over {figures.count(more.n)} hours"
        yield f"For each day of its age its KV cache was fuller by {points}{ends} {over}."


def _days(serving: ServingModel) -> Iterator[Table]:
    if not serving.days:
        return
    yield Table(
        caption="What the server itself says, by day",
        columns=("Day", "Running at once, mean (most)", "Waiting, most", "KV cache in use, mean (most)", "GPU in use",
                 "GPU memory", "Preemptions", "Prefix cache hits", "First token, mean"),
        rows=tuple(_day(day) for day in serving.days),
        numeric=8,
        note="Read from its metrics page about once a minute: what happens in between is not seen.",
    )  # fmt: skip


def _day(day: ServingDay) -> tuple[Cell, ...]:
    memory = day.gpu_memory_bytes_max
    return cells(
        figures.count(day.day),
        _mean_and_most(figures.number(day.running_mean, 1), figures.count(day.running_max)),
        figures.count(day.waiting_max),
        _mean_and_most(figures.percent(day.kv_cache_mean), figures.percent(day.kv_cache_max)),
        figures.percent(day.gpu_utilisation_mean),
        figures.UNKNOWN if memory is None else f"{memory / GIBIBYTE:.1f} GiB",
        figures.count(day.preemptions),
        figures.percent(day.prefix_cache_hit_rate),
        figures.seconds(day.ttft_mean_seconds),
    )


def _mean_and_most(mean: str, most: str) -> str:
    return mean if mean == figures.UNKNOWN else f"{mean} ({most})"


def _by_age(serving: ServingModel) -> Iterator[Table | Paragraph]:
    for measure, trend in serving.uptime.items():
        yield _table(f"{TIMES[measure]}, by the age of the server's process", "Hours since its start", trend, _hours)
        yield Paragraph(text=_age_words(trend))


def _age_words(trend: ServingTrend) -> str:
    slope = trend.slope
    each = f"Each day of age adds {_signed(slope.value, slope.low, slope.high)} on average, at equal load."
    return f"{_quarters(trend, 'oldest', 'youngest')} {each}"


def _by_load(serving: ServingModel) -> Iterator[Table | Paragraph]:
    for measure, trend in serving.load.items():
        yield _table(f"{TIMES[measure]}, by how many calls it answered at once", "Calls at once", trend, _calls)
        slope = trend.slope
        each = f"Each call more at once goes with {_signed(slope.value, slope.low, slope.high)} on average."
        yield Paragraph(text=f"{_quarters(trend, 'busiest', 'quietest')} {each}")


def _quarters(trend: ServingTrend, last: str, first: str) -> str:
    more = trend.last_minus_first
    if more.value is None:
        return f"Too few answers to compare the {last} quarter with the {first}."
    verdict = {True: "it grows", False: "no growth is shown", None: "whether it grows is not known"}[trend.grows]
    difference = _signed(more.value, more.low, more.high)
    over = f"over {figures.count(more.n)} answers: {verdict}"
    return f"95 of 100 answers: the {last} quarter less the {first} is {difference}, {over}."


def _signed(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return figures.UNKNOWN
    ends = ", ".join(("?" if end is None else f"{end:+.3g}") for end in (low, high)).replace(", ", " to ")
    return f"{value:+.3g} s ({ends} s)"


def _table(caption: str, first: str, trend: ServingTrend, span: Callable[[ServingBucket], str]) -> Table:
    return Table(
        caption=caption,
        columns=(first, "95 of 100 answers within", "Calls at once, mean", "Answers"),
        rows=tuple(
            cells(span(bucket), figures.seconds_with_interval(bucket.p95), figures.number(bucket.at_once_mean, 1),
                  figures.count(bucket.p95.n))
            for bucket in trend.buckets
        ),
        numeric=3,
        note=INTERVALS,
    )  # fmt: skip


def _hours(bucket: ServingBucket) -> str:
    return f"from {bucket.from_:g}" if bucket.to is None else f"{bucket.from_:g} to under {bucket.to:g}"


def _calls(bucket: ServingBucket) -> str:
    if bucket.to is None:
        return f"{bucket.from_:g} and more"
    last = bucket.to - 1
    return f"{bucket.from_:g}" if last <= bucket.from_ else f"{bucket.from_:g} to {last:g}"


def _repeats(serving: ServingModel) -> Iterator[Table]:
    groups = (("Temperature 0 or a seed", serving.deterministic), ("All others", serving.sampled))
    if not any(group.equal_rate.n or group.failed for _, group in groups):
        return
    yield Table(
        caption="The same question, asked twice at once",
        columns=("Requests", "Same answer both times", "Another answer", "Failed the second time", "Compared"),
        rows=tuple(_repeat(name, group) for name, group in groups),
        numeric=4,
        note="Same = equal texts, white space and letter case aside, or equal tool calls. Only where the request asks for the "
        "same answer (temperature 0 or a seed) is another one a finding; elsewhere models are meant to vary.",
    )


def _repeat(name: str, group: RepeatModel) -> tuple[Cell, ...]:
    rate = group.equal_rate
    same = figures.share_with_interval(rate) if rate.value is not None else "unknown: none was compared"
    return cells(name, same, figures.count(group.different), figures.count(group.failed), figures.count(rate.n))
