"""One pair in words: the sides, who said what and why, what was measured, what was changed in the request."""

import json
from dataclasses import dataclass

from markupsafe import Markup

from app.dashboard.pairs_views import outcome_words
from app.dashboard.rendered_text import rendered
from app.dashboard.word_diff import MOST_WORDS, Run, WordDiff, word_diff
from app.domain.grading import IMPORTED
from app.domain.words import ArmRole
from app.pipeline.pair_texts import ReplyText
from app.pipeline.pair_view import PairView
from app.reports import figures
from app.reports.checks import rule_words
from app.reports.wording import COVERAGE_REASONS, FAILURE_KINDS, UNGRADED_REASONS, plain
from app.store.pair_facts import StoredOpinion, StoredReplyFacts, StoredScore, StoredWord

TIE = 0.5
SHOWN_AS = {"words": "Differences", "rendered": "Rendered", "raw": "As written"}
NOT_KEPT = "No text of this reply is kept (any more)."


@dataclass(frozen=True, slots=True)
class SideView:
    """One reply; `drawn` is its text drawn as Markdown, `runs` the text in runs that differ or do not.

    Attributes:
        calls: Tool calls as JSON with line breaks, in runs as the text is.
        missing: Why there is no text to show.
    """

    name: str
    model: str
    place: int
    runs: tuple[Run, ...]
    drawn: Markup
    calls: tuple[Run, ...]
    reasoning: str
    missing: str
    is_refusal: bool


@dataclass(frozen=True, slots=True)
class SidesView:
    """Both replies, and what is to be said of their comparison."""

    incumbent: SideView
    other: SideView
    note: str


@dataclass(frozen=True, slots=True)
class OpinionView:
    """What a grader or a person said: who, how it was shown, what of it, why, and what else is known."""

    who: str
    said: str
    why: str
    details: tuple[str, ...] = ()
    counts: bool = True


@dataclass(frozen=True, slots=True)
class ScoreView:
    """A rubric's score of one reply, criterion by criterion: (text, how far it is met, evidence)."""

    title: str
    note: str
    criteria: tuple[tuple[str, str, str], ...]


def sides_view(view: PairView, shown_as: str) -> SidesView:
    """Both replies in one of the ways of `SHOWN_AS`."""
    replies = (view.texts.incumbent, view.texts.other)
    is_compared = shown_as == "words" and None not in replies
    texts = _compared([_text(reply) for reply in replies], is_compared=is_compared)
    calls = _compared([_calls(reply) for reply in replies], is_compared=is_compared)
    arms, facts = (view.pilot.incumbent, view.arm), (view.incumbent, view.other)
    sides = [
        SideView(
            name="Incumbent" if place == 0 else arms[place].name,
            model=arms[place].model,
            place=view.pilot.candidates.index(view.arm) + 1 if place and view.arm in view.pilot.candidates else 0,
            runs=(texts.left, texts.right)[place],
            drawn=rendered(_text(reply)) if shown_as == "rendered" else Markup(),
            calls=(calls.left, calls.right)[place],
            reasoning=reply.reasoning if reply is not None else "",
            missing=_missing(reply, facts[place], view.texts.removed),
            is_refusal=reply is not None and reply.is_refusal,
        )
        for place, reply in enumerate(replies)
    ]
    return SidesView(sides[0], sides[1], _note(texts, calls) if is_compared else "")


def _compared(texts: list[str], *, is_compared: bool) -> WordDiff:
    if is_compared:
        return word_diff(*texts)
    return WordDiff((Run(texts[0], False),), (Run(texts[1], False),))


def _note(texts: WordDiff, calls: WordDiff) -> str:
    if texts.is_too_long or calls.is_too_long:
        return (
            f"The replies cannot be compared word by word: more than {MOST_WORDS:,} words in a row differ, or the same words "
            "come again and again."
        )
    return "Both replies are the same, to the letter." if texts.is_equal and calls.is_equal else ""


def decision_words(view: PairView) -> str:
    """What decided this pair, and how, in sentences."""
    line, arm = view.line, view.arm.name
    facts, outcome = line.facts, outcome_words(view.line, view.arm.name)
    if not line.is_settled:
        return "Nothing has decided this pair yet: it waits for its grader."
    if "left_out" in facts:
        return f"This pair is left out of quality: {plain(str(facts['left_out']), COVERAGE_REASONS)}."
    value = "" if line.preference is None else f", preference {figures.number(line.preference)} for {arm}"
    if line.rule == "failure":
        who = [_side(each, arm) for each in facts.get("failed", [])]
        ours = " The server refused something that our adaptation sent." if facts.get("adaptation") else ""
        return f"A failure decides before any grader: {' and '.join(who) or 'a reply'} failed. Result: {outcome}{value}.{ours}"
    if line.rule == "invalid":
        return f"A reply that breaks the request's own format loses before any grader. Result: {outcome}{value}."
    if line.rule == "equal":
        return f"Both replies are equal ({facts.get('equal', 'text')}), white space and letter case aside: a tie{value}."
    return f"The grader of its segment decides: {view.grader}. Result: {outcome}{value}.{_flip(view)}"


def violations(view: PairView) -> list[str]:
    """What breaks the request's own format, reply by reply."""
    found = view.line.facts.get("violations") or {}
    return [
        f"{'Incumbent' if who == ArmRole.INCUMBENT.value else view.arm.name}: {text}"
        for who, texts in sorted(found.items())
        for text in texts
    ]


