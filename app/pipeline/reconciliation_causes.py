"""Why an invoice and the measurement differ: rules over what is the same and what is not.

Two numbers are the same within 1 %. The rules, in this order; several may hold, and each is said:

1. Where the pilot saw a sample and the invoice lies within the range that the sample allows, the sample explains it.
2. Requests (or, where the export counts none, input and output tokens alike) differ by one factor: it is another volume, so
   another part of the traffic, or the pilot's own control arm where it asked just so much. All else is compared per request
   from here on.
3. The same volume, and input tokens that differ by just the cached ones: the measured input leaves them out, or counts them
   twice.
4. Output per request differs alone: reasoning tokens that one side lacks, or usage that was estimated.
5. The cached share of the input differs: cached tokens were lost on the way to us, or counted twice.
6. All tokens are the same and the dollars are not: the price.
7. Without tokens on the invoice nobody can tell volume from price: that is said.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from app.domain.reconciliation import CauseModel, ReconciledCount, ReconciledMoney, ReconciledRow

SAME = 0.01
# Input and output differ "by one factor" within this.
ALIKE = 0.05
HALF = 0.5
MANY_UNCOUNTED = 0.01


@dataclass(frozen=True, slots=True)
class Grounds:
    """What the rules look at beside the totals.

    Attributes:
        total: All of what is compared.
        price_factor: Invoiced over measured dollars where it is the same everywhere.
        tiers: Price classes other than the usual one on the invoice.
        uncounted_rate: Share of measured requests without token counts.
        is_sampled: Whether an exchange stands for more than itself.
        lagging: The last day of the export alone has less than was measured.
        own_requests: What the pilot's control arm asked the incumbent on the days compared.
        own_input_tokens: Of these calls.
    """

    total: ReconciledRow
    price_factor: float | None = None
    tiers: tuple[str, ...] = ()
    uncounted_rate: float | None = None
    is_sampled: bool = False
    lagging: bool = False
    own_requests: float = 0.0
    own_input_tokens: float = 0.0


def causes_of(grounds: Grounds) -> list[CauseModel]:
    """Every rule that holds."""
    found = list(_by_sampling(grounds))
    if not found:
        found = list(_by_tokens(grounds)) if _has_tokens(grounds.total) else list(_by_dollars_alone(grounds))
    return [*found, *_beside(grounds)]


def same_tokens(total: ReconciledRow) -> bool:
    """Whether all tokens that both sides know are the same."""
    known = [ratio for ratio in map(ratio_of, (total.input_tokens, total.output_tokens)) if ratio is not None]
    cached = total.cached_input_tokens.measured, total.cached_input_tokens.invoiced
    return len(known) == 2 and all(is_same(ratio) for ratio in known) and not _cached_share_differs(total, *cached)  # noqa: PLR2004


def ratio_of(count: ReconciledCount) -> float | None:
    """Invoiced over measured; `None` where either is unknown or nothing was measured."""
    if count.measured is None or count.invoiced is None or count.measured <= 0:
        return None
    return count.invoiced / count.measured


def is_same(ratio: float) -> bool:
    """Whether a ratio is 1 within the tolerance."""
    return abs(ratio - 1) <= SAME


def _differ(usd: ReconciledMoney) -> bool:
    if usd.measured is None or usd.invoiced is None or usd.measured <= 0:
        return False
    return not is_same(float(usd.invoiced / usd.measured))


def _has_tokens(total: ReconciledRow) -> bool:
    return any(ratio_of(count) is not None for count in (total.requests, total.input_tokens, total.output_tokens))


def _by_sampling(grounds: Grounds) -> Iterator[CauseModel]:
    usd = grounds.total.usd
    if not grounds.is_sampled or usd.measured is None or usd.invoiced is None:
        return
    low, high = usd.measured_low, usd.measured_high
    if low is not None and high is not None and low <= usd.invoiced <= high and _differ(usd):
        words = f"the pilot saw a sample of the traffic, and the invoice lies within what it allows ({low:,.2f} to {high:,.2f})"
        yield CauseModel(code="sampling", words=words)


def _by_tokens(grounds: Grounds) -> Iterator[CauseModel]:
    total = grounds.total
    volume = _volume(total)
    cached = _cached_in_input(total) if volume is None else None
    if cached is not None:
        yield cached
    if volume is not None:
        yield _own_calls(grounds) or _volume_words(volume)
    norm = volume if volume is not None else 1.0
    output = ratio_of(total.output_tokens)
    if output is not None and not is_same(output / norm):
        yield _output_words(output / norm)
    share = total.cached_input_tokens.measured, total.cached_input_tokens.invoiced
    if cached is None and _cached_share_differs(total, *share):
        yield _cached_words(total)
    inputs = ratio_of(total.input_tokens)
    if cached is None and inputs is not None and not is_same(inputs / norm):
        yield _input_words(inputs / norm)
    if same_tokens(total):
        yield from _price(grounds)


def _cached_in_input(total: ReconciledRow) -> CauseModel | None:
    measured, invoiced, cached = total.input_tokens.measured, total.input_tokens.invoiced, total.cached_input_tokens.measured
    if not measured or not invoiced or not cached or is_same(invoiced / measured):
        return None
    if is_same(invoiced / (measured + cached)):
        words = "the measured input leaves the cached tokens out (the invoice's is larger by just them)"
        return CauseModel(code="cached_left_out", words=words)
    if measured > cached and is_same(invoiced / (measured - cached)):
        words = "the measured input counts the cached tokens twice (the invoice's is smaller by just them)"
        return CauseModel(code="cached_counted_twice", words=words)
    return None


def _volume(total: ReconciledRow) -> float | None:
    """By which factor the invoice has more requests; `None` where the volume is the same or cannot be told."""
    requests = ratio_of(total.requests)
    if requests is not None:
        return None if is_same(requests) else requests
    inputs, outputs = ratio_of(total.input_tokens), ratio_of(total.output_tokens)
    if inputs is None or outputs is None or not inputs or is_same(inputs) or is_same(outputs):
        return None
    return inputs if (inputs > 1) == (outputs > 1) and abs(outputs / inputs - 1) <= ALIKE else None


def _own_calls(grounds: Grounds) -> CauseModel | None:
    """Where the invoice is larger by just what the pilot's control arm asked."""
    requests, inputs = grounds.total.requests, grounds.total.input_tokens
    count, own = (requests, grounds.own_requests) if ratio_of(requests) is not None else (inputs, grounds.own_input_tokens)
    if not own or count.measured is None or count.invoiced is None or not is_same(count.invoiced / (count.measured + own)):
        return None
    words = f"the invoice is larger by just the pilot's own calls ({grounds.own_requests:,.0f} of the control arm)"
    return CauseModel(
        code="own_calls", words=f"{words}: give [incumbent] api_key_env a key of its own and leave it out of the export"
    )


