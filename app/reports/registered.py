"""What was registered for the statistics, and the epochs, in words."""

from app.domain.epochs import EpochKind
from app.domain.registration_models import EpochChangeModel, EpochModel, RegistrationModel
from app.reports import figures
from app.reports.document import Paragraph, Table, cells

KINDS = {
    EpochKind.MODEL: "another model: evidence began anew",
    EpochKind.JUDGE: "another judge: all pairs were graded anew",
    EpochKind.GRADER: "another grader: all pairs were graded anew",
    EpochKind.SAMPLE: "another sampling rate: another sample of the same days",
    None: "the beginning",
}


def plan_blocks(registration: RegistrationModel) -> tuple[Paragraph | Table, ...]:
    """The margin, the risk and when it is looked; nothing of a scorecard that does not say it."""
    plan = registration.plan
    if plan is None:
        return ()
    looks = figures.names([str(day) for day in plan.looks])
    text = (
        f"Registered: a win rate at most {figures.percent(plan.margin)} below one half is still good enough; a candidate below "
        f"that passes in at most {figures.percent(plan.alpha)} of such comparisons, a single kind of work in at most "
        f"{figures.small_percent(plan.alpha_by_segment)}; full looks after day {looks}; "
        f"{figures.count(plan.planned_conversations)} conversations planned."
    )
    table = Table(
        caption="How likely a conversation was to be shown to people, fixed beforehand",
        columns=("Kind of work", "Chance to be drawn", "Allowed to be worse by"),
        rows=tuple(
            cells(name, figures.small_percent(chance), figures.percent(plan.margins.get(name, plan.margin)))
            for name, chance in plan.label_probability.items()
        ),
    )
    return Paragraph(text=text), table


def epoch_blocks(registration: RegistrationModel, timezone: str) -> tuple[Table, ...]:
    """The epochs of each candidate that has several: evidence of one is not added to that of another."""
    return tuple(_table(name, epochs, timezone) for name, epochs in registration.epochs.items() if len(epochs) > 1)


def _table(name: str, epochs: list[EpochModel], timezone: str) -> Table:
    return Table(
        caption=f"Epochs of {name}: the verdict rests on the last one alone",
        columns=("Epoch", "Days", "Closed days", "Conversations", "Models", "Begun by"),
        rows=tuple(
            cells(
                str(epoch.number),
                f"{epoch.first_day} to {epoch.last_day}" if epoch.last_day is not None else f"from {epoch.first_day}",
                figures.count(epoch.days),
                figures.count(epoch.conversations),
                ", ".join(f"{arm}: {model}" for arm, model in epoch.models.items()) or figures.UNKNOWN,
                "; ".join([KINDS[epoch.kind], *(_said(change, timezone) for change in epoch.changes)]),
            )
            for epoch in epochs
        ),
    )


def _said(change: EpochChangeModel, timezone: str) -> str:
    when = f" on {figures.moment(change.at, timezone)}" if change.at is not None else ""
    return f"{change.what} from {change.before or figures.NOTHING} to {change.after or figures.NOTHING}{when}"