def opinions(view: PairView) -> list[OpinionView]:
    """What graders said; those that count first."""
    made = [_opinion(view, each) for each in view.opinions]
    return sorted(made, key=lambda each: not each.counts)


def people(view: PairView) -> list[OpinionView]:
    """What people said."""
    return [_word(view, each) for each in view.words]


def score_views(view: PairView) -> list[ScoreView]:
    """What rubrics said of each reply."""
    return [_score(view, each) for each in view.scores]


def findings(view: PairView) -> list[tuple[str, str]]:
    """What rules found in each reply."""
    sides = (("Incumbent", view.pilot.incumbent.id), (view.arm.name, view.arm.id))
    known = [(name, view.findings[arm]) for name, arm in sides if arm in view.findings]
    return [
        (name, ", ".join(sorted(rule_words(label.split("@")[0]) for label in found.found)) or "nothing")
        for name, found in known
    ]


def _text(reply: ReplyText | None) -> str:
    return reply.said.text if reply is not None else ""


def _calls(reply: ReplyText | None) -> str:
    """Canonical JSON, a name a line: keys are in order already, so what means the same stands the same."""
    calls = reply.said.tool_calls if reply is not None else ()
    return "\n".join(json.dumps(json.loads(call), ensure_ascii=False, indent=2) for call in calls)


def _missing(reply: ReplyText | None, facts: StoredReplyFacts | None, removed: str) -> str:
    if facts is not None and facts.failure is not None:
        status = f" (HTTP {facts.status})" if facts.status is not None else ""
        return f"No reply: it {plain(facts.failure, FAILURE_KINDS)}{status}."
    if reply is None:
        return removed or NOT_KEPT
    return "" if reply.said.text or reply.said.tool_calls else "(empty)"


def _side(who: str, arm: str) -> str:
    return "the incumbent" if who == ArmRole.INCUMBENT.value else arm


def _flip(view: PairView) -> str:
    values = [each.value for each in view.opinions if view.counts(each) and each.value is not None and each.shown_first]
    if values and min(values) < TIE < max(values):
        return " The judge named another winner when the order was turned round: such a flip counts as half."
    return ""


def _winner(value: float, arm: str) -> str:
    who = "a tie" if value == TIE else f"{arm} is better" if value > TIE else "the incumbent is better"
    return f"{who} ({figures.number(value)})"


def _opinion(view: PairView, given: StoredOpinion) -> OpinionView:
    said = (
        f"no grade: {plain(given.ungraded or '', UNGRADED_REASONS)}"
        if given.value is None
        else _winner(given.value, view.arm.name)
    )
    shown = f"shown first: {_side(given.shown_first, view.arm.name)}" if given.shown_first else ""
    cut = given.facts.get("cut_chars") or {}
    details = (
        shown,
        "imported" if given.version == IMPORTED else f"version {given.version}",
        f"answered by {given.facts['model']}" if given.facts.get("model") else "",
        f"cost {figures.money(given.cost_usd)}" if given.cost_usd else "",
        *(f"{chars:,} characters of {whose} were not shown" for whose, chars in sorted(cut.items())),
        figures.local_time(given.at, view.pilot.configuration.pilot.timezone),
    )
    who = f"{given.grader} ({given.rater})" if given.rater else given.grader
    return OpinionView(who, said, given.reason or "", tuple(each for each in details if each), view.counts(given))


def _word(view: PairView, given: StoredWord) -> OpinionView:
    said = f"skipped: {given.skipped}" if given.value is None else _winner(given.value, view.arm.name)
    marks = [
        name
        for name, is_marked in (("the incumbent's", given.incumbent_critical), (f"{view.arm.name}'s", given.critical))
        if is_marked
    ]
    details = (
        *(f"marked {mark} reply as one that must never happen" for mark in marks),
        f"shown first: {_side(given.shown_first, view.arm.name)}" if given.shown_first else "",
        "drawn by chance: counts for the correction"
        if given.draw_probability is not None
        else "not drawn: measures agreement only",
        given.source,
        figures.local_time(given.at, view.pilot.configuration.pilot.timezone),
    )
    return OpinionView(given.rater, said, (given.reason or "").replace("_", " "), tuple(each for each in details if each))


def _score(view: PairView, score: StoredScore) -> ScoreView:
    whose = "Incumbent" if score.arm_id == view.pilot.incumbent.id else view.arm.name
    value = (
        plain(score.ungraded or "", UNGRADED_REASONS)
        if score.value is None
        else f"{figures.percent(score.value)} of the points"
    )
    texts = view.criteria.get(score.grader, ())
    named = texts if len(texts) == len(score.met) else tuple(f"criterion {number}" for number in range(1, len(score.met) + 1))
    rows = tuple(
        (text, figures.percent(met, 0), _evidence(evidence, is_quoted=quoted))
        for text, met, evidence, quoted in zip(named, score.met, score.evidence, score.quoted, strict=True)
    )
    return ScoreView(f"{whose}: {value}", f"{score.grader} by {score.rater}. {score.reason}".strip(), rows)


def _evidence(text: str, *, is_quoted: bool) -> str:
    if not text:
        return figures.NOTHING
    return f"“{text}”" + ("" if is_quoted else " (does not stand in the reply)")
