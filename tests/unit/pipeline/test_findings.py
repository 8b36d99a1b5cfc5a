"""What rules find in both arms' replies: which arm it is against, over conversations, only where both were looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from app.domain.checks_model import CheckModel, ChecksModel
from app.domain.evidence import Evidence, Numbers
from app.domain.findings import FindingColumns, Findings, bits_of
from app.graders.checks import refusal, wrong_language
from app.graders.checks.catalogue import checks_of
from app.pipeline.closing import Selection
from app.pipeline.findings import checks_model
from app.statistics.fixed_sample import wilson
from app.statistics.proportions import paired_difference_estimate
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Made, made

CONFIGURATION = a_configuration()
LABELS = {check.name: check.label for check in checks_of(())}
PLACES = tuple(sorted(LABELS.values()))
REFUSAL, LANGUAGE = refusal.NAME, wrong_language.NAME


@dataclass(frozen=True, slots=True)
class Two:
    """An exchange: which rules apply to the incumbent's and the candidate's reply, and which of them find something."""

    talk: str
    incumbent: str = ""
    candidate: str = ""
    applies: tuple[str, ...] = (REFUSAL,)
    candidate_applies: tuple[str, ...] | None = None
    segment: str = "other"
    weight: float = 1.0
    counted: bool = True
    chars: tuple[float, float] = (np.nan, np.nan)


def columns(checked: Sequence[tuple[str, ...]], found: Sequence[str], places: tuple[str, ...] = PLACES) -> FindingColumns:
    checked_bits = [bits_of([LABELS[name] for name in names], places) for names in checked]
    found_bits = [bits_of([LABELS[name] for name in names.split()], places) for names in found]
    sets = [7 if bits else 0 for bits in checked_bits]
    return FindingColumns(numbers(sets), numbers(checked_bits), numbers(found_bits), {7: places})


def numbers(values: Sequence[int]) -> Numbers:
    return np.array(values, dtype=np.int64)


def with_chars(evidence: Evidence, rows: Sequence[Two]) -> Evidence:
    arm = evidence.arms["qwen"]
    incumbent, other = (np.array([row.chars[side] for row in rows]) for side in (0, 1))
    replies = replace(arm.replies, content_chars=other)
    arms = {"qwen": replace(arm, replies=replies)}
    return replace(evidence, incumbent=replace(evidence.incumbent, content_chars=incumbent), arms=arms)


def model_of(rows: Sequence[Two], *, swapped: bool = False) -> ChecksModel:
    it = made([Made(row.talk, segment=row.segment, weight=row.weight, counted=row.counted) for row in rows])
    counted, nothing = it.pairs.counted, np.zeros(len(rows), dtype=np.int64)
    selection = Selection(it.evidence.exchanges.reasons, nothing, counted, counted, (1,), None)
    applies = [row.applies if row.candidate_applies is None else row.candidate_applies for row in rows]
    sides = [
        columns([row.applies for row in rows], [row.incumbent for row in rows]),
        columns(applies, [row.candidate for row in rows]),
    ]
    findings = dict(zip(("incumbent", "qwen"), sides[::-1] if swapped else sides, strict=True))
    evidence = with_chars(it.evidence, rows)
    return checks_model(CONFIGURATION, evidence, findings, ("incumbent", "qwen"), selection, it.talks)


def rule_of(model: ChecksModel, name: str = REFUSAL) -> CheckModel:
    return next(rule for rule in model.rules if rule.name == name)


ROWS = (
    *(Two(f"a{n}", incumbent=REFUSAL) for n in range(2)),
    *(Two(f"b{n}", candidate=REFUSAL) for n in range(7)),
    *(Two(f"c{n}", incumbent=REFUSAL, candidate=REFUSAL) for n in range(3)),
    *(Two(f"d{n}") for n in range(28)),
)


def test_the_direction_of_disagreement_is_kept() -> None:
    rule = rule_of(model_of(ROWS))
    counts = (
        rule.exchanges,
        rule.incumbent_found,
        rule.candidate_found,
        rule.both_found,
        rule.incumbent_only,
        rule.candidate_only,
    )
    assert counts == (40, 5, 10, 3, 2, 7)
    assert (rule.incumbent_rate.value, rule.candidate_rate.value) == (5 / 40, 10 / 40)
    assert rule.difference.value == pytest.approx(5 / 40)
    assert (rule.candidate_rate.low, rule.candidate_rate.high) == pytest.approx(wilson(successes=10, trials=40))


def test_with_one_exchange_a_conversation_the_interval_is_that_of_pairs() -> None:
    difference = rule_of(model_of(ROWS)).difference
    expected = paired_difference_estimate(both=3, first_only=7, second_only=2, neither=28)
    assert (difference.value, difference.low, difference.high) == pytest.approx((expected.value, expected.low, expected.high))
    assert (difference.n, difference.method) == (40, expected.method)


def test_swapping_the_arms_turns_every_sign_around() -> None:
    one, other = rule_of(model_of(ROWS)), rule_of(model_of(ROWS, swapped=True))
    assert (other.incumbent_only, other.candidate_only) == (one.candidate_only, one.incumbent_only)
    assert other.difference.value == pytest.approx(-(one.difference.value or 0))
    assert other.difference.low == pytest.approx(-(one.difference.high or 0))
    assert (other.incumbent_rate, other.candidate_rate) == (one.candidate_rate, one.incumbent_rate)


def test_a_conversation_counts_once_however_long_it_is() -> None:
    many = [Two("long", candidate=REFUSAL) for _ in range(50)]
    rule = rule_of(model_of([*many, *(Two(f"s{n}") for n in range(9))]))
    assert (rule.exchanges, rule.candidate_found) == (59, 50)
    assert (rule.candidate_rate.value, rule.candidate_rate.n, rule.difference.n) == (0.1, 10, 10)
    assert (rule.candidate_rate.low, rule.candidate_rate.high) == pytest.approx(wilson(successes=1, trials=10))


def test_within_a_conversation_it_is_the_share_of_its_exchanges() -> None:
    rows = [Two("a", candidate=REFUSAL), Two("a"), Two("a"), Two("a"), Two("b"), Two("c")]
    assert rule_of(model_of(rows)).candidate_rate.value == pytest.approx(0.25 / 3)


def test_conversations_weigh_by_their_inclusion_probability() -> None:
    rule = rule_of(model_of([Two("a", candidate=REFUSAL, weight=3.0), Two("b")]))
    assert (rule.candidate_rate.value, rule.candidate_found, rule.difference.value) == (0.75, 1, 0.75)


def test_a_rule_that_applies_to_one_reply_compares_both() -> None:
    rows = [Two("a", candidate=LANGUAGE, applies=(REFUSAL,), candidate_applies=(REFUSAL, LANGUAGE)), Two("b"), Two("c")]
    rule = rule_of(model_of(rows), LANGUAGE)
    assert (rule.exchanges, rule.incumbent_applied, rule.candidate_applied) == (1, 0, 1)
    assert (rule.incumbent_rate.value, rule.candidate_rate.value) == (0.0, 1.0)


def test_only_exchanges_that_count_and_were_looked_at_on_both_sides_are_compared() -> None:
    rows = [Two("a", candidate=REFUSAL), Two("b", candidate=REFUSAL, counted=False), Two("c", candidate=REFUSAL, applies=()),
            Two("d", incumbent=REFUSAL, candidate_applies=())]  # fmt: skip
    model = model_of([replace(rows[2], candidate_applies=(REFUSAL,)) if row is rows[2] else row for row in rows])
    assert (model.exchanges, model.looked_at) == (3, 1)
    assert (rule_of(model).exchanges, rule_of(model).candidate_found, rule_of(model).incumbent_found) == (1, 1, 0)


def test_rules_that_apply_nowhere_are_not_listed_and_the_greatest_difference_comes_first() -> None:
    both = (REFUSAL, LANGUAGE)
    rows = [Two("a", LANGUAGE, "", both), Two("b", LANGUAGE, REFUSAL, both), *(Two(f"c{n}", "", "", both) for n in range(8))]
    model = model_of(rows)
    assert [(rule.name, rule.difference.value) for rule in model.rules] == [(LANGUAGE, -0.2), (REFUSAL, 0.1)]


def test_each_segment_has_its_own_figures() -> None:
    rows = [Two("a", candidate=REFUSAL, segment="x"), Two("b", segment="x"), Two("c", incumbent=REFUSAL, segment="y")]
    model = model_of(rows)
    found = {name: part.rules[0] for name, part in model.segments.items()}
    assert {name: (rule.exchanges, rule.difference.value) for name, rule in found.items()} == {"x": (2, 0.5), "y": (1, -1.0)}
    assert (found["x"].candidate_only, found["y"].incumbent_only) == (1, 1)


def test_the_length_ratio_is_the_candidate_for_one_of_the_incumbent_by_conversation() -> None:
    rows = [
        Two("a", chars=(100, 300)),
        Two("a", chars=(100, 100)),
        Two("b", chars=(10, 10)),
        Two("c", chars=(10, 90)),
        Two("d", chars=(0, 5)),
    ]
    ratio = model_of(rows).length_ratio
    assert (ratio.value, ratio.n) == (2.0, 3)
    assert model_of(rows[3:]).length_ratio.value == 9.0


def test_without_findings_only_the_exchanges_are_counted() -> None:
    it = made([Made("a"), Made("b")])
    nothing = np.zeros(2, dtype=np.int64)
    selection = Selection(it.evidence.exchanges.reasons, nothing, it.pairs.counted, it.pairs.counted, (1,), None)
    model = checks_model(CONFIGURATION, it.evidence, {}, ("incumbent", "qwen"), selection, it.talks)
    assert (model.exchanges, model.looked_at, model.rules) == (2, 0, [])


def test_what_was_found_under_another_version_is_not_mixed_in() -> None:
    places = ("refusal@0", LABELS[LANGUAGE])
    side = FindingColumns(numbers([3]), numbers([0b11]), numbers([0b11]), {3: places})
    assert [flags.tolist() for flags in side.of("refusal@0")] == [[True], [True]]
    assert [flags.tolist() for flags in side.of(LABELS[REFUSAL])] == [[False], [False]]
    assert [flags.tolist() for flags in side.of(LABELS[LANGUAGE])] == [[True], [True]]


def test_bits_are_places_and_unknown_labels_have_none() -> None:
    assert bits_of({"b", "x"}, ("a", "b", "c")) == 0b010
    found = Findings(frozenset({"a", "c"}), frozenset({"c"}))
    assert Findings.of(found.body) == found
