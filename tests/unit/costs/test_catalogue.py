"""The catalogue: every line has a source and a date, contradictions are flagged, own files are read strictly and go first."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from app.costs.catalogue.entries import catalogue
from app.costs.memory import weights_gb
from app.domain.catalogue import CatalogueModel, GpuPrice
from app.domain.configuration import PilotConfiguration
from app.errors import InvalidInput
from app.pipeline.licence_notes import licence_notes
from app.pipeline.licences import licence_kind
from tests.builders import a_configuration

BUILT_IN = catalogue()
OWN = """
[[gpu]]
name = "MI300X"
memory_gb = 192
source = "our rack"
as_of = "2026-11"
[[price]]
gpu = "H100"
usd_per_hour_low = 1.9
usd_per_hour_high = 1.9
source = "our contract"
as_of = "2026-11-01"
[[model]]
name = "Gemma 3 27B"
names = ["our/gemma"]
family = "google"
parameters_billion = 27
licence = "a contract with Google"
licence_kind = "permissive"
source = "our lawyers"
as_of = "2026-11-02"
"""


def a_pilot(model: str, licence: str | None) -> PilotConfiguration:
    candidate = {"name": "qwen", "base_url": "http://127.0.0.1:8000/v1", "model": model, "license": licence}
    return a_configuration(candidate=[candidate])


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    return path


def test_every_line_has_a_known_source_and_every_table_is_there() -> None:
    lines = (*BUILT_IN.models, *BUILT_IN.gpus, *BUILT_IN.prices, *BUILT_IN.claims)
    assert {line.source for line in lines} <= {source.key for source in BUILT_IN.sources}
    assert (len(BUILT_IN.models) >= 22, len(BUILT_IN.gpus) >= 10, BUILT_IN.own) == (True, True, frozenset())


@pytest.mark.parametrize("model", BUILT_IN.models, ids=lambda model: model.name)
def test_the_licence_of_every_model_is_of_the_kind_that_its_name_tells(model: CatalogueModel) -> None:
    assert licence_kind(model.licence) == model.licence_kind


@pytest.mark.parametrize(
    ("about", "model", "says", "speaks_against_it"),
    [
        ("fit", "DeepSeek V3.2", "INT4 on one H100", "343 GB"),
        ("fit", "DeepSeek V3.2", "4x H100", "320 GB"),
        ("licence", "Gemma 3 27B", "Apache-2.0", "Gemma Terms of Use"),
        ("licence", "Mistral Large 2", "Apache-2.0", "Mistral Research License"),
        ("fit", "Llama 3.1 405B", "2x A100 in INT4", "160 GB"),
        ("throughput", "Llama 3.1 70B", "30-50 requests a minute", "100,000 queries a day"),
        ("throughput", None, "0.013 US dollars per 1,000 tokens", "per million"),
    ],
)
def test_a_contradiction_of_the_field_is_a_line_of_its_own(
    about: str, model: str | None, says: str, speaks_against_it: str
) -> None:
    found = [line for line in BUILT_IN.claims if (line.about, line.model) == (about, model) and says in line.says]
    assert len(found) == 1
    assert found[0].contradicts is not None
    assert speaks_against_it in found[0].contradicts


def test_prices_that_differ_stay_apart() -> None:
    months = {price.source: price.usd_per_month for price in BUILT_IN.prices_of("H100 80GB")}
    assert months == {"TR": (Decimal(1460), Decimal(2920)), "TP": (Decimal(1825), Decimal(2555))}
    assert BUILT_IN.prices_of("L40S") == ()


def test_an_hourly_price_is_that_of_each_gpu() -> None:
    price = GpuPrice.model_validate(
        {"gpu": "H100 80GB", "gpus": 4, "usd_per_hour_low": 2, "usd_per_hour_high": 3, "source": "we", "as_of": "2026"}
    )
    assert price.usd_per_month == (Decimal(4 * 2 * 730), Decimal(4 * 3 * 730))


def test_stated_memory_is_what_the_parameters_give() -> None:
    stated = [line for line in BUILT_IN.claims if line.gb_low is not None and line.quantisation is not None]
    assert len(stated) >= 10
    for line in stated:
        model = BUILT_IN.model(line.model or "")
        assert model is not None
        assert line.quantisation is not None
        assert line.gb_low is not None
        computed = weights_gb(model.parameters_billion, line.quantisation)
        assert computed == pytest.approx(line.gb_low, rel=0.08), line.says


def test_a_model_is_found_by_its_exact_names_only() -> None:
    names = ["Qwen/Qwen3.5-27B", "qwen/qwen3.5-27b", "Qwen3.5-27B"]
    assert {BUILT_IN.model(name) for name in names} == {BUILT_IN.model("Qwen3.5-27B")} != {None}
    assert [BUILT_IN.model(name) for name in ("Qwen3.5", "Qwen3.5-27B-mine", "27B", "")] == [None] * 4


def test_own_lines_go_first_and_are_marked(tmp_path: Path) -> None:
    mine = catalogue(own(tmp_path, OWN))
    assert mine.own == {"mi300x", "h100 80gb", "gemma 3 27b"}
    assert [price.source for price in mine.prices_of("H100 80GB")] == ["our contract"]
    gemma = mine.model("our/gemma")
    assert gemma is not None
    assert gemma.source == "our lawyers"
    assert len(mine.models) == len(BUILT_IN.models)
    assert len(mine.gpus) == len(BUILT_IN.gpus) + 1
    assert mine.model("google/gemma-3-27b-it") is None


WRONG = [
    ('[[gpu]]\nname = "x"\nmemory = 3\n', 3, "gpu[0].memory", "did you mean 'memory_gb'?"),
    ('[[gpu]]\nname = "x"\nmemory_gb = "3"\nsource = "s"\nas_of = "2026"\n', 3, "gpu[0].memory_gb", "a number, above 0"),
    ('[[gpu]]\nname = "x"\nmemory_gb = 3\nas_of = "2026"\n', 1, "gpu[0].source", "is missing: give text"),
    ('[[gpu]]\nname = "x"\nmemory_gb = 3\nsource = "s"\nas_of = "May"\n', 5, "gpu[0].as_of", "'2026-11-02'"),
    (OWN.replace("permissive", "free"), 19, "model[0].licence_kind", "one of 'permissive', 'community'"),
    (OWN.replace("H100", "H10"), 8, "price[0].gpu", "there is no gpu 'H10' in the catalogue"),
    (OWN.replace("usd_per_hour_low = 1.9", "usd_per_hour_low = 2"), 10, "price[0].usd_per_hour_high", "must not be above"),
    (OWN.replace("usd_per_hour_low = 1.9\n", ""), 8, "price[0].gpu", "give usd_per_hour_low and usd_per_hour_high"),
    (OWN + OWN[OWN.index("[[model]]") :], 23, "model[1].name", "also a name of model[0] on line 13"),
    ("[[models]]\n", 1, "models", "Known: source, model, gpu, price, claim"),
    ("[[gpu]\n", None, None, "not a TOML file"),
]


@pytest.mark.parametrize(("text", "line", "field", "said"), WRONG)
def test_a_wrong_own_file_is_named_with_file_line_and_field(
    tmp_path: Path, text: str, line: int | None, field: str | None, said: str
) -> None:
    path = own(tmp_path, text)
    with pytest.raises(InvalidInput) as caught:
        catalogue(path)
    problems = {(problem.field, problem.line): problem.message for problem in caught.value.problems}
    assert said in problems[field, line]
    assert str(path) in caught.value.message


def test_an_own_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"PILOT_CATALOGUE.*cannot be read"):
        catalogue(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("model", "licence", "said"),
    [
        ("google/gemma-3-27b-it", "Apache-2.0", "but the catalogue says Gemma Terms of Use"),
        ("mistralai/Mistral-Large-Instruct-2407", "Apache-2.0", "not for commercial use"),
        ("google/gemma-3-27b-it", "Gemma", None),
        ("google/gemma-3-27b-it", None, "no licence is given; the catalogue says Gemma"),
        ("Qwen/Qwen3.5-27B", "Apache-2.0", None),
        ("our/own-model", "Apache-2.0", None),
        ("our/gemma-3-27b-it", "Apache-2.0", None),
    ],
)
def test_a_licence_that_is_not_the_catalogues_gives_a_note(model: str, licence: str | None, said: str | None) -> None:
    notes = licence_notes(a_pilot(model, licence), None)
    assert len(notes) == (0 if said is None else 1)
    assert said is None or said in notes[0]


def test_an_own_catalogue_that_is_wrong_is_said_and_does_not_stop_a_pilot(tmp_path: Path) -> None:
    first, second = licence_notes(a_pilot("google/gemma-3-27b-it", "Apache-2.0"), own(tmp_path, "x ="))
    assert "the built-in catalogue is used" in first
    assert "Gemma Terms of Use" in second


def test_the_example_of_the_page_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "catalogue.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    mine = catalogue(own(tmp_path, example))
    assert mine.own == {"h100 80gb", "mi300x", "our-qwen"}
    model = mine.model("our/qwen-27b-finetuned")
    assert model is not None
    assert model.kv_bytes_per_token == 2 * 64 * 8 * 128 * 2
