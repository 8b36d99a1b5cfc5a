"""A verdict as a routing table and as a LiteLLM configuration: who goes where, which keys are named, and that none is there."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from app.domain.pilot import Pilot
from app.domain.routing_table import RoutingTable
from app.domain.scorecard import Scorecard
from app.domain.words import Outcome
from app.errors import InvalidInput
from app.pipeline.routing_export import chosen_candidate, litellm_configuration, routing_table
from tests.builders import a_configuration
from tests.unit.pipeline.test_conversations import a_running_pilot
from tests.unit.reports.examples import a_candidate, a_scorecard, a_verdict

SEGMENTS = [
    {"name": "extraction", "match": {"header": "Extract"}},
    {"name": 'odd "one" # x', "match": {"system_prompt": "^You: are\nhelpful", "path": "/v1/x"}},
    {"name": "small", "match": {"model": r"^gpt-5\.1-mini$"}},
    {"name": "named"},
]
CANDIDATE = {
    "name": "qwen", "base_url": "http://vllm:8000/v1", "model": "Qwen/Qwen3.5-27B", "api_key_env": "QWEN_KEY", "server": "vllm",
    "timeout_seconds": 30, "max_concurrency": 8,
}  # fmt: skip
VENDOR = {"base_url": "https://api.openai.com/v1", "model": "gpt-5.1"}


def a_pilot(**tables: Any) -> Pilot:
    given = {"segment": SEGMENTS, "candidate": [CANDIDATE], "incumbent": VENDOR} | tables
    return replace(a_running_pilot(), name="support-bot", configuration=a_configuration(**given))


def a_card(outcome: Outcome, *moved: str, name: str = "qwen") -> Scorecard:
    return a_scorecard({name: a_candidate(a_verdict(outcome, routing=dict.fromkeys(moved, name)))})


def exported(outcome: Outcome, *moved: str, **tables: Any) -> tuple[RoutingTable, dict[str, Any], str]:
    pilot = a_pilot(**tables)
    table = routing_table(pilot, a_card(outcome, *moved), "qwen")
    text = litellm_configuration(table, pilot.configuration)
    return table, yaml.safe_load(text), text


def arms_of(document: dict[str, Any]) -> dict[str, str]:
    """Model name -> where its requests go; a name that is there twice would be shared out."""
    names = [entry["model_name"] for entry in document["model_list"]]
    assert len(set(names)) == len(names)
    return {entry["model_name"]: entry["litellm_params"]["api_base"] for entry in document["model_list"]}


QWEN, OPENAI = "http://vllm:8000/v1", "https://api.openai.com/v1"
EVERY = ["extraction", 'odd "one" # x', "small", "named", "other"]


@pytest.mark.parametrize(
    ("outcome", "moved", "moves"),
    [
        (Outcome.HYBRID, ["extraction", "small"], True),
        (Outcome.MIGRATE, EVERY, True),
        (Outcome.EXTEND, [], False),
        (Outcome.DONT_MIGRATE, [], False),
    ],
)
def test_each_kind_of_work_goes_where_the_verdict_says(outcome: Outcome, moved: list[str], moves: bool) -> None:
    table, document, text = exported(outcome, *moved)
    assert [route.segment for route in table.routes] == EVERY
    assert {route.segment for route in table.routes if route.arm == "qwen"} == set(moved)
    assert {route.base_url for route in table.routes if route.arm == "incumbent"} <= {OPENAI}
    assert table.moves is moves
    where = {True: QWEN, False: OPENAI}
    found = arms_of(document)
    assert found["gpt-5.1"] == where["other" in moved]
    assert {name: found[f"support-bot/{name}"] for name in EVERY[:-1]} == {name: where[name in moved] for name in EVERY[:-1]}
    assert found["gpt-5.1-mini"] == where["small" in moved]
    assert ("nothing moves" in table.words) == ("# LiteLLM proxy" in text and "nothing moves" in text) == (not moves)


def test_a_route_says_what_the_pilot_matched_by_and_what_the_server_needs() -> None:
    table, document, text = exported(Outcome.HYBRID, "extraction")
    first, odd, _, named, other = table.routes
    assert first.model_dump() == {
        "segment": "extraction", "arm": "qwen", "match": {"header": "Extract"}, "model": "Qwen/Qwen3.5-27B",
        "base_url": QWEN, "api_key_env": "QWEN_KEY",
    }  # fmt: skip
    assert odd.match == {"system_prompt": "^You: are\nhelpful", "path": "/v1/x"}
    assert (named.match, other.match) == ({"header": "named"}, None)
    entry = document["model_list"][0]["litellm_params"]
    assert entry == {
        "model": "openai/Qwen/Qwen3.5-27B", "api_base": QWEN, "api_key": "os.environ/QWEN_KEY", "timeout": 30,
        "max_parallel_requests": 8,
    }  # fmt: skip
    assert document["model_list"][1]["litellm_params"] == {
        "model": "openai/gpt-5.1", "api_base": OPENAI, "api_key": "os.environ/INCUMBENT_API_KEY",
    }  # fmt: skip
    assert document["general_settings"] == {"master_key": "os.environ/LITELLM_MASTER_KEY"}
    for part in ("X-Pilot-Segment", "system\n# prompts", "LITELLM_MASTER_KEY", "QWEN_KEY", "INCUMBENT_API_KEY", '"Extract"'):
        assert part in text
    assert all(
        line.startswith(("#", " ", "model_list", "router_settings", "general_settings")) for line in text.split("\n") if line
    )


def test_what_stays_keeps_the_model_that_it_is_told_by() -> None:
    _, document, _ = exported(Outcome.HYBRID, "extraction")
    models = {entry["model_name"]: entry["litellm_params"]["model"] for entry in document["model_list"]}
    assert models["gpt-5.1-mini"] == models["support-bot/small"] == "openai/gpt-5.1-mini"
    assert models["gpt-5.1"] == models["support-bot/named"] == "openai/gpt-5.1"


@pytest.mark.parametrize(
    ("match", "name"),
    [
        ({"model": r"^gpt-5\.1-mini$"}, "gpt-5.1-mini"),
        ({"model": "^org/gpt-5.1:free$"}, "org/gpt-5.1:free"),
        ({"model": "gpt-5-mini"}, None),  # any name that has it in it
        ({"model": "^gpt-5-(mini|nano)$"}, None),
        ({"model": "^gpt-.*$"}, None),
        ({"model": "^gpt-5-mini$", "header": "x"}, None),  # the header decides too
    ],
)
def test_only_one_exact_model_name_is_kept_as_a_name(match: dict[str, str], name: str | None) -> None:
    _, document, _ = exported(Outcome.HYBRID, "one", segment=[{"name": "one", "match": match}])
    assert set(arms_of(document)) == {"support-bot/one", "gpt-5.1"} | ({name} if name is not None else set())


def test_a_kind_that_is_told_by_the_incumbents_own_name_takes_it_and_still_falls_back() -> None:
    """Else the name would be there twice, or what the candidate cannot answer would go to the candidate again."""
    segments = [{"name": "big", "match": {"model": r"^gpt-5\.1$"}}, {"name": "chat"}]
    _, document, _ = exported(Outcome.HYBRID, "big", segment=segments)
    found = arms_of(document)
    assert (found["gpt-5.1"], found["support-bot/big"], found["support-bot/chat"]) == (QWEN, QWEN, OPENAI)
    assert found["support-bot/incumbent"] == OPENAI
    assert document["router_settings"]["fallbacks"] == [
        {"support-bot/big": ["support-bot/incumbent"]}, {"gpt-5.1": ["support-bot/incumbent"]},
    ]  # fmt: skip


def test_no_key_is_ever_written() -> None:
    _, document, _ = exported(Outcome.MIGRATE, *EVERY, candidate=[CANDIDATE | {"api_key_env": ""}])
    keys = {entry["litellm_params"]["api_key"] for entry in document["model_list"]}
    assert keys == {"none", "os.environ/INCUMBENT_API_KEY"}


@pytest.mark.parametrize(
    ("constraints", "falls_back"),
    [(None, True), ({"data_must_stay": True, "legal_basis": "x"}, False), ({"data_must_stay": False}, True)],
)
def test_the_incumbent_answers_what_the_candidate_cannot_unless_data_must_stay(constraints: Any, falls_back: bool) -> None:
    _, hybrid, _ = exported(Outcome.HYBRID, "extraction", constraints=constraints)
    _, whole, text = exported(Outcome.MIGRATE, *EVERY, constraints=constraints)
    if not falls_back:
        assert "fallbacks" not in hybrid["router_settings"]
        assert "data must stay" in text
        return
    assert hybrid["router_settings"]["fallbacks"] == [{"support-bot/extraction": ["gpt-5.1"]}]
    back = {name: to for one in whole["router_settings"]["fallbacks"] for name, to in one.items()}
    assert back["gpt-5.1"] == back["support-bot/extraction"] == ["support-bot/incumbent"]
    assert arms_of(whole)["support-bot/incumbent"] == OPENAI


def test_nothing_that_stays_falls_back() -> None:
    _, document, _ = exported(Outcome.EXTEND)
    assert document["router_settings"] == {"num_retries": 0}


def test_a_candidate_is_found_by_name_or_if_it_is_the_only_one_that_is_meant() -> None:
    pilot = a_pilot()
    hybrid = a_candidate(a_verdict(Outcome.HYBRID, routing={"extraction": "b"}))
    extend = a_candidate(a_verdict(Outcome.EXTEND))
    assert chosen_candidate(pilot, a_card(Outcome.EXTEND), None) == "qwen"
    assert chosen_candidate(pilot, a_scorecard({"a": extend, "b": hybrid}), None) == "b"
    assert chosen_candidate(pilot, a_scorecard({"a": extend, "b": hybrid}), "a") == "a"
    for cards in ({"a": extend, "b": extend}, {"a": hybrid, "b": hybrid}):
        with pytest.raises(InvalidInput, match="several candidates; name one: a, b"):
            chosen_candidate(pilot, a_scorecard(cards), None)
    with pytest.raises(InvalidInput, match="no candidate 'c'; allowed: a, b"):
        chosen_candidate(pilot, a_scorecard({"a": extend, "b": hybrid}), "c")
