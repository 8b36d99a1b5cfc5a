"""Which label a reply is, and whether both are the same."""

import pytest

from app.domain.exchange import Reply
from app.graders.grade import Grade, Ungraded
from app.graders.label import grade_label, label_of


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("spam", "spam"), (" Spam.\n", "spam"), ('"SPAM"', "spam"), ("**Spam**", "spam"), ("`spam`.", "spam"),
        ("'spam!'", "spam"), ('{"label": "Spam"}', "spam"), ('{"is_spam": true}', "true"), ("true", "true"),
        ('{"score": 3.0}', "3"), ("[spam]", "spam"),
        ("not   spam", "not spam"), ("«spam»", "spam"), ("(a)", "a"), ("„spam“", "spam"),
        ("A*", "a*"), ("+", "+"), ("-1", "-1"), ("c++", "c++"), ("c#", "c#"), ("spam?", "spam?"),
        ("!", "!"), ("*", "*"), ("***", "*"), ('""', None),
        ("", None), (None, None), (" \n", None), ("x" * 100, "x" * 100), ("x" * 101, None),
        ('{"a": 1, "b": 2}', None), ("{}", None), ('["a"]', None), ('{"a": ["b"]}', None),
    ],
)  # fmt: skip
def test_a_label_is_read_without_what_is_written_around_it(content: str | None, label: str | None) -> None:
    assert label_of(Reply(content)) == label


@pytest.mark.parametrize(
    ("incumbent", "arm", "value"),
    [("spam", "Spam.", 0.5), ("spam", '{"label": "spam"}', 0.5), ("spam", "ham", 0.0), ("ham", "spam", 0.0), ("a", "", 0.0)],
)
def test_the_same_label_agrees_and_another_does_not(incumbent: str, arm: str, value: float) -> None:
    found = grade_label(Reply(incumbent), Reply(arm))
    assert isinstance(found, Grade)
    assert found.value == value
    assert found.facts == {"incumbent": incumbent, "arm": label_of(Reply(arm))}


def test_without_a_label_of_the_incumbent_nothing_is_said() -> None:
    found = grade_label(Reply("x" * 500), Reply("spam"))
    assert isinstance(found, Ungraded)
    assert found.reason == "reference_no_label"
    assert isinstance(grade_label(Reply("spam"), Reply("x" * 500)), Grade)


@pytest.mark.parametrize(
    ("incumbent", "arm", "reason"),
    [
        ("Spam", "spam.", "both 'spam'"), ("spam", "ham", "'ham' instead of 'spam'"),
        ("ham", "spam", "'spam' instead of 'ham'"),
        ("spam", "", "the reply is no label, the incumbent's is 'spam'"),
    ],
)  # fmt: skip
def test_the_reason_names_each_label_on_its_side(incumbent: str, arm: str, reason: str) -> None:
    found = grade_label(Reply(incumbent), Reply(arm))
    assert isinstance(found, Grade)
    assert found.reason == reason
