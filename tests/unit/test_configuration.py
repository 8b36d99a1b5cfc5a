"""`pilot.toml`: what is accepted, and what is said about everything else."""

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.configuration import PilotConfiguration
from app.domain.families import guess_family, same_model
from app.domain.toml_lines import key_lines
from app.errors import InvalidInput, Problem
from app.pipeline.configuration import Loaded, load_configuration
from tests.unit.later_keys import added_later

NOW = datetime(2026, 11, 21, tzinfo=UTC)

SMALL = """\
[pilot]
name = "support-bot"
[incumbent]
base_url = "https://api.openai.com/v1"
model = "gpt-5.1"
[[candidate]]
name = "qwen"
base_url = "http://vllm:8000/v1"
model = "Qwen/Qwen3.5-27B"
"""

# The example of the contract, with every key that there is.
WHOLE = """\
[pilot]
name = "support-bot"
starts = 2026-11-02                  # default: the day of the oldest exchange
days = 28
timezone = "UTC"
planned_conversations = 1400
[decision]
reason = "cost"
[incumbent]
base_url = "https://api.openai.com/v1"
model = "gpt-5.1"
family = "openai"
api_key_env = ""
input_usd_per_million_tokens = 1.25
cached_input_usd_per_million_tokens = 0.125
output_usd_per_million_tokens = 10.0
[[candidate]]
name = "qwen"
base_url = "http://vllm:8000/v1"
model = "Qwen/Qwen3.5-27B"
server = "vllm"
family = "qwen"
license = "Apache-2.0"
license_reviewed = false
api_key_env = ""
timeout_seconds = 120
max_concurrency = 64
gpu_usd_per_hour = 3.0
gpus_per_replica = 1
replicas = 1
strip_think = false
[control]
rate = 0.0
[sampling]
rate = 1.0
[content]
level = "full"
candidate_sees = "raw"
[[segment]]
name = "extraction"
match = { header = "extraction" }
margin = 0.05
grader = "judge"
incumbent_is_reference = false
[quality]
margin = 0.05
[judge]
base_url = "http://judge:8000/v1"
model = "some/judge"
family = "other"
api_key_env = "JUDGE_API_KEY"
rater = ""
input_usd_per_million_tokens = 0
output_usd_per_million_tokens = 0
budget_usd = 50
allow_same_family = false
temperature = 0
[labels]
per_day = 15
[latency]
ttft_any_p95_seconds = 1.0
total_p95_seconds = 3.0
accept_imported = false
[reliability]
max_failure_rate = 0.01
[cost]
engineer_usd_per_hour = 90
other_usd_per_month = 500
horizon_months = 24
[constraints]
data_must_stay = false
team_has_gpu_experience = true
"""


def load(text: str | bytes) -> Loaded:
    return load_configuration(text, NOW)


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as refused:
        load(text)
    assert refused.value.problems
    return refused.value.problems


def only_problem_of(text: str) -> Problem:
    (problem,) = problems_of(text)
    return problem


def refusal(text: str) -> InvalidInput | None:
    try:
        load(text)
    except InvalidInput as refused:
        return refused
    return None


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_the_contracts_example_is_accepted_whole() -> None:
    loaded = load(WHOLE)
    assert loaded.guesses == ()
    configuration = loaded.configuration
    assert configuration.judge is not None
    assert configuration.judge.rater_name == "some/judge"
    assert configuration.incumbent.cached_input_usd_per_million_tokens == Decimal("0.125")
    assert configuration.segment[0].match is not None
    assert PilotConfiguration.model_validate(configuration.model_dump(mode="json")) == configuration


def test_every_key_of_the_contracts_example_is_known_and_none_is_missing() -> None:
    def keys(value: Any, path: str = "") -> set[str]:
        if isinstance(value, dict):
            return {inner for key, child in value.items() for inner in keys(child, f"{path}.{key}")} | {path}
        return keys(value[0], path) if isinstance(value, list) and value else {path}

    dumped = keys(load(WHOLE).configuration.model_dump(mode="json"))
    alternatives = {f".segment.match.{key}" for key in ("path", "model", "system_prompt")}
    alternatives |= {f".candidate.{key}_usd_per_million_tokens" for key in ("input", "cached_input", "output")}
    assert dumped - keys(tomllib.loads(WHOLE)) == alternatives | added_later()


