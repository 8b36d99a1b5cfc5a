"""What a scorecard says of an arm's tokens: how many were counted, what they are made of, and whose prices they have."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from app.domain.estimate_models import Model


class ArmUsage(Model):
    """One arm on closed days. Numbers of replies are as they are; tokens and shares are weighted by inclusion.

    Attributes:
        counted: Replies whose server gave token counts, failures that were billed included.
        estimated: Answered replies of which a count is estimated, as their server gave none.
        missing: Answered replies that could not even be estimated.
        input_tokens_per_month: All prompt tokens, cached ones included; `None` = nothing was counted.
        cached_rate: The part of the input that came from the cache; `None` = no server said.
        cache_write_rate: The part of the input that was written to it.
        output_tokens_per_month: All generated tokens, reasoning included.
        reasoning_rate: The part of the output that was reasoning; `None` = no server said.
        estimated_output_rate: The part of the output tokens that is in replies of which a count is estimated.
        service_tiers: Replies by the service tier that the server named; "" = none.
        price_sources: Whose prices were used; empty for rented servers.
    """

    arm: str
    counted: int = 0
    estimated: int = 0
    missing: int = 0
    input_tokens_per_month: float | None = None
    cached_rate: float | None = None
    cache_write_rate: float | None = None
    output_tokens_per_month: float | None = None
    reasoning_rate: float | None = None
    estimated_output_rate: float | None = None
    service_tiers: dict[str, int] = {}
    price_sources: list[str] = []
