"""The pairs that a report shows, masked: the worst, the best and some at random."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from app.capture.masking.masker import Masker
from app.domain.grading import PairKey
from app.domain.pilot import Arm, Pilot
from app.domain.report import PairExample
from app.domain.words import Rule
from app.pipeline.content import masker_of
from app.pipeline.pair_texts import PairTexts, ReplyText, pair_texts
from app.store.evidence_pairs import Eligible, eligible_pairs
from app.store.pair_facts import opinions_of, raw_texts, words_of
from app.store.payloads import REQUEST_ARM

SEED = 20261102
MOST_CHARS, MOST_REASON = 1_200, 300
# What is masked at all: a text is cut only where nothing of the cut can be seen.
MOST_MASKED = 40_000
PEOPLE = "people"
TIE = 0.5
Kind = Literal["worst", "best", "random"]
KINDS: tuple[Kind, ...] = ("worst", "best", "random")


def choose_examples(session: Session, pilot: Pilot, *, until: datetime | None, key: bytes) -> list[PairExample]:
    """The pairs of each candidate: at most `report.examples` of each kind, none twice, a conversation once a list.

    The same evidence gives the same pairs, whatever the order of import: equals are told apart by a hash of their own ids.

    Args:
        session: For reading.
        pilot: Its own masking counts, whatever its content level.
        until: End of the last closed day; `None` = no day is closed, and there are none.
        key: Keys the placeholders that stand for what is masked.
    """
    masker = masker_of(pilot.configuration.content, key)
    most = pilot.configuration.report.examples
    if until is None or pilot.starts_at is None or masker is None or most == 0:
        return []
    found: list[PairExample] = []
    for arm in pilot.candidates:
        taken: set[PairKey] = set()
        for kind in KINDS:
            pool = eligible_pairs(
                session, pilot.id, arm.id, end=kind, since=pilot.starts_at, until=until, seed=f"examples {SEED} "
            )
            chosen = _chosen(session, ranked(pool, kind), taken, most)
            taken |= {each.key for each in chosen}
            found += _examples(session, pilot, arm, kind, chosen, masker)
    return found


def ranked(pool: Sequence[Eligible], kind: Kind) -> list[Eligible]:
    """In the order in which they are shown.

    Worst: those that people marked as critical, then by preference, of equal ones the surest first: people's answers, then a
    judge's in both orders. Best: the same from the other end, without critical ones. Random: as drawn.
    """
    if kind == "random":
        return list(pool)
    sign = 1.0 if kind == "worst" else -1.0
    fit = [each for each in pool if _fits(each, kind)]
    return sorted(fit, key=lambda each: (-each.marks, sign * each.preference, -min(each.labels, 1), -each.orders, -each.labels))


def _fits(pair: Eligible, kind: Kind) -> bool:
    if kind == "worst":
        return pair.marks > 0 or pair.preference < TIE
    return pair.marks == 0 and pair.preference > TIE


def _chosen(session: Session, pairs: Sequence[Eligible], taken: set[PairKey], most: int) -> list[Eligible]:
    """The first ones that have a text and are of another conversation each."""
    kept = raw_texts(session, [pair.key.exchange_id for pair in pairs])
    chosen: list[Eligible] = []
    talks: set[str] = set()
    for pair in pairs:
        has_text = (pair.key.exchange_id, REQUEST_ARM) in kept or tuple(pair.key) in kept
        if has_text and pair.key not in taken and pair.conversation_id not in talks:
            chosen.append(pair)
            talks.add(pair.conversation_id)
        if len(chosen) == most:
            break
    return chosen


def _examples(
    session: Session, pilot: Pilot, arm: Arm, kind: Kind, chosen: Sequence[Eligible], masker: Masker
) -> Iterator[PairExample]:
    texts = pair_texts(session, pilot, [pair.key for pair in chosen])
    for pair in chosen:
        reasons = tuple(_cut(masker.text(reason), MOST_REASON) for reason in _reasons(session, pair.key))
        yield _example(pilot, arm, kind, pair, texts[pair.key], masker, reasons)


def _example(
    pilot: Pilot, arm: Arm, kind: Kind, pair: Eligible, texts: PairTexts, masker: Masker, reasons: tuple[str, ...]
) -> PairExample:
    masked = [masker.text(text[:MOST_MASKED]) for text in (texts.asked, _reply(texts.incumbent), _reply(texts.other))]
    request, incumbent, candidate = (_cut(text, MOST_CHARS) for text in masked)
    return PairExample(
        exchange=masker.text(pair.external_id),
        exchange_number=pair.key.exchange_id,
        candidate=arm.name,
        segment=pair.segment,
        day=pilot.day_of(pair.arrived_at),
        chosen_as=kind,
        preference=pair.preference,
        rule=_rule(pilot, pair),
        is_critical=pair.marks > 0,
        reasons=reasons,
        request=request,
        incumbent_reply=incumbent,
        candidate_reply=candidate,
        is_cut=any(len(text) > MOST_CHARS for text in masked),
    )


def _rule(pilot: Pilot, pair: Eligible) -> str:
    if pair.labels or pair.marks:
        return PEOPLE
    return pilot.configuration.grader_of(pair.segment) if pair.rule == Rule.GRADER else pair.rule


def _reply(reply: ReplyText | None) -> str:
    return reply.said.joined.strip() if reply is not None else ""


def _reasons(session: Session, key: PairKey) -> list[str]:
    """What graders and people wrote, the graders' first; each once."""
    said = [opinion.reason for opinion in opinions_of(session, key) if opinion.value is not None]
    said += [(word.reason or "").replace("_", " ") for word in words_of(session, key)]
    return list(dict.fromkeys(text for text in said if text))[:3]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"
