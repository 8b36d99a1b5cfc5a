"""Where every production request went, why, and what to do about it."""

from collections.abc import Iterator

from app.domain.scorecard import LedgerModel, PairCoverage, Scorecard
from app.reports import figures
from app.reports.context import Subject, planned_days
from app.reports.coverage_charts import Step, coverage_by_day_chart, funnel_chart
from app.reports.document import Block, Chart, Paragraph, Section, Table, cells
from app.reports.live import left_out_blocks, live_blocks
from app.reports.wording import COVERAGE_ADVICE, COVERAGE_REASONS, plain

NOT_MIRRORED = ("mirroring_off", "opted_out", "not_mirrored_route", "too_large", "unreadable_body", "outside_window")
NOT_WHOLE = ("client_cancelled", "client_error", "lost", "pending")


def coverage_section(scorecard: Scorecard, subjects: list[Subject]) -> Section:
    """Where every production request went; adds up to all of them, or says by how much it does not."""
    return Section(
        slug="coverage",
        title="Coverage: is anything left out?",
        blocks=(
            Paragraph(text="Each request has exactly one reason. The parts add up to all of them."),
            *(chart for subject in subjects for chart in _funnel(scorecard.coverage, subject)),
            _ledger_table(scorecard.coverage),
            *(_pairs_table(subject) for subject in subjects),
            *_by_day(scorecard, subjects),
            *live_blocks(scorecard),
            *(block for subject in subjects for block in left_out_blocks(subject)),
        ),
    )


def _funnel(ledger: LedgerModel, subject: Subject) -> Iterator[Chart]:
    """Nothing where nothing was asked of production."""
    if not ledger.production_requests:
        return
    steps = tuple(funnel_steps(ledger, subject))
    spoken = "; ".join(f"{step.name} {figures.count(step.n)}" for step in steps)
    yield Chart(
        name=f"funnel-{subject.arm}",
        title=f"From production's requests to pairs that say something of {subject.name}",
        spec=funnel_chart(steps),
        alt=f"Bars that grow shorter, from all requests to labelled pairs: {spoken}.",
        caption=f"n = {figures.count(ledger.production_requests)} production requests; in brackets the share of all. "
        "Coloured = asked of the candidate. What is lost from bar to bar stands in the tables below. The axis starts at 0.",
        data=None,
    )


def funnel_steps(ledger: LedgerModel, subject: Subject) -> Iterator[Step]:
    """Each step with how many requests came so far."""
    left = ledger.production_requests
    yield Step("all requests", left)
    left -= _sum(ledger, NOT_MIRRORED)
    yield Step("could be mirrored", left)
    left -= _sum(ledger, ("not_sampled",))
    yield Step("in the sample", left)
    left -= _sum(ledger, NOT_WHOLE)
    yield Step("recorded whole", left)
    pairs, quality, arm = subject.card.coverage, subject.card.quality, subject.arm
    asked = pairs.both_ok + pairs.candidate_failed + pairs.incumbent_failed + pairs.both_failed
    yield Step("candidate was asked", asked, arm)
    yield Step("both answered", pairs.both_ok, arm)
    if quality.graded is not None:
        yield Step("graded", quality.graded, arm)
    yield Step("labelled by people", quality.labels, arm)


def _sum(ledger: LedgerModel, reasons: tuple[str, ...]) -> int:
    return sum(ledger.by_reason.get(reason, 0) for reason in reasons)


def _ledger_table(ledger: LedgerModel) -> Table:
    listed = {reason: n for reason, n in ledger.by_reason.items() if n or reason == "captured"}
    total = ledger.production_requests
    rows = [
        cells(plain(reason, COVERAGE_REASONS), COVERAGE_ADVICE.get(reason, figures.NOTHING), figures.count(n), _share(n, total))
        for reason, n in listed.items()
    ]
    gap = total - sum(ledger.by_reason.values())
    if gap:
        rows.append(cells("not accounted for", "A fault of ours: please report it.", figures.count(gap), _share(gap, total)))
    rows.append(cells("all production requests", figures.NOTHING, figures.count(total), _share(total, total)))
    return Table(
        caption="Every production request, by what became of it",
        columns=("What became of it", "What to do about it", "Requests", "Share"),
        rows=tuple(rows),
        numeric=2,
        has_total=True,
        note=_unseen(ledger.unknown_seconds),
    )


def _share(n: int, total: int) -> str:
    return figures.NOTHING if total == 0 else figures.small_percent(n / total)


def _unseen(unknown_seconds: float) -> str:
    if not unknown_seconds:
        return "There was no time in which requests went uncounted."
    return (
        f"For {figures.count(unknown_seconds)} seconds nobody counted, because gateway or application ended without a word: "
        "requests of that time are not in this table."
    )


def _pairs_table(subject: Subject) -> Table:
    pairs = subject.card.coverage
    parts = (
        *_answered(pairs, subject.card.quality.graded),
        (f"{subject.name} failed", pairs.candidate_failed),
        (f"{subject.incumbent} failed", pairs.incumbent_failed),
        ("both failed", pairs.both_failed),
        ("not asked: too much traffic for us", pairs.shed),
        ("not asked: budget used up", pairs.over_budget),
        ("not asked for another reason", pairs.not_asked),
        ("not finished yet", pairs.pending),
    )
    total = sum(n for _, n in parts)
    rows = [cells(words, figures.count(n), _share(n, total)) for words, n in parts if n]
    rows.append(cells("all compared requests", figures.count(total), _share(total, total)))
    return Table(
        caption=f"The compared requests, for {subject.name}",
        columns=("What became of it", "Requests", "Share"),
        rows=tuple(rows),
        numeric=2,
        has_total=True,
        note=f"{figures.count(subject.card.quality.labels)} of these pairs have an answer by people, too.",
    )


def _answered(pairs: PairCoverage, graded: int | None) -> tuple[tuple[str, int], ...]:
    """Those that both answered, apart by whether they have a grade, where that is known."""
    if graded is None or not 0 <= graded <= pairs.both_ok:
        return (("both answered", pairs.both_ok),)
    rest = "both answered, no grade yet (a day that is not closed, or nobody could say)"
    return (("both answered and graded", graded), (rest, pairs.both_ok - graded))


def _by_day(scorecard: Scorecard, subjects: list[Subject]) -> Iterator[Block]:
    days = [each for each in scorecard.coverage.by_day if each.production_requests]
    if not days or not subjects:
        return
    worst = min(days, key=lambda each: (each.captured / each.production_requests, each.day))
    said = f"day {worst.day} with {figures.percent(worst.captured / worst.production_requests)}"
    n = sum(each.production_requests for each in days)
    title = "Share of each day's requests that was compared"
    yield Chart(
        name="coverage-by-day",
        title=title,
        spec=coverage_by_day_chart(days, planned_days(scorecard, subjects[0].configuration)),
        alt=f"Line chart over {len(days)} days. The lowest is {said}.",
        caption=f"n = {figures.count(n)} requests of {len(days)} days; lowest: {said}. The axis goes from 0 to 100%. "
        "Requests that were numbered and never came have no day: they are in the table above alone.",
        data=Table(
            caption=title,
            columns=("Day", "Compared", "Lost on our way", "Not finished yet", "Requests", "Share compared"),
            rows=tuple(
                cells(
                    str(each.day),
                    figures.count(each.captured),
                    figures.count(each.lost),
                    figures.count(each.pending),
                    figures.count(each.production_requests),
                    _share(each.captured, each.production_requests),
                )
                for each in days
            ),
            numeric=5,
        ),
    )
