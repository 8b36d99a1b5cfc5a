"""One pair with all that is known of it: texts, what every grader and person said, what decided, what was measured."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.domain.configuration import PilotConfiguration
from app.domain.content import METADATA
from app.domain.findings import Findings
from app.domain.grading import IMPORTED, PairKey
from app.domain.pilot import Arm, Pilot
from app.domain.rubric_table import asks_a_model, is_rubric, rubric_names, rubric_of
from app.errors import NotFound
from app.pipeline.content import strictest
from app.pipeline.pair_search import compared_arms
from app.pipeline.pair_texts import PairTexts, pair_texts
from app.pipeline.settlement import judge_of, model_version
from app.store.audit import record
from app.store.findings import stored_findings
from app.store.pair_facts import (
    PairLine,
    StoredOpinion,
    StoredReplyFacts,
    StoredScore,
    StoredWord,
    Turn,
    arms_with_pairs,
    opinions_of,
    pair_lines,
    reply_facts,
    scores_of,
    turns_of,
    words_of,
)
from app.store.session import SessionFactory, session_scope

READ_ACTION = "pair.read"


@dataclass(frozen=True, slots=True)
class PairView:
    """A pair as an operator sees it.

    Attributes:
        arm: The one that is compared with the incumbent.
        others: Arms with a pair of the same exchange.
        incumbent: Facts of the incumbent's reply; `None` = there is none.
        grader: Of the segment.
        opinions: Every grade; `counts` says which of them count.
        criteria: The texts of a rubric's criteria, by grader.
        findings: What rules found in each reply, by arm.
        keeps_no_text: By its configuration the pilot keeps no texts of this segment.
    """

    pilot: Pilot
    line: PairLine
    arm: Arm
    others: tuple[Arm, ...]
    texts: PairTexts
    incumbent: StoredReplyFacts | None
    other: StoredReplyFacts | None
    grader: str
    opinions: list[StoredOpinion]
    words: list[StoredWord]
    scores: list[StoredScore]
    criteria: Mapping[str, tuple[str, ...]]
    findings: Mapping[int, Findings]
    turns: list[Turn]
    keeps_no_text: bool

    def counts(self, opinion: StoredOpinion) -> bool:
        """Whether a grade is one of the segment's grader, in the version that counts."""
        if opinion.grader != self.grader:
            return False
        judge = judge_of(self.pilot.configuration)
        is_its = not asks_a_model(self.grader) or (judge is not None and opinion.rater == judge.rater)
        present = model_version(self.pilot.configuration, self.grader)
        return is_its and (opinion.version == IMPORTED or present is None or opinion.version == present)


def view_pair(session: Session, pilot: Pilot, exchange_id: int, candidate: str) -> PairView:
    """One pair of a pilot; `NotFound` if there is none of this number and arm."""
    there = set(arms_with_pairs(session, exchange_id))
    arms = tuple(arm for arm in compared_arms(pilot) if arm.id in there)
    arm = next((arm for arm in arms if candidate in ("", arm.name)), None)
    lines = pair_lines(session, pilot.id, pilot.incumbent.id, [PairKey(exchange_id, arm.id)]) if arm is not None else []
    if arm is None or not lines:
        of = f" of {candidate!r}" if candidate else ""
        message = f"the pilot {pilot.name!r} has no pair{of} with the number {exchange_id}"
        raise NotFound(message, exchange=exchange_id)
    (line,) = lines
    key, both = line.key, (pilot.incumbent.id, arm.id)
    facts = reply_facts(session, exchange_id, both)
    scores = scores_of(session, exchange_id, both)
    found = stored_findings(session, pilot.id, [exchange_id])
    table = pilot.configuration.segment_named(line.segment)
    level = strictest(pilot.configuration.content.level, (table.content if table is not None else None) or "full")
    return PairView(
        pilot=pilot,
        line=line,
        arm=arm,
        others=tuple(other for other in arms if other is not arm),
        texts=pair_texts(session, pilot, [key])[key],
        incumbent=facts.get(pilot.incumbent.id),
        other=facts.get(arm.id),
        grader=pilot.configuration.grader_of(line.segment),
        opinions=opinions_of(session, key),
        words=words_of(session, key),
        scores=scores,
        criteria=_criteria(pilot.configuration, scores),
        findings={each_arm: findings for (_, each_arm), (_, findings) in found.items() if each_arm in both},
        turns=turns_of(session, pilot.id, line.conversation_id, exchange_id),
        keeps_no_text=level == METADATA,
    )


def note_reading(session_factory: SessionFactory, pilot: Pilot, reader: str, exchanges: list[str], *, page: str) -> None:
    """Writes down who is about to read whose texts, if the pilot says so; committed before anything is shown.

    Args:
        session_factory: For a transaction of its own.
        pilot: `content.audit_reads` of its configuration decides.
        reader: Who reads.
        exchanges: The users' own ids; none = no text is shown, and nothing is noted.
        page: Which page shows them.
    """
    if not pilot.configuration.content.audit_reads or not exchanges:
        return
    with session_scope(session_factory) as session:
        record(session, reader, READ_ACTION, pilot.id, page=page, exchanges=exchanges)


def _criteria(configuration: PilotConfiguration, scores: list[StoredScore]) -> dict[str, tuple[str, ...]]:
    """The criteria of the rubrics that scored, as they stand now; a rubric that is gone has none."""
    known = {table.name for table in configuration.rubric}
    graders = {score.grader for score in scores if is_rubric(score.grader)}
    return {
        grader: tuple(criterion.text for criterion in rubric_of(configuration.rubric, grader).criteria)
        for grader in sorted(graders)
        if known.issuperset(rubric_names(grader))
    }
