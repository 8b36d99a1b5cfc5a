"""How likely a conversation of each segment is to be drawn for people: fixed before any outcome is seen."""

from collections.abc import Mapping, Sequence

from app.domain.words import OTHER_SEGMENT

DIGITS = 4
LEAST = 10.0**-DIGITS


def label_probabilities(
    *,
    labels: float,
    volume: float,
    segments: Sequence[str],
    judged: frozenset[str],
    history: Mapping[str, int],
) -> dict[str, float]:
    """The chance to be drawn of a conversation of each segment and of `other`.

    With a history, `other` is given labels in proportion to its conversations and the judged registered segments share the
    rest equally; no segment is given more labels than it will have conversations, what is left over goes to the others.
    A segment that the history does not know, and all of them without one, have the same probability: labels / volume.

    Args:
        labels: How many people will give in all, in pairs; 0 = none, then all probabilities are 0.
        volume: How many conversations are expected in all.
        segments: The registered segments.
        judged: Those of them, and perhaps `other`, whose pairs a judge grades; the others need no labels.
        history: Conversations of each segment that were observed beforehand.
    """
    names = (*segments, OTHER_SEGMENT)
    alike = min(1.0, labels / volume)
    observed = sum(history.values())
    expected = {name: volume * history[name] / observed for name in names if observed and name in judged and history.get(name)}
    allotted = _fill(labels, _weights(expected), expected)
    found = {name: allotted[name] / expected[name] if name in expected else alike for name in names}
    return {name: _rounded(found[name]) if name in judged and labels > 0 else 0.0 for name in names}


def _weights(expected: Mapping[str, float]) -> dict[str, float]:
    """How the labels are parted: `other` by its share of the conversations, the registered ones alike."""
    total = sum(expected.values())
    registered = [name for name in expected if name != OTHER_SEGMENT]
    of_other = expected.get(OTHER_SEGMENT, 0.0) / total if total else 0.0
    weights = dict.fromkeys(registered, (1.0 - of_other) / len(registered)) if registered else {}
    return weights | ({OTHER_SEGMENT: of_other} if OTHER_SEGMENT in expected else {})


def _fill(labels: float, weights: Mapping[str, float], capacity: Mapping[str, float]) -> dict[str, float]:
    """Hands out by weight; whoever would have more than fits is filled, and the rest is handed out again."""
    given: dict[str, float] = {}
    open_ = dict(weights)
    while open_:
        left, total = labels - sum(given.values()), sum(open_.values())
        full = [name for name, weight in open_.items() if left * weight / total >= capacity[name]]
        if not full:
            return given | {name: left * weight / total for name, weight in open_.items()}
        for name in full:
            given[name] = capacity[name]
            del open_[name]
    return given


def _rounded(probability: float) -> float:
    return min(1.0, max(LEAST, round(probability, DIGITS)))
