"""The constraints gate: each condition at its limits, all of them together, and why a vendor may be asked."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.domain.staying import is_incumbent_allowed
from app.domain.words import GateOutcome
from app.errors import InvalidInput
from app.pipeline.configuration import load_configuration
from app.pipeline.constraints import (
    Availability,
    Measured,
    UpkeepHours,
    availability_of,
    constraints_of,
    is_managed,
)
from app.pipeline.data_residency import is_at_vendor
from app.pipeline.registration_card import legal_basis_of
from tests.builders import a_configuration
from tests.unit.test_configuration import NOW, SMALL

P, F, U = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN
STAY = {"data_must_stay": True, "team_has_gpu_experience": True}
GROQ = {"base_url": "https://api.groq.com/openai/v1", "input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}


def found(constraints: dict[str, Any], candidate: dict[str, Any] | None = None, **measured: Any) -> tuple[GateOutcome, Any]:
    table = {"name": "qwen", "base_url": "http://vllm:8000/v1", "model": "m", "license": "MIT"} | (candidate or {})
    configuration = a_configuration(candidate=[table], constraints=constraints)
    said = constraints_of(configuration, configuration.candidate[0], Measured(**measured))
    return said.outcome, said.codes


@pytest.mark.parametrize(
    ("constraints", "candidate", "expected"),
    [
        (STAY, {}, (P, ())),
        (STAY | {"team_has_gpu_experience": False}, {}, (F, ("no_team",))),
        ({"data_must_stay": True}, {}, (U, ("team_unknown",))),
        (STAY, {"base_url": "https://gpu.example.com/v1"}, (F, ("host_not_allowed",))),
        (STAY | {"allowed_hosts": ["*.example.com"]}, {"base_url": "https://gpu.example.com/v1"}, (P, ())),
        (STAY | {"allowed_hosts": ["api.groq.com"]}, GROQ, (U, ("legal_basis_needed",))),
        (STAY | {"allowed_hosts": ["api.groq.com"], "legal_basis": "contract"}, GROQ, (P, ())),
        # Somebody else runs it: no team is needed; a price by token at a private address is still one's own server.
        ({"data_must_stay": True, "allowed_hosts": ["api.groq.com"], "legal_basis": "x"}, GROQ, (P, ())),
        ({"data_must_stay": True}, GROQ | {"base_url": "http://vllm:8000/v1"}, (U, ("team_unknown",))),
        # All that does not pass is named, what fails first.
        ({"data_must_stay": True}, {"license": "Gemma"}, (U, ("license_unreviewed", "team_unknown"))),
        (STAY | {"team_has_gpu_experience": False}, {"license": "Gemma"}, (F, ("no_team", "license_unreviewed"))),
        ({"data_must_stay": True}, {"license": "CC-BY-NC-4.0"}, (F, ("license_non_commercial", "team_unknown"))),
    ],
)  # fmt: skip
def test_data_that_must_stay(constraints: dict[str, Any], candidate: dict[str, Any], expected: tuple[Any, Any]) -> None:
    assert found(constraints, candidate) == expected


@pytest.mark.parametrize(
    ("upkeep", "expected"),
    [
        (None, (U, ("upkeep_unknown",))),
        (UpkeepHours(20), (P, ())),
        (UpkeepHours(20.1), (F, ("team_hours_exceeded",))),
        (UpkeepHours(15, low=10, high=20, weeks=4), (P, ())),
        (UpkeepHours(15, low=10, high=21, weeks=4), (U, ("upkeep_unknown",))),
        (UpkeepHours(30, low=20, high=45, weeks=4), (U, ("upkeep_unknown",))),
        (UpkeepHours(30, low=20.1, high=45, weeks=2), (F, ("team_hours_exceeded",))),
        (UpkeepHours(90, low=40, high=200, weeks=1), (U, ("upkeep_unknown",))),
    ],
)
def test_hours_of_the_team(upkeep: UpkeepHours | None, expected: tuple[Any, Any]) -> None:
    assert found({"team_hours_per_month": 20}, upkeep=upkeep) == expected
    assert found({}, upkeep=upkeep) == (P, ())


@pytest.mark.parametrize(
    ("low", "high", "day", "expected"),
    [
        (0.99, 0.995, 14, (P, ())),
        (0.9899, 0.995, 14, (U, ("availability_unknown",))),
        (0.97, 0.99, 14, (U, ("availability_unknown",))),
        (0.97, 0.9899, 14, (F, ("availability_below_target",))),
        (0.97, 0.9899, 13, (U, ("availability_unknown",))),
    ],
)
def test_availability_against_its_target(low: float, high: float, day: int, expected: tuple[Any, Any]) -> None:
    seen = Availability(away=10, asked=1000, low=low, high=high, day=day)
    assert found({"min_availability_rate": 0.99}, availability=seen) == expected


def test_availability_that_nobody_measured_is_unknown() -> None:
    assert found({"min_availability_rate": 0.99}) == (U, ("availability_unknown",))
    assert found({}) == (P, ())


def test_only_what_was_not_in_service_counts_and_an_outage_is_one_event() -> None:
    asked = 4000
    days = np.arange(asked) // 200 + 1
    every = np.ones(asked, dtype=bool)
    kinds = np.full(asked, "", dtype=object)
    kinds[:200:10] = "timeout"  # slow, but there
    spread, together = kinds.copy(), kinds.copy()
    spread[5::50], together[205:285] = "unavailable", "connection"
    arms: dict[str, Any] = {
        name: SimpleNamespace(replies=SimpleNamespace(is_there=every, failures=failures))
        for name, failures in (("none", kinds), ("spread", spread), ("together", together))
    }
    found_of = {name: availability_of(arm, every, days) for name, arm in arms.items()}
    seen = {name: one for name, one in found_of.items() if one is not None}
    assert [(one.away, one.asked, one.day) for one in seen.values()] == [(0, asked, 20), (80, asked, 20), (80, asked, 20)]
    assert seen["none"].low > 0.998
    assert seen["none"].high == 1.0
    assert 0.97 < seen["spread"].low < 0.98 < seen["spread"].high < 0.99
    # The same number in one outage says much less of the next months.
    assert seen["together"].low < seen["spread"].low - 0.02
    assert seen["together"].high > seen["spread"].high
    assert availability_of(arms["none"], ~every, days) is None


@pytest.mark.parametrize(
    ("constraints", "allowed"),
    [
        (None, True),
        ({"data_must_stay": False}, True),
        ({"data_must_stay": True}, False),
        ({"data_must_stay": True, "allowed_hosts": ["vllm"]}, False),
        ({"data_must_stay": True, "allowed_hosts": ["*.example.com", "127.0.0.1"]}, True),
    ],
)
def test_staying_is_an_answer_only_where_the_data_may_stay(constraints: dict[str, Any] | None, allowed: bool) -> None:
    assert is_incumbent_allowed(a_configuration(constraints=constraints)) is allowed
    # At a private address that nobody names it is production's own way to the vendor.
    private = {"base_url": "http://127.0.0.1:9/v1", "model": "gpt-5.1"}
    hosts = (constraints or {}).get("allowed_hosts", [])
    is_private_fine = "127.0.0.1" in hosts or not (constraints or {}).get("data_must_stay")
    assert is_incumbent_allowed(a_configuration(constraints=constraints, incumbent=private)) is is_private_fine


@pytest.mark.parametrize(
    ("base_url", "vendor"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://house.openai.azure.com/openai/v1", True),
        ("https://api.together.xyz/v1", True),
        ("https://abc.eu-west-1.aws.endpoints.huggingface.cloud/v1", True),
        ("https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1", True),
        ("https://notopenai.com/v1", False),
        ("http://vllm:8000/v1", False),
    ],
)
def test_whose_address_is_a_vendors(base_url: str, vendor: bool) -> None:
    assert is_at_vendor(base_url) is vendor


def test_a_managed_model_is_paid_by_token_and_not_at_a_private_address() -> None:
    candidates = [GROQ, GROQ | {"base_url": "http://10.0.0.7/v1"}, {"base_url": "http://vllm/v1", "gpu_usd_per_hour": 3}]
    tables = [{"name": f"c{number}", "model": "m"} | table for number, table in enumerate(candidates)]
    assert [is_managed(table) for table in a_configuration(candidate=tables).candidate] == [True, False, False]


PRICES = "input_usd_per_million_tokens = 0\noutput_usd_per_million_tokens = 0\n"
JUDGE = f'[judge]\nbase_url = "https://api.mistral.ai/v1"\nmodel = "mistral-large"\n{PRICES}'
CONTROL = "[control]\nrate = 0.1\n"
KEYED = SMALL.replace('model = "gpt-5.1"\n', 'model = "gpt-5.1"\napi_key_env = "KEY"\n')
MUST_STAY = "[constraints]\ndata_must_stay = true\n"


@pytest.mark.parametrize(
    ("text", "who"),
    [
        (SMALL + JUDGE + MUST_STAY + 'allowed_hosts = ["api.mistral.ai", "vllm"]\n', "the judge at 'api.mistral.ai'"),
        (KEYED + CONTROL + MUST_STAY, "the control arm, the incumbent asked again, at 'api.openai.com'"),
        (SMALL.replace("http://vllm:8000/v1", "https://api.groq.com/openai/v1") + MUST_STAY
         + 'allowed_hosts = ["api.groq.com"]\n', "the candidate 'qwen' at 'api.groq.com'"),
    ],
)  # fmt: skip
def test_a_vendor_is_asked_only_with_a_legal_basis(text: str, who: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_configuration(text, NOW)
    (problem,) = refused.value.problems
    assert (problem.field, problem.code) == ("constraints.legal_basis", "legal_basis_needed")
    assert who in problem.message
    assert problem.line == next(number for number, line in enumerate(text.splitlines(), 1) if line == "[constraints]")
    loaded = load_configuration(text + 'legal_basis = "contract: DPA of 2026-03-01"\n', NOW).configuration
    assert loaded.constraints is not None
    assert loaded.constraints.legal_basis == "contract: DPA of 2026-03-01"
    # Where data need not stay nobody has to say anything, and an empty text says nothing.
    assert load_configuration(text.replace("data_must_stay = true", "data_must_stay = false"), NOW)
    with pytest.raises(InvalidInput, match="legal_basis"):
        load_configuration(text + 'legal_basis = ""\n', NOW)


def test_a_legal_basis_does_not_open_a_host_that_is_not_allowed() -> None:
    with pytest.raises(InvalidInput) as refused:
        load_configuration(SMALL + JUDGE + MUST_STAY + 'legal_basis = "consent"\n', NOW)
    assert [problem.code for problem in refused.value.problems] == ["host_not_allowed"]


@pytest.mark.parametrize(
    ("document", "basis"),
    [
        ({"configuration": {"constraints": {"legal_basis": "consent"}}}, "consent"),
        ({"configuration": {"constraints": {"data_must_stay": True}}}, None),
        ({"configuration": {"constraints": None}}, None),
        ({}, None),
    ],
)
def test_the_registration_says_the_legal_basis(document: dict[str, Any], basis: str | None) -> None:
    assert legal_basis_of(document) == basis
