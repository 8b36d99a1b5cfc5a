"""What stands behind the numbers: the registration, the method and the words."""

import json
from typing import Any

from app.domain.scorecard import ChangeModel, RegistrationModel, Scorecard
from app.reports import figures
from app.reports.document import Block, Paragraph, Section, Table, cells
from app.reports.registered import epoch_blocks, plan_blocks
from app.reports.settings_words import WEBHOOK_PATH, changed_words


def registration_section(scorecard: Scorecard, timezone: str) -> Section:
    """What was fixed before evidence counted, and what was changed after."""
    return registered_section(scorecard.registration, timezone)


def registered_section(registration: RegistrationModel, timezone: str) -> Section:
    """The same of a registration that may be newer than any scorecard."""
    slug, title = "registration", "What was agreed beforehand"
    if registration.hash is None:
        text = "Nothing is registered yet: limits and kinds of work are fixed when the pilot starts, and count from then on."
        return Section(slug=slug, title=title, blocks=(Paragraph(text=text, tone="note"),))
    at = figures.moment(registration.registered_at, timezone)
    text = f"The configuration was fixed on {at}. Its fingerprint (SHA-256) is {registration.hash}."
    if registration.legal_basis is not None:
        text += f" Data must stay; legal basis on which a vendor is asked all the same: {registration.legal_basis}."
    if not registration.changes:
        blocks: tuple[Block, ...] = (Paragraph(text=f"{text} Nothing was changed since."),)
    else:
        table = Table(
            caption="Changed after the registration",
            columns=("When", "Who", "What", "Before", "After", "The decision rests on it"),
            rows=tuple(
                cells(figures.moment(c.at, timezone), c.by, c.path, *_ends(c), c.touches or "no") for c in registration.changes
            ),
        )
        blocks = (Paragraph(text=text), table)
    return Section(slug=slug, title=title, blocks=(*blocks, *plan_blocks(registration), *epoch_blocks(registration, timezone)))


def _ends(change: ChangeModel) -> tuple[str, str]:
    """Both values of a change; of an address whose path may be a secret only the host."""
    if change.path == WEBHOOK_PATH:
        return changed_words(change.path, change.before), changed_words(change.path, change.after)
    return _as_text(change.before), _as_text(change.after)


def _as_text(value: Any) -> str:
    if value is None:
        return figures.NOTHING
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


METHOD = (
    "Users only ever saw the incumbent's answers. The candidate was asked the same requests: live as copies, or later from the "
    "record.",
    "Each pair of answers gets a preference between 0 and 1. A failure loses; a broken format or an undeclared tool loses; "
    "equal answers tie; everything else is decided by the grader of its kind of work, usually a judge that sees both answers "
    "without knowing whose they are.",
    "A conversation counts once, as the mean of its pairs, because its turns resemble each other.",
    "People see a few pairs, drawn by chance before anyone knows the answers, without being told whose they are. Where they "
    "differ from the judge, the judge's number is corrected by it; without such labels the judge's own number stands.",
    "The interval of the win rate is always valid: it holds on every day at once, so looking often cannot make a lucky day "
    "count. Pairs without a grade stretch it at both ends instead of being forgotten.",
    "Quality is decided by looks that were registered at the start, after whole weeks, and by a stricter one that is open at "
    "any moment; days that differ more than chance explains make both stricter. A candidate that passes must also hold its "
    "level at the end.",
    "Another model begins the evidence anew, and nothing is pooled with what came before. If the kinds of requests, the "
    "quality or the judge drift, the answer is frozen and an extension is asked for; no data is changed.",
    "Only whole days that are closed count. The same records give the same report, whether they came one by one or at once.",
    "With several registered kinds of work the allowed error of 5% is shared among them, so that none passes by luck.",
)


def method_section() -> Section:
    """How the numbers are made, in plain words."""
    return Section(slug="method", title="How it was measured", blocks=tuple(Paragraph(text=text) for text in METHOD))


DEFINITIONS = (
    ("incumbent", "the model that production uses today"),
    ("candidate", "a model that could replace it"),
    ("pair", "one request with the incumbent's answer and the candidate's"),
    ("conversation", "requests that belong together; the unit of the statistics"),
    ("kind of work (segment)", "a group of requests, named before the pilot started"),
    ("win rate", "how often the candidate's answer is preferred, a tie counting half; 50% = as good as the incumbent"),
    ("limit (0.5 minus the margin)", "how much worse than the incumbent is still good enough; agreed before the pilot"),
    ("corrected by people", "the win rate after the judge's errors, as people's labels show them, are taken out"),
    ("raw", "the win rate as the judge and the fixed rules say it"),
    ("at equal length", "the win rate if both sides wrote answers of the same length"),
    ("look", "a day, fixed at the start, on which the evidence is weighed in full"),
    ("epoch", "the days with the same models, judge and graders; nothing is pooled across epochs"),
    ("frozen", "the comparison itself is in doubt, so no move is recommended until that is settled"),
    ("95% interval", "the range that holds the true value in 95 of 100 such pilots"),
    ("median, p95, p99", "the time within which half, 95 or 99 of 100 answers were there"),
    ("token", "a piece of a word: what models are paid by"),
    ("κ (Cohen's kappa)", "agreement beyond what chance alone would give"),
    ("n", "how many units a number rests on"),
    ("unknown", "not measured, or too little was; never counted as zero"),
)


def definitions_section() -> Section:
    """The words of the report."""
    table = Table(
        caption="Words of this report", columns=("Word", "Meaning"), rows=tuple(cells(word, text) for word, text in DEFINITIONS)
    )
    return Section(slug="words", title="Words", blocks=(table,))
