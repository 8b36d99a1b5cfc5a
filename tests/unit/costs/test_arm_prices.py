"""What a reply costs when it is stored: by its arm, model, day and tier; what nobody knows has neither cost nor version."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.costs import arm_prices
from app.costs.arm_prices import PriceBook, ReplyCost, incumbent_prices, priced_name
from app.domain.exchange import Usage
from tests.builders import a_configuration

AT = datetime(2026, 11, 2, 13, 45, tzinfo=UTC)
USAGE = Usage(input_tokens=1_000_000, output_tokens=0)
MANAGED = {"name": "qwen", "base_url": "http://x/v1", "model": "q", "input_usd_per_million_tokens": 2}
VENDOR = {"base_url": "https://api.openai.com/v1", "model": "gpt-5.1"}


def a_book(**tables: Any) -> PriceBook:
    return PriceBook(a_configuration(**({"incumbent": VENDOR} | tables)))


@pytest.mark.parametrize(
    ("arm", "model", "usage", "usd"),
    [
        ("incumbent", None, USAGE, "1.25"),
        ("incumbent", "gpt-5.1-2025-11-13", USAGE, "1.25"),
        ("incumbent", "o3", USAGE, "2"),
        ("incumbent", "gpt-5.1-turbo", USAGE, None),
        ("incumbent", "gpt-5.1-2099-01-01", USAGE, "1.25"),  # a snapshot that the table has not seen yet
        ("incumbent", None, Usage(input_tokens=1), None),
        ("incumbent", None, Usage(1_000_000, None, 0, service_tier="flex"), "0.625"),
        ("incumbent", None, Usage(1_000_000, None, 0, service_tier="scale"), None),
        ("control", None, USAGE, "1.25"),
        ("qwen", "whatever it calls itself", USAGE, None),
        ("nobody", "gpt-5.1", USAGE, None),
    ],
)
def test_a_reply_costs_what_its_model_does_on_its_day(arm: str, model: str | None, usage: Usage, usd: str | None) -> None:
    found = a_book().cost(arm, usage, model, AT)
    assert found.usd == (Decimal(usd) if usd is not None else None)
    assert (found.price_version is None) is (usd is None)


def test_a_managed_candidate_costs_its_own_prices_and_a_rented_one_nothing_by_the_token() -> None:
    managed = a_book(candidate=[MANAGED | {"output_usd_per_million_tokens": 3}])
    assert managed.cost("qwen", USAGE, "other", AT) == ReplyCost(Decimal(2), "pilot.toml (2/-/3)")
    rented = a_book(candidate=[{"name": "qwen", "base_url": VENDOR["base_url"], "model": "gpt-5.1", "gpu_usd_per_hour": 3}])
    assert rented.cost("qwen", USAGE, None, AT) == ReplyCost()
    assert a_book(candidate=[MANAGED]).cost("qwen", USAGE, None, AT) == ReplyCost()


OWN = {"input_usd_per_million_tokens": 7, "output_usd_per_million_tokens": 9}
IN_PART = {"input_usd_per_million_tokens": 7}


@pytest.mark.parametrize(
    ("own", "model", "named", "usd"),
    [
        (OWN, "gpt-5.1", None, "7"),
        (OWN, "gpt-5.1", "gpt-5.1-2025-11-13", "7"),
        (OWN, "gpt-5.1-2025-11-13", "gpt-5.1", "7"),  # the same model by another of its names
        (OWN, "gpt-5.1", "gpt-5.1-2099-01-01", "7"),
        (OWN, "gpt-5.1", "our-deployment", "7"),
        (OWN, "gpt-5.1", "gpt-4o-mini", "0.15"),  # another model that the route serves beside
        (OWN, "gpt-5.1", "gpt-4o-mini-2024-07-18", "0.15"),
        (OWN, "our-deployment", "gpt-5.1-2025-11-13", "7"),  # as replies of a deployment name what is behind it
        (OWN, "our-deployment", None, "7"),
        (IN_PART, "gpt-5.1", "gpt-5.1-2025-11-13", "7"),
        (IN_PART, "gpt-5.1-2025-11-13", "gpt-5.1", "7"),
        (IN_PART, "gpt-5.1", "our-deployment", None),
        (IN_PART, "gpt-5.1", "gpt-4o-mini", "0.15"),
        (IN_PART, "our-deployment", "gpt-4o-mini", "0.15"),
        ({}, "gpt-4o", "gpt-4o-2024-05-13", "5"),  # a snapshot that the table has at a price of its own
        ({}, "gpt-4o", "gpt-4o-2024-08-06", "2.5"),
        (OWN, "gpt-4o", "gpt-4o-2024-05-13", "7"),
        ({}, "gpt-5.1", "our-deployment", None),
    ],
)
def test_own_prices_are_those_of_the_incumbents_model_and_of_names_that_nobody_knows(
    own: dict[str, int], model: str, named: str | None, usd: str | None
) -> None:
    book = a_book(incumbent=VENDOR | {"model": model} | own)
    assert book.cost("incumbent", USAGE, named, AT).usd == (Decimal(usd) if usd is not None else None)


def test_the_contract_holds_for_every_model_of_the_incumbent() -> None:
    book = a_book(incumbent=VENDOR | {"discount_rate": 0.5, "service_tier": "flex"})
    assert book.cost("incumbent", USAGE, None, AT).usd == Decimal("0.3125")
    assert book.cost("incumbent", USAGE, "o3", AT).usd == Decimal("0.5")


def test_a_price_is_looked_up_once_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, datetime, str]] = []
    real = incumbent_prices

    def counting(configuration: Any) -> Any:
        prices = real(configuration)

        def price(model: str, at: datetime, tier: str) -> Any:
            asked.append((model, at, tier))
            return prices(model, at, tier)

        return price

    monkeypatch.setattr(arm_prices, "incumbent_prices", counting)
    book = a_book()
    for hours in range(24):
        for model in ("gpt-5.1", "gpt-5.1-turbo"):
            book.cost("incumbent", USAGE, model, AT.replace(hour=0) + timedelta(hours=hours))
    midnight = datetime(2026, 11, 2, tzinfo=UTC)
    assert asked == [("gpt-5.1", midnight, ""), ("gpt-5.1-turbo", midnight, "")]
    book.cost("incumbent", USAGE, None, AT + timedelta(days=1))
    assert asked[2:] == [("gpt-5.1", midnight + timedelta(days=1), "")]


def test_the_price_is_that_of_the_utc_day() -> None:
    zone = datetime.fromisoformat("2025-06-10T01:00:00+02:00").tzinfo
    book = a_book(incumbent=VENDOR | {"model": "o3"})
    assert book.cost("incumbent", USAGE, None, datetime(2025, 6, 10, 1, tzinfo=zone)).usd == 10  # still the 9th in UTC
    assert book.cost("incumbent", USAGE, None, datetime(2025, 6, 10, 2, tzinfo=zone)).usd == 2


def test_a_price_that_changes_within_the_day_is_that_of_the_hour() -> None:
    book = a_book(incumbent={"base_url": "https://api.deepseek.com", "model": "deepseek-v4-flash"})
    costs = [book.cost("incumbent", USAGE, None, AT.replace(hour=hour)).usd for hour in (0, 2, 5, 7, 12)]
    assert costs[0] == costs[2] == costs[4]
    assert costs[1] == costs[3]
    assert costs[0] != costs[1]


def test_no_cost_is_larger_than_a_column() -> None:
    book = a_book(incumbent=VENDOR | {"input_usd_per_million_tokens": 99_999_999, "output_usd_per_million_tokens": 0})
    assert book.cost("incumbent", Usage(2**31 - 1, None, 0), None, AT) == ReplyCost()


def test_the_names_that_servers_say_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm_prices, "_MOST_KNOWN", 3)
    book = a_book()
    for number in range(10):
        assert book.cost("incumbent", USAGE, f"model-{number}", AT) == ReplyCost()
        assert len(book._known) <= 3


def test_a_model_in_words_names_its_tier() -> None:
    assert (priced_name("o3", ""), priced_name("o3", "standard")) == ("o3", "o3")
    assert priced_name("o3", "scale") == "o3 (service tier scale)"
