"""What would change a verdict, and what was not tested, in words."""

from collections.abc import Iterator
from decimal import Decimal

from app.domain.configuration import PilotConfiguration
from app.domain.content import MASKED, METADATA
from app.domain.registered import EXTENSION_DAYS
from app.domain.scorecard import GateModel
from app.domain.staying import is_incumbent_allowed
from app.domain.words import OTHER_SEGMENT, GateName, GateOutcome, Outcome
from app.pipeline.content import strictest_level_of
from app.pipeline.conversations import PENDING
from app.pipeline.money import given_upkeep, missing_inputs, saving_usd, upgrade_hours
from app.pipeline.outcome import FIRST_VERDICT_DAY
from app.pipeline.quality import Judged
from app.pipeline.quality_rule import CORRECTED, FALLING
from app.pipeline.ruling import (
    CONTROL_BROKEN,
    DRIFT,
    JUDGE_SUSPENDED,
    LABELS_FOR_ACCURACY,
    NOT_STARTED,
    UNCALIBRATED,
    USABLE_LABELS,
    Case,
    Ruling,
)
from app.pipeline.split_words import names_of, part_alone

FEW_CONVERSATIONS = 100


def would_change(case: Case, ruling: Ruling) -> Iterator[str]:
    """What would change the verdict, with how much of it."""
    quality = case.quality
    if NOT_STARTED in ruling.codes:
        yield f"Start it: pilot start {case.pilot.name}."
    if case.day < FIRST_VERDICT_DAY and ruling.outcome is Outcome.EXTEND:
        yield f"Time: {FIRST_VERDICT_DAY - case.day} more days until day {FIRST_VERDICT_DAY}."
    if quality.left_out.days:
        yield f"Ask the candidate for what it was not asked: pilot replay {case.pilot.name} --candidate {case.name}."
    if quality.model.ungraded.get(PENDING):
        yield f"Grade the {quality.model.ungraded[PENDING]:,} pairs that wait: pilot grade {case.pilot.name} --wait."
    ungraded = sum(count for reason, count in quality.model.ungraded.items() if reason != PENDING)
    if ungraded:
        yield f"Grades for what has none: {ungraded:,} answers of the judge are missing or could not be read."
    if quality.gate is GateOutcome.UNKNOWN and quality.ruled.needed is not None and not quality.left_out.days:
        yield _more_conversations(case, quality.ruled.needed)
    yield from _of_judge_and_people(case, ruling)
    yield from _of_split(case, ruling)
    if is_neither_fit(case):
        yield "Another candidate where the data may be, or the incumbent's model on one of constraints.allowed_hosts."
    yield from _other_gates(case)


def is_neither_fit(case: Case) -> bool:
    """Whether quality fails where staying is not allowed."""
    fails = case.gates.outcomes()[GateName.QUALITY] is GateOutcome.FAILS
    return fails and not is_incumbent_allowed(case.pilot.configuration)


def _of_split(case: Case, ruling: Ruling) -> Iterator[str]:
    alone = part_alone(case, ruling)
    if alone:
        rest, has = names_of(case.passing - alone), names_of(alone)
        yield f"Leave {rest} out: without its [[segment]] only {has} would move (a change after the start is listed)."


def _of_judge_and_people(case: Case, ruling: Ruling) -> Iterator[str]:
    if UNCALIBRATED in ruling.codes:
        yield _more_labels(case.quality)
    if case.quality.unlabelled and case.quality.model.rests_on == CORRECTED:
        yield f"Labels of drawn pairs in {', '.join(case.quality.unlabelled)}: there are none."
    yield from _answers(case)
    is_moving = FALLING in case.quality.ruled.codes or DRIFT in ruling.codes
    if is_moving and not case.pilot.extended_days:
        yield f"An extension (once, by 14 days) in which its level stays: pilot extend {case.pilot.name}."
    if CONTROL_BROKEN in ruling.codes:
        yield "A judge that calls the incumbent equal to itself: see the control arm, then grade anew."
    if JUDGE_SUSPENDED in ruling.codes:
        yield "Another judge, or another version of it, that sees which reply was made worse; all pairs are graded anew by it."


