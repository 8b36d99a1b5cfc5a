"""The incumbent's tokens of a month: what other ways out are priced at."""

from dataclasses import dataclass

from app.domain.usage_figures import ArmUsage


@dataclass(frozen=True, slots=True)
class MonthTokens:
    """Tokens a month, weighted by the requests that each reply stands for; the cached ones are a part of the input.

    `cached` None = no server said anything of a cache.
    """

    input: float
    cached: float | None
    output: float


def month_tokens(usage: ArmUsage) -> MonthTokens | None:
    """Of an arm's usage; `None` without a closed day or any counts."""
    inputs, outputs, rate = usage.input_tokens_per_month, usage.output_tokens_per_month, usage.cached_rate
    if inputs is None or outputs is None:
        return None
    return MonthTokens(inputs, inputs * rate if rate is not None else None, outputs)
