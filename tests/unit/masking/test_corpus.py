"""How much of what is planted the rules find, and how much else: the table of docs/privacy.md."""

from collections import Counter

from typing_extensions import override

from app.capture.masking.masker import OWN_RULES, Masker, chosen
from tests.unit.masking.corpus import Case, cases

RECALL, PRECISION = 0.99, 0.98
ALL = "in all"


class Table:
    """Counts by kind."""

    def __init__(self) -> None:
        self.planted, self.found, self.false, self.near = Counter[str](), Counter[str](), Counter[str](), Counter[str]()

    def add(self, case: Case) -> None:
        """One text: a value counts as found if all of it is masked."""
        spans = chosen([span for rule in OWN_RULES for span in rule(case.text, "")], ())
        for kind in (case.kind, ALL):
            self.planted[kind] += len(case.planted)
            self.near[kind] += not case.planted
            self.found[kind] += sum(any(s.start <= start and end <= s.end for s in spans) for start, end in case.planted)
            self.false[kind] += sum(not any(s.start < end and start < s.end for start, end in case.planted) for s in spans)

    def recall(self, kind: str) -> float:
        """Of what is planted, the share that is masked."""
        return self.found[kind] / self.planted[kind]

    def precision(self, kind: str) -> float:
        """Of what is masked, the share that is planted."""
        return self.found[kind] / (self.found[kind] + self.false[kind])

    @override
    def __str__(self) -> str:
        rows = [f"{'kind':8} {'planted':>8} {'near misses':>12} {'recall':>8} {'precision':>10}"]
        for kind in sorted(self.planted):
            numbers = f"{self.planted[kind]:8} {self.near[kind]:12} {self.recall(kind):8.3f} {self.precision(kind):10.3f}"
            rows.append(f"{kind:8} {numbers}")
        return "\n".join(rows)


def test_recall_and_precision_of_each_kind_and_of_all() -> None:
    table = Table()
    for case in cases():
        table.add(case)
    print(f"\n{table}")  # noqa: T201 - what docs/privacy.md shows
    assert table.planted[ALL] >= 300
    assert table.near[ALL] >= 150
    low = [kind for kind in table.planted if table.recall(kind) < RECALL or table.precision(kind) < PRECISION]
    assert not low, f"\n{table}"


def test_nothing_that_is_planted_is_left_in_a_masked_text_and_masking_again_changes_nothing() -> None:
    masker = Masker(b"key")
    for case in cases():
        masked = masker.text(case.text)
        assert masker.text(masked) == masked
        left = [case.text[start:end] for start, end in case.planted if case.text[start:end] in masked]
        assert not left, (case.text, masked)


def test_what_only_looks_like_a_value_stays_as_it_is() -> None:
    masker = Masker(b"key")
    changed = [case.text for case in cases() if not case.planted and masker.text(case.text) != case.text]
    assert not changed
