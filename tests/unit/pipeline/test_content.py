"""The content policy of a pilot: levels, what is kept, what candidates see, Presidio."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import orjson
import pytest

from app.capture.masking.presidio import is_installed, load_analyzer, presidio_rule
from app.domain.exchange import Failure, Json, Reply
from app.domain.words import FailureKind
from app.pipeline.content import ContentPolicy, checks_of, content_problems, strictest_level_of
from tests.builders import a_configuration
from tests.unit.masking.made_secrets import made_secret

KEY = b"the key of this test"
MAIL = "anna@example.com"
ASKED: Json = {"model": "m", "messages": [{"role": "user", "content": f"Write to {MAIL}"}]}
SEGMENTS = [
    {"name": "hr", "match": {"header": "hr"}, "content": "metadata"},
    {"name": "shop", "match": {"header": "shop"}, "content": "full"},
    {"name": "plain", "match": {"header": "plain"}},
]


def a_policy(level: str = "full", **content: Any) -> ContentPolicy:
    return ContentPolicy.of(a_configuration(content={"level": level} | content, segment=SEGMENTS), KEY)


@pytest.mark.parametrize(
    ("pilot", "segment", "header", "level"),
    [
        ("full", "other", None, "full"),
        ("full", "other", "masked", "masked"),
        ("full", "hr", "full", "metadata"),
        ("masked", "shop", "full", "masked"),
        ("masked", "hr", "masked", "metadata"),
        ("masked", "plain", "metadata", "metadata"),
        ("metadata", "shop", "full", "metadata"),
        ("full", "a segment that is gone", None, "full"),
    ],
)
def test_the_strictest_of_pilot_segment_and_header_wins(pilot: str, segment: str, header: Any, level: str) -> None:
    assert a_policy(pilot).level(segment, header) == level


def test_what_is_kept_at_each_level() -> None:
    policy, reply = a_policy(), Reply(f"To {MAIL}")
    assert orjson.loads(policy.kept_request("full", ASKED) or b"") == ASKED
    assert MAIL.encode() not in (policy.kept_request("masked", ASKED) or MAIL.encode())
    assert policy.kept_request("metadata", ASKED) is None
    assert orjson.loads(policy.kept_reply("full", reply) or b"") == {"content": f"To {MAIL}"}
    assert b"To [EMAIL:" in (policy.kept_reply("masked", reply) or b"")
    assert policy.kept_reply("metadata", reply) is None
    assert policy.kept_reply("metadata", Failure(FailureKind.HTTP, 400, MAIL)) is None
    assert b"[EMAIL:" in (policy.kept_reply("masked", Failure(FailureKind.HTTP, 400, MAIL)) or b"")


def test_the_key_that_a_server_repeats_as_it_refuses_it_is_kept_at_no_level() -> None:
    key = made_secret("openaiproject")
    kept = (
        a_policy().kept_reply("full", Failure(FailureKind.HTTP, 401, f"Incorrect API key provided: {key}. Ask {MAIL}.")) or b""
    )
    assert key.encode() not in kept
    assert MAIL.encode() in kept


def test_request_and_replies_that_are_masked_apart_name_a_value_alike() -> None:
    one, other = a_policy(), a_policy()
    asked = orjson.loads(one.kept_request("masked", ASKED) or b"")["messages"][0]["content"].removeprefix("Write to ")
    assert orjson.loads(other.kept_reply("masked", Reply(MAIL.upper())) or b"")["content"] == asked


def test_candidates_see_requests_as_they_are_unless_they_are_to_see_them_masked() -> None:
    assert a_policy("metadata").seen_by_candidate("metadata", ASKED) == ASKED
    seen = a_policy("full", candidate_sees="masked").seen_by_candidate("full", ASKED)
    assert seen["messages"][0]["content"].startswith("Write to [EMAIL:")


def test_a_candidate_that_saw_a_placeholder_and_says_it_agrees_with_the_incumbent_that_saw_the_value() -> None:
    policy = a_policy("metadata", candidate_sees="masked")
    said = policy.seen_by_candidate("metadata", ASKED)["messages"][0]["content"]
    incumbent, candidate = policy.checks(ASKED, Reply(f"write to {MAIL}")), policy.checks(ASKED, Reply(said))
    assert incumbent["text_digest"] == candidate["text_digest"]
    assert a_policy("metadata").checks(ASKED, Reply(said)) != a_policy("metadata").checks(ASKED, Reply(f"write to {MAIL}"))


def test_a_failure_has_no_checks() -> None:
    assert checks_of(KEY, ASKED, Failure(FailureKind.TIMEOUT)) == {}
    assert a_policy("metadata", candidate_sees="masked").checks(ASKED, Failure(FailureKind.TIMEOUT)) == {}


def test_what_rules_find_leaves_without_any_text() -> None:
    own = [{"name": "no mail", "pattern": "@example", "must": "not_match"}]
    policy = ContentPolicy.of(a_configuration(content={"level": "metadata", "candidate_sees": "masked"}, check=own), KEY)
    found = policy.checks(ASKED, Reply(f"I'm sorry, I can't help with that. Write to {MAIL}.", finish_reason="length"))
    assert {label.partition("@")[0] for label in found["findings"]["found"]} == {"refusal", "truncated", "own:no mail"}
    assert MAIL not in str(found)
    assert policy.checks(ASKED, Reply("Gladly.", finish_reason="stop"))["findings"]["found"] == []


def test_hidden_names_need_the_key() -> None:
    other = ContentPolicy.of(a_configuration(), b"another key")
    assert a_policy().hidden("thread-1") == a_policy().hidden("thread-1") != other.hidden("thread-1")


def test_the_strictest_level_of_a_pilot_looks_at_its_segments() -> None:
    assert strictest_level_of(a_configuration(content={"level": "masked"}, segment=SEGMENTS)) == "metadata"
    assert strictest_level_of(a_configuration(segment=SEGMENTS[1:])) == "full"


@dataclass
class Found:
    """As `presidio_analyzer.RecognizerResult`."""

    entity_type: str
    start: int
    end: int
    score: float = 0.85


class FakeAnalyzer:
    """As much of `presidio_analyzer.AnalyzerEngine` as is used; knows one name."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    def analyze(self, text: str, language: str, *, score_threshold: float) -> Sequence[Found]:
        self.asked.append((language, score_threshold))
        at = text.find("Anna Schmidt")
        return [Found("PERSON", at, at + 12)] if at >= 0 else []


