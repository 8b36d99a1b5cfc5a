"""What was registered, and epochs, as a report meets them."""

from datetime import UTC, datetime, timedelta

from app.domain.epochs import EpochKind, SeenIn
from app.domain.registration_models import EpochChangeModel, EpochModel, PlanModel

STARTS = datetime(2026, 11, 1, 23, 0, tzinfo=UTC)
PLAN = PlanModel(
    margin=0.05, margins={"extraction": 0.1}, alpha=0.025, alpha_by_segment=0.025, looks=[14, 21, 28],
    planned_conversations=1400, label_probability={"extraction": 0.4, "other": 0.075},
)  # fmt: skip
_SWAPPED = EpochChangeModel(
    kind=EpochKind.MODEL, what="candidate[qwen].model", before="a", after="b", at=STARTS + timedelta(days=8),
    seen_in=SeenIn.CONFIGURATION,
)  # fmt: skip
EPOCHS = {
    "qwen": [
        EpochModel(number=0, first_day=1, last_day=8, days=8, conversations=400, models={"incumbent": "gpt-5.1"}),
        EpochModel(
            number=1, kind=EpochKind.MODEL, first_day=9, days=20, conversations=1000, is_current=True, changes=[_SWAPPED]
        ),
    ],
    "llama": [EpochModel(number=0, first_day=1, days=28, conversations=1400, is_current=True)],
}
