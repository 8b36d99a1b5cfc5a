"""The evidence as tables of numbers: quality, segments, latency, reliability, coverage, each with its range and n."""

from app.domain.estimate_models import EstimateModel
from app.domain.groups import BusinessQuality
from app.domain.scorecard import CandidateModel, QualityModel, Quantiles, ReliabilityModel, Scorecard
from app.reports.wording import COVERAGE_REASONS, GATE_OUTCOMES, plain
from app.reports.workbook.book import Book, Sheet

_ESTIMATE = ("Value", "Low", "High", "n", "Method")
_LEVEL = "Low and high: 95% interval unless the method says otherwise."
_RATES = {
    "win_rate": "Win rate (ties count half)",
    "win_rate_human_corrected": "Win rate, the judge corrected by people",
    "win_rate_fixed": "Win rate, fixed-sample interval",
    "win_rate_without_failures": "Win rate without failures",
    "win_rate_length_controlled": "Win rate, length controlled",
    "people_win_rate": "Win rate by people's labels alone",
    "judge_accuracy": "The judge agrees with people",
    "judge_kappa": "The same beyond chance (kappa)",
    "rater_agreement": "People agree with each other",
}
_TIMES = {
    "ttft_any_seconds": "First token of any kind",
    "ttft_visible_seconds": "First visible token",
    "total_seconds": "Whole answer",
    "tpot_seconds": "Each further token",
}
_QUANTILES = {"p50": "half", "p95": "95 of 100", "p99": "99 of 100"}
_SEGMENTS = (
    "Candidate", "Segment", "Registered", "Pairs", "Conversations", "Win rate", "Low", "High", "Bound", "Limit", "Result", "Why"
)  # fmt: skip
_PAIRS = {
    "both_ok": "both answered",
    "candidate_failed": "the candidate failed",
    "incumbent_failed": "the incumbent failed",
    "both_failed": "both failed",
    "shed": "shed by our own bounds",
    "over_budget": "over the budget",
    "not_asked": "the candidate was not asked",
    "pending": "still waiting",
}


def write_evidence(book: Book, card: Scorecard) -> None:
    """All five sheets."""
    _write_quality(book, card)
    _write_segments(book, card)
    _write_latency(book, card)
    _write_reliability(book, card)
    _write_coverage(book, card)


def _estimate(sheet: Sheet, column: int, found: EstimateModel, look: str) -> None:
    for place, value in enumerate((found.value, found.low, found.high)):
        sheet.value(column + place, value, look)
    sheet.value(column + 3, found.n, "count")
    sheet.text(column + 4, found.method.replace("_", " "), "note")


def _write_quality(book: Book, card: Scorecard) -> None:
    sheet = book.sheet("Quality", (44, 12, 12, 12, 12, 34))
    sheet.title("Quality", f"A win rate of 50% is as good as the incumbent. {_LEVEL}")
    for name, candidate in card.candidates.items():
        quality = candidate.quality
        sheet.heading(name, 6)
        sheet.header(("What", *_ESTIMATE), range(1, 5))
        for field, words in _RATES.items():
            sheet.text(0, words)
            _estimate(sheet, 1, getattr(quality, field), "rate" if field == "judge_kappa" else "percent")
            sheet.row += 1
        _write_shares(sheet, candidate.shares)
        sheet.row += 1
        _write_counts(sheet, quality)
        if quality.by_day:
            _write_days(sheet, quality)


def _write_shares(sheet: Sheet, shares: BusinessQuality) -> None:
    """Better, the same, worse: a conversation counts once, a failure is worse."""
    for source, found in (("by people's drawn labels", shares.by_people), ("by judge and rules", shares.by_judge)):
        for name in ("worse", "same", "better"):
            sheet.text(0, f"Answers that are {name}, {source}")
            _estimate(sheet, 1, getattr(found, name), "percent")
            sheet.row += 1


def _write_counts(sheet: Sheet, quality: QualityModel) -> None:
    counts = {"Ties": quality.ties, "Labels by people": quality.labels, "of these usable": quality.usable_labels}
    ungraded = {f"Not graded: {reason}": many for reason, many in quality.ungraded.items()}
    for words, many in {**counts, "Answers that flip with the order": quality.flips, **ungraded}.items():
        sheet.text(0, words)
        sheet.value(1, many, "count")
        sheet.row += 1


def _write_days(sheet: Sheet, quality: QualityModel) -> None:
    sheet.row += 1
    sheet.header(("Up to day (all days together)", "Win rate", "Low", "High", "Conversations", "Interval"), range(1, 5))
    for point in quality.by_day:
        sheet.value(0, point.day, "count")
        for column, value in enumerate((point.value, point.low, point.high), 1):
            sheet.value(column, value, "percent")
        sheet.value(4, point.n, "count")
        sheet.text(5, "holds at any time one looks", "note")
        sheet.row += 1


