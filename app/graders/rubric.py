"""The rubric grader: each reply is scored by written criteria, blind and apart, and the scores are compared.

The score of a reply is that of HealthBench (arXiv 2505.08775, section 3): the points of the criteria that it meets over the sum
of the positive points. It is at most 1 and may be below 0; only a mean of scores is clipped.
"""

import hashlib
from collections.abc import Sequence

import orjson

from app.domain.rubric_scores import CriterionMet
from app.domain.rubric_table import Rubric
from app.graders.judge_texts import Limits, shown_reply
from app.graders.question import Question
from app.graders.rubric_answer import RubricAnswer, parse_rubric_answer
from app.graders.rubric_prompt import (
    INSTRUCTIONS,
    TEMPLATE_VERSION,
    ScoredReply,
    response_schema,
    rubric_messages,
    shown_of,
)
from app.providers.draft import repaired

MAX_EVIDENCE = 1000
# From here on a fault counts as there.
IS_MET = 0.5
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"


def rubric_question(rubric: Rubric, scored: ScoredReply, key: str | None = None) -> Question[RubricAnswer]:
    """One reply and a rubric as the question that a judge is asked.

    Args:
        rubric: Whose criteria are asked about.
        scored: The reply.
        key: The same for questions whose answer is the same; one of them is asked.
    """

    def parse(text: str) -> RubricAnswer | None:
        return parse_rubric_answer(text, rubric, [shown.text for shown in shown_of(scored).values()])

    return Question(lambda: rubric_messages(rubric, scored), "rubric", response_schema(rubric), parse, key)


def rubric_version(rubric: Rubric, model: str, temperature: float | None, limits: Limits) -> str:
    """Names all that a score depends on beside the reply: criteria, points, the prompt, the model, the temperature, cuts."""
    criteria = [[each.text, each.points, each.is_critical] for each in rubric.criteria]
    parts = [TEMPLATE_VERSION, INSTRUCTIONS, criteria, rubric.versions, model, temperature]
    said = orjson.dumps([*parts, limits.reply_chars, limits.conversation_chars])
    return hashlib.sha256(said).hexdigest()[:12]


def score_value(rubric: Rubric, met: Sequence[float]) -> float:
    """The points of what is met over the sum of the positive points.

    Args:
        rubric: Its criteria's points.
        met: How far each criterion holds, in [0, 1].

    Returns:
        At most 1; below 0 where faults outweigh.

    Example:
        >>> from app.domain.rubric_table import Criterion
        >>> rubric = Rubric("rubric:support", (Criterion("answers", 4, False), Criterion("invents", -6, True)))
        >>> score_value(rubric, [1, 0]), score_value(rubric, [0.5, 0]), score_value(rubric, [1, 1])
        (1.0, 0.5, -0.5)
    """
    points = sum(share * criterion.points for share, criterion in zip(met, rubric.criteria, strict=True))
    return min(points / rubric.most_points, 1.0)


def preference_of(*, candidate: float, incumbent: float) -> float:
    """Two scores as the preference for the candidate: half the difference from the middle, cut at 0 and 1.

    A margin of 0.05 so means that the candidate's score may on average lie 0.1 below the incumbent's: one tenth of what can
    be got, as with `incumbent_is_reference`, where it is one tenth of the agreement.

    Example:
        >>> preference_of(candidate=0.9, incumbent=0.7), preference_of(candidate=0.0, incumbent=1.0)
        (0.6, 0.0)
    """
    return min(max(0.5 + (candidate - incumbent) / 2, 0.0), 1.0)


def criteria_met(rubric: Rubric, answer: RubricAnswer, scored: ScoredReply) -> tuple[CriterionMet, ...]:
    """The answer with what became of its quotes: a merit whose evidence does not stand in the reply is flagged, and stands."""
    shown = _folded(shown_reply(scored.reply, "").text)
    return tuple(
        CriterionMet(
            said.met,
            repaired(said.evidence)[:MAX_EVIDENCE],
            is_quoted=not (said.met > 0 and criterion.points > 0) or _is_quoted(said.evidence, shown),
        )
        for said, criterion in zip(answer, rubric.criteria, strict=True)
    )


def cut_chars(scored: ScoredReply) -> dict[str, int]:
    """How many characters of what sections are not shown, by the sections' titles."""
    return {title: shown.left_out for title, shown in shown_of(scored).items() if shown.left_out}


def critical_met(rubric: Rubric, met: Sequence[float]) -> list[str]:
    """The critical criteria that hold of a reply, in the rubric's words."""
    pairs = zip(met, rubric.criteria, strict=True)
    return [criterion.text for share, criterion in pairs if criterion.is_critical and share >= IS_MET]


def _is_quoted(evidence: str, shown: str) -> bool:
    words = _folded(evidence)
    bare = words.strip(_QUOTES)
    return bool(bare) and (words in shown or bare in shown)


def _folded(text: str) -> str:
    """Verbatim but for runs of white space."""
    return " ".join(text.split())
