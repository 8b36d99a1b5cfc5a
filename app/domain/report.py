"""Stored reports, and what stands beside their document: examples, signatures, where it came from."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.domain.words import Outcome


class ReportKind(StrEnum):
    """Why a report was made; a `FINAL` one carries the evidence pairs and its data bundle."""

    ON_DEMAND = "on_demand"
    WEEKLY = "weekly"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a report came from: with which program and which seeds it was computed, by whom and why it was made.

    Attributes:
        kind: Why.
        period: The week of a weekly one, as `2026-W48`; else "".
        code_version: The service's version.
        program_hash: SHA-256 of the program and the libraries that compute; "" = an older report, nobody noted it.
        seeds: Every seed that drew something, by what it drew.
        expires_at: After it the verdict is to be looked at again; `None` = nobody said.
        by: Who asked for it.
    """

    kind: ReportKind = ReportKind.ON_DEMAND
    period: str = ""
    code_version: str = ""
    program_hash: str = ""
    seeds: dict[str, int] = field(default_factory=dict)
    expires_at: datetime | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as it was made; `document` is the whole of it, or only its summary in a list."""

    id: int
    pilot: str
    made_at: datetime
    data_hash: str
    document: dict[str, Any]
    provenance: Provenance = field(default_factory=Provenance)


class PairExample(BaseModel):
    """A pair that a report shows; texts are redacted, and cut where they are long.

    Attributes:
        exchange: The user's own id of the exchange.
        exchange_number: The store's number: the address of its page.
        chosen_as: Why it is shown.
        preference: For the candidate, in [0, 1]; `None` = ungraded.
        rule: What decided it: a rule of ours, a grader, a person.
        reasons: Why, in the graders' own words; redacted, too.
        request: The last message of the user; "" = not kept.
        removed_at: When its words were removed from the report; `None` = they were not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    exchange: str
    exchange_number: int
    candidate: str
    segment: str
    day: int | None = None
    chosen_as: Literal["worst", "best", "random"]
    preference: float | None
    rule: str
    is_critical: bool = False
    reasons: tuple[str, ...] = ()
    request: str = ""
    incumbent_reply: str = ""
    candidate_reply: str = ""
    is_cut: bool = False
    removed_at: datetime | None = None

    def without_texts(self, at: datetime) -> "PairExample":
        """The same pair without anybody's words."""
        gone = {"request": "", "incumbent_reply": "", "candidate_reply": "", "reasons": (), "is_cut": False}
        return self.model_copy(update=gone | {"removed_at": at})


@dataclass(frozen=True, slots=True)
class Decision:
    """A signature under a report, never changed afterwards.

    Attributes:
        verdict: What the report said of the candidate.
        outcome: What was decided; where it differs, `reason` says why and `expires_at` until when.
        record_hash: SHA-256 over all other fields and the hash of the pilot's decision before.
    """

    id: int
    report_id: int
    candidate: str
    verdict: Outcome
    outcome: Outcome
    signed_name: str
    signed_role: str
    reason: str
    expires_at: datetime | None
    data_hash: str
    record_hash: str
    by: str
    signed_at: datetime

    @property
    def is_override(self) -> bool:
        """Whether people decided otherwise than the report says."""
        return self.outcome is not self.verdict