def _answers(case: Case) -> Iterator[str]:
    """Drawn pairs without an answer widen the range: each counts as if people had said the worst, and the best."""
    model = case.quality.model
    if model.waiting_days:
        yield f"Answers for the drawn pairs of {len(model.waiting_days)} days, each waited for up to 7 days."
    if model.rests_on == CORRECTED and model.skipped + model.missing:
        share = (model.skipped + model.missing) / model.drawn
        yield (
            f"Labels for {model.skipped:,} skipped and {model.missing:,} unanswered drawn pairs of {model.drawn:,}: each "
            f"counts as a loss for the lower bound and a win for the upper one, about {share / 2:.1%} each way."
        )


def _more_conversations(case: Case, needed: int) -> str:
    model = case.quality.model
    is_corrected = model.rests_on == CORRECTED
    rate = model.win_rate_human_corrected if is_corrected else model.win_rate
    value = f"{rate.value:.1%}" if rate.value is not None else "as it is"
    closed = case.day - case.quality.terms.begins + 1
    a_day = model.win_rate.n / closed if closed > 0 else 0.0
    days = f", {needed / a_day:,.0f} days at the present rate" if a_day else ""
    left = 0 if case.pilot.extended_days else EXTENSION_DAYS
    if a_day and needed / a_day > left + case.pilot.days - case.day:
        return (
            f"More than an extension brings: about {needed:,} conversations{days}, if the win rate stays {value}. "
            "At such a rate the answer stays open: stay, or change the candidate."
        )
    share = case.quality.asked.by_people.mean() if is_corrected else 0.0
    labels = f" and {needed * share:,.0f} more labels" if share else ""
    return (
        f"About {needed:,} more conversations{labels}{days}, if the win rate stays {value}: then the limit is cleared one way."
    )


def _more_labels(quality: Judged) -> str:
    missing = USABLE_LABELS - quality.model.usable_labels
    if missing > 0:
        return f"{missing} more labels by people on randomly drawn, judged pairs."
    if quality.model.compared_pairs < LABELS_FOR_ACCURACY:
        return f"{LABELS_FOR_ACCURACY - quality.model.compared_pairs} more labels that choose a side, on judged pairs."
    return "A judge that agrees with people more often: its answers are too often not theirs."


def _other_gates(case: Case) -> Iterator[str]:
    outcomes = case.gates.outcomes()
    yield from (sentence(reason) for reason in case.gates.constraint.open_reasons)
    for name in (GateName.LATENCY, GateName.RELIABILITY):
        if outcomes[name] in (GateOutcome.UNKNOWN, GateOutcome.FAILS):
            gate = next(gate for gate in case.gates.models if gate.name is name)
            yield sentence(f"{name.value}: {gate.reason}{_other_limit(gate)}")
    if outcomes[GateName.SAVING] is GateOutcome.UNKNOWN:
        yield _surer_saving(case)
    elif outcomes[GateName.SAVING] is GateOutcome.FAILS:
        yield from _cheaper(case)


def _surer_saving(case: Case) -> str:
    """What is missing; where nothing is, why the saving is not sure enough."""
    missing = missing_inputs(case.money)
    if missing:
        return f"Give what the saving needs: {'; '.join(missing)}."
    if case.money.doubt:
        return sentence(f"Saving: find out why {case.money.doubt}")
    gate = next(gate for gate in case.gates.models if gate.name is GateName.SAVING)
    return f"{sentence(f'Saving: {gate.reason}')} More days, logged hours and a rehearsal make it surer."


def _other_limit(gate: GateModel) -> str:
    if gate.bound is None or gate.threshold is None or gate.bound <= gate.threshold:
        return ""
    at_least = "more than" if gate.outcome is GateOutcome.FAILS else "at least"
    return f"; it would pass by a limit of {at_least} {gate.bound:.3g} instead of {gate.threshold:g}"


def _cheaper(case: Case) -> Iterator[str]:
    saving, price = saving_usd(case.money, None), case.money.table.gpu_usd_per_hour
    if saving is None:
        return
    gpus = case.money.table.replicas * case.money.table.gpus_per_replica
    if price is not None and case.money.candidate is None:
        below = price + saving / (gpus * Decimal(730))
        if below > 0:
            yield f"A GPU price below {below:,.2f} US dollars an hour (now {price:,.2f})."
    yield f"{-saving:,.2f} US dollars a month less of cost, or as much more of the incumbent's price."


