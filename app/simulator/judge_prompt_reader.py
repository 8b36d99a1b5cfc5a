"""Finds the conversation and the two replies in what a judge is sent: by the delimiter lines and nothing else."""

import re
from dataclasses import dataclass

from app.domain.exchange import Json
from app.graders.judge_prompt import REFERENCE, SECTIONS
from app.simulator.assistant import text_of

_PROMPT = re.compile(
    "\n".join(
        rf"<<<BEGIN {title} {'(?P<mark>[0-9a-f]{16,})' if not index else '(?P=mark)'}>>>\n"
        rf"(?P<text{index}>.*?)\n<<<END {title} (?P=mark)>>>"
        for index, title in enumerate(SECTIONS)
    )
    + rf"(?:\n<<<BEGIN {REFERENCE} (?P=mark)>>>\n(?P<reference>.*)\n<<<END {REFERENCE} (?P=mark)>>>)?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """The delimited sections of a judge's prompt, verbatim."""

    question: str
    first: str
    second: str
    reference: str | None = None


def read_judge_prompt(request: Json) -> JudgePrompt:
    """The sections, which are the whole last message.

    Raises:
        ValueError: If the last message is anything else.
    """
    found = _PROMPT.fullmatch(text_of(request["messages"][-1]))
    if found is None:
        message = "the last message is not the sections of a comparison between delimiter lines with one mark"
        raise ValueError(message)
    return JudgePrompt(found["text0"], found["text1"], found["text2"], found["reference"])