def _write_segments(book: Book, card: Scorecard) -> None:
    sheet = book.sheet("Segments", (24, 30, 14, 12, 14, 12, 12, 12, 12, 12, 14, 44))
    sheet.title("Segments", f"Kinds of work; only registered ones have a say. {_LEVEL}")
    sheet.header(_SEGMENTS, range(3, 10))
    for name, candidate in card.candidates.items():
        for segment, found in candidate.segments.items():
            rate = found.win_rate_human_corrected if found.rests_on == "corrected" else found.win_rate
            sheet.text(0, name)
            sheet.text(1, segment)
            sheet.text(2, "yes" if found.registered else "no")
            sheet.value(3, found.pairs, "count")
            sheet.value(4, found.conversations, "count")
            limit = 0.5 - found.margin if found.margin is not None else None
            for column, value in enumerate((rate.value, rate.low, rate.high, found.bound, limit), 5):
                sheet.value(column, value, "percent")
            sheet.text(10, GATE_OUTCOMES[found.outcome])
            sheet.text(11, found.reason, "text")
            sheet.row += 1
    sheet.made.freeze_panes(4, 2)


def _write_latency(book: Book, card: Scorecard) -> None:
    sheet = book.sheet("Latency", (24, 28, 14, 20, 12, 12, 12, 12, 26))
    sheet.title("Latency", f"Seconds within which so many of 100 answers were there. {_LEVEL}")
    sheet.header(("Candidate", "Time", "Share", "Arm", *_ESTIMATE), range(4, 8))
    for name, candidate in card.candidates.items():
        for field, words in _TIMES.items():
            _write_quantiles(sheet, name, words, getattr(candidate.latency, field))
    sheet.row += 1
    for name, candidate in card.candidates.items():
        tested = "tested under production's load" if candidate.latency.load_tested else "not tested under production's load"
        sheet.line(f"{name}: times are {candidate.latency.basis}; {tested}.", "note")


def _write_quantiles(sheet: Sheet, name: str, words: str, found: Quantiles) -> None:
    for key, share in _QUANTILES.items():
        for arm in ("incumbent", "candidate"):
            sheet.text(0, name)
            sheet.text(1, words)
            sheet.text(2, share)
            sheet.text(3, arm)
            _estimate(sheet, 4, getattr(getattr(found, key), arm), "seconds")
            sheet.row += 1


def _write_reliability(book: Book, card: Scorecard) -> None:
    sheet = book.sheet("Reliability", (24, 44, 12, 12, 12, 12, 26))
    sheet.title("Reliability", f"Share of requests without a usable answer. {_LEVEL}")
    sheet.header(("Candidate", "What", *_ESTIMATE), range(2, 6))
    for name, candidate in card.candidates.items():
        found = candidate.reliability
        rows = [
            ("The incumbent fails", found.incumbent_failure_rate),
            ("The candidate fails", found.candidate_failure_rate),
            ("The incumbent is in service", found.incumbent_available),
            ("The candidate is in service", found.candidate_available),
            *((f"The candidate fails: {kind}", rate) for kind, rate in found.failure_kind_rates.items()),
            *((f"The incumbent fails: {kind}", rate) for kind, rate in found.incumbent_failure_kind_rates.items()),
        ]
        for words, rate in rows:
            sheet.text(0, name)
            sheet.text(1, words)
            _estimate(sheet, 2, rate, "percent")
            sheet.row += 1
        _write_kinds(sheet, name, found)


def _write_kinds(sheet: Sheet, name: str, found: ReliabilityModel) -> None:
    """Counts of failures, which a rate of each kind does not say."""
    for arm, kinds in (("candidate", found.failure_kinds), ("incumbent", found.incumbent_failure_kinds)):
        for kind, many in kinds.items():
            sheet.text(0, name)
            sheet.text(1, f"Failures of the {arm}, {kind}: how many")
            sheet.value(2, many, "count")
            sheet.row += 1


def _write_coverage(book: Book, card: Scorecard) -> None:
    sheet = book.sheet("Coverage", (56, 18, 14))
    ledger = card.coverage
    sheet.title("Coverage", "Every production request by its one reason; the reasons add up to all of them.")
    sheet.header(("Reason", "Requests", "Share"), (1, 2))
    first = sheet.row
    for reason, many in ledger.by_reason.items():
        sheet.text(0, plain(reason, COVERAGE_REASONS))
        _share(sheet, many, ledger.production_requests)
    sheet.text(0, "All production requests", "strong")
    cells = f"{sheet.at(1, first)}:{sheet.at(1, sheet.row - 1)}"
    sheet.formula(1, f"SUM({cells})", sum(ledger.by_reason.values()), "total_count")
    sheet.row += 1
    for name, candidate in card.candidates.items():
        _write_pairs(sheet, name, candidate)


def _write_pairs(sheet: Sheet, name: str, candidate: CandidateModel) -> None:
    counts = candidate.coverage.model_dump()
    every = sum(counts.values())
    sheet.heading(f"Of what was recorded, for {name}", 3)
    sheet.header(("What became of it", "Requests", "Share"), (1, 2))
    for field, words in _PAIRS.items():
        sheet.text(0, words)
        _share(sheet, counts[field], every)


def _share(sheet: Sheet, many: int, every: int) -> None:
    sheet.value(1, many, "count")
    sheet.value(2, many / every if every else None, "percent")
    sheet.row += 1
