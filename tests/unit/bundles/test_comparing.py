"""Documents are compared figure by figure."""

from typing import Any

import pytest

from app.pipeline.bundles.comparing import compare


def test_equal_documents_are_counted_by_kind() -> None:
    document = {"a": [1, 2.5, None], "b": {"c": "x", "d": True}}
    found = compare(document, {"b": {"d": True, "c": "x"}, "a": [1.0, 2.5, None]}, "card")
    assert (found.numbers, found.others, found.is_same) == (2, 3, True)


@pytest.mark.parametrize(
    ("expected", "found", "said"),
    [
        (0.1 + 0.2, 0.3, ("x", "0.30000000000000004", "0.3")),
        (1, True, ("x", "1", "True")),
        (None, 0, ("x", "None", "0")),
        ("1", 1, ("x", "'1'", "1")),
        ([1], [1, 2], ("x[1]", "(absent)", "2")),
        ({"a": 1, "b": 2}, {"a": 1}, ("x.b", "2", "(absent)")),
        ([1], {"a": 1}, ("x", "[1]", "{'a': 1}")),
    ],
)
def test_the_last_digit_and_the_kind_count(expected: Any, found: Any, said: tuple[str, str, str]) -> None:
    compared = compare(expected, found, "x")
    assert [(each.path, each.expected, each.found) for each in compared.differences] == [said]
    assert not compared.is_same


def test_only_the_first_differences_are_kept_and_all_are_counted() -> None:
    compared = compare(list(range(100)), [n + 1 for n in range(100)], "x")
    assert (compared.differing, len(compared.differences), compared.largest) == (100, 20, 1.0)
