"""Whose prices an arm's replies have, and what one of them costs when it is stored."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from app.costs.price_table import canonical_model, is_vendor, tier_of, without_snapshot
from app.costs.prices import prices_of
from app.costs.rates import Prices, cost_usd
from app.domain.configuration import CandidateTable, IncumbentTable, PilotConfiguration
from app.domain.exchange import Usage
from app.domain.toml_table import TokenPrices
from app.domain.words import ArmRole

# The prices of a model at a moment, in the service tier that a reply named ("" = none).
PricesOf: TypeAlias = Callable[[str, datetime, str], Prices | None]
# No reply costs so much, and no column holds more.
MOST_USD = Decimal(10) ** 9
# A vendor's off-peak hours begin and end on the half-hour.
SLOT = timedelta(minutes=30)
_DAY = timedelta(days=1)
_MOST_KNOWN = 10_000
_START = datetime(1970, 1, 1, tzinfo=UTC)


def is_paid_by_token(table: CandidateTable) -> bool:
    """Own token prices, else rent, else the vendor's list prices where the address is a known vendor's."""
    if table.input_usd_per_million_tokens is not None or table.output_usd_per_million_tokens is not None:
        return True
    return table.gpu_usd_per_hour is None and is_vendor(table.base_url)


def candidate_prices(table: CandidateTable) -> PricesOf:
    """The candidate's own prices, by the token."""
    return lambda _, at, tier: prices_of(table.model, own=table, at=at, base_url=table.base_url, tier=tier)


def incumbent_prices(configuration: PilotConfiguration) -> PricesOf:
    """Own prices are those of `incumbent.model`, of its snapshots, and of names that the price table does not know.

    What the table knows as another model has the table's price: a route may serve a cheaper one beside. Where it does not know
    `incumbent.model` either (a deployment's name), nobody can tell that one is another: then own prices hold for all.
    """
    table = configuration.incumbent
    given = [getattr(table, name) for name in TokenPrices.model_fields]
    has_both = table.input_usd_per_million_tokens is not None and table.output_usd_per_million_tokens is not None

    def prices(model: str, at: datetime, tier: str) -> Prices | None:
        is_same = _is_same(model, table)
        if given != [None] * len(given) and (has_both if is_same is None else is_same):
            return prices_of(table.model, own=table, at=at, base_url=table.base_url, tier=tier)
        said, less = tier_of(tier, table.service_tier), table.discount_rate
        name = table.model if is_same and canonical_model(model, table.base_url) is None else model
        return prices_of(name, own=None, at=at, base_url=table.base_url, tier=said, discount_rate=less)

    return prices


def _is_same(model: str, table: IncumbentTable) -> bool | None:
    """Whether a name means the incumbent's model, or a snapshot of it; `None` = the price table cannot tell."""
    if table.model in (model, without_snapshot(model)):
        return True
    known, its = (canonical_model(name, table.base_url) for name in (model, table.model))
    return None if known is None or its is None else known == its


def priced_name(model: str, tier: str) -> str:
    """A model in words, with its service tier if that is not the ordinary one."""
    said = tier_of(tier)
    return model if said == tier_of() else f"{model} (service tier {said})"


class ReplyCost(NamedTuple):
    """What one reply cost and by which prices; both `None` = nobody knows, or its tokens cost nothing extra."""

    usd: Decimal | None = None
    price_version: str | None = None


@dataclass(slots=True)
class PriceBook:
    """Prices of one pilot's replies; each is looked up once for an arm, a model, a UTC day and a service tier."""

    configuration: PilotConfiguration
    _known: dict[tuple[str, str, str, datetime], tuple[Prices, str] | None] = field(default_factory=dict)
    _of_arm: dict[str, tuple[str, PricesOf]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        table = self.configuration.incumbent
        prices = incumbent_prices(self.configuration)
        self._of_arm = dict.fromkeys((ArmRole.INCUMBENT.value, ArmRole.CONTROL.value), (table.model, prices))
        for candidate in self.configuration.candidate:
            if is_paid_by_token(candidate):
                self._of_arm[candidate.name] = candidate.model, candidate_prices(candidate)

    def cost(self, arm: str, usage: Usage, model: str | None, at: datetime) -> ReplyCost:
        """What a reply cost by the prices of its day.

        Args:
            arm: The arm's name; one whose tokens cost nothing extra has no cost.
            usage: Its counts and its tier; without input or output tokens the cost is unknown.
            model: As the reply names it; `None` = the arm's own.
            at: When its exchange arrived.
        """
        if arm not in self._of_arm or usage.input_tokens is None or usage.output_tokens is None:
            return ReplyCost()
        own, prices = self._of_arm[arm]
        found = self._prices(arm, prices, model or own, usage.service_tier or "", at)
        usd = cost_usd(usage, found[0]) if found is not None else None
        return ReplyCost(usd, found[1]) if found is not None and usd is not None and usd < MOST_USD else ReplyCost()

    def _prices(self, arm: str, prices: PricesOf, model: str, tier: str, at: datetime) -> tuple[Prices, str] | None:
        found = self._at(arm, prices, model, tier, at - (at - _START) % _DAY)
        return self._at(arm, prices, model, tier, at - (at - _START) % SLOT) if found and found[0].varies_by_hour else found

    def _at(self, arm: str, prices: PricesOf, model: str, tier: str, at: datetime) -> tuple[Prices, str] | None:
        key = arm, model, tier, at
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:  # names and tiers are what servers say
                self._known.clear()
            found = prices(model, at, tier)
            self._known[key] = None if found is None or not found.is_complete else (found, found.version)
        return self._known[key]
