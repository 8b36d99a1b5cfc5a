"""A list of pairs in words: its lines, what it can be filtered by, and how far it looked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

from app.dashboard.pairs_address import write_cursor, write_query
from app.dashboard.places import pilot_address
from app.domain.grading import PairKey
from app.domain.pair_query import PairOutcome, PairQuery, PairSort, TextPlace
from app.domain.pilot import Pilot
from app.domain.words import OTHER_SEGMENT
from app.pipeline.pair_search import COUNTED, PEOPLE, Found, compared_arms, segments_by_grader
from app.pipeline.pair_texts import PairTexts
from app.reports import figures
from app.reports.wording import COVERAGE_REASONS, FAILURE_KINDS, UNGRADED_REASONS, plain
from app.store.pair_facts import PairLine

SNIPPET, BEFORE = 180, 60
TIE = 0.5
OUTCOMES = {
    PairOutcome.BETTER: "candidate better",
    PairOutcome.WORSE: "candidate worse",
    PairOutcome.TIE: "a tie",
    PairOutcome.UNGRADED: "no grade",
    PairOutcome.FAILED: "a failed reply",
    PairOutcome.CRITICAL: "marked as critical by a person",
    PairOutcome.FLIPPED: "the judge flipped with the order",
    PairOutcome.DISAGREEMENT: "judge and people disagree",
    PairOutcome.LEFT_OUT: "left out of the comparison",
    PairOutcome.PENDING: "not settled yet",
}
SORTS = {
    PairSort.NEWEST: "newest first",
    PairSort.WORST: "worst for the candidate first",
    PairSort.BEST: "best for the candidate first",
    PairSort.LONGER: "candidate longer first",
    PairSort.SHORTER: "candidate shorter first",
    PairSort.RANDOM: "at random",
}
TEXT_PLACES = {
    TextPlace.ANYWHERE: "request and replies",
    TextPlace.REQUEST: "the request",
    TextPlace.REPLIES: "the replies",
}
DECIDED = {
    "failure": "a failed reply",
    "invalid": "a reply that breaks the request's format",
    "equal": "equal replies",
    PEOPLE: "people said something",
}
NOT_IN_SORT = {
    PairSort.WORST: "Pairs without a preference are not in this order.",
    PairSort.BEST: "Pairs without a preference are not in this order.",
    PairSort.LONGER: "Pairs with a failed reply, or one of unknown length, are not in this order.",
    PairSort.SHORTER: "Pairs with a failed reply, or one of unknown length, are not in this order.",
}
NO_TEXT = "No text is kept of this pair."


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a list to choose from."""

    value: str
    words: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class LineView:
    """One line; `snippet` is escaped, with what was looked for marked."""

    address: str
    title: str
    outcome: str
    about: str
    details: str
    snippet: Markup


def line_view(pilot: Pilot, line: PairLine, texts: PairTexts, query: PairQuery) -> LineView:
    """A pair as a line of a list."""
    arm = next(arm.name for arm in compared_arms(pilot) if arm.id == line.key.arm_id)
    several = len(compared_arms(pilot)) > 1
    day = pilot.day_of(line.arrived_at)
    about = [
        *([arm] if several else []),
        line.segment,
        *([f"day {day}"] if day is not None else []),
        *([f"turn {line.turn}"] if line.turn is not None else []),
        figures.local_time(line.arrived_at, pilot.configuration.pilot.timezone),
    ]
    return LineView(
        address=pair_address(pilot, line.key, query),
        title=line.external_id,
        outcome=outcome_words(line, arm),
        about=" · ".join(about),
        details=" · ".join(_details(line)),
        snippet=_snippet(texts, query),
    )


def pair_address(pilot: Pilot, key: PairKey, query: PairQuery) -> str:
    """Where a pair is shown, as part of a list."""
    arm = next(arm.name for arm in compared_arms(pilot) if arm.id == key.arm_id)
    fields = write_query(query, of=arm if len(compared_arms(pilot)) > 1 else None)
    return pilot_address(pilot.name, f"pairs/{key.exchange_id}") + (f"?{fields}" if fields else "")


def outcome_words(line: PairLine, arm: str) -> str:
    """What became of a pair, in a few words."""
    if not line.is_settled:
        return "not settled yet"
    if "left_out" in line.facts:
        return f"left out: {plain(str(line.facts['left_out']), COVERAGE_REASONS)}"
    if line.preference is None:
        return f"no grade: {plain(line.ungraded or 'pending', UNGRADED_REASONS)}"
    if line.preference == TIE:
        return "a tie"
    return f"{arm} {'better' if line.preference > TIE else 'worse'}"


