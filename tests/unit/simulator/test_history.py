import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.pipeline.configuration import load_configuration
from app.simulator.assistant import case_and_turn
from app.simulator.demo_pilot import DAYS, pilot_toml, worked_hours
from app.simulator.history import (
    CANDIDATE_NAME,
    HISTORY_DAYS,
    INCLUSION_PROBABILITY,
    PLANS,
    SEED,
    history_lines,
    write_history,
)
from app.simulator.truth import ANSWERS, outcome_of

ENDS = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in history_lines(ENDS)]


def labels_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [preference | {"line": line} for line in lines for preference in line.get("preferences", [])]


def test_it_fills_28_whole_days_in_order(lines: list[dict[str, Any]]) -> None:
    arrivals = [datetime.fromisoformat(line["arrived_at"]) for line in lines]
    assert arrivals == sorted(arrivals)
    days = Counter((arrival - (ENDS - timedelta(days=HISTORY_DAYS))) // timedelta(days=1) for arrival in arrivals)
    assert sorted(days) == list(range(HISTORY_DAYS))


def test_it_has_two_thousand_conversations_of_one_to_three_exchanges(lines: list[dict[str, Any]]) -> None:
    turns = defaultdict(list)
    for line in lines:
        turns[line["conversation_id"]].append(line["turn"])
    assert len(turns) == sum(plan.conversations for plan in PLANS.values()) == 2000
    assert all(found == list(range(1, len(found) + 1)) and len(found) <= 3 for found in turns.values())
    assert len(lines) <= 3500


def test_weekends_are_quiet(lines: list[dict[str, Any]]) -> None:
    weekdays = Counter(datetime.fromisoformat(line["arrived_at"]).weekday() for line in lines)
    assert max(weekdays[5], weekdays[6]) < 0.6 * min(weekdays[day] for day in range(5))


def test_whatever_the_day_each_week_has_the_same_conversations_on_the_same_weekdays(lines: list[dict[str, Any]]) -> None:
    def placed(found: list[dict[str, Any]], ends: datetime) -> dict[str, tuple[int, int]]:
        arrivals = {line["exchange_id"]: datetime.fromisoformat(line["arrived_at"]) for line in found}
        return {key: ((ends - arrival).days // 7, arrival.weekday()) for key, arrival in arrivals.items()}

    later = ENDS + timedelta(days=3)
    assert placed(lines, ENDS) == placed([json.loads(line) for line in history_lines(later)], later)


def test_labels_are_one_random_pair_of_a_drawn_conversation(lines: list[dict[str, Any]]) -> None:
    labels = labels_of(lines)
    by_segment = Counter(label["line"]["segment"] for label in labels)
    assert 600 <= by_segment[ANSWERS] <= 800
    assert all(by_segment[segment] > 100 for segment in PLANS)
    assert len({label["line"]["conversation_id"] for label in labels}) == len(labels)
    assert all(label["draw_probability"] == PLANS[label["line"]["segment"]].draw_probability for label in labels)
    assert Counter(label["line"]["turn"] for label in labels).keys() == {1, 2, 3}


def test_labels_are_made_after_the_exchange_and_before_the_history_ends(lines: list[dict[str, Any]]) -> None:
    for label in labels_of(lines):
        at, arrived = datetime.fromisoformat(label["at"]), datetime.fromisoformat(label["line"]["arrived_at"])
        assert arrived < at < ENDS + timedelta(minutes=2)


def test_people_agree_with_the_truth_mostly(lines: list[dict[str, Any]]) -> None:
    right = [
        label["value"] == outcome_of(SEED, *(case_and_turn(label["line"]["request"]["messages"]) or (0, 0))).preference
        for label in labels_of(lines)
    ]
    assert 0.85 < sum(right) / len(right) < 0.95


def test_what_nobody_labels_in_the_last_days_is_left_for_a_replay(lines: list[dict[str, Any]]) -> None:
    missing = [line for line in lines if CANDIDATE_NAME not in line["replies"]]
    assert 200 < len(missing) < 500
    assert all(datetime.fromisoformat(line["arrived_at"]) >= ENDS - timedelta(days=6) for line in missing)
    drawn = {label["line"]["conversation_id"] for label in labels_of(lines)}
    assert not drawn & {line["conversation_id"] for line in missing}


def test_both_arms_fail_now_and_then(lines: list[dict[str, Any]]) -> None:
    for arm in ("incumbent", CANDIDATE_NAME):
        failed = [line["replies"][arm] for line in lines if "failure" in line["replies"].get(arm, {})]
        assert 3 < len(failed) < 0.012 * len(lines)
        assert {reply["failure"] for reply in failed} <= {"http", "timeout"}


def test_replies_carry_usage_and_timing(lines: list[dict[str, Any]]) -> None:
    for line in lines:
        for reply in line["replies"].values():
            if "failure" not in reply:
                assert reply["usage"]["completion_tokens"] > 5
                assert 0 < reply["ttft_any_seconds"] <= reply["total_seconds"]


def test_the_month_is_worth_thinking_about(lines: list[dict[str, Any]]) -> None:
    usages = [line["replies"]["incumbent"].get("usage", {}) for line in lines]
    usd = sum(usage.get("prompt_tokens", 0) * 1.25e-6 + usage.get("completion_tokens", 0) * 1e-5 for usage in usages)
    monthly = usd / INCLUSION_PROBABILITY * 730 / (24 * HISTORY_DAYS)
    assert 8_000 < monthly < 12_000


def test_the_file_is_what_the_lines_are(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert write_history(path, ENDS) == len(path.read_bytes().splitlines())


def test_the_configuration_is_valid_and_names_the_simulated_servers() -> None:
    url = "http://127.0.0.1:9/x/v1"
    text = pilot_toml(starts=date(2026, 10, 24), incumbent_url=url, candidate_url=url, judge_url=url)
    loaded = load_configuration(text, ENDS)
    assert loaded.guesses == ()
    assert {segment.name for segment in loaded.configuration.segment} == set(PLANS)
    assert loaded.configuration.pilot.days == DAYS > HISTORY_DAYS
    assert loaded.configuration.candidate[0].name == CANDIDATE_NAME


def test_the_team_logged_hours_of_both_kinds() -> None:
    entries = worked_hours(date(2026, 10, 24))
    assert sum((entry.hours for entry in entries if entry.is_recurring), Decimal(0)) == 8
    assert all(date(2026, 10, 24) <= entry.worked_on < date(2026, 11, 21) for entry in entries)
