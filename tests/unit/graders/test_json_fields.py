"""Field-level agreement: what counts as equal, and how much one difference costs."""

import json
from typing import Any

import pytest

from app.domain.exchange import Reply
from app.graders.grade import Grade, Ungraded
from app.graders.json_fields import grade_fields
from app.graders.json_values import compare_documents
from app.graders.scalar_values import meaning


def graded(incumbent: Any, arm: Any, request: dict[str, Any] | None = None) -> Grade:
    found = grade_fields(request or {}, Reply(json.dumps(incumbent)), Reply(json.dumps(arm)))
    assert isinstance(found, Grade)
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1200, "1,200.0"), (1200, "1200"), (-3, "-3.00"), (0.1, "0.10"), (1.0, 1), ("1,234,567", 1234567), (0, "-0"),
        ("Yes", " yes "), ("a  b\n", "A b"), (None, None), (True, True),
        ("2026-03-02", "2 March 2026"), ("2026-03-02", "Mar 2, 2026"), ("2026-03-02", "March 2nd 2026"),
        ("2026-03-02", "02.03.2026"), ("2026-03-02", "2026/3/2"), ("2026-03-25", "25/03/2026"), ("2026-03-25", "03/25/2026"),
        ("2026-03-03", "03/03/2026"), ("2026-03-02", "2-Mar-2026"), ("2026-03-02", "2026-03-02T00:00:00"),
        ("2026-09-02", "2. Sept. 2026"),
        ("2026-03-02T10:00:00Z", "2026-03-02 11:00:00+01:00"), ("2026-03-02T10:00:00.000Z", "2026-03-02t10:00:00z"),
    ],
)  # fmt: skip
def test_what_means_the_same_is_equal(one: Any, other: Any) -> None:
    assert meaning(one) == meaning(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1200, 1200.5), (1, -1), ("1,20", 120), ("1,2345", 12345), ("007", 7), ("+49", 49), ("1e3", 1000), ("٣", 3),
        (True, 1), (True, "true"), (False, 0), (None, ""), (None, "null"), (None, False), ("yes", "yes."),
        ("2026-03-02", "2026-03-03"), ("2026-03-02", "02/03/2026"), ("2026-03-02", "03/02/2026"), ("2026-02-30", "30.02.2026"),
        ("2026-03-02", "March 2026"), ("2026-03-02", "2 Marc 2026"), ("2026-03-02T10:00:00", "2026-03-02T10:00:00Z"),
        ("2026-03-02", "2026-03-02T00:00:01"), ("0001-01-01T00:00:00+14:00", "0001-01-01"), ("2026-03-02", "02.03-2026"),
        ("2 March 2026", "3 February 2026"), ("2026-11-12", "12/11/2026"), ("2026-11-12", "11/12/2026"),
    ],
)  # fmt: skip
def test_what_does_not_is_not(one: Any, other: Any) -> None:
    assert meaning(one) != meaning(other)


@pytest.mark.parametrize(
    ("incumbent", "arm", "precision", "recall", "paths"),
    [
        ({"a": 1, "b": "x"}, {"b": "X", "a": 1.0}, 1, 1, []),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, 0.5, 0.5, ["$.b"]),
        ({"a": 1, "b": 2}, {"a": 1}, 1, 0.5, ["$.b"]),
        ({"a": 1}, {"a": 1, "b": 2}, 0.5, 1, ["$.b"]),
        ({"a": 1}, {"b": 1}, 0, 0, ["$.a", "$.b"]),
        ({"a": {"x": 1, "y": 2}}, {"a": 1}, 0, 0, ["$.a.x", "$.a.y"]),
        ({"a": {"x": 1}, "b": 1, "c": 1}, {"a": {"x": 1}, "b": 1, "c": 2}, 2 / 3, 2 / 3, ["$.c"]),
        ([1, 2, 3], [0, 1, 2, 3], 0.75, 1, ["$[+0]"]),
        ([1, 2, 3], [1, 3], 1, 2 / 3, ["$[1]"]),
        ([1, 2], [2, 1], 0.5, 0.5, ["$[1]", "$[+0]"]),
        ([{"n": 1, "p": 5}, {"n": 2, "p": 6}], [{"n": 2, "p": 7}], 0.5, 0.25, ["$[0].n", "$[0].p", "$[1].p"]),
        ({"a": []}, {"a": []}, 1, 1, []),
        ({"a": []}, {"a": {}}, 0, 0, ["$.a"]),
        ({"a": []}, {"a": [1]}, 0, 0, ["$.a[0]"]),
        ({}, {"a": 1}, 0, 0, ["$.a"]),
        ({"a": 1}, {}, 0, 0, ["$.a"]),
        ([], [1], 0, 0, ["$[0]"]),
        ([1], [], 0, 0, ["$[0]"]),
        ([1], {"0": 1}, 0, 0, ["$[0]"]),
        ({"a": 1}, ["a"], 0, 0, ["$.a"]),
        ([["a"]], [{"a": 1}], 0, 0, ["$[0][0]", "$[+0].a"]),
        (5, "5", 1, 1, []),
        (5, 6, 0, 0, ["$"]),
        ({"a": None}, {}, 0, 0, ["$.a"]),
    ],
)  # fmt: skip
def test_agreement_is_half_of_f1_over_fields(
    incumbent: Any, arm: Any, precision: float, recall: float, paths: list[str]
) -> None:
    found = graded(incumbent, arm)
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    assert found.value == pytest.approx(0.5 * f1)
    assert found.facts == {
        "precision": pytest.approx(precision), "recall": pytest.approx(recall), "f1": pytest.approx(f1), "paths": paths,
    }  # fmt: skip


