"""Each rule of the guides beside the pilot's own number in the same unit; unknown stays unknown."""

from dataclasses import fields
from typing import Any

import pytest

from app.costs.rules_of_thumb import DAYS_PER_MONTH, OwnNumbers, rules_of_thumb
from app.domain.rules_of_thumb import RuleOfThumb


def rule(key: str, **own: Any) -> RuleOfThumb:
    (found,) = (rule for rule in rules_of_thumb(OwnNumbers(**own)) if rule.key == key)
    return found


M = 1_000_000
MONTH = 730 / 24


@pytest.mark.parametrize(
    ("key", "own", "value", "standing"),
    [
        ("tokens_a_month", {"tokens_per_month": 4.9 * M}, 4.9 * M, "stay"),
        ("tokens_a_month", {"tokens_per_month": 5 * M}, 5 * M, "decision_zone"),
        ("tokens_a_month", {"tokens_per_month": 49.9 * M}, 49.9 * M, "decision_zone"),
        ("tokens_a_month", {"tokens_per_month": 50 * M}, 50 * M, "pays"),
        ("tokens_a_month_against_gpt_5", {"tokens_per_month": 6.7 * M}, 6.7 * M, "stay"),
        ("tokens_a_month_against_gpt_5", {"tokens_per_month": 6.8 * M}, 6.8 * M, "pays"),
        ("tokens_a_month_with_engineering", {"tokens_per_month": 10 * M}, 10 * M, "decision_zone"),
        ("tokens_a_day", {"tokens_per_month": 99 * M * MONTH}, 99 * M, "stay"),
        ("tokens_a_day", {"tokens_per_month": 101 * M * MONTH}, 101 * M, "pays"),
        ("queries_a_day_70b", {"tokens_per_month": 29_000 * 2500 * MONTH}, 29_000, "stay"),
        ("queries_a_day_70b", {"tokens_per_month": 40_000 * 2500 * MONTH}, 40_000, "decision_zone"),
        ("queries_a_day_70b", {"tokens_per_month": 51_000 * 2500 * MONTH}, 51_000, "pays"),
        ("queries_a_day_8b", {"tokens_per_month": 9_000 * 2500 * MONTH}, 9_000, "stay"),
        ("queries_a_day_8b", {"tokens_per_month": 11_000 * 2500 * MONTH}, 11_000, "pays"),
        ("api_spend_a_month", {"incumbent_usd_per_month": 19_999}, 19_999, "stay"),
        ("api_spend_a_month", {"incumbent_usd_per_month": 20_000}, 20_000, "decision_zone"),
        ("api_spend_a_month", {"incumbent_usd_per_month": 50_001}, 50_001, "pays"),
        ("api_spend_of_one_use_case", {"incumbent_usd_per_month": 7_000}, 7_000, "stay"),
        ("api_spend_of_one_use_case", {"incumbent_usd_per_month": 10_000}, 10_000, "decision_zone"),
        ("api_spend_of_one_use_case", {"incumbent_usd_per_month": 12_500}, 12_500, "pays"),
        ("engineer", {"engineering_usd_per_month": 1_999}, 1_999, "below"),
        ("engineer", {"engineering_usd_per_month": 5_000}, 5_000, "within"),
        ("engineer", {"engineering_usd_per_month": 5_001}, 5_001, "above"),
        ("around_it", {"other_usd_per_month": 500}, 500, "within"),
        ("several_gpus", {"other_usd_per_month": 500, "gpus": 2}, 500, "below"),
        ("update_sh", {"hours_per_upgrade": 24}, 24, "above"),
        ("update_ev", {"hours_per_upgrade": 24}, 24, "below"),
        ("update_tr", {"hours_per_upgrade": 60}, 60, "within"),
        ("updates_a_year", {"upgrades_per_year": 4}, 4, "within"),
        ("autoscaling", {"one_off_hours": 30}, 30, "below"),
        ("first_deployment", {"first_share": 0.1}, 0.1, "below"),
        ("first_deployment", {"first_share": 0.3}, 0.3, "above"),
        ("availability", {"candidate_available_rate": 0.999}, 0.999, "above"),
    ],
)
def test_a_rule_is_set_beside_the_own_value(key: str, own: dict[str, Any], value: float, standing: str) -> None:
    found = rule(key, **own)
    assert found.value == pytest.approx(value)
    assert found.standing == standing


def test_what_is_not_known_stays_unknown_and_says_what_is_missing() -> None:
    found = rules_of_thumb(OwnNumbers())
    assert {one.standing for one in found} == {"unknown"}
    assert {one.value for one in found} == {None}
    assert all("missing: " in one.words for one in found)


def test_zero_is_a_number() -> None:
    assert rule("engineer", engineering_usd_per_month=0).standing == "below"
    assert rule("api_spend_a_month", incumbent_usd_per_month=0).standing == "stay"


def test_requests_of_another_size_are_told_apart_from_the_guides() -> None:
    found = rule("queries_a_day_70b", tokens_per_month=1000 * 500 * DAYS_PER_MONTH, requests_per_month=1000 * DAYS_PER_MONTH)
    assert found.value == pytest.approx(200)
    assert found.words == "1,000 requests a day of 500 tokens each"
    assert rule("queries_a_day_70b", requests_per_month=10**9).standing == "unknown"


def test_one_gpu_needs_nothing_around_several() -> None:
    keys = {one.key for one in rules_of_thumb(OwnNumbers(gpus=1))}
    assert "several_gpus" not in keys
    assert "electricity" in keys


def test_every_row_has_a_source_a_date_and_a_range() -> None:
    every = rules_of_thumb(OwnNumbers(gpus=2))
    assert len([one for one in every if one.table == "threshold"]) == 8
    for one in every:
        assert one.source
        assert one.as_of.startswith("2026")
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.high


def test_every_own_number_is_set_beside_some_rule() -> None:
    """A rule whose `own` is misspelt would stay unknown for ever."""
    full = {field.name: 7 for field in fields(OwnNumbers)}
    silent = {one.key for one in rules_of_thumb(OwnNumbers(**full)) if one.standing == "unknown"}
    assert silent == {"electricity"}
