"""Page one of a candidate: frozen words and figures, so that page, PDF and slides say the same and compute nothing."""

from app.domain.words import GateOutcome, Outcome
from app.reports.part import Fact, Part


class Service(Part):
    """One service level: how the candidate and the incumbent stand beside the limit."""

    what: str
    candidate: str
    incumbent: str
    limit: str
    outcome: GateOutcome


class QualityWords(Part):
    """Quality as a business reads it: counts of 1,000 answers with their ranges.

    Attributes:
        sentence: All in one.
        counts: Worse, better, the same, critical: each of 1,000, with its range and n.
        derived: How the counts were made, and whose word they are.
    """

    sentence: str
    counts: tuple[Fact, ...]
    derived: str


class Missing(Part):
    """What the evidence still lacks, who gives it, and by when."""

    what: str
    who: str
    by: str


class Headlines(Part):
    """Each subject in one sentence with its figure."""

    money: str
    quality: str
    service: str
    open_ends: str
    risks: str
    method: str


class Leadership(Part):
    """All that page one of a candidate says.

    Attributes:
        arm: Chooses the colour.
        words: The verdict in words; the code is `outcome`.
        asked: What is to be signed.
        why: One sentence.
        warnings: What a reader must not miss, the most important first.
        money: Saving, the chance that there is one, payback, what it costs once.
        service_note: Of what the service levels speak, where only a part moves.
        confidence_level: In a word or two.
        confidence: What that rests on.
        missing: Only where there is not enough evidence.
        waiting: What it costs to wait.
        way_back: How a move is taken back.
        plan: What happens after the signature.
        residency: Where texts go; never in dollars.
        moving: Kinds of work that would move.
        data: What the figures rest on.
    """

    candidate: str
    model: str
    incumbent: str
    arm: int
    outcome: Outcome
    words: str
    sentence: str
    asked: str
    why: str
    provisional: str = ""
    is_final: bool = False
    warnings: tuple[str, ...] = ()
    moving: tuple[str, ...] = ()
    money: tuple[Fact, ...]
    quality: QualityWords
    service: tuple[Service, ...]
    service_note: str = ""
    confidence_level: str
    confidence: tuple[str, ...]
    not_tested: tuple[str, ...] = ()
    would_change: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    waiting: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    way_back: tuple[str, ...] = ()
    plan: tuple[str, ...] = ()
    residency: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    headlines: Headlines
