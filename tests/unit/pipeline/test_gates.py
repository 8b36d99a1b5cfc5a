"""What a licence's name tells, and what constraints say."""

import pytest

from app.domain.words import GateOutcome
from app.pipeline.constraints import constraints_of
from app.pipeline.licences import LicenceKind, licence_kind
from app.pipeline.operation import Bounded, joined
from tests.builders import a_configuration

PERMISSIVE = ["Apache-2.0", "apache 2.0", "Apache License 2.0", "Apache License, Version 2.0", "MIT", "MIT License", "MIT-0",
              "BSD-3-Clause", "bsd", "ISC", "CC0-1.0", "CC-BY-4.0", "The Unlicense", " mit "]  # fmt: skip
NON_COMMERCIAL = ["CC-BY-NC-4.0", "cc-by-nc-sa-4.0", "Mistral Research License", "MRL", "Qwen Research License",
                  "Mistral AI Non-Production License (MNPL)", "non-commercial", "NonCommercial use only"]  # fmt: skip
COMMUNITY = ["Llama 3.3 Community", "Llama 3.1 Community License", "Gemma", "Gemma Terms of Use", "Qwen", "DeepSeek License"]
REVENUE_THRESHOLD = ["Falcon 2 11B TII License 1.0", "TII Falcon LLM License"]
OTHER = [
    "proprietary",
    "NVIDIA Open Model License",
    "BSL-1.1",
    "2.0",
    "Business Source",
]


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (PERMISSIVE, LicenceKind.PERMISSIVE),
        (COMMUNITY, LicenceKind.COMMUNITY),
        (REVENUE_THRESHOLD, LicenceKind.REVENUE_THRESHOLD),
        (NON_COMMERCIAL, LicenceKind.NON_COMMERCIAL),
        (OTHER, LicenceKind.OTHER),
    ],
)
def test_licences_by_name(names: list[str], kind: LicenceKind) -> None:
    assert {name: licence_kind(name) for name in names} == dict.fromkeys(names, kind)


P, F, U, N = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN, GateOutcome.NOT_REQUIRED


@pytest.mark.parametrize(
    ("licence", "reviewed", "constraints", "outcome", "code"),
    [
        ("Apache-2.0", False, None, N, None),
        ("Apache-2.0", False, {}, P, None),
        ("Gemma", False, None, U, "license_unreviewed"),
        ("Gemma", True, None, N, None),
        ("Gemma", True, {}, P, None),
        (None, False, None, U, "license_unreviewed"),
        (None, True, {}, P, None),
        ("CC-BY-NC-4.0", True, None, F, "license_non_commercial"),
        ("MIT", False, {"data_must_stay": True, "team_has_gpu_experience": False}, F, "no_team"),
        ("MIT", False, {"data_must_stay": True, "team_has_gpu_experience": True}, P, None),
        ("MIT", False, {"data_must_stay": True}, U, "team_unknown"),
        ("MIT", False, {"data_must_stay": False, "team_has_gpu_experience": False}, P, None),
        ("Gemma", False, {"data_must_stay": True, "team_has_gpu_experience": False}, F, "no_team"),
    ],
)
def test_constraints(
    licence: str | None, reviewed: bool, constraints: dict[str, bool] | None, outcome: GateOutcome, code: str | None
) -> None:
    candidate = {"name": "qwen", "base_url": "http://x/v1", "model": "m", "license": licence, "license_reviewed": reviewed}
    configuration = a_configuration(candidate=[candidate], constraints=constraints)
    found = constraints_of(configuration, configuration.candidate[0])
    assert (found.outcome, found.code) == (outcome, code)


@pytest.mark.parametrize(
    ("outcomes", "expected", "bound"),
    [((P, P), P, 2.0), ((P, F), F, 2.0), ((U, F), F, 2.0), ((F, U), F, 1.0), ((P, U), U, 2.0), ((U, P), U, 1.0)],
)
def test_of_two_objectives_the_worse_decides(outcomes: tuple[GateOutcome, ...], expected: GateOutcome, bound: float) -> None:
    found = joined([Bounded(outcome, number + 1.0, 4.0, "because") for number, outcome in enumerate(outcomes)])
    assert (found.outcome, found.bound) == (expected, bound)
