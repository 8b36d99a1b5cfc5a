"""What watches whether a pilot compares the same things from its first day to its last."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from dataclasses import dataclass

from app.domain.estimate_models import EstimateModel, Model


@dataclass(frozen=True, slots=True)
class Said:
    """One watcher's words: what freezes a verdict, and what is only worth a look."""

    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class QualityWatch(Model):
    """A running sum (CUSUM) of how far the daily win rates fall below those of the days before, in standard errors.

    `statistic` is its height after the last closed day and `limit` where it speaks; `fell_on` are the days of alarms,
    `rose_on` those of the sum for rises, which freezes nothing. `day_to_day` is how far true daily win rates spread beyond
    chance.
    """

    days: int = 0
    statistic: float | None = None
    limit: float | None = None
    fell_on: list[int] = []
    rose_on: list[int] = []
    day_to_day: float | None = None


class MixWeek(Model):
    """One whole week's requests against the first week's, by segment, prompt length and turn.

    `psi` is the population stability index over `cells` groups, `p_value` that of the chi-square test, both with conversations
    as the unit. `win_rate_at_mix` is what the candidate would reach if all traffic were mixed as in this week, `win_rate` what
    it reached as the traffic was.
    """

    week: int
    conversations: int
    cells: int
    psi: float | None = None
    p_value: float | None = None
    win_rate: float | None = None
    win_rate_at_mix: float | None = None
    is_warning: bool = False
    freezes: bool = False


class JudgeWeek(Model):
    """The judge asked again after that week about pairs of the first one.

    `change` is the mean of its new preferences minus its first ones (n = pairs); `has_changed`: by more than three standard
    errors.
    """

    week: int
    change: EstimateModel
    has_changed: bool = False


class DriftModel(Model):
    """Whether something moved under the comparison; `frozen` asks for an extension and never changes data.

    `reasons` say in words what freezes, `warnings` what is worth a look and does not.
    """

    frozen: bool = False
    reasons: list[str] = []
    warnings: list[str] = []
    quality: QualityWatch = QualityWatch()
    mix: list[MixWeek] = []
    judge: list[JudgeWeek] = []
