"""Weights, KV cache and what fits on which GPUs, against the guides' table (decision.md section 7)."""

import doctest
from itertools import pairwise

import pytest

from app.costs import memory
from app.costs.catalogue.entries import catalogue
from app.costs.memory import PARALLEL, QUANTISATIONS, Fit, fit_on, smallest_fits, weights_gb
from app.domain.catalogue import CatalogueGpu, CatalogueModel, Quantisation

KNOWN = catalogue()
CONTEXT, USERS = 2500, 5


def model(name: str) -> CatalogueModel:
    found = KNOWN.model(name)
    assert found is not None
    return found


def gpu(name: str) -> CatalogueGpu:
    found = KNOWN.gpu(name)
    assert found is not None
    return found


def fits(name: str, on: str, users: int = USERS) -> list[tuple[str, int]]:
    found = smallest_fits(model(name), gpu(on), context_tokens=CONTEXT, users=users)
    return [(fit.quantisation, fit.gpus) for fit in found]


def test_the_examples_in_the_docstrings_run() -> None:
    result = doctest.testmod(memory)
    assert (result.attempted > 0, result.failed) == (True, 0)


@pytest.mark.parametrize(
    ("billion", "table"),
    [
        (8, (16, 8, 5)), (14, (28, 14, 8)), (34, (68, 34, 18)), (70, (140, 70, 38)),
        (104, (208, 104, 55)), (141, (282, 141, 75)), (405, (810, 405, 215)),
    ],
)  # fmt: skip
def test_weights_are_those_of_the_guides_table_to_1_gb(billion: float, table: tuple[float, float, float]) -> None:
    assert [weights_gb(billion, each) for each in QUANTISATIONS] == [pytest.approx(gb, abs=1) for gb in table]


def test_small_models_have_a_gigabyte_of_scales_and_layers_in_16_bits() -> None:
    assert [weights_gb(billion, "int4") for billion in (8, 14)] == [5, 8]


@pytest.mark.parametrize(
    ("name", "bytes_per_token"),
    [("Llama 3.1 8B", 131_072), ("Llama 3.1 70B", 327_680), ("Qwen3.5-27B", 65_536), ("DeepSeek V3.2", 70_272)],
)
def test_the_kv_cache_of_a_token_is_two_bytes_for_each_cached_value(name: str, bytes_per_token: int) -> None:
    assert model(name).kv_bytes_per_token == bytes_per_token


@pytest.mark.parametrize(
    ("name", "on", "found"),
    [
        ("Qwen3.5-27B", "RTX 4090", [("int4", 1), ("int8", 2), ("fp16", 4)]),  # TR: INT4 on one 4090
        ("DeepSeek-R1-Distill-Qwen-32B", "RTX 4090", [("int4", 1), ("int8", 2), ("fp16", 4)]),  # TR
        ("gpt-oss-120b", "H100", [("int4", 1)]),  # TR; it was released in 4 bits
        ("Llama 3.1 70B", "A100", [("int4", 1), ("int8", 2), ("fp16", 4)]),  # SH says FP16 on two: one long conversation
        ("Llama 3.1 405B", "A100", [("int4", 4), ("int8", 8)]),  # SH says INT4 on two and FP16 on eight: neither fits
        ("DeepSeek V3.2", "H100", [("int4", 8)]),  # TR says INT4 on one, or four
        ("Mistral Small 4", "A100", [("int4", 2), ("int8", 4)]),  # TR: 2-4
        ("Llama 3.1 8B", "T4", [("int8", 1), ("fp16", 2)]),
        ("Llama 3.1 405B", "RTX 4090", []),
    ],
)
def test_what_fits_is_what_the_arithmetic_says(name: str, on: str, found: list[tuple[str, int]]) -> None:
    assert fits(name, on) == found


@pytest.mark.parametrize("known", KNOWN.models, ids=lambda known: known.name)
@pytest.mark.parametrize("on", ["RTX 4090", "A100 80GB", "H200"])
def test_more_gpus_never_hold_less_and_nothing_holds_more_than_there_is(known: CatalogueModel, on: str) -> None:
    for quantisation in QUANTISATIONS:
        tried = [fit_on(known, gpu(on), quantisation, count, context_tokens=CONTEXT, users=USERS) for count in PARALLEL]
        for one, more in pairwise(tried):
            assert one is None or (more is not None and more.kv_gb > one.kv_gb)
        for fit in tried:
            assert fit is None or _is_sound(fit)


def _is_sound(fit: Fit) -> bool:
    each = fit.model.kv_bytes_per_token
    if each is None:
        return fit.weights_gb * 1.3 <= fit.usable_gb and fit.kv_tokens is None and fit.users is None
    assert fit.kv_tokens is not None
    held = (
        fit.weights_gb + fit.kv_tokens * each / 1e9 <= fit.usable_gb + 1e-9 < fit.weights_gb + (fit.kv_tokens + 1) * each / 1e9
    )
    return held and USERS <= fit.kv_tokens // CONTEXT == fit.users


@pytest.mark.parametrize("quantisation", QUANTISATIONS)
def test_a_model_without_parameters_is_refused(quantisation: Quantisation) -> None:
    with pytest.raises(ValueError, match="parameters_billion"):
        weights_gb(0, quantisation)
