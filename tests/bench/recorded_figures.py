"""The figures of the recorded judged pairs, counted straight from the data file and as its README states them.

Both are independent of the product: the bench `recorded` compares what the product says with these.
"""

import gzip
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JUDGES = ("GPT-4", "ChatGPT")
PAIRS_FILE = "judged-pairs.jsonl.gz"
ARRIVALS_FILE = "azure-conv-2023.csv.gz"


@dataclass(frozen=True, slots=True)
class Agreement:
    """One judge on one set, rounded to 4 decimals."""

    accuracy: float
    consistency: float
    kappa: float
    parsed_answers: int
    parsed_both: int


@dataclass(frozen=True, slots=True)
class Preference:
    """One judge over all pairs: plain mean and standard error of the preference for `output_2`, to 5 decimals."""

    mean: float
    standard_error: float
    flips: int
    pairs: int


def read_pairs(folder: Path) -> list[dict[str, Any]]:
    """The 466 judged pairs."""
    with gzip.open(folder / PAIRS_FILE, "rt") as lines:
        return [json.loads(line) for line in lines]


def never_judged(pair: dict[str, Any]) -> float | None:
    """The preference of a pair that no judge sees: an empty reply loses, equal replies tie."""
    first, second = (" ".join(pair[key].split()).casefold() for key in ("output_1", "output_2"))
    if not first or not second:
        return 0.5 if first == second else float(bool(second))
    return 0.5 if first == second else None


def votes(pair: dict[str, Any], judge: str) -> list[int]:
    """The judge's parsed winners (1 or 2), in the two orders."""
    said = pair["judges"][judge]
    return [said[key] for key in ("winner_shown_1_2", "winner_shown_2_1") if said[key] is not None]


def agreement(pairs: Iterable[dict[str, Any]], judge: str) -> Agreement:
    """Accuracy, consistency and Cohen's kappa of a judge against people."""
    asked = [pair for pair in pairs if never_judged(pair) is None]
    answers = [(vote, pair["label"]) for pair in asked for vote in votes(pair, judge)]
    both = [tuple(votes(pair, judge)) for pair in asked if len(votes(pair, judge)) == 2]
    n = len(answers)
    observed = sum(vote == label for vote, label in answers) / n
    expected = sum(
        sum(vote == side for vote, _ in answers) / n * (sum(label == side for _, label in answers) / n) for side in (1, 2)
    )
    return Agreement(
        accuracy=round(observed, 4),
        consistency=round(sum(a == b for a, b in both) / len(both), 4),
        kappa=round((observed - expected) / (1 - expected), 4),
        parsed_answers=n,
        parsed_both=len(both),
    )


def preference(pairs: Iterable[dict[str, Any]], judge: str) -> Preference:
    """Plain mean and standard error of the preference for `output_2`."""
    values: list[float] = []
    flips = 0
    for pair in pairs:
        fixed = never_judged(pair)
        said = votes(pair, judge)
        if fixed is not None:
            values.append(fixed)
        elif said:
            values.append(sum(vote == 2 for vote in said) / len(said))
            flips += len(set(said)) == 2
    n = len(values)
    mean = sum(values) / n
    deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return Preference(round(mean, 5), round(deviation / math.sqrt(n), 5), flips, n)


def stated_agreement(readme: str) -> dict[tuple[str, str], tuple[float, float, float]]:
    """(set, judge) → accuracy, consistency, kappa, as the README's table states them."""
    number = r"(-?\d\.\d{4})"
    triple = rf"{number} / {number} / {number}"
    stated = {}
    for match in re.finditer(rf"^\| (\S+) \| {triple} \| {triple} \|", readme, re.MULTILINE):
        name, *figures = match.groups()
        stated[name, "GPT-4"] = tuple(map(float, figures[:3]))
        stated[name, "ChatGPT"] = tuple(map(float, figures[3:]))
    return stated  # type: ignore[return-value]  # three numbers each, by the expression


def stated_preference(readme: str) -> dict[str, tuple[float, float, int]]:
    """Judge → mean, standard error, flips, as the README's sentence states them."""
    found = re.findall(r"(GPT-4|ChatGPT) (\d\.\d{5}) ± (\d\.\d{5}), (\d+) flips", readme)
    return {judge: (float(mean), float(error), int(flips)) for judge, mean, error, flips in found}
