"""How many conversations a pilot needs, and how likely it shows what is true, before it starts."""

import math
from collections.abc import Sequence

from scipy.stats import norm, t

from app.statistics.asymptotic import radius
from app.statistics.group_sequential import obrien_fleming_bounds
from app.statistics.hybrid import LOOKS_SHARE
from app.statistics.sums import Sums

# Standard deviation of a conversation's mean preference in the simulated world of 30 % ties and 1 to 5 pairs.
TYPICAL_SD = 0.37


def fixed_sample_size(*, distance: float, sd: float = TYPICAL_SD, alpha: float = 0.05, power: float = 0.8) -> int:
    """Conversations that a test with one look at the end needs: `((z_alpha + z_power) sd / distance)²`.

    Args:
        distance: True win rate minus the threshold, above 0.
        sd: Standard deviation of a conversation's mean preference, above 0.
        alpha: One-sided, in (0, 0.5).
        power: Chance to show it, in [0.5, 1).

    Raises:
        ValueError: If an argument is out of range.

    Source: the normal approximation of any textbook, e.g. Chow, Shao, Wang, "Sample Size Calculations in Clinical Research",
        chapter 3 (non-inferiority).

    Example:
        >>> fixed_sample_size(distance=0.05, sd=0.366), fixed_sample_size(distance=0.05, sd=0.366, power=0.9)
        (332, 459)
    """
    _check(distance=distance, sd=sd, alpha=alpha, power=power)
    return math.ceil(((norm.isf(alpha) + norm.ppf(power)) * sd / distance) ** 2)


def fixed_sample_power(*, conversations: float, distance: float, sd: float = TYPICAL_SD, alpha: float = 0.05) -> float:
    """Chance that a test with one look at the end shows it; arguments as of `fixed_sample_size`.

    Example:
        >>> round(fixed_sample_power(conversations=700, distance=0.05, sd=0.366), 3)
        0.976
    """
    _check(distance=1.0, sd=sd, alpha=alpha, power=0.5)
    return float(norm.sf(norm.isf(alpha) - distance * math.sqrt(conversations) / sd))


def design_effect(*, pairs_per_conversation: float, intraclass_correlation: float, variation: float = 0.0) -> float:
    """How many independent pairs' worth of pairs it takes when those of one conversation are alike: `1 + (k (1 + cv²) - 1) r`.

    Args:
        pairs_per_conversation: Mean k, at least 1.
        intraclass_correlation: r in [0, 1].
        variation: Coefficient of variation of the number of pairs, at least 0.

    Raises:
        ValueError: If an argument is out of range.

    Source: Kish, "Survey Sampling", 1965; for unequal clusters Eldridge, Ashby, Kerry, International Journal of Epidemiology 35
        (2006).

    Example:
        >>> design_effect(pairs_per_conversation=3, intraclass_correlation=0.25)
        1.5
    """
    if not pairs_per_conversation >= 1:
        message = f"pairs_per_conversation must be at least 1, not {pairs_per_conversation}"
        raise ValueError(message)
    if not 0 <= intraclass_correlation <= 1:
        message = f"intraclass_correlation must lie in [0, 1], not {intraclass_correlation}"
        raise ValueError(message)
    if not variation >= 0:
        message = f"variation must be at least 0, not {variation}"
        raise ValueError(message)
    return 1 + (pairs_per_conversation * (1 + variation**2) - 1) * intraclass_correlation


def preference_sd(*, win_rate: float, tie_rate: float) -> float:
    """Standard deviation of one pair's preference in {0, 0.5, 1}.

    Args:
        win_rate: Mean preference; must be reachable with that many ties: in [tie_rate / 2, 1 - tie_rate / 2].
        tie_rate: Share of ties, in [0, 1].

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> round(preference_sd(win_rate=0.5, tie_rate=0.3), 3)
        0.418
    """
    if not 0 <= tie_rate <= 1:
        message = f"tie_rate must lie in [0, 1], not {tie_rate}"
        raise ValueError(message)
    if not tie_rate / 2 <= win_rate <= 1 - tie_rate / 2:
        message = f"win_rate must lie in [{tie_rate / 2}, {1 - tie_rate / 2}] with so many ties, not {win_rate}"
        raise ValueError(message)
    return math.sqrt(max(0.0, win_rate - tie_rate / 4 - win_rate * win_rate))