def test_only_promised_defaults_are_filled_in() -> None:
    c = load(SMALL).configuration
    (candidate,) = c.candidate
    assert (c.pilot.days, c.pilot.timezone, c.pilot.planned_conversations, c.decision.reason) == (28, "UTC", 1400, "cost")
    assert (candidate.server, candidate.timeout_seconds, candidate.max_concurrency) == ("openai", 120, 64)
    assert (candidate.gpus_per_replica, candidate.replicas, candidate.gpu_usd_per_hour, candidate.license) == (1, 1, None, None)
    assert (c.control.rate, c.sampling.rate, c.content.level, c.content.candidate_sees) == (0, 1, "full", "raw")
    assert (c.quality.margin, c.labels.per_day, c.pilot.starts) == (0.05, 15, None)
    assert (c.judge, c.latency, c.reliability, c.cost, c.constraints) == (None,) * 5
    assert c.incumbent.input_usd_per_million_tokens is None


def test_a_guessed_family_is_said() -> None:
    loaded = load(SMALL)
    assert [(g.field, g.value) for g in loaded.guesses] == [("incumbent.family", "openai"), ("candidate[0].family", "qwen")]
    assert "gpt-5.1" in loaded.guesses[0].message
    assert loaded.configuration.incumbent.family == "openai"


def test_a_family_that_cannot_be_guessed_is_said_and_stays_unknown() -> None:
    loaded = load(SMALL.replace("gpt-5.1", "in-house"))
    assert loaded.configuration.incumbent.family is None
    assert "give it" in loaded.guesses[0].message


