"""`pilot plan --gpu`: what fits, with room for whom, for how much; contradictions flagged; nothing invented."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.costs.alternatives import managed_hosts
from app.domain.model_plan import FitLine, ModelPlanAnswer, ModelPlanQuestion
from app.errors import InvalidInput
from app.pipeline.measured_volume import MeasuredVolume
from app.pipeline.model_plan import plan_models

AT = datetime(2026, 11, 2, tzinfo=UTC)
MEASURED = MeasuredVolume(
    pilot="support-bot",
    closed_days=14,
    requests=1_000_000,
    input_tokens=2e9,
    cached_input_tokens=5e8,
    output_tokens=5e8,
    requests_per_minute_peak=120,
    concurrency_peak=60,
)


def plan(*gpus: str, measured: MeasuredVolume | None = None, own: Path | None = None, **asked: Any) -> ModelPlanAnswer:
    return plan_models(ModelPlanQuestion(gpus=gpus, **asked), AT, own=own, measured=measured)


def fit(answer: ModelPlanAnswer, model: str, quantisation: str = "int4") -> FitLine:
    (found,) = (line for line in answer.fits if (line.model, line.quantisation) == (model, quantisation))
    return found


def test_without_gpus_the_known_ones_are_listed_with_their_prices() -> None:
    answer = plan()
    prices = {gpu.name: [(price.source, price.usd_per_month_low) for price in gpu.prices] for gpu in answer.gpus}
    assert prices["H100 80GB"] == [("TR", Decimal(1460)), ("TP", Decimal(1825))]
    assert prices["L40S"] == []
    assert (answer.volume, answer.fits) == (None, [])


def test_a_70b_on_an_a100_fits_in_int4_with_its_licence_quality_and_price() -> None:
    answer = plan("A100", tokens_per_month=1e9)
    line = fit(answer, "Llama 3.1 70B")
    assert (line.gpus, line.weights_gb, line.kv_gb, line.kv_tokens, line.users) == (1, 37.1, 34.9, 106_506, 42)
    (cost,) = line.costs
    assert (cost.source, cost.usd_per_month_low, cost.usd_per_month_high) == ("SH", Decimal(2000), Decimal(3000))
    assert (cost.usd_per_million_tokens_low, cost.usd_per_million_tokens_high) == (2.0, 3.0)
    (model,) = (one for one in answer.models if one.name == "Llama 3.1 70B")
    assert model.licence_kind == "community"
    assert "unknown until license_reviewed" in model.licence_words
    assert {said.source for said in model.quality} == {"EV", "SH"}
    assert {said.source for said in model.hosting} == {"EV", "TP"}
    assert [host.usd_per_month for host in model.hosts] == sorted(host.usd_per_month for host in model.hosts)
    assert model.hosts


def test_a_measured_peak_asks_for_whole_replicas() -> None:
    """SH: one carries 30 to 50 a minute, so 120 need 3 to 4; the KV cache holds 42 of the 60 at once, so 2 at least."""
    line = fit(plan("A100", measured=MEASURED), "Llama 3.1 70B")
    assert (line.users, line.replicas_low, line.replicas_high) == (42, 3, 4)
    (cost,) = line.costs
    assert (cost.usd_per_month_low, cost.usd_per_month_high) == (Decimal(3 * 2000), Decimal(4 * 3000))
    assert cost.usd_per_million_tokens_low == pytest.approx(6000 / 2500)
    other = fit(plan("A100", measured=MEASURED), "Qwen 2.5 72B")
    assert (other.replicas_low, other.replicas_high) == (2, 2)


def test_the_larger_of_room_and_throughput_decides_on_replicas() -> None:
    """Of 600 at once 42 fit in one KV cache: 15 replicas, more than the 3 to 4 that carry 120 a minute."""
    line = fit(plan("A100", measured=replace(MEASURED, concurrency_peak=600)), "Llama 3.1 70B")
    assert (line.replicas_low, line.replicas_high) == (15, 15)


def test_a_given_volume_is_split_by_the_output_share_and_hosts_are_asked_for_it() -> None:
    answer = plan("A100", tokens_per_month=1e9, output_share=0.25)
    assert answer.volume is not None
    assert (answer.volume.input_tokens, answer.volume.output_tokens) == (7.5e8, 2.5e8)
    (model,) = (one for one in answer.models if one.name == "Mixtral 8x22B")
    asked: dict[str, Any] = {"input_tokens": 7.5e8, "cached_input_tokens": 0.0, "output_tokens": 2.5e8}
    assert [host.usd_per_month for host in model.hosts] == [one.usd for one in managed_hosts(model.name, AT, **asked)]
    (phi,) = (one for one in answer.models if one.name == "Phi-4")
    assert [host.usd_per_month for host in phi.hosts] == [one.usd for one in managed_hosts("phi-4", AT, **asked)]
    measured = next(one for one in plan("A100", measured=MEASURED).models if one.name == "gpt-oss-120b")
    asked = {"input_tokens": 2e9, "cached_input_tokens": 5e8, "output_tokens": 5e8}
    assert [host.usd_per_month for host in measured.hosts] == [
        one.usd for one in managed_hosts("gpt-oss-120b", AT, **asked, most=3)
    ]


def test_a_measured_volume_is_that_of_the_pilot_and_its_mean_context() -> None:
    answer = plan("A100", measured=MEASURED)
    assert answer.volume is not None
    assert (answer.volume.tokens_per_month, answer.volume.context_tokens) == (2.5e9, 2500)
    assert answer.volume.source == "measured"
    longer = replace(MEASURED, requests=100_000)
    volume = plan("A100", measured=longer).volume
    assert volume is not None
    assert volume.context_tokens == 25_000


def test_an_unknown_volume_leaves_costs_per_token_and_hosts_unknown() -> None:
    answer = plan("A100", measured=MeasuredVolume("support-bot", 0))
    assert answer.volume is not None
    assert (answer.volume.source, answer.volume.tokens_per_month) == ("unknown", None)
    assert all(cost.usd_per_million_tokens_low is None for line in answer.fits for cost in line.costs)
    assert all(not model.hosts for model in answer.models)


def test_a_gpu_without_a_price_has_fits_and_no_costs() -> None:
    answer = plan("L40S", tokens_per_month=1e9)
    assert answer.fits
    assert all(line.costs == [] for line in answer.fits)


def test_prices_of_several_sources_stay_apart_and_of_several_gpus_are_those_of_their_number() -> None:
    costs = {cost.source: cost for cost in fit(plan("H100"), "DeepSeek V3.2").costs}
    assert {source: cost.usd_per_month_low for source, cost in costs.items()} == {"TR": 8 * 1460, "TP": 8 * 1825}
    assert costs["TR"].words == "8 times the price of one"
    (two,) = fit(plan("A100"), "Qwen 2.5 72B", "int8").costs
    assert (two.usd_per_month_low, two.words) == (Decimal(4000), "")


def test_contradictions_are_flagged_for_what_fits_and_for_what_does_not() -> None:
    answer = plan("H100", "A100")
    assert all(line.contradicts for line in answer.contradictions)
    of = {(line.of, line.source) for line in answer.contradictions}
    assert {("DeepSeek V3.2", "TR"), ("Llama 3.1 405B", "SH"), ("Gemma 3 27B", "TR"), ("Mistral Large 2", "SH")} <= of
    assert len([line for line in answer.contradictions if line.of == "DeepSeek V3.2" and line.about == "fit"]) == 2
    assert all("H100" not in line.says for line in plan("T4").contradictions)


def test_what_does_not_fit_is_named() -> None:
    answer = plan("RTX 4090", most_gpus=1)
    assert {line.gpus for line in answer.fits} == {1}
    assert "Llama 3.1 70B" in answer.does_not_fit["RTX 4090"]
    assert {line.model for line in answer.fits} & set(answer.does_not_fit["RTX 4090"]) == set()


def test_a_non_commercial_licence_is_said_to_fail() -> None:
    (model,) = (one for one in plan("A100").models if one.name == "Command R+ 104B")
    assert "fails the licence check" in model.licence_words


def test_own_gpus_prices_and_models_are_marked(tmp_path: Path) -> None:
    own = tmp_path / "mine.toml"
    own.write_text(
        '[[price]]\ngpu = "A100"\nusd_per_hour_low = 1\nusd_per_hour_high = 1\nsource = "our rack"\nas_of = "2026"\n'
        '[[model]]\nname = "ours"\nfamily = "qwen"\nparameters_billion = 7\nlicence = "MIT"\nlicence_kind = "permissive"\n'
        'source = "we"\nas_of = "2026"\n'
    )
    answer = plan("A100", own=own)
    assert [(gpu.name, gpu.is_own) for gpu in answer.gpus] == [("A100 80GB", True)]
    assert [model.name for model in answer.models if model.is_own] == ["ours"]
    line = fit(answer, "ours", "fp16")
    assert (line.kv_tokens, line.users) == (None, None)
    assert [(cost.source, cost.usd_per_month_low) for cost in line.costs] == [("our rack", Decimal(730))]


def test_an_unknown_gpu_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"no GPU 'H1000' in the catalogue\. Known: T4, A10G"):
        plan("H1000")


def test_an_unknown_parameter_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match="did you mean 'gpus'"):
        ModelPlanQuestion.model_validate({"gpu": ["H100"]})
