"""The simulated judge before a rubric: it looks for the words that a criterion quotes, and errs now and then."""

import json
import re
from dataclasses import dataclass

from app.domain.exchange import Json
from app.graders.judge_prompt import REFERENCE
from app.graders.rubric_prompt import SECTIONS
from app.simulator.assistant import text_of
from app.simulator.draws import uniform

_PROMPT = re.compile(
    "\n".join(
        rf"<<<BEGIN {title} {'(?P<mark>[0-9a-f]{16,})' if not index else '(?P=mark)'}>>>\n"
        rf"(?P<text{index}>.*?)\n<<<END {title} (?P=mark)>>>"
        for index, title in enumerate(SECTIONS)
    )
    + rf"(?:\n<<<BEGIN {REFERENCE} (?P=mark)>>>\n(?P<reference>.*)\n<<<END {REFERENCE} (?P=mark)>>>)?",
    re.DOTALL,
)
_CRITERIA = re.compile(r"\nCriteria:\n(.*)\n\nAnswer with", re.DOTALL)
_CRITERION = re.compile(r"^(\d+)\. (.+)$", re.MULTILINE)
_QUOTED = re.compile(r"""["'](.+?)["']""")
_WORD = re.compile(r"\w{4,}")
HALF = 0.5


@dataclass(frozen=True, slots=True)
class RubricPrompt:
    """A rubric's question: the criteria by their numbers, and the reply that they are asked about."""

    criteria: tuple[tuple[str, str], ...]
    reply: str


def read_rubric_prompt(request: Json) -> RubricPrompt | None:
    """The question, if it is one about a rubric."""
    messages = request["messages"]
    asked, told = _PROMPT.fullmatch(text_of(messages[-1])), _CRITERIA.search(text_of(messages[0]))
    if asked is None or told is None:
        return None
    return RubricPrompt(tuple(_CRITERION.findall(told[1])), asked["text1"])


def scores_text(prompt: RubricPrompt, *, seed: int, misread_rate: float) -> str:
    """An answer in the form that is asked for; a criterion that is misread is answered the other way round."""
    listed = []
    for number, criterion in prompt.criteria:
        evidence = _evidence(criterion, prompt.reply)
        is_misread = uniform(seed, criterion, prompt.reply, "misread") < misread_rate
        met = (evidence is not None) != is_misread
        listed.append({"criterion": number, "evidence": evidence or "", "met": int(met)})
    return json.dumps({"criteria": listed})


def _evidence(criterion: str, reply: str) -> str | None:
    """Words of the reply that meet a criterion: those that it quotes, else half of its longer words; `None` = it is not met."""
    quoted = _QUOTED.search(criterion)
    if quoted:
        at = reply.casefold().find(quoted[1].casefold())
        return reply[at : at + len(quoted[1])] if at >= 0 else None
    said = {word.casefold() for word in _WORD.findall(reply)}
    wanted = [word for word in _WORD.findall(criterion) if word.casefold() in said]
    if not wanted or len(wanted) < HALF * len(_WORD.findall(criterion)):
        return None
    at = reply.casefold().find(wanted[0].casefold())
    return reply[at : at + len(wanted[0])]
