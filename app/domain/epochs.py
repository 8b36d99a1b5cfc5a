"""Epochs: stretches of a pilot in which the same models were compared by the same graders."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class EpochKind(StrEnum):
    """What became another one.

    A model's change begins new evidence; after a judge's or grader's all pairs are graded anew, and another sampling rate takes
    another sample of the same days.
    """

    MODEL = "model"
    JUDGE = "judge"
    GRADER = "grader"
    SAMPLE = "sample"


class SeenIn(StrEnum):
    """What told of a change: the configuration, the replies' own model ids, or what the server lists at `/models`."""

    CONFIGURATION = "configuration"
    REPLIES = "replies"
    MODELS = "models"
    VERSION = "version"


@dataclass(frozen=True, slots=True)
class EpochChange:
    """One thing that became another.

    Attributes:
        what: The configuration's path, or the arm whose model was replaced.
        at: When it was changed, or the begin of the day on which it was seen; `None` = nobody knows.
    """

    kind: EpochKind
    what: str
    before: str | None
    after: str | None
    at: datetime | None
    seen_in: SeenIn


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of a candidate.

    Attributes:
        number: From 0.
        first_day: Where its evidence begins; that of a changed judge begins where the last one's did.
        changes: What opened it; none for the first.
        models: The id that most replies of its days reported, by arm; an arm without known ids is not there.
    """

    number: int
    first_day: int
    changes: tuple[EpochChange, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> EpochKind | None:
        """The weightiest of its changes; `None` = the first epoch."""
        kinds = {change.kind for change in self.changes}
        return next((kind for kind in EpochKind if kind in kinds), None)

    @property
    def since(self) -> datetime | None:
        """When the first of its changes was made."""
        return min((change.at for change in self.changes if change.at is not None), default=None)


@dataclass(frozen=True, slots=True)
class EpochHistory:
    """All epochs of one candidate, oldest first; there is always one."""

    epochs: tuple[Epoch, ...] = (Epoch(0, 1),)

    @property
    def current(self) -> Epoch:
        """The one whose evidence counts."""
        return self.epochs[-1]

    def number_of(self, day: int) -> int:
        """The epoch that a day's evidence belongs to: the last one whose evidence begins on it or earlier."""
        return max((epoch.number for epoch in self.epochs if epoch.first_day <= day), default=0)

    def last_day_of(self, epoch: Epoch) -> int | None:
        """The day before other evidence began; `None` = it goes on."""
        later = [other.first_day for other in self.epochs if other.first_day > epoch.first_day]
        return min(later) - 1 if later else None


LISTED, REPLIED = "models", "reply"


@dataclass(frozen=True, slots=True)
class ModelSighting:
    """What a model server said that it serves, or which fingerprint its replies bore.

    Attributes:
        arm: The arm's name.
        at: When it was asked, or the first reply with that fingerprint arrived.
        source: `models` = `GET /models`, `reply` = a reply.
        base_url: Who was asked; `None` for replies.
        ids: What it serves.
        served: Of what is asked for: its id, "" if the server does not list it.
        root: What that one is made from, as far as the server says it.
        fingerprint: `system_fingerprint` of replies.
        failure: Why there is no answer.
    """

    arm: str
    at: datetime
    source: str
    base_url: str | None = None
    ids: tuple[str, ...] = ()
    served: str = ""
    root: str | None = None
    created: int | None = None
    max_model_len: int | None = None
    fingerprint: str | None = None
    failure: str | None = None