def decided_words(rule: str | None, grader: str) -> str:
    """What decides a pair: a rule, or the grader of its segment."""
    return DECIDED.get(rule or "", f"the grader of its segment, {grader}" if rule else "nothing yet")


def choices(pilot: Pilot, query: PairQuery) -> Mapping[str, list[Choice]]:
    """What each filter can be, the chosen one marked."""
    segments = [*(table.name for table in pilot.configuration.segment), OTHER_SEGMENT]
    graders = {grader: f"grader {grader}" for grader in segments_by_grader(pilot)}
    offered: dict[str, tuple[str, dict[str, str]]] = {
        "candidate": (query.candidate, {arm.name: arm.name for arm in compared_arms(pilot)}),
        "segment": (query.segment, {name: name for name in segments}),
        "decided": (query.decided_by, DECIDED | graders),
        "outcome": (query.outcome or "", {outcome.value: words for outcome, words in OUTCOMES.items()}),
        "sort": (query.sort, {sort.value: words for sort, words in SORTS.items()}),
        "in": (query.text_in, {place.value: words for place, words in TEXT_PLACES.items()}),
    }
    return {
        name: [Choice(value, words, value == chosen) for value, words in known.items()]
        for name, (chosen, known) in offered.items()
    }


def looked_words(found: Found, query: PairQuery, lines: int, timezone: str) -> str:
    """How far a look went, in a sentence; "" = to the end, or the page is full."""
    everything = f"more than {COUNTED:,}" if found.pairs > COUNTED else f"{found.pairs:,}"
    if found.is_bound:
        what = "the texts of the next" if query.text else "the next"
        end = "go on from there to look further" if lines == 0 else "go on from there for more"
        looked = f"{min(found.looked_at, found.pairs):,}"
        place = found.next.place if found.next is not None else None
        back = f", back to {figures.local_time(place, timezone)}" if isinstance(place, datetime) else ""
        return f"Looked at {what} {looked} of {everything} pairs in this order{back}: {end}."
    if lines == 0:
        return "No pair matches." if found.pairs else "There are no pairs yet."
    return ""


def next_address(pilot: Pilot, query: PairQuery, found: Found, **more: str) -> str | None:
    """Where the list goes on; `None` = it does not."""
    if found.next is None:
        return None
    return f"{pilot_address(pilot.name, 'pairs')}?{write_query(query, after=write_cursor(found.next), **more)}"


def has_more(query: PairQuery) -> bool:
    """Whether a filter is used that is mostly left alone."""
    return bool(query.exchange) or (query.day, query.turn, query.least_chars, query.most_chars) != (None,) * 4


def list_address(pilot: Pilot, query: PairQuery, **more: str) -> str:
    """Where the list begins."""
    fields = write_query(query, **more)
    return pilot_address(pilot.name, "pairs") + (f"?{fields}" if fields else "")


def marked(text: str, words: str) -> Markup:
    """Escaped text with each place of the words marked, whatever their case."""
    if not words:
        return escape(text)
    parts, place = [], 0
    for found in re.finditer(re.escape(words), text, re.IGNORECASE):
        parts += [escape(text[place : found.start()]), Markup("<mark>{}</mark>").format(found[0])]
        place = found.end()
    return Markup("").join([*parts, escape(text[place:])])


def _details(line: PairLine) -> list[str]:
    parts = [f"decided by {DECIDED.get(line.rule, 'its grader')}"] if line.rule else []
    if line.preference is not None:
        parts.append(f"preference {figures.number(line.preference)}")
    failed = (("incumbent", line.incumbent_failure), ("candidate", line.failure))
    parts += [f"{who} {plain(kind, FAILURE_KINDS)}" for who, kind in failed if kind is not None]
    if line.chars is not None and line.incumbent_chars is not None:
        parts.append(f"{line.chars - line.incumbent_chars:+,} characters")
    if line.labels:
        parts.append(f"{line.labels} {'person' if line.labels == 1 else 'people'}: {figures.number(line.label_mean)}")
    return [*parts, *(["marked as critical"] if line.is_critical else [])]


def _snippet(texts: PairTexts, query: PairQuery) -> Markup:
    """Around the first place of what was looked for, or the beginning of what was asked."""
    if texts.messages is None and texts.incumbent is None and texts.other is None:
        return escape(texts.removed or NO_TEXT)
    if not query.text:
        return escape(_cut(texts.asked, 0))
    said = texts.joined(query.text_in)
    found = re.search(re.escape(query.text), said, re.IGNORECASE)
    return marked(_cut(said, max(0, found.start() - BEFORE) if found is not None else 0), query.text)


def _cut(text: str, start: int) -> str:
    piece = text[start : start + SNIPPET]
    return f"{'…' if start else ''}{piece.strip()}{'…' if start + SNIPPET < len(text) else ''}"
