"""How often anybody may try: each count by itself, what is said, and a Redis that is away."""

import socket

import pytest
from prometheus_client import REGISTRY

from app.errors import TooManyAttempts
from app.pipeline.people_limits import LimitTerms, SignInLimits

TERMS = LimitTerms(window_seconds=300, by_name=3, by_address=5)


def tries(
    limits: SignInLimits, times: int, *, address: str = "192.0.2.1", name: str = "ada", browser: str | None = None
) -> int:
    """How many of so many attempts are let through."""
    done = 0
    for _ in range(times):
        try:
            limits.take_password(address=address, name=name, browser=browser)
        except TooManyAttempts:
            continue
        done += 1
    return done


def test_a_name_is_tried_so_often_from_however_many_addresses() -> None:
    limits = SignInLimits(TERMS)
    assert sum(tries(limits, 1, address=f"192.0.2.{number}", name="Ada ") for number in range(20)) == 3
    assert tries(limits, 1, address="198.51.100.7", name="grace") == 1


def test_a_flood_on_a_name_does_not_stop_a_browser_that_the_name_was_used_in() -> None:
    limits = SignInLimits(TERMS)
    for number in range(20):
        tries(limits, 1, address=f"192.0.2.{number}")
    assert tries(limits, 5, address="198.51.100.7") == 0
    assert tries(limits, 5, address="198.51.100.8", browser="of ada") == 3


def test_an_address_is_counted_over_all_names_and_a_network_of_ipv6_as_one() -> None:
    limits = SignInLimits(TERMS)
    for addresses in (["192.0.2.1"] * 20, [f"2001:db8::{number:x}" for number in range(20)]):
        limits = SignInLimits(TERMS)
        assert sum(tries(limits, 1, name=f"n{number}", address=each) for number, each in enumerate(addresses)) == 5
    assert tries(limits, 1, name="else", address="2001:db8:0:1::1") == 1


def test_only_wrong_keys_count_against_an_address() -> None:
    limits = SignInLimits(TERMS)
    for _ in range(20):
        limits.check_key("192.0.2.1")
    for _ in range(5):
        limits.note_wrong_key("192.0.2.1")
    with pytest.raises(TooManyAttempts, match="from this address"):
        limits.check_key("192.0.2.1")
    limits.check_key("192.0.2.2")


def test_who_is_refused_is_told_how_long() -> None:
    limits = SignInLimits(LimitTerms(window_seconds=300, by_name=1, by_address=5))
    tries(limits, 1)
    with pytest.raises(TooManyAttempts, match=r"too many attempts for this name; try again in [45] minutes") as refused:
        limits.take_password(address="192.0.2.1", name="ada", browser=None)
    assert 200 < refused.value.retry_after_seconds <= 300


def test_without_redis_each_process_counts_for_itself_and_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        limits = SignInLimits(TERMS, f"redis://127.0.0.1:{unused.getsockname()[1]}/0")
        before = REGISTRY.get_sample_value("pilot_sign_in_limits_away_total") or 0.0
        assert tries(limits, 10) == 3
        assert (REGISTRY.get_sample_value("pilot_sign_in_limits_away_total") or 0.0) > before
