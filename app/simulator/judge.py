"""The simulated judge: it reads the prompt that it is sent, counts what each reply gets right, and errs now and then."""

import json
import re
from dataclasses import dataclass

from app.domain.exchange import Json
from app.graders.canaries import CONTRADICTION
from app.simulator.assistant import ARTICLE, prompt_tokens, tokens_in, topics
from app.simulator.completions import Answer, Refusal, usage_body
from app.simulator.draws import one_of, uniform
from app.simulator.extraction import fields_right
from app.simulator.judge_prompt_reader import JudgePrompt, read_judge_prompt
from app.simulator.rubric_judge import RubricPrompt, read_rubric_prompt, scores_text
from app.simulator.truth import ANSWERS, ESCALATIONS

FIRST, SECOND, TIE = "first", "second", "tie"
_ARTICLE = re.compile(re.escape(ARTICLE) + r" ([^.]+)\.")
_SENTENCE = re.compile(r"[.!?\n]+")
UNPARSABLE = "I would rather not choose between the two, they both have their merits."


@dataclass(frozen=True, slots=True)
class SimulatedJudge:
    """A judge with known faults.

    Attributes:
        model: The id it answers to.
        seed: Of its errors; the same pair in the same order always gets the same answer.
        misread_rate: Share of pairs that it reads wrongly, in both orders alike: the answer is then drawn.
        position_bias: Share of answers in which it takes the reply shown first, whatever it says.
        unparsed_rate: Share of answers that are not in the form that was asked for.
    """

    model: str
    seed: int = 0
    misread_rate: float = 0.09
    position_bias: float = 0.03
    unparsed_rate: float = 0.002

    def answer(self, request: Json) -> Answer | Refusal:
        """Compares the two replies of a prompt, or answers a rubric's question about one."""
        rubric = read_rubric_prompt(request)
        if rubric is not None:
            return self._score(request, rubric)
        try:
            prompt = read_judge_prompt(request)
        except ValueError as error:
            return Refusal(400, str(error), param="messages")
        if uniform(self.seed, prompt.first, prompt.second, "unparsed") < self.unparsed_rate:
            return spoken(request, self.model, UNPARSABLE)
        preference, reasoning = self._compare(prompt)
        return spoken(request, self.model, verdict_text(preference, reasoning))

    def _score(self, request: Json, rubric: RubricPrompt) -> Answer:
        if uniform(self.seed, rubric.reply, "unparsed") < self.unparsed_rate:
            return spoken(request, self.model, UNPARSABLE)
        return spoken(request, self.model, scores_text(rubric, seed=self.seed, misread_rate=self.misread_rate))

    def _compare(self, prompt: JudgePrompt) -> tuple[str, str]:
        first, second = points(prompt.question, prompt.first), points(prompt.question, prompt.second)
        better = FIRST if first > second else SECOND if second > first else TIE
        reasoning = f"The first reply gets {first} of the points that matter here, the second {second}."
        # The pair's key does not depend on the order, so a misreading survives the swap as a real one does.
        pair = sorted((prompt.first, prompt.second))
        if uniform(self.seed, *pair, "misread") < self.misread_rate:
            taken = one_of((pair[0], pair[1], None), self.seed, *pair, "taken")
            better = TIE if taken is None else FIRST if taken == prompt.first else SECOND
            reasoning = "Both replies read well; what weighs most is how each of them starts."
        if uniform(self.seed, prompt.first, prompt.second, "position") < self.position_bias:
            return FIRST, "The first reply leaves nothing to be desired."
        return better, reasoning


def points(question: str, reply: str) -> int:
    """How much a reply gets right: fields of a letter, facts of the article, or, of anything else, different sentences."""
    if CONTRADICTION in reply:
        return 0
    found = _ARTICLE.search(question)
    if found:
        return _facts_named(found.group(1), reply)
    right = fields_right(question, reply)
    return right if right is not None else len({part.strip().casefold() for part in _SENTENCE.split(reply) if part.strip()})


def verdict_text(preference: str, reasoning: str) -> str:
    """An answer in the form that the judge is asked for."""
    return json.dumps({"reasoning": reasoning, "preference": preference})


def spoken(request: Json, model: str, text: str) -> Answer:
    """A judge's answer with its token counts."""
    return Answer(text, model, usage=usage_body(prompt_tokens(request["messages"]), tokens_in(text)))


def _facts_named(topic_name: str, reply: str) -> int:
    said = reply.casefold()
    for topic in (*topics(ANSWERS), *topics(ESCALATIONS)):
        if topic.name == topic_name:
            return sum(fact.key.casefold() in said for fact in topic.facts)
    return 0
