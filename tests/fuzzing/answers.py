"""Parsers of what people and judges write: `pilot.toml`, the catalogue, verdicts, routing, addresses, cookies, hints."""

import re
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, cast
from urllib.parse import parse_qsl

import orjson

from app.costs.catalogue.reading import read_file
from app.dashboard.pairs_address import read_cursor, read_query
from app.dashboard.sessions import Signer
from app.domain.pair_query import PairSort
from app.domain.routing import routing_of
from app.errors import InvalidInput
from app.graders.judge_answer import parse_answer
from app.graders.rubric_answer import parse_rubric_answer
from app.pipeline.configuration import load_configuration
from parallel_pilot.hints import LEVELS, read_headers
from parallel_pilot.link import _answer
from parallel_pilot.outbox import wish_of
from tests.fuzzing.mutation import cuts
from tests.fuzzing.running import Target, named
from tests.fuzzing.seeds import seeds, words
from tests.unit.graders.test_judge_answer import FIRST, SECOND
from tests.unit.graders.test_rubric import RUBRIC

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 2, tzinfo=UTC)
SIGNER = Signer("a pepper of the fuzzer")


def check_judge(data: bytes, random: Random) -> None:
    """A verdict is certain or none; white space around it changes nothing."""
    text = data.decode("utf-8", "replace")
    shown = random.choice(((), (SECOND,), (text[: len(text) // 2],)))
    found = parse_answer(text, shown)
    assert found is None or found.preference in {"first", "second", "tie"}
    assert shown or parse_answer(f"\n  {text}", shown) == found
    scores = parse_rubric_answer(text, RUBRIC, shown)
    assert scores is None or (len(scores) == len(RUBRIC.criteria) and all(0 <= each.met <= 1 for each in scores))


def check_configuration(data: bytes, _: Random) -> None:
    """`pilot.toml` is right, or everything that is wrong is named."""
    try:
        load_configuration(data, NOW)
    except InvalidInput as error:
        named(error)


def check_catalogue(data: bytes, _: Random) -> None:
    """A catalogue file is right, or what is wrong is named with its line."""
    try:
        read_file(data.decode("utf-8", "replace"), "fuzzed")
    except InvalidInput as error:
        named(error)


def check_routing(data: bytes, _: Random) -> None:
    """What the gateway reads; it keeps what it knew at these errors and no others."""
    try:
        routing_of(orjson.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError):
        return


def check_addresses(data: bytes, random: Random) -> None:
    """What stands in addresses and cookies of pages."""
    text = data.decode("utf-8", random.choice(("replace", "surrogateescape")))
    try:
        query = read_query(dict(parse_qsl(text)))
        read_cursor(text, random.choice((query.sort, *PairSort)))
    except InvalidInput as error:
        named(error)
    assert SIGNER.read(text, 0.0) is None
    assert not SIGNER.is_form_token(text, "x")
    assert SIGNER.known_browser(text, "ada", 0.0) is None


class Response:
    """As much of an answer as the client reads."""

    def __init__(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers, self.reason = status, headers, "Reason"


def check_client(data: bytes, random: Random) -> None:
    """Inside other people's applications: hints and the service's answers are read without a sound."""
    pieces = cuts(data, random)
    names = (
        b"x-pilot-segment",
        b"X-Pilot-Content",
        b"X-PILOT-MIRROR",
        b"x-pilot-conversation",
        b"x-stainless-retry-count",
        b"x-other",
    )
    hints, _ = read_headers([(random.choice(names), piece) for piece in pieces])
    assert hints.content is None or hints.content in LEVELS
    assert hints.segment is None or "\0" not in hints.segment
    response = Response(random.choice((200, 503)), {"Retry-After": data[:9].decode("latin-1")})
    answer = _answer(cast("Any", response), data)
    try:
        {pilot: wish_of(said) for pilot, said in answer.document["pilots"].items()}
    except (KeyError, TypeError, AttributeError):  # what the sender takes for no answer of ours
        return


def _examples() -> tuple[bytes, ...]:
    """A small `pilot.toml`, and every one in its documentation."""
    found = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "pilot-toml.md").read_text(), re.DOTALL)
    return (*seeds("pilot_toml"), *(text.encode() for text in found))


EXAMPLES = _examples()
JUDGES = (
    FIRST.encode(), f"<think>{SECOND}</think>\n{FIRST}".encode(), f"```json\n{FIRST}\n```".encode(), f"So:\n{FIRST}".encode(),
    *seeds("judge_scores"),
)  # fmt: skip
ADDRESSES = (
    *words("text=a%20b&in=request&outcome=worse&sort=newest&segment=chat&turn=2&day=3 2026-11-02T10:00:00+00:00~5~2 0.5~5~2"),
    SIGNER.write(SIGNER.new_session("admin", -1e6)).encode(),
    SIGNER.write_known("bob", 0.0).encode(),
)
TOML_WORDS = words(
    """[[candidate]]\n;[pilot]\n;name = ;\"\"\";\'\'\';= 1e999\n;= inf\n;= [;{ a = 1 };
1979-05-27T07:32:00Z;license;[labels]\n;[content]\n;
grader = ;[[segment]]\n;match = ;pattern = ;(a+)+$;true;days = """,
    ";",
)
CATALOGUE = tuple(file.read_bytes() for file in sorted((ROOT / "app" / "costs" / "catalogue").glob("*.toml")))
TARGETS = (
    Target(
        "judge", check_judge, JUDGES, words('"preference" first second tie reasoning criteria met {{{{{{{{{{{{{{{{{{{{'), 3.0
    ),
    Target("pilot_toml", check_configuration, EXAMPLES, TOML_WORDS, 0.6),
    Target("catalogue", check_catalogue, CATALOGUE, TOML_WORDS, 0.3),
    Target("routing", check_routing, seeds("routing"), words("version default pilots mirrors"), 2.0),
    Target("page_addresses", check_addresses, ADDRESSES, words("~ & sort= after= ."), 2.0),
    Target(
        "client", check_client, (*seeds("client"), b"off, on", b"masked", b"12"), words("pilots refused mirrors off full"), 2.0
    ),
)