def confidence_sequence_multiplier(*, power: float = 0.8, alpha: float = 0.05) -> float:
    """How many times the conversations of one look the asymptotic confidence sequence needs, tuned to half of its planned end.

    Example:
        >>> round(confidence_sequence_multiplier(power=0.8), 2), round(confidence_sequence_multiplier(power=0.9), 2)
        (2.15, 1.95)
    """
    _check(distance=1.0, sd=1.0, alpha=alpha, power=power)
    return _multiplier(sequence_critical_value(alpha=alpha), power, alpha)


def sequence_critical_value(*, alpha: float) -> float:
    """The confidence sequence's distance from the mean at the planned end, in standard errors.

    Example:
        >>> round(sequence_critical_value(alpha=0.05), 2)
        2.8
    """
    planned = 10_000_000
    # With values 0 and 1 half and half the standard error is 0.5 / √n; so many that n - 1 for n makes no difference.
    half = planned / 2
    sums = Sums(planned, planned, planned, half, half, half, half)
    return radius(sums=sums, alpha=alpha, n_optimal=half) / (0.5 / math.sqrt(planned))


def hybrid_multiplier(
    *, power: float = 0.8, alpha: float = 0.05, looks: Sequence[int] = (14, 21, 28), looks_share: float = LOOKS_SHARE
) -> float:
    """How many times the conversations of one look the hybrid rule needs until its last look.

    It compares the last O'Brien-Fleming value, taken through Student's t with days - 1 degrees of freedom, and counts that the
    design effect is at least 1 also where days do not differ (`expected_design_effect`). The part of alpha of the always-on
    sequence is left out, so it is an upper bound of what the rule needs.

    Args:
        power: In [0.5, 1).
        alpha: One-sided, of the whole rule.
        looks: Days after which it looks, ascending; the last is the planned end.
        looks_share: Share of alpha that the looks spend.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> [round(hybrid_multiplier(power=power, looks_share=0.9), 2) for power in (0.8, 0.9)]
        [1.29, 1.26]
    """
    _check(distance=1.0, sd=1.0, alpha=alpha, power=power)
    critical = look_critical_value(alpha=alpha * looks_share, looks=looks)
    return _multiplier(critical, power, alpha) * expected_design_effect(days=looks[-1])


def hybrid_power(
    *,
    conversations: float,
    distance: float,
    sd: float = TYPICAL_SD,
    alpha: float = 0.05,
    looks: Sequence[int] = (14, 21, 28),
    looks_share: float = LOOKS_SHARE,
) -> float:
    """Chance that the last look of the hybrid rule shows it; arguments as of `fixed_sample_size` and `hybrid_multiplier`.

    Example:
        >>> round(hybrid_power(conversations=700, distance=0.05, sd=0.366, looks_share=0.9), 2)
        0.94
    """
    _check(distance=1.0, sd=sd, alpha=alpha, power=0.5)
    error = sd * math.sqrt(expected_design_effect(days=looks[-1]) / conversations)
    return float(norm.sf(look_critical_value(alpha=alpha * looks_share, looks=looks) - distance / error))


def look_critical_value(*, alpha: float, looks: Sequence[int]) -> float:
    """What the statistic of the last look is compared with: O'Brien-Fleming's value, taken through Student's t of its days.

    Example:
        >>> round(look_critical_value(alpha=0.04, looks=(14, 21, 28)), 3)
        1.894
    """
    last = looks[-1]
    bounds = obrien_fleming_bounds(fractions=[look / last for look in looks], alpha=alpha)
    return float(t.isf(norm.sf(bounds[-1]), last - 1))


def expected_design_effect(*, days: int) -> float:
    """Mean of `max(1, F)` where days do not differ: F is chi-square of D - 1 degrees of freedom over them, nearly normal.

    Example:
        >>> round(expected_design_effect(days=28), 3)
        1.109
    """
    if days < 2:  # noqa: PLR2004 - one day measures no spread
        message = f"days must be at least 2, not {days}"
        raise ValueError(message)
    return 1 + math.sqrt(2 / (days - 1)) * float(norm.pdf(0))


def _multiplier(critical: float, power: float, alpha: float) -> float:
    wanted = float(norm.ppf(power))
    return ((critical + wanted) / (float(norm.isf(alpha)) + wanted)) ** 2


def _check(*, distance: float, sd: float, alpha: float, power: float) -> None:
    for name, value, is_right in (
        ("distance", distance, distance > 0),
        ("sd", sd, sd > 0),
        ("alpha", alpha, 0 < 2 * alpha < 1),
        ("power", power, 0.5 <= power < 1),  # noqa: PLR2004 - below, more data would lower it
    ):
        if not is_right:
            message = f"{name} is out of range: {value}"
            raise ValueError(message)
