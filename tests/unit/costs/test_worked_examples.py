"""The guides' worked examples (decision of 2026), recomputed from the inputs that they state with our own cost functions.

Where a guide's arithmetic does not follow from its inputs, the test says so in its name and gives the right number. A guide's
month has 30 days where it counts requests a day; ours has 730 hours.
"""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.costs.alternatives import managed_hosts
from app.costs.break_even import break_even_requests
from app.costs.catalogue.entries import catalogue
from app.costs.monthly import HOURS_PER_MONTH, CandidateInputs, candidate_month
from app.costs.prices import cost_usd, prices_of
from app.costs.rates import Prices
from app.costs.token_bill import TokenBill
from app.domain.exchange import Usage
from tests.unit.costs.made_month import a_month

AT = datetime(2026, 11, 2, tzinfo=UTC)
GUIDE_DAYS = 30
MILLION = Decimal(1_000_000)
KNOWN = catalogue()


def listed(model: str) -> Prices:
    prices = prices_of(model, own=None, at=AT)
    assert prices is not None
    return prices


def per_call(model: str, input_tokens: int, output_tokens: int) -> Decimal:
    usd = cost_usd(Usage(input_tokens=input_tokens, output_tokens=output_tokens), listed(model))
    assert usd is not None
    return usd


def gpu_month(gpu: str, source: str, gpus: int = 1) -> tuple[Decimal, Decimal]:
    (price,) = (line for line in KNOWN.prices_of(gpu) if (line.source, line.gpus) == (source, 1))
    low, high = price.usd_per_month
    return low * gpus, high * gpus


def self_hosted(gpu_usd_per_month: Decimal, *, gpus: int = 1, engineering_usd: Decimal = Decimal(0)) -> Decimal:
    """`gpu_usd_per_month` of one GPU; to the cent."""
    hourly = gpu_usd_per_month / HOURS_PER_MONTH
    month = candidate_month(CandidateInputs(hourly, gpus, None, Decimal(1), engineering_usd, Decimal(0)))
    assert month.usd is not None
    return month.usd.quantize(Decimal("0.01"))


def usd_per_million(gpu_usd_per_hour: Decimal, tokens_per_second: float, utilisation: float = 1.0) -> float:
    tokens_a_month = tokens_per_second * utilisation * 3600 * float(HOURS_PER_MONTH)
    return float(self_hosted(gpu_usd_per_hour * HOURS_PER_MONTH)) / tokens_a_month * 1e6


# SH: 2,000 tokens in and 500 out a query, at EV's prices of GPT-4o (2.50 in, 10 out), which are the price table's.


@pytest.mark.parametrize(("queries_a_day", "guide_usd", "right_usd"), [(10_000, 2_250, 3_000), (100_000, 22_500, 30_000)])
def test_sh_gpt_4o_bill_does_not_follow_it_is_that_of_250_output_tokens(
    queries_a_day: int, guide_usd: int, right_usd: int
) -> None:
    queries = queries_a_day * GUIDE_DAYS
    assert per_call("gpt-4o", 2000, 500) * queries == right_usd
    assert per_call("gpt-4o", 2000, 250) * queries == guide_usd


@pytest.mark.parametrize(("gpus", "engineering", "total"), [(1, 1_000, 3_500), (2, 2_000, 7_000)])
def test_sh_self_hosted_70b_follows_from_the_middle_of_its_own_price_range(gpus: int, engineering: int, total: int) -> None:
    low, high = gpu_month("A100 80GB", "SH")
    assert (low + high) / 2 == 2_500
    assert self_hosted((low + high) / 2, gpus=gpus, engineering_usd=Decimal(engineering)) == total


def test_sh_conclusions_hold_with_the_right_bill_too() -> None:
    api, own = per_call("gpt-4o", 2000, 500) * GUIDE_DAYS, Decimal(2_500)
    assert api * 10_000 < self_hosted(own, engineering_usd=Decimal(1_000))
    assert api * 100_000 > self_hosted(own, gpus=2, engineering_usd=Decimal(2_000))


