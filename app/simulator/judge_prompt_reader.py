"""Finds the conversation and the two replies in what a judge is sent, by the delimiters and nothing else."""

import re
from dataclasses import dataclass

from app.domain.exchange import Json
from app.simulator.assistant import text_of

# A delimiter line carries a token that was drawn for this call: long, and never the same twice.
_TOKEN = re.compile(r"[0-9a-f]{12,}")
_SECTIONS = 3


@dataclass(frozen=True, slots=True)
class JudgePrompt:
    """The delimited sections of a judge's prompt, verbatim."""

    question: str
    first: str
    second: str


def read_judge_prompt(request: Json) -> JudgePrompt:
    """The three sections of the last message.

    Raises:
        ValueError: If the message does not hold three sections between drawn delimiters.
    """
    text = text_of(request["messages"][-1])
    lines = text.split("\n")
    marks = [(index, found.group()) for index, line in enumerate(lines) if (found := _TOKEN.search(line))]
    sections, opened = [], None
    for index, token in marks:
        if opened is None:
            opened = (index, token)
        elif token == opened[1]:
            sections.append("\n".join(lines[opened[0] + 1 : index]))
            opened = None
    if len(sections) != _SECTIONS:
        message = f"a judge's prompt has {_SECTIONS} delimited sections, this one has {len(sections)}"
        raise ValueError(message)
    return JudgePrompt(*sections)