def test_of_a_set_the_order_does_not_matter() -> None:
    tags = {"type": "array", "uniqueItems": True, "items": {"$ref": "#/$defs/tag"}}
    schema = {"type": "object", "properties": {"tags": tags, "steps": {"type": "array"}}, "$defs": {"tag": {"type": "object"}}}
    request = {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    one = {"tags": [{"n": 1, "v": "a"}, {"n": 2, "v": "b"}, {"n": 3, "v": "c"}]}
    turned = {"tags": [{"n": 3, "v": "c"}, {"n": 1, "v": "a"}, {"n": 2, "v": "x"}]}
    assert graded(one, turned, request).value == pytest.approx(0.5 * 5 / 6)
    assert graded(one, turned).value < 0.4
    assert graded({"steps": [1, 2]}, {"steps": [2, 1]}, request).value == 0.25
    by_name = {"type": "object", "properties": {"tags": {"$ref": "#/$defs/set"}}, "$defs": {"set": {"uniqueItems": True}}}
    assert compare_documents({"tags": [1, 2]}, {"tags": [2, 1]}, by_name).f1 == 1


def test_large_documents_are_compared_quickly() -> None:
    rows = [{"n": number, "v": str(number)} for number in range(1000)]
    found = graded(rows, [*rows[:-1], {"n": 999, "v": "other"}])
    assert found.value == pytest.approx(0.5 * 1999 / 2000)
    assert graded(rows, rows[1:]).value == graded(rows[1:], rows).value == 0.0  # place by place
    words = [f"w{number}" for number in range(300)]
    assert compare_documents(words, words[::-1], {"uniqueItems": True}).f1 == 1


@pytest.mark.parametrize(("size", "is_set"), [(40, True), (41, False)])
def test_small_sets_are_matched_as_well_as_can_be(size: int, is_set: bool) -> None:
    one = [{"n": number, "v": 0} for number in range(size)]
    other = [{"n": number, "v": number + 1} for number in reversed(range(size))]
    assert (compare_documents(one, other, {"uniqueItems": True}).f1 == 0.5) is is_set


@pytest.mark.parametrize(("depth", "is_compared"), [(64, True), (65, False)])
def test_documents_are_compared_down_to_64_levels(depth: int, is_compared: bool) -> None:
    deep = Reply("[" * depth + "1" + "]" * depth)
    assert isinstance(grade_fields({}, deep, deep), Grade) is is_compared


def test_at_most_twenty_paths_are_kept() -> None:
    found = graded({f"k{n:02}": 1 for n in range(50)}, {f"k{n:02}": 2 for n in range(50)})
    assert found.facts["paths"] == [f"$.k{n:02}" for n in range(20)]
    assert found.reason.endswith("$.k00, $.k01, $.k02 and 47 more")
    assert graded({"a": 1, "b": 1, "c": 1}, {}).reason.endswith("other at $.a, $.b, $.c")


@pytest.mark.parametrize("text", ["", "no json", "{", '{"a": NaN}', "[" * 100 + "]" * 100, "x" * 10, "```json\n{\n```"])
def test_what_is_not_json_is_told_apart_by_arm(text: str) -> None:
    right = Reply('{"a": 1}')
    none = grade_fields({}, Reply(text), right)
    assert isinstance(none, Ungraded)
    assert none.reason == "reference_not_json"
    wrong = grade_fields({}, right, Reply(text))
    assert isinstance(wrong, Grade)
    assert (wrong.value, wrong.facts["f1"], wrong.facts["paths"]) == (0.0, 0.0, ["$"])
    assert grade_fields({}, Reply(None), right) == grade_fields({}, Reply(""), right)


def test_a_code_fence_is_taken_off_only_where_the_application_copes_with_one() -> None:
    bare, fenced = Reply('{"a": 1}'), Reply('```json\n{"a": 1}\n```')
    values = [grade_fields({}, one, other) for one, other in ((fenced, fenced), (fenced, bare), (bare, fenced))]
    assert [value.value if isinstance(value, Grade) else value for value in values] == [0.5, 0.5, 0.0]


@pytest.mark.parametrize(("most", "agreement"), [(4, 0.25), (3, 0.0)])
def test_up_to_the_limit_arrays_are_aligned(most: int, agreement: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.graders.json_values.MAX_COMPARED", most)
    assert graded([1, 2], [2, 3]).value == agreement


def test_arrays_within_arrays_are_aligned_each_on_its_own() -> None:
    one, other = [[1, 2, 3], [2, 3, 9]], [[2, 3, 9]]
    assert compare_documents(one, other).same == compare_documents(other, one).same == 3


def test_of_sets_of_two_sizes_the_best_couple_counts() -> None:
    one, other = [{"n": number, "v": 0} for number in range(3)], [{"n": 2, "v": 1}]
    as_set = {"uniqueItems": True}
    assert compare_documents(one, other, as_set).same == compare_documents(other, one, as_set).same == 1
