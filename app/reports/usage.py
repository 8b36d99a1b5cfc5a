"""The tokens behind the money: who counted them, what they are made of, whose prices they have."""

from app.domain.usage_figures import ArmUsage
from app.reports import figures
from app.reports.context import Subject
from app.reports.document import Cell, Paragraph, Section, Table, cells

# As the bills: more estimated output than this speaks for nothing without the vendor's invoice.
MOST_ESTIMATED = 0.05


def usage_sections(subject: Subject) -> tuple[Section, ...]:
    """Nothing where no closed day has a reply."""
    usage = [each for each in subject.card.cost.usage if each.counted or each.estimated or each.missing]
    if not usage:
        return ()
    names = {each.arm: Cell(text=subject.name, arm=subject.arm) for each in usage}
    names["incumbent"] = Cell(text=subject.incumbent, arm=0)
    table = Table(
        caption="Tokens per month",
        columns=("Model", "Counted replies", "Estimated", "Missing", "Input", "Cached", "Output", "Reasoning"),
        rows=tuple(_row(each, names[each.arm]) for each in usage),
        numeric=7,
        note=(
            "Cached tokens are a part of the input and reasoning a part of the output: both are charged once. "
            "“unknown” = the server does not say."
        ),
    )
    words = tuple(Paragraph(text=text, tone=tone) for each in usage for text, tone in _words(each, names[each.arm].text))
    return (Section(slug=f"tokens-{subject.arm}", title="Tokens and prices", blocks=(*words, table)),)


def _row(usage: ArmUsage, name: Cell) -> tuple[Cell, ...]:
    return cells(
        name,
        figures.count(usage.counted),
        figures.count(usage.estimated),
        figures.count(usage.missing),
        figures.count(usage.input_tokens_per_month),
        figures.percent(usage.cached_rate),
        figures.count(usage.output_tokens_per_month),
        figures.percent(usage.reasoning_rate),
    )


def _words(usage: ArmUsage, name: str) -> list[tuple[str, str]]:
    said = []
    if usage.price_sources:
        said.append((f"Prices of {name}: {'; '.join(usage.price_sources)}.", "plain"))
    share = usage.estimated_output_rate or 0.0
    if share > 0 or usage.missing:
        text = (
            f"{name}: the server gave no token counts for {figures.count(usage.estimated + usage.missing)} replies; "
            f"{figures.percent(share)} of the output tokens are estimated. "
            "Streams tell their tokens with stream_options.include_usage."
        )
        said.append((text, "warning" if share > MOST_ESTIMATED or usage.missing else "note"))
    tiers = {tier: count for tier, count in usage.service_tiers.items() if tier not in ("", "default", "standard")}
    if tiers:
        shown = ", ".join(f"{tier} ({figures.count(count)})" for tier, count in sorted(tiers.items()))
        said.append((f"Replies of {name} in another service tier than the ordinary one: {shown}.", "note"))
    return said