@pytest.mark.parametrize(
    ("before", "after", "field", "says"),
    [
        ("days = 28", "days = 13", "pilot.days", "at least 14 and at most 42"),
        ("days = 28", "days = 43", "pilot.days", "not 43"),
        ("days = 28", "days = true", "pilot.days", "a whole number"),
        ("days = 28", "days = 28.0", "pilot.days", "a whole number"),
        ("days = 28", 'days = "28"', "pilot.days", "a whole number"),
        ("starts = 2026-11-02 ", 'starts = "2026-11-02" ', "pilot.starts", "without quotes"),
        ("starts = 2026-11-02 ", "starts = 2026-11-02T00:00:00Z ", "pilot.starts", "a date"),
        ("starts = 2026-11-02 ", "starts = 0001-01-01 ", "pilot.starts", "from 2000"),
        ('timezone = "UTC"', 'timezone = "Berlin"', "pilot.timezone", "'Europe/Berlin'"),
        ('reason = "cost"', 'reason = "speed"', "decision.reason", "'cost', 'privacy', 'latency', 'control'"),
        ('server = "vllm"', 'server = "vlm"', "candidate[0].server", "'tensorrt-llm'"),
        ("replicas = 1\nstrip", "replicas = 0\nstrip", "candidate[0].replicas", "at least 1"),
        ("timeout_seconds = 120", "timeout_seconds = nan", "candidate[0].timeout_seconds", "above 0"),
        ("timeout_seconds = 120", "timeout_seconds = inf", "candidate[0].timeout_seconds", "at most 86400"),
        ("gpu_usd_per_hour = 3.0", "gpu_usd_per_hour = nan", "candidate[0].gpu_usd_per_hour", "at least 0"),
        ("gpu_usd_per_hour = 3.0", "gpu_usd_per_hour = -1", "candidate[0].gpu_usd_per_hour", "not -1"),
        ("gpu_usd_per_hour = 3.0", 'gpu_usd_per_hour = "3"', "candidate[0].gpu_usd_per_hour", "a number"),
        ("license_reviewed = false", 'license_reviewed = "no"', "candidate[0].license_reviewed", "true or false"),
        ("license_reviewed = false", "license_reviewed = 0", "candidate[0].license_reviewed", "true or false"),
        ('name = "qwen"', 'name = "incumbent"', "candidate[0].name", "another"),
        ('name = "support-bot"', 'name = "support bot"', "pilot.name", "letters, digits"),
        ('name = "support-bot"', 'name = "../x"', "pilot.name", "part of addresses"),
        ('base_url = "http://judge:8000/v1"', 'base_url = "judge:8000"', "judge.base_url", "http or https"),
        ('base_url = "http://judge:8000/v1"', 'base_url = "http://u:p@judge/v1"', "judge.base_url", "no user"),
        ('base_url = "http://judge:8000/v1"', 'base_url = "http://judge:99999/v1"', "judge.base_url", "http or https"),
        ('base_url = "http://judge:8000/v1"', 'base_url = "http://j/v1/chat/completions"', "judge.base_url", "before"),
        ("rate = 0.0", "rate = 0.5", "control.rate", "incumbent.api_key_env"),
        ("rate = 1.0", "rate = 0 #", "sampling.rate", "above 0"),
        ('level = "full"', 'level = "none"', "content.level", "'full', 'masked', 'metadata'"),
        ('candidate_sees = "raw"', 'candidate_sees = "nothing"', "content.candidate_sees", "'raw', 'masked'"),
        ('name = "extraction"', 'name = "other"', "segment[0].name", "'other'"),
        ('{ header = "extraction" }', '{ path = "(" }', "segment[0].match.path", "a regular expression"),
        ('{ header = "extraction" }', "{}", "segment[0].match", "everything"),
        ("margin = 0.05\ngrader", "margin = 0.5\ngrader", "segment[0].margin", "below 0.5"),
        ('grader = "judge"', 'grader = "rubric:tone"', "segment[0].grader", "no rubric is called 'tone'"),
        ('grader = "judge"', 'grader = "json_fields"', "segment[0].grader", "incumbent_is_reference = true"),
        ('grader = "judge"', 'grader = "label"', "segment[0].grader", "incumbent_is_reference = true"),
        ('grader = "judge"', 'grader = "autoevals:JSONDiff"', "segment[0].grader", "incumbent_is_reference = true"),
        ('grader = "judge"', 'grader = "autoevals:Factuality"', "segment[0].grader", "ask no model: ExactMatch, JSONDiff"),
        ('grader = "judge"', 'grader = "python:a"', "segment[0].grader", "must be python:module:function"),
        ('grader = "judge"', 'grader = "judg"', "segment[0].grader", "unknown in this version; allowed: judge"),
        ('grader = "judge"', 'grader = "exact"', "segment[0].grader", "incumbent_is_reference = true"),
        ("budget_usd = 50", "budget_usd = 1e30", "judge.budget_usd", "a number"),
        ("temperature = 0", "temperature = 3", "judge.temperature", "at most 2"),
        ("max_failure_rate = 0.01", "max_failure_rate = 1", "reliability.max_failure_rate", "below 1"),
        ("horizon_months = 24", "horizon_month = 24", "cost.horizon_month", "did you mean 'horizon_months'?"),
        ("[labels]", "[lables]", "lables", "did you mean 'labels'?"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_key_line_and_what_is_allowed(before: str, after: str, field: str, says: str) -> None:
    text = WHOLE.replace(before, after, 1)
    assert text != WHOLE
    problem = only_problem_of(text)
    assert (problem.field, problem.line) == (field, line_of(text, after.partition("\n")[0]))
    assert says in problem.message


def test_all_problems_are_listed_at_once_in_the_files_order() -> None:
    text = WHOLE
    for before, after in [
        ("days = 28", "days = 3"),
        ('reason = "cost"', 'reson = "cost"'),
        ('server = "vllm"', 'server = "vlm"'),
        ("rate = 0.0", "rate = 0.5"),
        ('grader = "judge"', 'grader = "exact"'),
        ('family = "other"', 'family = "OpenAI"'),
    ]:
        text = text.replace(before, after, 1)
    found = problems_of(text)
    fields = [p.field for p in found]
    assert fields == ["pilot.days", "decision.reson", "candidate[0].server", "control.rate", "segment[0].grader", "judge.model"]
    assert [p.line for p in found] == sorted(p.line or 0 for p in found)


@pytest.mark.parametrize("missing", ['name = "support-bot"', 'model = "gpt-5.1"', 'base_url = "http://vllm:8000/v1"'])
def test_a_missing_key_is_named_with_its_tables_line(missing: str) -> None:
    problem = only_problem_of(SMALL.replace(missing + "\n", ""))
    assert problem.code == "missing"
    assert problem.line in {1, 3, 6}


def test_a_pilot_needs_a_candidate() -> None:
    problem = only_problem_of(SMALL.partition("[[candidate]]")[0])
    assert (problem.field, problem.code) == ("candidate", "missing")


def test_single_brackets_for_a_candidate_are_explained() -> None:
    assert "double brackets" in only_problem_of(SMALL.replace("[[candidate]]", "[candidate]")).message


def test_two_candidates_of_one_name_are_refused_at_the_second() -> None:
    text = SMALL + '[[candidate]]\nname = "qwen"\nbase_url = "http://b/v1"\nmodel = "m"\n'
    problem = only_problem_of(text)
    assert (problem.field, problem.line) == ("candidate[1].name", 11)


def test_a_key_that_was_pasted_is_not_repeated() -> None:
    problem = only_problem_of(WHOLE.replace('"JUDGE_API_KEY"', '"sk-proj-abc"'))
    assert "sk-proj-abc" not in problem.message
    assert "name of an environment variable" in problem.message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SMALL + "x = \n", 10),
        (SMALL + 'name = "again"\n', 10),
        (SMALL + '[incumbent]\nmodel = "x"\n', 10),
        ("[pilot\n", 1),
        (b'[pilot]\nname = "\xff"\n', 2),
        ("x = " + "[" * 5000, None),
        ("x = " + "1" * 5000, None),
        ("", None),
        (b"\x00", 1),
    ],
)
def test_what_is_not_toml_is_named_with_its_line(text: str | bytes, line: int | None) -> None:
    assert problems_of(text)[0].line == line