def _volume_words(volume: float) -> CauseModel:
    if volume > 1:
        words = (
            f"more volume on the invoice ({volume:.2f} times): other traffic on the same key or project, or requests that are "
            f"not mirrored (the pilot saw {1 / volume:.0%}); export by the API key or project of this traffic"
        )
        return CauseModel(code="other_traffic", words=words)
    words = (
        f"less volume on the invoice ({volume:.2f} times): the export holds a part of the traffic only (one key or project), "
        "or what was imported into the pilot is more than production's"
    )
    return CauseModel(code="part_of_traffic", words=words)


def _output_words(ratio: float) -> CauseModel:
    if ratio > 1:
        words = f"more output tokens a request on the invoice ({ratio - 1:+.1%}): the measured usage lacks reasoning tokens"
        return CauseModel(code="output_missing", words=f"{words}, or streams ended without usage (include_usage)")
    words = f"fewer output tokens a request on the invoice ({ratio - 1:+.1%}): measured usage is estimated too high"
    return CauseModel(code="output_too_high", words=f"{words}, or reasoning is counted twice")


def _cached_share_differs(total: ReconciledRow, measured: float | None, invoiced: float | None) -> bool:
    inputs = total.input_tokens
    if measured is None or invoiced is None or not inputs.measured or not inputs.invoiced:
        return False
    return abs(invoiced / inputs.invoiced - measured / inputs.measured) > SAME


def _cached_words(total: ReconciledRow) -> CauseModel:
    shares = [
        (cached or 0) / inputs if inputs else 0.0
        for cached, inputs in (
            (total.cached_input_tokens.measured, total.input_tokens.measured),
            (total.cached_input_tokens.invoiced, total.input_tokens.invoiced),
        )
    ]
    said = f"{shares[1]:.1%} of the input is cached on the invoice, {shares[0]:.1%} as measured"
    if shares[1] > shares[0]:
        return CauseModel(code="cached_lost", words=f"{said}: cached tokens got lost before they reached the pilot")
    return CauseModel(code="cached_too_many", words=f"{said}: the pilot counts cached tokens that the vendor did not discount")


def _input_words(ratio: float) -> CauseModel:
    words = f"{'more' if ratio > 1 else 'fewer'} input tokens a request on the invoice ({ratio - 1:+.1%})"
    return CauseModel(
        code="input_differs", words=f"{words}: tools, files or images that the measured usage does not count alike"
    )


def _price(grounds: Grounds) -> Iterator[CauseModel]:
    usd = grounds.total.usd
    if usd.measured is None or usd.invoiced is None or not _differ(usd):
        return
    ratio = float(usd.invoiced / usd.measured)
    said = f"the tokens are the same and the dollars are not (the invoice is {ratio:.3f} times what was measured)"
    if grounds.tiers:
        words = f"{said}: the invoice has the price class {', '.join(grounds.tiers)}; give [incumbent] service_tier"
        yield CauseModel(code="service_tier", words=words)
    elif grounds.price_factor is None:
        words = f"{said}, and not by one factor: a price of pilot.toml or of the price table is wrong for some model or kind"
        yield CauseModel(code="wrong_price", words=words)
    elif ratio < 1:
        half = " (half: as batch or flex calls are priced)" if is_same(ratio / HALF) else ""
        yield CauseModel(code="discount", words=f"{said}, everywhere by this factor{half}: a discount or a cheaper price class")
    else:
        words = f"{said}, everywhere by this factor: tax, a dearer price class or region, or an old price"
        yield CauseModel(code="surcharge", words=words)


def _by_dollars_alone(grounds: Grounds) -> Iterator[CauseModel]:
    usd = grounds.total.usd
    if not _differ(usd):
        return
    words = (
        "the exports have dollars and no tokens, so volume cannot be told from price: import the usage export of the same days"
    )
    yield CauseModel(code="no_tokens", words=words)


def _beside(grounds: Grounds) -> Iterator[CauseModel]:
    if grounds.lagging:
        words = "the last day of the export has less than was measured, the days before agree: exports lag; export again later"
        yield CauseModel(code="lag_of_last_day", words=words)
    if grounds.uncounted_rate is not None and grounds.uncounted_rate > MANY_UNCOUNTED:
        words = f"{grounds.uncounted_rate:.1%} of the measured requests have no token counts from the vendor and are estimated"
        yield CauseModel(code="usage_missing", words=f"{words} (include_usage in streams)")
