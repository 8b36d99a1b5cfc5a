"""What a verdict and the scorecard say of a split: who stays although it passes, which part would do, what all of it costs."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.costs.token_bill import TokenBill
from app.domain.estimate_models import EstimateModel
from app.domain.scorecard import SegmentModel, VerdictModel
from app.domain.split import SplitModel
from app.domain.words import GateName, GateOutcome, Outcome
from app.pipeline.operation import Bounded
from app.pipeline.ruling import Case
from app.pipeline.split_figures import Kinds, split_of
from app.pipeline.verdict import verdict_of
from tests.unit.pipeline.made_case import F, P, U, Whole, a_quality_model, money

MUST_STAY = {"constraints": {"data_must_stay": True, "team_has_gpu_experience": True}}
REQUESTS = {"a": 500.0, "b": 300.0, "c": 100.0, "other": 100.0}


def a_case(outcomes: Mapping[str, GateOutcome], saves: Mapping[str, int], *, fails: str = "", **whole: Any) -> Case:
    """Each kind saves so much, whatever moves with it; one with a kind of `fails` fails latency, one that costs the saving."""
    tables = {"segment": [{"name": name} for name in outcomes]} | whole.pop("tables", {})
    made = Whole(
        segments=dict(outcomes), judged=frozenset(outcomes), quality=whole.pop("quality", U), tables=tables, **whole
    ).made()

    def saved(split: frozenset[str]) -> Decimal:
        return Decimal(sum(saves[name] for name in split))

    def operation(split: frozenset[str] | None) -> dict[GateName, Bounded]:
        moved = split if split is not None else frozenset(outcomes)
        latency = F if moved & set(fails) else P
        saving = P if saved(moved) > 0 else F
        said = {GateName.LATENCY: latency, GateName.RELIABILITY: P, GateName.SAVING: saving}
        return {name: Bounded(outcome, None, None, name.value) for name, outcome in said.items()}

    # What the money says agrees: the incumbent bills 1,000 for each kind, the candidate 1,000 less what is saved.
    bills = {name: TokenBill(usd=Decimal(1000), replies=Decimal(1)) for name in (*outcomes, "other")}
    asked = {name: TokenBill(usd=Decimal(1000 - saves.get(name, 0)), replies=Decimal(1)) for name in bills}
    by_token = money(gpu_usd=None)
    table = by_token.table.model_copy(
        update={"input_usd_per_million_tokens": Decimal(1), "output_usd_per_million_tokens": Decimal(1)}
    )
    of_arms = replace(by_token, incumbent=bills, candidate=asked, table=table)
    return replace(made, money=of_arms, gates=replace(made.gates, operation=operation, saving_usd=saved))


def verdict(case: Case) -> VerdictModel:
    return verdict_of(case)


def split(case: Case) -> SplitModel:
    return split_of(case, verdict_of(case).outcome, REQUESTS, Kinds())


def test_a_kind_that_costs_more_stays_and_the_verdict_says_what_it_would_cost() -> None:
    found = verdict(a_case({"a": P, "b": P, "c": F}, {"a": 500, "b": -80, "c": 0}))
    assert (found.outcome, found.routing) == (Outcome.HYBRID, {"a": "qwen"})
    assert found.reason_codes[:2] == ["segments_pass", "segment_left_out"]
    assert found.reasons[:2] == [
        "A may move: quality passes there and so does every other required condition.",
        "B had better stay although quality passes there: moving it too would cost 80.00 US dollars a month.",
    ]


def test_where_cost_is_not_the_reason_all_that_pass_move() -> None:
    case = a_case({"a": P, "b": P, "c": F}, {"a": 500, "b": -80, "c": 0}, tables={"decision": {"reason": "privacy"}})
    assert verdict(case).routing == {"a": "qwen", "b": "qwen"}
    assert "segment_left_out" not in verdict(case).reason_codes


@pytest.mark.parametrize(
    ("saves", "fails", "part"),
    [({"a": 100, "b": 200}, "b", True), ({"a": 100, "b": -200}, "", True), ({"a": 100, "b": 200}, "ab", False)],
)
def test_where_all_that_pass_fail_something_together_the_part_that_would_do_is_named(
    saves: dict[str, int], fails: str, part: bool
) -> None:
    case = a_case({"a": P, "b": P}, saves, fails=fails)
    found = verdict(case)
    assert (found.outcome, found.routing) == (Outcome.EXTEND if part else Outcome.DONT_MIGRATE, {})
    assert ("part_passes" in found.reason_codes) is part
    assert (
        "Quality passes in a and b, and together they fail another condition; a alone would pass them all." in found.reasons
    ) is part
    assert any(line.startswith("Leave b out: without its [[segment]] only a would move") for line in found.would_change) is part
    assert split(case).is_verdict is False
    if part:
        assert (split(case).moved, split(case).left_out) == (["a"], ["b"])
        why = {each.name: each.why for each in split(case).segments}
        assert why["b"] == ("another condition fails with it" if fails else "its quality passes, but more is saved if it stays")


def test_a_part_is_not_named_where_too_little_is_known_of_all_of_them() -> None:
    case = a_case({"a": P, "b": P}, {"a": 100, "b": -200})
    unknown = replace(
        case.gates,
        operation=lambda moved: case.gates.operation(moved) | {GateName.SAVING: Bounded(U, None, None, "unsure")},
    )
    found = verdict(replace(case, gates=unknown))
    assert (found.outcome, "part_passes" in found.reason_codes) == (Outcome.EXTEND, False)


def test_what_moves_alone_needs_people_only_where_a_judge_spoke() -> None:
    """The part that stays was judged, the part that moves was not: no label is missing."""
    case = a_case({"a": P, "b": P}, {"a": 100, "b": -20}, model=a_quality_model(usable_labels=0))
    judged: Any = case.quality
    judged.judged_segments = frozenset({"b"})
    assert verdict(case).outcome is Outcome.HYBRID


@pytest.mark.parametrize(
    ("outcomes", "tables", "code", "said"),
    [
        ({"a": F}, MUST_STAY, True, "Neither option is fit: the data must stay"),
        ({"a": P, "b": F}, MUST_STAY, True, "For what does not move, neither option is fit"),
        ({"a": F}, {}, False, ""),
        ({"a": F}, {"constraints": {"data_must_stay": True, "team_has_gpu_experience": True,
                                    "allowed_hosts": ["api.example.com", "127.0.0.1"]}}, False, ""),
    ],
)  # fmt: skip
def test_where_data_must_stay_a_failed_quality_leaves_nothing(
    outcomes: dict[str, GateOutcome], tables: dict[str, Any], code: bool, said: str
) -> None:
    found = verdict(a_case(outcomes, {"a": 10, "b": 10}, quality=F, tables=tables))
    assert ("neither_fits" in found.reason_codes) is code
    assert any(reason.startswith(said) for reason in found.reasons)
    assert any("neither option" in reason.lower() for reason in found.reasons) is code
    assert any(line.startswith("Another candidate where") for line in found.would_change) is code


def test_what_stays_may_not_stay_where_data_must() -> None:
    found = verdict(a_case({"a": P, "b": U}, {"a": 10, "b": 10}, tables=MUST_STAY))
    assert found.outcome is Outcome.HYBRID
    assert "What does not move may not stay with the incumbent either: the data must stay." in found.reasons
    assert "neither_fits" not in found.reason_codes


def rated(case: Case, rates: Mapping[str, tuple[float, float, float, int]]) -> Case:
    shown = {
        name: SegmentModel(
            outcome=segment.outcome, registered=segment.registered,
            win_rate=EstimateModel(value=rates[name][0], low=rates[name][1], high=rates[name][2], n=rates[name][3]),
        )
        for name, segment in case.quality.segments.items()
    }  # fmt: skip
    quality: Any = case.quality
    quality.segments = shown
    return case


def test_blended_cost_and_quality_of_a_split() -> None:
    case = a_case({"a": P, "b": P, "c": F}, {"a": 300, "b": 200, "c": 0})
    rates = {"a": (0.6, 0.5, 0.7, 40), "b": (0.4, 0.35, 0.45, 30), "c": (0.2, 0.1, 0.3, 20), "other": (0.1, 0.0, 0.2, 9)}
    found = split(rated(case, rates))
    assert (found.moved, found.stays, found.moved_share_of_requests) == (["a", "b"], ["c", "other"], 0.8)
    # Half of the requests at 0.6, three tenths at 0.4, the rest as it is.
    blended = found.blended_win_rate
    assert blended.value == pytest.approx(0.5 * 0.6 + 0.3 * 0.4 + 0.2 * 0.5)
    assert blended.low == pytest.approx(0.5 * 0.5 + 0.3 * 0.35 + 0.2 * 0.5)
    assert blended.high == pytest.approx(0.5 * 0.7 + 0.3 * 0.45 + 0.2 * 0.5)
    assert (blended.n, blended.confidence, blended.method) == (70, 0.9, "sum_of_intervals")
    assert found.incumbent_usd_per_month.value == 4000
    assert found.blended_usd_per_month.value == 4000 - 500
    assert found.saving_usd_per_month.value == 500
    alone = {each.name: each.saving_alone_usd_per_month.value for each in found.segments}
    beside = {each.name: each.saving_beside_usd_per_month.value for each in found.segments}
    assert alone == beside == {"a": 300, "b": 200, "c": 0, "other": 0}
    assert [point.moved for point in found.frontier] == [["a"], ["a", "b"]]
    assert [point.saving_usd_per_month for point in found.frontier] == [Decimal(300), Decimal(500)]
    assert [point.share_of_requests for point in found.frontier] == [0.5, 0.8]
    assert found.words == "a and b may move; everything else stays with the incumbent."


def test_a_rate_that_nobody_knows_leaves_the_blend_unknown() -> None:
    case = a_case({"a": P, "b": F}, {"a": 300, "b": 0})
    quality: Any = case.quality
    rates = dict.fromkeys(quality.segments, (0.6, 0.5, 0.7, 40))
    half = rated(case, rates)
    unknown = half.quality.segments["a"].model_copy(update={"win_rate": EstimateModel(value=0.6, n=3)})
    quality.segments = half.quality.segments | {"a": unknown}
    found = split(half).blended_win_rate
    assert found.value == pytest.approx(0.55)
    assert (found.low, found.high) == (None, None)
    assert split_of(half, Outcome.HYBRID, {}, Kinds()).blended_win_rate == EstimateModel()


@pytest.mark.parametrize(
    ("outcomes", "quality", "saves", "words"),
    [
        ({"a": U, "b": F}, U, {"a": 1, "b": 1}, "No registered kind of work passes quality"),
        ({"a": P, "b": P}, P, {"a": 1, "b": 1}, "All of it may move. The best part of it, if not all shall, is a and b."),
        ({"a": P, "b": P}, P, {"a": 9, "b": -1},
         "All of it may move. If only a moved, 1.00 US dollars a month more would be saved."),
    ],
)  # fmt: skip
def test_the_split_in_words(outcomes: dict[str, GateOutcome], quality: GateOutcome, saves: dict[str, int], words: str) -> None:
    case = a_case(outcomes, saves, quality=quality)
    assert split(case).words.startswith(words)
    if P not in outcomes.values():
        assert (split(case).moved, split(case).saving_usd_per_month.value, split(case).frontier) == ([], None, [])