def not_tested(case: Case) -> Iterator[str]:
    """What nobody knows yet."""
    if not case.is_load_tested:
        yield "load_tested: false"
    if case.load.words:
        yield sentence(case.load.words)
    for gate in case.gates.models:
        if gate.outcome is GateOutcome.NOT_REQUIRED:
            yield gate.name.value
    yield "Later turns of a conversation: they were answered on the incumbent's history, not on the candidate's own."
    yield from _of_people(case)
    for name, segment in case.registered.items():
        if segment.conversations < FEW_CONVERSATIONS:
            yield f"{name}: only {segment.conversations} conversations, too few to tell much."
    if OTHER_SEGMENT in case.quality.segments and case.registered:
        yield "other: work that no registered segment matches has no say of its own."
    yield from _of_content(case.pilot.configuration)
    yield from _not_given(case)
    yield from _of_upgrades(case)


def _of_content(configuration: PilotConfiguration) -> Iterator[str]:
    """What content levels keep from being compared."""
    if configuration.content.candidate_sees == MASKED:
        yield "Equal questions: the candidate was asked with masked texts, the incumbent with the texts as they were."
    if strictest_level_of(configuration) == METADATA:
        yield (
            "Wording, where no text is kept: failures, broken formats, tool calls and equal answers are compared there, and no "
            "judge reads the rest."
        )


def _of_upgrades(case: Case) -> Iterator[str]:
    """A team that rents GPUs upgrades their servers."""
    if case.money.candidate is None and upgrade_hours(case.money) is None:
        yield "Upgrades: cost.upgrades_per_year and hours_per_upgrade are not given, so only logged hours of them count."


def _of_upkeep(case: Case) -> Iterator[str]:
    """Hours that nobody logged are not known to be none."""
    if case.money.upkeep is not None:
        return
    reckoned = given_upkeep(case.money)
    none_logged = "Upkeep: no recurring engineering hours were logged on closed days"
    if reckoned is not None:
        yield f"{none_logged}; the {reckoned:,.1f} hours a month that the team reckons with count."
    else:
        yield f"{none_logged}, so the candidate's upkeep counts as none."


def _not_given(case: Case) -> Iterator[str]:
    constraints = case.pilot.configuration.constraints
    yield from _of_upkeep(case)
    if case.money.idle_hours:
        yield f"Upkeep: {case.money.idle_hours:,.1f} recurring hours lie outside the closed days and do not count."
    if constraints is not None and constraints.data_must_stay and constraints.team_has_gpu_experience is None:
        yield "Who will run it: constraints.team_has_gpu_experience is not given."
    yield from _of_the_reason(case.pilot.configuration)


def _of_the_reason(configuration: PilotConfiguration) -> Iterator[str]:
    """The very reason to leave, where nothing measures it."""
    reason, constraints = configuration.decision.reason, configuration.constraints
    if reason == "latency" and configuration.latency is None:
        yield "The reason to leave is latency, and no [latency] limit is set."
    if reason == "privacy" and (constraints is None or not constraints.data_must_stay):
        yield "The reason to leave is privacy, and constraints.data_must_stay is not set: nothing checks where texts go."


def _of_people(case: Case) -> Iterator[str]:
    """What people did not say, or said by another chance than was stated."""
    model = case.quality.model
    if not case.quality.judged_segments:
        return
    if model.rests_on != CORRECTED:
        yield "The judge against people: nobody labelled drawn pairs, so its own win rate counts as it is."
    elif case.quality.asked.stated_share is not None:
        share = case.quality.asked.stated_share
        yield (
            f"The draw_probability of the imported labels: there are {share:.0%} of the labels that it promises, so it was "
            "taken times that. If labels are missing for a reason that depends on the replies, the win rate is not people's."
        )
    if case.quality.asked.unused_labels:
        yield (
            f"{case.quality.asked.unused_labels:,} imported labels with a draw_probability of their own: most labels answer "
            "this pilot's draws, so those measure agreement alone."
        )
    if case.quality.unlabelled and model.rests_on == CORRECTED:
        names = ", ".join(case.quality.unlabelled)
        yield f"The judge against people in {names}: no drawn pair was labelled there, so nothing is shown to be good enough."


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."
