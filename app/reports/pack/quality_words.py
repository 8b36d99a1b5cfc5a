"""Quality in business words: of 1,000 answers so many are worse, better, the same, and must never happen."""

from app.domain.groups import SharesModel
from app.domain.scorecard import EstimateModel
from app.reports import figures
from app.reports.context import Subject
from app.reports.pack.model import QualityWords
from app.reports.part import Fact

LEAST_PEOPLE = 100  # drawn conversations with a person's answer: below it the judge's counts are shown
SMALL = 0.01
KINDS = {"worse": "worse", "better": "better", "same": "as good"}


def quality_words(subject: Subject) -> QualityWords:
    """People's counts where enough of them looked, else the judge's with that said."""
    shares = subject.card.shares
    by_people = shares.looked_at >= LEAST_PEOPLE
    source = shares.by_people if by_people else shares.by_judge
    if source.worse.value is None:
        why = "No graded answers yet, so nobody can say how many would be worse."
        return QualityWords(sentence=why, counts=_counts(source, "", subject), derived="")
    whose = "by people's labels" if by_people else "by the judge's word"
    return QualityWords(
        sentence=_sentence(subject, thousandths(source), whose),
        counts=_counts(source, whose, subject),
        derived=_derived(subject, source, by_people=by_people),
    )


def per_thousand(share: float | None) -> str:
    """`213`; one digit more below ten of a thousand."""
    if share is None:
        return figures.UNKNOWN
    return figures.number(1000 * share, 1 if 0 < share < SMALL else 0)


def thousandths(shares: SharesModel) -> dict[str, str]:
    """The three counts as shown: what rounding leaves over is as good, so that they add up; small ones keep their digit."""
    parts = {name: getattr(shares, name).value for name in KINDS}
    shown = {name: per_thousand(share) for name, share in parts.items()}
    if all(share is not None and not 0 < share < SMALL for share in parts.values()):
        rest = round(1000 * sum(parts.values())) - round(1000 * parts["worse"]) - round(1000 * parts["better"])
        shown["same"] = figures.count(rest)
    return shown


def with_range(estimate: EstimateModel) -> str:
    """`213 (190 to 240)`."""
    ends = figures.interval(per_thousand(estimate.low), per_thousand(estimate.high))
    return f"{per_thousand(estimate.value)} ({ends})" if ends and estimate.value is not None else per_thousand(estimate.value)


def _sentence(subject: Subject, counts: dict[str, str], whose: str) -> str:
    return (
        f"Of 1,000 answers of {subject.name} about {counts['worse']} are worse than those of "
        f"{subject.incumbent}, {counts['better']} better and {counts['same']} as good, "
        f"{whose}; {_critical_words(subject)}."
    )


def _critical_words(subject: Subject) -> str:
    critical = subject.card.critical
    if critical.rate.value is None:
        return "how many must never happen is unknown: no person was shown a drawn pair"
    n = f"from people's labels on {figures.count(critical.rate.n)} conversations"
    if critical.rate.value == 0:
        return f"none that must never happen was seen, up to {per_thousand(critical.rate.high)} of 1,000 may be ({n})"
    return f"{with_range(critical.rate)} must never happen, {n}"


def _counts(shares: SharesModel, whose: str, subject: Subject) -> tuple[Fact, ...]:
    found, shown = {name: getattr(shares, name) for name in KINDS}, thousandths(shares)
    made = [_fact(f"{KINDS[name].capitalize()}, of 1,000", shown[name], found[name], whose) for name in KINDS]
    rate = subject.card.critical.rate
    never = "0 seen" if rate.value == 0 else per_thousand(rate.value)
    return (*made, _fact("Must never happen, of 1,000", never, rate, "by people's labels"))


def _fact(label: str, value: str, estimate: EstimateModel, whose: str) -> Fact:
    if estimate.value is None:
        return Fact(label=label, value=figures.UNKNOWN, detail="nobody has looked")
    ends = figures.interval(per_thousand(estimate.low), per_thousand(estimate.high))
    n = figures.count(estimate.n)
    return Fact(label=label, value=value, detail=f"{ends or 'interval unknown'}; {whose}, n = {n} conversations")


def _derived(subject: Subject, shares: SharesModel, *, by_people: bool) -> str:
    looked = figures.count(subject.card.shares.looked_at)
    once = "A conversation counts once; a failure is worse, an equal answer as good. The ranges hold 95%."
    if by_people:
        return (
            f"People looked at one pair of each of {looked} conversations drawn by chance, without knowing whose answer is "
            f"whose; each counts by its chance to be drawn. {once}"
        )
    judge = subject.configuration.judge
    who = f"the judge ({judge.rater_name})" if judge is not None else "the graders"
    few = "nobody has labelled drawn pairs yet" if not subject.card.shares.looked_at else f"people labelled only {looked}"
    return (
        f"This is the word of {who} on {figures.count(shares.worse.n)} conversations, because {few}; {LEAST_PEOPLE} are needed "
        f"for people's own count. {once}"
    )
