"""Each subject of the decision in one sentence with its figure, and what the figures rest on."""

from collections.abc import Iterator

from app.domain.words import GateOutcome, Outcome
from app.reports import figures
from app.reports.context import Subject, deciding
from app.reports.pack.model import Headlines
from app.reports.pack.money_words import is_of_split, range_of, saving_of
from app.reports.pack.quality_words import LEAST_PEOPLE, thousandths
from app.reports.pack.service_words import NO_LIMIT, service_rows


def headlines_of(subject: Subject, not_tested: tuple[str, ...]) -> Headlines:
    """Titles of slides."""
    return Headlines(
        money=_money(subject),
        quality=_quality(subject),
        service=_service(subject),
        open_ends=_open_ends(subject, not_tested),
        risks=_risks(subject),
        method=_method(subject),
    )


def _money(subject: Subject) -> str:
    saving = saving_of(subject)
    if saving.value is None:
        return f"Nobody knows yet what moving to {subject.name} would save"
    ends = range_of(saving)
    ranged = f" ({ends})" if ends else ""
    what = "Moving the named kinds of work" if is_of_split(subject) else "Moving all of it"
    if saving.value < 0:
        return f"{what} to {subject.name} would cost {figures.money(-saving.value)} more a month{ranged}"
    saves = "saves" if subject.card.verdict.outcome in (Outcome.MIGRATE, Outcome.HYBRID) else "would save"
    return f"{what} to {subject.name} {saves} about {figures.money(saving.value)} a month{ranged}"


def _quality(subject: Subject) -> str:
    shares = subject.card.shares
    by_people = shares.looked_at >= LEAST_PEOPLE
    source, whose = (shares.by_people, "people's labels") if by_people else (shares.by_judge, "the judge's word")
    if source.worse.value is None:
        return f"Nobody has compared the answers of {subject.name} yet"
    counts = thousandths(source)
    compared = f"about {counts['worse']} are worse and {counts['better']} better than today's"
    return f"Of 1,000 answers of {subject.name} {compared}, by {whose}"


def _service(subject: Subject) -> str:
    rows = service_rows(subject)
    failing = [row for row in rows if row.outcome is GateOutcome.FAILS]
    whole, failures = rows[0], rows[-1]
    if failing:
        said = figures.names([f"{row.what.lower()}: {row.candidate}, limit {row.limit}" for row in failing])
        moved = " if all of it moved" if subject.card.verdict.outcome is Outcome.HYBRID else ""
        return f"A limit is missed{moved}: {said}"
    value = subject.card.latency.total_seconds.p95.candidate.value
    rate = subject.card.reliability.candidate_failure_rate.value
    if value is None and rate is None:
        return f"Speed and reliability of {subject.name} were not measured"
    fast = "times were not measured" if value is None else f"95 of 100 answers come within {figures.seconds(value)}"
    sound = "failures were not measured" if rate is None else f"{figures.small_percent(rate)} fail"
    return f"{fast[:1].upper()}{fast[1:]}, {sound}; {_limits(whole.limit, failures.limit)}"


def _limits(whole: str, failures: str) -> str:
    if whole == failures == NO_LIMIT:
        return NO_LIMIT
    if NO_LIMIT in (whole, failures):
        return f"limit of failures {failures}" if whole == NO_LIMIT else f"limit of time {whole}"
    return f"limits {whole} and {failures}"


def _open_ends(subject: Subject, not_tested: tuple[str, ...]) -> str:
    change = len(subject.card.verdict.would_change)
    is_open = subject.card.verdict.outcome is Outcome.EXTEND and not subject.card.verdict.final
    if is_open and change:
        what = "1 thing is" if change == 1 else f"{figures.count(change)} things are"
        return f"{what} missing for an answer; {_untested(len(not_tested))}"
    would = "nothing known" if not change else "1 thing" if change == 1 else f"{figures.count(change)} things"
    said = _untested(len(not_tested))
    return f"{said[:1].upper()}{said[1:]}; {would} would change the answer"


def _untested(left: int) -> str:
    if not left:
        return "nothing was left untested"
    return "1 thing was not tested" if left == 1 else f"{figures.count(left)} things were not tested"


def _risks(subject: Subject) -> str:
    if subject.card.verdict.outcome in (Outcome.MIGRATE, Outcome.HYBRID):
        return f"The way back is a change of address to {subject.incumbent}; keep its contract until the answer expires"
    return f"Nothing was moved: users get {subject.incumbent}'s answers as before"


def _method(subject: Subject) -> str:
    asked = _asked(subject)
    if not asked:
        return "No request was compared yet"
    requests, days = figures.count(asked), figures.count(subject.scorecard.day)
    return f"{requests} real requests were put to both models over {days} days and compared in pairs"


def _asked(subject: Subject) -> int:
    """Requests with an answer, or a failure, of both."""
    pairs = subject.card.coverage
    return pairs.both_ok + pairs.candidate_failed + pairs.incumbent_failed + pairs.both_failed


def data_of(subject: Subject) -> tuple[str, ...]:
    """How much there is, and what was fixed beforehand."""
    return tuple(_data(subject))


def _data(subject: Subject) -> Iterator[str]:
    ledger, quality = subject.scorecard.coverage, subject.card.quality
    asked, total = _asked(subject), ledger.production_requests
    of_all = f"{figures.count(asked)} of {figures.count(total)}"
    yield f"{of_all} production requests were put to both models; the rest is listed by why."
    yield f"{figures.count(deciding(quality).n)} conversations count, each once, whatever its length."
    yield f"{figures.count(quality.labels)} pairs were labelled by people; the page for it does not say whose answer is whose."
    registration = subject.scorecard.registration
    if registration.hash is None:
        yield "Nothing was registered beforehand."
        return
    at = figures.moment(registration.registered_at, subject.timezone)
    changes = len(registration.changes)
    since = (
        f"{changes} change{'' if changes == 1 else 's'} since, listed in the report" if changes else "nothing was changed since"
    )
    yield f"Limits and kinds of work were fixed on {at}; {since}."
