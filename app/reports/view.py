"""What every renderer is given: the frozen document and what stands beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.report import Decision, PairExample, Provenance
from app.reports.document import Document


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report as one reader sees it.

    Attributes:
        document: Frozen; renderers compute nothing.
        report_id: Its number; `None` = it is not stored.
        provenance: Where it came from.
        examples: Pairs with their redacted texts.
        examples_withheld: There are some, and this reader may not see them.
        decisions: Signatures, the oldest first.
    """

    document: Document
    report_id: int | None = None
    provenance: Provenance = field(default_factory=Provenance)
    examples: Sequence[PairExample] = ()
    examples_withheld: bool = False
    decisions: Sequence[Decision] = ()
