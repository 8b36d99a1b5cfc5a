"""The bench's wrong versions are those that it promises, and each is a program."""

import ast

import pytest

from tests.bench.mutants import Mutant, mutants_of, partner_of, tree_of
from tests.bench.mutation_groups import GROUPS, ROOT, is_meant, modules

SOURCE = '''
"""Low and high."""

def error(low: float, high: float = -1.0) -> float:
    """Words: low < high."""
    if low < high:
        message = f"low - high: {low - high}"
        raise ValueError(message)
    return math.sqrt(high - low) ** 0.5 if low is not high else bound(lower=low, upper=-high)
'''


def changed(source: str) -> set[str]:
    return {mutant.name for mutant in mutants_of(source)}


def test_comparisons_roots_signs_and_partners_are_changed_and_words_are_not() -> None:
    assert changed(SOURCE) == {
        "error: low < high -> low <= high",
        "error: low < high -> low >= high",
        "error: low -> high",
        "error: high -> low",
        "error: math.sqrt(high - low) ** 0.5 -> math.sqrt(high - low)",
        "error: math.sqrt(high - low) -> high - low",
        "error: high - low -> high + low",
        "error: high -> low #2",
        "error: low -> high #2",
        "error: low is not high -> low is high",
        "error: low -> high #3",
        "error: high -> low #3",
        "error: bound(lower=low, upper=-high) -> bound(lower=-high, upper=low)",
        "error: low -> high #4",
        "error: -high -> high",
        "error: high -> low #4",
    }


@pytest.mark.parametrize("mutant", list(mutants_of(SOURCE)), ids=lambda mutant: mutant.name)
def test_each_differs_from_the_source_in_one_place(mutant: Mutant) -> None:
    source, tree = ast.unparse(ast.parse(SOURCE)), tree_of(SOURCE, mutant)
    compile(tree, "<mutant>", "exec")
    assert ast.unparse(tree) != source
    different = [(a, b) for a, b in zip(source.splitlines(), ast.unparse(tree).splitlines(), strict=True) if a != b]
    assert len(different) == 1


@pytest.mark.parametrize(
    ("name", "partner"),
    [
        ("LOW", "HIGH"),
        ("incumbent_failed", "candidate_failed"),
        ("low_p", "high_p"),
        ("slow", None),
        ("first_look", "second_look"),
    ],
)
def test_a_partner_is_a_whole_word_of_a_name(name: str, partner: str | None) -> None:
    assert partner_of(name) == partner


def test_the_graders_are_a_group_with_checks_and_the_preference_of_a_pair() -> None:
    found = modules(GROUPS["graders"])
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "app" / "graders").rglob("*.py") if path.stem != "__init__"]
    assert set(found) == {*files, "app/pipeline/preference.py"}


@pytest.mark.parametrize(
    ("name", "is_named"),
    [("repetition", True), ("checks/repetition", True), ("checks/", True), ("graders/", False), ("own", False)],
)
def test_a_module_is_named_alone_or_with_its_folder(name: str, is_named: bool) -> None:
    assert is_meant("app/graders/checks/repetition.py", [name]) is is_named