def test_a_judge_without_a_known_price_is_refused() -> None:
    problem = only_problem_of(WHOLE.replace("output_usd_per_million_tokens = 0\nbudget", "budget"))
    assert (problem.field, problem.line, problem.code) == ("judge", line_of(WHOLE, "[judge]"), "unknown_price")


def test_a_judge_whose_price_the_table_knows_needs_none() -> None:
    judge = '[judge]\nbase_url = "http://judge/v1"\nmodel = "claude-sonnet-4-5"\n'
    assert load(SMALL + judge).configuration.judge is not None


def test_imported_grades_of_a_rater_need_no_price_and_may_be_of_any_family() -> None:
    judge = load(SMALL + '[judge]\nrater = "gpt-4"\n').configuration.judge
    assert judge is not None
    assert judge.rater_name == "gpt-4"


@pytest.mark.parametrize(
    "judge",
    [
        'model = "gpt-4o"',
        'model = "my-alias"\nfamily = "GPT"',
        'model = "Qwen/Qwen3-8B"',
        'model = "openai/gpt-5.1-2026-01-01"\nfamily = "other"',
    ],
)
def test_a_judge_of_an_arms_family_is_refused_unless_allowed(judge: str) -> None:
    table = f'[judge]\nbase_url = "http://j/v1"\n{judge}\ninput_usd_per_million_tokens = 0\noutput_usd_per_million_tokens = 0\n'
    problem = only_problem_of(SMALL + table)
    assert problem.code == "same_family"
    assert "allow_same_family = true" in problem.message
    assert load(SMALL + table + "allow_same_family = true\n")


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("gpt-5.1", "openai"), ("o3-mini", "openai"), ("openai/gpt-oss-120b", "openai"), ("claude-sonnet-4-5", "anthropic"),
        ("Qwen/Qwen3.5-27B", "qwen"), ("meta-llama/Llama-3.1-8B", "llama"), ("deepseek-ai/DeepSeek-R1", "deepseek"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", "qwen"),
        ("mistralai/Mixtral-8x7B", "mistral"), ("google/gemma-2", "google"),
        ("some/judge", None), ("in-house", None), ("graphite", None),
    ],
)  # fmt: skip
def test_families_are_guessed_from_names(model: str, family: str | None) -> None:
    assert guess_family(model) == family


def test_an_account_a_date_or_letter_case_do_not_make_another_model() -> None:
    assert same_model("openai/GPT-4o-2024-08-06", "gpt-4o")
    assert not same_model("gpt-4o-mini", "gpt-4o")


def test_lines_are_found_in_every_form_of_toml() -> None:
    text = (
        'a.b . "c" = 1\n'
        '[[t]]\nx = """\n"\\"""\n[no]\n"""\ny = { z = [1, # ]\n 2], "q.r" = 3 }\n[t.s]\nd = 1979-05-27 07:32:00\n'
        "[[t]]\nlist = [\n  # a comment\n  { k = '''\n'''' },\n]\n"
    )
    tomllib.loads(text)
    lines = key_lines(text)
    assert lines[("a", "b", "c")] == 1
    assert (lines[("t", 0)], lines[("t", 0, "x")], lines[("t", 0, "y")]) == (2, 3, 7)
    assert (lines[("t", 0, "y", "z", 1)], lines[("t", 0, "y", "q.r")], lines[("t", 0, "s", "d")]) == (8, 8, 10)
    assert (lines[("t", 1)], lines[("t", 1, "list", 0, "k")]) == (11, 14)


_scalars = st.one_of(
    st.text(max_size=8), st.integers(), st.booleans(), st.floats(), st.dates(), st.datetimes(), st.just([]), st.just({})
)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08X}" for c in value if not 0xD800 <= ord(c) < 0xE000) + '"'
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([n for n, text in enumerate(WHOLE.splitlines()) if "=" in text]), _scalars)
def test_any_value_anywhere_is_accepted_or_refused_with_a_line(number: int, value: Any) -> None:
    lines = WHOLE.splitlines()
    lines[number] = f"{lines[number].split('=')[0]}= {_toml(value)}"
    refused = refusal("\n".join(lines))
    assert refused is None or {problem.line for problem in refused.problems} - {None}
