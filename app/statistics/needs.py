"""How many conversations, labels and days a pilot needs: closed formulas with the rule's own cost measured by simulation."""

import math
from dataclasses import dataclass

from scipy.stats import norm

from app.statistics.conversation_model import ConversationModel

MOST = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one series has to reach.

    The rule shows it in `power` of the pilots when the standard error is at most
    `(true win rate - threshold) / (critical + z_power)`; `critical` is the rule's own, measured (`critical_value`).

    Attributes:
        model: What its conversations look like, at the true win rate.
        threshold: What has to be exceeded.
        critical: For values that need no people.
        corrected_critical: For the series that people's labels correct.
        power: Wanted chance, in [0.5, 1).
        lost: Of the distance where people's labels are needed: skipped pairs count as lost ones, half a win rate each.
    """

    model: ConversationModel
    threshold: float
    critical: float
    corrected_critical: float
    power: float = 0.8
    lost: float = 0.0

    def conversations(self) -> int:
        """How many are needed if the judge says what people would.

        Example:
            >>> need = Need(model=ConversationModel(win_rate=0.5), threshold=0.45, critical=2.0, corrected_critical=2.0)
            >>> need.conversations()
            410
        """
        return math.ceil(self.model.sd**2 / self._variance())

    def labels(self, *, conversations: float) -> int | None:
        """Labels that are needed with so many conversations; `None` = not even a label on each is enough.

        Example:
            >>> model = ConversationModel(win_rate=0.5, judge_accuracy=0.84)
            >>> need = Need(model=model, threshold=0.45, critical=2.0, corrected_critical=2.0)
            >>> need.labels(conversations=1400), need.labels(conversations=400)
            (307, None)
        """
        of_all, of_labels = self.model.corrected_parts
        left = self._corrected_variance() - of_all / conversations if conversations > 0 else 0.0
        needed = math.ceil(of_labels / left) if left > of_labels / MOST else MOST
        return needed if needed <= conversations else None

    def days(self, *, conversations_per_day: float, labels_per_day: float | None) -> float | None:
        """Days at these rates; without labels (`None`) no people are needed. `None` = never."""
        if labels_per_day is None:
            return self.conversations() / conversations_per_day if conversations_per_day > 0 else None
        if not (conversations_per_day > 0 and labels_per_day > 0):
            return None
        of_all, of_labels = self.model.corrected_parts
        by_day = of_all / conversations_per_day + of_labels / min(labels_per_day, conversations_per_day)
        allowed = self._corrected_variance()
        return by_day / allowed if allowed > 0 else None

    def distance(self, *, conversations: float, labels: float | None) -> float:
        """How far above the threshold the truth has to lie to be shown in `power` of the pilots; infinite without any."""
        of_all, of_labels = self.model.corrected_parts
        wanted = float(norm.ppf(self.power))
        if labels is None:
            return (self.critical + wanted) * self.model.sd / math.sqrt(conversations) if conversations > 0 else math.inf
        variance = of_all / conversations + of_labels / labels if conversations > 0 and labels > 0 else math.inf
        return (self.corrected_critical + wanted) * math.sqrt(variance) + self.lost

    def _variance(self) -> float:
        """The largest variance of the mean that is small enough."""
        return float(((self.model.win_rate - self.threshold) / (self.critical + float(norm.ppf(self.power)))) ** 2)

    def _corrected_variance(self) -> float:
        distance = max(0.0, self.model.win_rate - self.threshold - self.lost)
        return float((distance / (self.corrected_critical + float(norm.ppf(self.power)))) ** 2)


def critical_value(*, power: float, distance: float, standard_error: float) -> float:
    """How many standard errors the rule asks for, if at this distance it shows it with this chance (in (0, 1)).

    Example:
        >>> round(critical_value(power=0.8, distance=0.05, standard_error=0.0182), 2)
        1.91
    """
    if not 0 < power < 1:
        message = f"power must lie in (0, 1), not {power}"
        raise ValueError(message)
    return distance / standard_error - float(norm.ppf(power))


def cost_factor(*, critical: float, power: float, alpha: float) -> float:
    """How many times the conversations of a test with one look at the end a rule with this critical value needs.

    Example:
        >>> round(cost_factor(critical=1.95, power=0.8, alpha=0.05), 2)
        1.26
    """
    wanted = float(norm.ppf(power))
    return ((critical + wanted) / (float(norm.isf(alpha)) + wanted)) ** 2
