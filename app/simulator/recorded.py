"""Models that repeat what real ones said: replies by key, and a judge's verdicts by the texts that it is shown."""

import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.domain.exchange import Json
from app.simulator.completions import Answer, Refusal
from app.simulator.judge import FIRST, SECOND, TIE, UNPARSABLE, spoken, verdict_text
from app.simulator.judge_prompt_reader import JudgePrompt, read_judge_prompt


@dataclass(frozen=True, slots=True)
class RecordedModel:
    """Answers with the reply recorded under the request's `metadata.pair`.

    Attributes:
        model: The id it answers to.
        replies: By key: `content`, and if there were any `tool_calls`, `finish_reason`, `usage`.
    """

    model: str
    replies: Mapping[str, Json]

    def answer(self, request: Json) -> Answer | Refusal:
        """The recorded reply; 404 for a key that nobody recorded."""
        key = (request.get("metadata") or {}).get("pair")
        reply = self.replies.get(key) if isinstance(key, str) else None
        if reply is None:
            return Refusal(404, f"no reply is recorded for metadata.pair {key!r}", code="unknown_pair", param="metadata.pair")
        return Answer(
            reply.get("content"),
            self.model,
            tuple(reply.get("tool_calls") or ()),
            reply.get("finish_reason") or "stop",
            reply.get("usage"),
        )


@dataclass(frozen=True, slots=True)
class RecordedVerdict:
    """What a judge said to a question and two replies in both orders; `winner_*` is 1, 2, 0 for a tie or None for unparsed.

    Attributes:
        question: The conversation as the judge's prompt shows it.
        reply_1: The reply that `1` means.
        reply_2: The reply that `2` means.
        winner_shown_1_2: The winner with reply 1 shown first.
        winner_shown_2_1: The winner with reply 2 shown first.
    """

    question: str
    reply_1: str
    reply_2: str
    winner_shown_1_2: int | None
    winner_shown_2_1: int | None


class RecordedJudge:
    """Finds the pair by the question and both replies, each compared whole, and repeats the verdict for that order.

    Args:
        model: The id it answers to.
        verdicts: One per pair. Two that show the same texts in the same order must agree.

    Raises:
        ValueError: If two verdicts contradict each other.
    """

    def __init__(self, model: str, verdicts: Iterable[RecordedVerdict]) -> None:
        self._model = model
        self._preferences: dict[JudgePrompt, str | None] = {}
        for verdict in verdicts:
            self._keep(verdict.question, verdict.reply_1, verdict.reply_2, _shown(verdict.winner_shown_1_2, 1))
            self._keep(verdict.question, verdict.reply_2, verdict.reply_1, _shown(verdict.winner_shown_2_1, 2))

    @property
    def model(self) -> str:
        """The id it answers to."""
        return self._model

    def answer(self, request: Json) -> Answer | Refusal:
        """The recorded verdict; what was unparsed then is unparsable each time; 404 for texts that nobody recorded."""
        try:
            prompt = read_judge_prompt(request)
        except ValueError as error:
            return Refusal(400, str(error), param="messages")
        if prompt not in self._preferences:
            return Refusal(404, "no verdict is recorded for this question and these replies", code="unknown_pair")
        preference = self._preferences[prompt]
        if preference is None:
            return spoken(request, self._model, UNPARSABLE)
        return spoken(request, self._model, verdict_text(preference, "recorded"))

    def _keep(self, question: str, first: str, second: str, preference: str | None) -> None:
        prompt = JudgePrompt(question, first, second)
        if self._preferences.setdefault(prompt, preference) != preference:
            message = f"two recorded verdicts contradict each other on the question {question[:80]!r}"
            raise ValueError(message)


def read_recorded_replies(path: Path) -> dict[str, Json]:
    """Recorded replies from a JSONL file (also gzipped), one `{"key": …, "content": …}` a line.

    Raises:
        ValueError: If a line is no such object or a key comes twice.
    """
    replies: dict[str, Json] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        for number, line in enumerate(file, start=1):
            document = json.loads(line)
            if not isinstance(document, dict) or not isinstance(document.get("key"), str) or document["key"] in replies:
                message = f"{path}, line {number}: each line needs a `key` of its own"
                raise ValueError(message)
            replies[document["key"]] = document
    return replies


def _shown(winner: int | None, first: int) -> str | None:
    if not winner:
        return TIE if winner == 0 else None
    return FIRST if winner == first else SECOND