@pytest.fixture
def presidio(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library, with the one class that is used."""
    module = ModuleType("presidio_analyzer")
    module.AnalyzerEngine = FakeAnalyzer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "presidio_analyzer", module)


@pytest.mark.usefixtures("presidio")
def test_presidio_finds_names_beside_our_rules() -> None:
    policy = a_policy("masked", engine="presidio", language="de")
    kept = policy.kept_reply("masked", Reply(f"Anna Schmidt has {MAIL}")) or b""
    assert orjson.loads(kept)["content"].startswith("[PERSON:")
    assert b"[EMAIL:" in kept


def test_presidio_is_told_the_language_and_how_sure_it_must_be() -> None:
    analyzer = FakeAnalyzer()
    (span,) = presidio_rule(analyzer, "de")("it is Anna Schmidt", "")
    assert (span.kind, span.value, analyzer.asked) == ("PERSON", "anna schmidt", [("de", 0.5)])


def test_where_presidio_is_missing_nothing_is_kept_instead_of_unmasked_text(caplog: pytest.LogCaptureFixture) -> None:
    if is_installed():
        pytest.skip("Presidio is installed here: what happens without it cannot be tried")
    with caplog.at_level(logging.ERROR):
        policy = a_policy("masked", engine="presidio", candidate_sees="masked")
    assert "not kept at all" in caplog.text
    assert policy.level("other", None) == policy.level("other", "masked") == "metadata"
    assert not policy.can_ask
    assert a_policy("full", engine="presidio").can_ask
    (problem,) = content_problems(a_configuration(content={"engine": "presidio"}))
    assert problem[0] == ("content", "engine")


def test_the_real_presidio_finds_a_name() -> None:
    if not is_installed():
        pytest.skip("presidio-analyzer is not installed: the adapter is tried with an engine of the same interface only")
    found = list(presidio_rule(load_analyzer(), "en")("My name is John Miller.", ""))
    assert "PERSON" in {span.kind for span in found}
