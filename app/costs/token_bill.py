"""What the tokens of some exchanges cost, and how far that is known. An unknown amount is `None`, never 0."""

from dataclasses import dataclass, field
from decimal import Decimal

# Replies without token counts are taken to cost what the others do, and estimated ones to be right, as long as they are few.
MOST_UNCOUNTED = Decimal("0.05")
INCLUDE_USAGE = "stream_options.include_usage"


@dataclass(frozen=True, slots=True)
class TokenRate:
    """One kind of tokens at one price.

    Attributes:
        model: As the replies name it.
        tier: The service tier that they name; "" = none.
        above_input_tokens: Where the price's own tier begins; 0 = the ordinary price.
        kind: Its place among the kinds that have a price (`rates.Rates`).
        usd_per_million_tokens: `None` = nobody knows it.
        source: Where it comes from.
    """

    model: str
    tier: str
    above_input_tokens: int
    kind: int
    usd_per_million_tokens: Decimal | None
    source: str


@dataclass(frozen=True, slots=True)
class TokenBill:
    """What the tokens of some exchanges cost; bills of disjoint exchanges are added.

    Attributes:
        usd: Of the replies that have token counts (or an estimate of them) and a price, in US dollars, each weighted by the
            requests it stands for.
        replies: How many replies that is, weighted.
        uncounted: How many replies have no token counts and no estimate either, weighted.
        absent: How many requests have no reply of the arm at all (it was not asked), weighted.
        unpriced: Models whose price nobody knows.
        estimated: How many of `replies` have an estimated count, weighted.
        estimated_output_tokens: Output tokens of replies with an estimated count, priced or not, weighted.
        output_tokens: All output tokens, estimated ones included, weighted.
        has_invoice: The vendor's own bill was imported and agrees: it is what estimates are held against.
        sources: Where the prices come from.
        tokens: What `usd` is made of, weighted; those of unpriced models, too.
        unpriced_replies: How many replies have counts and no price, weighted.
    """

    usd: Decimal = Decimal(0)
    replies: Decimal = Decimal(0)
    uncounted: Decimal = Decimal(0)
    absent: Decimal = Decimal(0)
    unpriced: frozenset[str] = field(default_factory=frozenset)
    estimated: Decimal = Decimal(0)
    estimated_output_tokens: Decimal = Decimal(0)
    output_tokens: Decimal = Decimal(0)
    has_invoice: bool = False
    sources: frozenset[str] = field(default_factory=frozenset)
    tokens: dict[TokenRate, Decimal] = field(default_factory=dict, compare=False)
    unpriced_replies: Decimal = Decimal(0)

    def __add__(self, other: "TokenBill") -> "TokenBill":
        return TokenBill(
            self.usd + other.usd,
            self.replies + other.replies,
            self.uncounted + other.uncounted,
            self.absent + other.absent,
            self.unpriced | other.unpriced,
            self.estimated + other.estimated,
            self.estimated_output_tokens + other.estimated_output_tokens,
            self.output_tokens + other.output_tokens,
            self.has_invoice or other.has_invoice,
            self.sources | other.sources,
            _added(self.tokens, other.tokens),
            self.unpriced_replies + other.unpriced_replies,
        )

    @property
    def requests(self) -> Decimal:
        """How many requests it is of, weighted; those of unpriced models are not among them."""
        return self.replies + self.uncounted + self.absent

    @property
    def tokens_of_all(self) -> dict[TokenRate, Decimal]:
        """The tokens of all requests: those without counts, and those not asked, have as many as the others on average."""
        known = self.replies + self.unpriced_replies
        return (
            {rate: each * (known + self.uncounted + self.absent) / known for rate, each in self.tokens.items()} if known else {}
        )

    @property
    def estimated_share(self) -> Decimal:
        """The part of the output tokens that is in replies with an estimated count."""
        return self.estimated_output_tokens / self.output_tokens if self.output_tokens else Decimal(0)

    @property
    def lacks_counts(self) -> bool:
        """Whether too many replies have no token counts to speak for all; an invoice lifts the limit for estimates only.

        Example:
            >>> bill = TokenBill(replies=Decimal(100), estimated_output_tokens=Decimal(6), output_tokens=Decimal(100))
            >>> bill.lacks_counts, (bill + TokenBill(has_invoice=True)).lacks_counts
            (True, False)
        """
        return self._lacks_estimates or self._is_guess

    @property
    def needs_invoice(self) -> bool:
        """Whether only too many estimates stand against it: the vendor's invoice, where it agrees, would do away with that."""
        return self._is_guess and not self._lacks_estimates

    @property
    def lack(self) -> str:
        """What is wrong with the counts where they are too few, and what to do about it; "" where they are enough."""
        if not self.lacks_counts:
            return ""
        if self.absent and not self.replies + self.uncounted:
            return "the arm was never asked"
        if self._lacks_estimates:
            said = f"{self.uncounted:,.0f} replies have none, and nothing to estimate them from"
        else:
            share = 100 * self.estimated_share
            said = f"{share:.0f} % of its output tokens are of estimated replies, more than {100 * MOST_UNCOUNTED:.0f} %"
        return f"{said}: set {INCLUDE_USAGE} = true in streamed requests"

    @property
    def total_usd(self) -> Decimal | None:
        """What all of the requests cost; the few without counts, and those not asked, cost what the others do on average.

        Example:
            >>> TokenBill(usd=Decimal(19), replies=Decimal(95), uncounted=Decimal(5)).total_usd
            Decimal('20')
            >>> TokenBill(usd=Decimal(19), replies=Decimal(50), uncounted=Decimal(50)).total_usd is None
            True
        """
        if self.unpriced or self.lacks_counts:
            return None
        return self.usd * (self.replies + self.uncounted + self.absent) / self.replies if self.replies else Decimal(0)

    @property
    def _lacks_estimates(self) -> bool:
        every = self.replies + self.uncounted
        return self.uncounted > MOST_UNCOUNTED * every or (self.absent > 0 and not self.replies)

    @property
    def _is_guess(self) -> bool:
        return self.estimated_share > MOST_UNCOUNTED and not self.has_invoice


def _added(one: dict[TokenRate, Decimal], other: dict[TokenRate, Decimal]) -> dict[TokenRate, Decimal]:
    return one | {rate: one.get(rate, Decimal(0)) + each for rate, each in other.items()}
