"""A whole case of a verdict in which everything passes, but for what a test changes."""

from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np

from app.costs.token_bill import TokenBill
from app.costs.upkeep import Upkeep
from app.domain.drift import DriftModel
from app.domain.operation_models import LoadModel
from app.domain.scorecard import EstimateModel, GateModel, QualityModel, SegmentModel
from app.domain.words import GateName, GateOutcome, PilotState
from app.pipeline.constraints import Constraint
from app.pipeline.gates import Gates
from app.pipeline.money import Money
from app.pipeline.operation import Bounded
from app.pipeline.ruling import Case
from tests.builders import a_configuration
from tests.unit.pipeline.test_conversations import a_running_pilot
from tests.unit.pipeline.test_ruling import a_model

P, F, U, N = GateOutcome.PASSES, GateOutcome.FAILS, GateOutcome.UNKNOWN, GateOutcome.NOT_REQUIRED
OPERATION = (GateName.LATENCY, GateName.RELIABILITY, GateName.SAVING)


def money(*, incumbent_usd: str = "1000", gpu_usd: str | None = "1.00", gpus: int = 1, other_usd: str = "0") -> Money:
    """A month of the incumbent's tokens against rented GPUs, 730 hours each; without a GPU's price, tokens for 2,000."""
    candidate = {"name": "qwen", "base_url": "http://x/v1", "model": "m", "gpus_per_replica": gpus} | (
        {"gpu_usd_per_hour": gpu_usd} if gpu_usd is not None else {}
    )
    configuration = a_configuration(
        candidate=[candidate], cost={"engineer_usd_per_hour": "0", "other_usd_per_month": other_usd}
    )
    tokens = TokenBill(usd=Decimal(2000), replies=Decimal(1))
    return Money(
        configuration=configuration, table=configuration.candidate[0], month=Decimal(1),
        incumbent={"a": TokenBill(usd=Decimal(incumbent_usd), replies=Decimal(1))},
        candidate=None if gpu_usd is not None else {"a": tokens}, one_off_hours=Decimal(0),
        upkeep=Upkeep(Decimal(0), Decimal(0), Decimal(0), weeks=4, entries=1, sigma=0.0), idle_hours=Decimal(0),
        requests=1.0, pilot_usd=Decimal(0), unpriced_calls=(),
    )  # fmt: skip


def a_quality_model(**changes: Any) -> QualityModel:
    """1,400 conversations, half of them won; people bear the judge out and their labels correct it."""
    given = {
        "win_rate": EstimateModel(value=0.5, n=1400),
        "win_rate_human_corrected": EstimateModel(value=0.48),
        "rests_on": "corrected",
    }
    return a_model().model_copy(update=given | changes)


@dataclass
class Whole:
    """What a case is made of; `gates` and `split` change single gates, of all traffic and of any split."""

    quality: GateOutcome = P
    gates: dict[GateName, GateModel] = field(default_factory=dict)
    split: dict[GateName, GateOutcome] = field(default_factory=dict)
    constraint: Constraint = field(default_factory=lambda: Constraint(N, "the licence is permissive"))
    segments: dict[str, GateOutcome] = field(default_factory=lambda: {"a": P, "b": P})
    conversations: int = 700
    model: QualityModel = field(default_factory=a_quality_model)
    judged: frozenset[str] = frozenset({"a", "b"})
    needed: int | None = None
    codes: tuple[str, ...] = ()
    begins: int = 1
    left_out: tuple[int, ...] = ()
    unlabelled: tuple[str, ...] = ()
    stated_share: float | None = None
    unused_labels: int = 0
    money: Money = field(default_factory=money)
    tables: dict[str, Any] = field(default_factory=dict)
    extended_days: int = 0
    state: PilotState = PilotState.RUNNING
    case: dict[str, Any] = field(default_factory=dict)

    def made(self) -> Case:
        models = {name: GateModel(name=name, outcome=P, reason=f"{name.value} is fine") for name in GateName}
        models[GateName.QUALITY] = GateModel(name=GateName.QUALITY, outcome=self.quality, reason="the win rate says it")
        models[GateName.CONSTRAINTS] = GateModel(name=GateName.CONSTRAINTS, outcome=self.constraint.outcome, reason="a licence")
        models |= self.gates
        pilot = replace(a_running_pilot(), state=self.state, extended_days=self.extended_days)
        tables = {"judge": {"rater": "gpt-4"}, "segment": [{"name": "a"}, {"name": "b"}]} | self.tables
        arguments: dict[str, Any] = {
            "pilot": replace(pilot, configuration=a_configuration(**tables)), "name": "qwen", "day": 28, "closed_days": 28,
            "older": (0, 0), "registered_at": None, "quality": self._judged(), "money": self.money, "drift": DriftModel(),
            "control": None, "changes": (), "load": LoadModel(),
            "gates": Gates(tuple(models.values()), self.constraint, lambda split: self._operation(models)),
        }  # fmt: skip
        return Case(**({part.name: None for part in fields(Case)} | arguments | self.case))

    def _operation(self, models: dict[GateName, GateModel]) -> dict[GateName, Bounded]:
        return {
            name: Bounded(self.split.get(name, models[name].outcome), None, None, f"{name.value} of the split")
            for name in OPERATION
        }

    def _judged(self) -> Any:
        shown = {
            name: SegmentModel(
                win_rate=EstimateModel(), outcome=outcome, reason=f"as seen in {name}", conversations=self.conversations
            )
            for name, outcome in self.segments.items()
        }
        shown["other"] = SegmentModel(registered=False, win_rate=EstimateModel(), outcome=U)
        return SimpleNamespace(
            gate=self.quality, segments=shown, judged_segments=self.judged, model=self.model, unlabelled=self.unlabelled,
            ruled=SimpleNamespace(needed=self.needed, codes=self.codes), terms=SimpleNamespace(begins=self.begins),
            left_out=SimpleNamespace(days=self.left_out),
            asked=SimpleNamespace(
                stated_share=self.stated_share, unused_labels=self.unused_labels, by_people=np.arange(4) == 0
            ),
        )  # fmt: skip