def test_sh_100000_queries_a_day_do_not_fit_on_two_gpus_of_its_own_throughput() -> None:
    """69 a minute on average are more than two replicas at 30, and leave 44 % above the average for the peak at 50."""
    (claim,) = (line for line in KNOWN.claims_on(model="Llama 3.1 70B") if line.about == "throughput")
    assert (claim.requests_per_minute_low, claim.requests_per_minute_high) == (30, 50)
    average = 100_000 / 24 / 60
    assert 2 * 30 < average < 2 * 50 < 1.5 * average


def test_sh_hybrid_saves_65_percent_not_67() -> None:
    """70 % of the queries at 0.001 and 30 % at 0.015, against all at 0.015."""
    simple = TokenBill(usd=Decimal("0.001") * 700, replies=Decimal(700))
    hard = TokenBill(usd=Decimal("0.015") * 300, replies=Decimal(300))
    every = TokenBill(usd=Decimal("0.015") * 1000, replies=Decimal(1000))
    split = (simple + hard).total_usd
    assert split is not None
    assert every.total_usd is not None
    assert split == Decimal("5.2")
    assert 1 - split / every.total_usd == pytest.approx(Decimal("0.6533"), abs=Decimal("0.0001"))


# EV: about 500 output tokens a request.


@pytest.mark.parametrize(("requests_a_day", "usd"), [(10_000, 1_500), (100_000, 15_000), (1_000_000, 150_000)])
def test_ev_gpt_4o_follows_if_input_tokens_cost_nothing(requests_a_day: int, usd: int) -> None:
    assert per_call("gpt-4o", 0, 500) * requests_a_day * GUIDE_DAYS == usd


@pytest.mark.parametrize(("requests_a_day", "usd"), [(10_000, 600), (100_000, 6_000), (1_000_000, 60_000)])
def test_ev_managed_70b_follows_only_at_4_dollars_a_million_output_tokens(requests_a_day: int, usd: int) -> None:
    """No host of the price table asks as much: 500 output tokens alone cost less than a quarter of it there."""
    at_four = Prices(Decimal(0), None, Decimal(4), source="what EV's figure needs")
    each = cost_usd(Usage(input_tokens=0, output_tokens=500), at_four)
    assert each is not None
    assert each * requests_a_day * GUIDE_DAYS == usd
    tokens = requests_a_day * GUIDE_DAYS * 500
    model = KNOWN.model("Llama 3.1 70B")
    assert model is not None
    hosts = managed_hosts(model.name, AT, input_tokens=0, cached_input_tokens=0, output_tokens=tokens, also=model.names)
    assert hosts
    assert all(host.usd < Decimal(usd) / 4 for host in hosts)


@pytest.mark.parametrize(("usd", "fewest", "most"), [(3_200, 1, 1), (4_800, 2, 2), (18_000, 5, 7)])
def test_ev_self_hosted_is_whole_replicas_of_its_own_price_of_a_70b(usd: int, fewest: int, most: int) -> None:
    (line,) = (one for one in KNOWN.claims_on(model="Llama 3.1 70B") if (one.about, one.source) == ("price", "EV"))
    assert line.usd_per_month_low is not None
    assert line.usd_per_month_high is not None
    low, high = line.usd_per_month_low, line.usd_per_month_high
    possible = [n for n in range(1, 50) if self_hosted(low, gpus=n) <= usd <= self_hosted(high, gpus=n)]
    assert (possible[0], possible[-1]) == (fewest, most)


def pays_from(fixed_usd: Decimal, usd_per_request: Decimal) -> float:
    """Requests a month from which what costs `fixed_usd` whatever the volume is cheaper than paying each request."""
    model = a_month(
        incumbent_usd=float(usd_per_request), requests=1.0, replica_usd=0.0, upkeep_hours=0.0, one_off_hours=0.0,
        other_usd=float(fixed_usd),
    )  # fmt: skip
    return float(break_even_requests(model)[0])


