"""What the simulated customers ask and what the two assistants answer: the reply's quality is in its words.

A reply to a question names `level` of the six facts that a full answer has; a reply to an extraction has `level` of six
fields right. The rest of a reply is polite, as long, and says nothing.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from app.domain.exchange import Json
from app.simulator.draws import one_of, shuffled, uniform
from app.simulator.extraction import SCHEMA, extraction_text, letter_of
from app.simulator.truth import EXTRACTION, outcome_of, segment_of

INCUMBENT, CANDIDATE = "incumbent", "candidate"
CATALOGUE = Path(__file__).with_name("catalogue.toml")
ARTICLE = "Knowledge base:"
_CASE = re.compile(r"\bCase (\d{6})\b")
_MAX_TOKENS = 400


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a full answer says; every wording contains the key."""

    key: str
    wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """What a customer may ask, and the facts of a full answer."""

    name: str
    questions: tuple[str, ...]
    facts: tuple[Fact, ...]


@cache
def catalogue() -> Json:
    """The texts, as `catalogue.toml` has them."""
    with CATALOGUE.open("rb") as file:
        return tomllib.load(file)


@cache
def topics(segment: str) -> tuple[Topic, ...]:
    """The topics of a segment."""
    return tuple(
        Topic(
            topic["name"],
            tuple(topic["questions"]),
            tuple(Fact(fact["key"], tuple(fact["wordings"])) for fact in topic["facts"]),
        )
        for topic in catalogue()[segment]
    )


def topic_of(seed: int, case: int, turn: int) -> Topic:
    """What the customer asks in a turn; no topic comes twice in a case's first turns."""
    order = shuffled(topics(segment_of(case)), seed, case, "topics")
    return order[(turn - 1) % len(order)]


def system_text(seed: int, case: int, turn: int) -> str:
    """The application's instruction: the case, how to answer, and the article that was looked up for the question."""
    if segment_of(case) == EXTRACTION:
        return (
            f"Larkfield support. Case {case}. Take the fields from the customer's letter, exactly as they are written there. "
            "A field that is not in the letter is null. Answer with JSON only."
        )
    topic = topic_of(seed, case, turn)
    article = " ".join(fact.wordings[0] for fact in topic.facts)
    return f"{catalogue()['wording']['system']}\nCase {case}. {ARTICLE} {topic.name}. {article}"


def user_text(seed: int, case: int, turn: int) -> str:
    """What the customer writes."""
    if segment_of(case) == EXTRACTION:
        return letter_of(seed, case)
    question = one_of(topic_of(seed, case, turn).questions, seed, case, turn, "question")
    if turn == 1:
        return question
    return f"{one_of(catalogue()['wording']['follow_ups'], seed, case, turn, 'follow')} {question}"


def reply_text(seed: int, case: int, turn: int, arm: str) -> str:
    """An arm's reply; its quality is what the truth says."""
    outcome = outcome_of(seed, case, turn)
    level = outcome.incumbent_level if arm == INCUMBENT else outcome.candidate_level
    if segment_of(case) == EXTRACTION:
        return extraction_text(seed, case, arm, level)
    return _answer(seed, case, turn, arm, level)


def request_of(seed: int, case: int, turn: int, *, model: str, stream: bool = True) -> Json:
    """The request of a turn as production sent it: earlier turns carry the incumbent's replies."""
    messages: list[Json] = [{"role": "system", "content": system_text(seed, case, turn)}]
    for earlier in range(1, turn):
        failed = outcome_of(seed, case, earlier).incumbent_failure is not None
        said = catalogue()["wording"]["fallback"] if failed else reply_text(seed, case, earlier, INCUMBENT)
        messages += [{"role": "user", "content": user_text(seed, case, earlier)}, {"role": "assistant", "content": said}]
    messages.append({"role": "user", "content": user_text(seed, case, turn)})
    request: Json = {"model": model, "messages": messages, "max_tokens": _MAX_TOKENS}
    if segment_of(case) == EXTRACTION:
        return request | {"response_format": {"type": "json_schema", "json_schema": {"name": "letter", "schema": SCHEMA}}}
    return request | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})


def case_and_turn(messages: Sequence[Json]) -> tuple[int, int] | None:
    """Which simulated case a request belongs to; `None` for a request that is not of this world."""
    system = next((text_of(message) for message in messages if message.get("role") == "system"), "")
    found = _CASE.search(system)
    turn = sum(message.get("role") == "user" for message in messages)
    return (int(found.group(1)), turn) if found and turn else None


def text_of(message: Json) -> str:
    """The text of a message, whose content may be text, parts or nothing."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def tokens_in(text: str) -> int:
    """A simulated tokeniser: four characters a token, at least one."""
    return max(1, round(len(text) / 4))


def prompt_tokens(messages: Sequence[Json]) -> int:
    """Tokens of a request's messages, with four for each message's frame."""
    return sum(4 + tokens_in(text_of(message)) for message in messages)


def _answer(seed: int, case: int, turn: int, arm: str, level: int) -> str:
    wording = catalogue()["wording"][arm]
    topic = topic_of(seed, case, turn)
    named = set(shuffled(range(len(topic.facts)), seed, case, turn, arm, "facts")[:level])
    fillers = iter(shuffled(wording["fillers"], seed, case, turn, arm, "fillers"))
    lines = [one_of(wording["openings"], seed, case, turn, arm, "opening")]
    number = 0
    for index, fact in enumerate(topic.facts):
        if index in named:
            number += 1
            sentence = one_of(fact.wordings, seed, case, turn, arm, index)
            lines.append(wording["bullet"].format(number=number, sentence=sentence))
        elif uniform(seed, case, turn, arm, index, "filler") < 0.8:  # noqa: PLR2004 - most gaps are talked over
            lines.append(next(fillers))
    lines.append(one_of(wording["closings"], seed, case, turn, arm, "closing"))
    return "\n".join(lines)
