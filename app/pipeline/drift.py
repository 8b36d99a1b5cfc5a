"""Whether a pilot still compares what it compared at first: the candidate's quality, the mix of prompts, the judge.

Drift changes no number. It freezes the verdict and asks for an extension (docs/drift.md).
"""

from collections.abc import Mapping, Sequence

from app.domain.configuration import PilotConfiguration
from app.domain.drift import DriftModel, MixWeek, Said
from app.domain.evidence import ArmEvidence, Evidence
from app.pipeline.conversations import Conversations, PairValues
from app.pipeline.judge_watch import judge_watch
from app.pipeline.prompt_mix import mix_weeks
from app.pipeline.quality_watch import quality_watch
from app.statistics.sums import Sums

PAR = 0.5


def drift_of(
    configuration: PilotConfiguration,
    evidence: Evidence,
    arm: ArmEvidence,
    pairs: PairValues,
    talks: Conversations,
    *,
    daily: Mapping[int, Sums],
    days: range,
    correction: float = 0.0,
) -> DriftModel:
    """What the three watchers say of one candidate after the last closed day.

    Args:
        configuration: The margin and the judge.
        evidence: Everything.
        arm: The candidate's.
        pairs: Its preferences.
        talks: What each exchange belongs to.
        daily: The sums of the conversations' win rates by day, all segments together.
        days: From the first day of the evidence that counts (1, or later where a changed model made earlier days another
            comparison) to the last closed day.
        correction: What people's labels add to the judge's win rate; the limit is compared with the corrected one.
    """
    threshold = PAR - configuration.quality.margin
    quality, of_quality = quality_watch(daily, days=days, threshold=threshold, correction=correction)
    mix = list(mix_weeks(evidence, arm, pairs, talks, days=days, threshold=threshold, correction=correction))
    judge, of_judge = judge_watch(configuration, arm.grades, len(evidence.exchanges), last_day=days.stop - 1)
    said = (of_quality, mix_words(mix, threshold), of_judge)
    reasons = [reason for each in said for reason in each.reasons]
    warnings = [warning for each in said for warning in each.warnings]
    return DriftModel(frozen=bool(reasons), reasons=reasons, warnings=warnings, quality=quality, mix=mix, judge=judge)


def mix_words(mix: Sequence[MixWeek], threshold: float) -> Said:
    """Only the last week freezes: as traffic is mixed now it will be after a migration."""
    warnings, reasons = [], []
    for week in mix:
        if not week.is_warning:
            continue
        said = (
            f"in week {week.week} the requests were mixed otherwise than in the first week "
            f"(stability index {week.psi:.2f}, p = {week.p_value:.2g}, {week.conversations:,} conversations)"
        )
        is_last = week is mix[-1]
        if is_last and week.freezes:
            reasons.append(
                f"{said}, and it decides: with all traffic mixed so, the candidate would reach {week.win_rate_at_mix:.1%}, "
                f"as it was mixed it reached {week.win_rate:.1%}, and the limit {threshold:.1%} lies between them"
            )
        else:
            warnings.append(said)
    return Said(tuple(reasons), tuple(warnings))