def test_ev_break_even_lies_between_its_first_two_volumes() -> None:
    requests = pays_from(Decimal(3_200), per_call("gpt-4o", 0, 500))
    assert requests == pytest.approx(640_000)
    assert 10_000 * GUIDE_DAYS < requests < 100_000 * GUIDE_DAYS


# TR.


def test_tr_hybrid_saves_83_percent() -> None:
    before, after = TokenBill(usd=Decimal(47_000), replies=Decimal(1)), TokenBill(usd=Decimal(8_000), replies=Decimal(1))
    assert before.total_usd is not None
    assert after.total_usd is not None
    assert round(1 - after.total_usd / before.total_usd, 2) == Decimal("0.83")
    # What it does not say: at GPT-4o mini's prices and 4 tokens in for 1 out, 47,000 a month are 196 B tokens.
    tokens = 47_000 / per_call("gpt-4o-mini", 4, 1) * 5
    assert float(tokens) == pytest.approx(196e9, rel=0.01)


def test_tr_013_dollars_per_1000_tokens_does_not_follow_it_is_per_million() -> None:
    """400 requests/s of 300 tokens on an H100 of 3 dollars an hour: 0.007 per million; 0.013 at 4 dollars and 70 %."""
    tokens_per_second = 400 * 300
    assert usd_per_million(Decimal(3), tokens_per_second) == pytest.approx(0.00694, abs=1e-5)
    _, dearest = gpu_month("H100 80GB", "TR")
    assert usd_per_million(dearest / HOURS_PER_MONTH, tokens_per_second, 0.70) == pytest.approx(0.0132, abs=1e-4)
    guide_per_million = 0.013 * 1000
    assert guide_per_million / usd_per_million(Decimal(3), tokens_per_second) > 1_000


@pytest.mark.parametrize(("utilisation", "times"), [(0.30, 3.33), (0.3333, 3.0), (0.40, 2.5)])
def test_tr_a_third_of_utilisation_triples_the_cost_of_a_token(utilisation: float, times: float) -> None:
    """30-40 % make it 2.5 to 3.3 times as dear, whatever the GPU and its throughput."""
    full = usd_per_million(Decimal(3), 1_000)
    assert usd_per_million(Decimal(3), 1_000, utilisation) / full == pytest.approx(times, abs=0.01)


def test_tr_68_million_tokens_a_month_against_gpt_5_do_not_follow_a_day_would() -> None:
    """A GPU of 2 dollars an hour is 1,460 a month; 6.8 M tokens of GPT-5 cost 68 at most, all of them generated."""
    cheapest, _ = gpu_month("H100 80GB", "TR")
    gpu = self_hosted(cheapest)
    assert gpu == 1_460
    assert per_call("gpt-5", 0, 1) * 6_800_000 == 68
    # All generated, half and half, and four read for one generated: never below 146 M tokens a month.
    shapes = [(0, 1, 146), (1, 1, 260), (4, 1, 487)]
    for read, generated, millions in shapes:
        usd = per_call("gpt-5", read, generated)
        assert pays_from(gpu, usd) * (read + generated) / 1e6 == pytest.approx(millions, abs=1)
    # A day: 6.8 M x 730/24 = 207 M a month, within what half and half and all generated need.
    assert 146 < 6.8 * float(HOURS_PER_MONTH) / 24 < 260


def test_7_3_billion_tokens_at_20_cents_pay_one_gpu_of_2_dollars() -> None:
    """What a GPT-6-class price does to the break-even: 2,778 tokens every second of the month, before any hour of work."""
    gpu = self_hosted(2 * HOURS_PER_MONTH)
    tokens = pays_from(gpu, Decimal("0.20") / MILLION)
    assert tokens == pytest.approx(7_300_000_000)
    assert tokens / (float(HOURS_PER_MONTH) * 3600) == pytest.approx(2_778, abs=1)
