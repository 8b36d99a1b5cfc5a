"""Which orders the judge still has to be asked for, and how a judged pair ends."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.domain.configuration import PilotConfiguration
from app.domain.exchange import Failure, Reply
from app.domain.grading import IMPORTED, PairKey, PairRecord, StoredGrade
from app.domain.pilot import Arm, Pilot
from app.domain.words import ArmRole, FailureKind, PilotState, Rule
from app.pipeline.settlement import asked_twice, first_shown, judge_of, needed_orders, settle
from tests.builders import a_configuration

ARRIVED = datetime(2026, 10, 5, 12, tzinfo=UTC)
JUDGE = {"base_url": "http://127.0.0.1:1/v1", "model": "judge-1"}
YES, NO = Reply("yes"), Reply("no")
BOTH = ("incumbent", "qwen")


def a_pilot(**tables: object) -> Pilot:
    configuration: PilotConfiguration = a_configuration(**tables)
    arms = (Arm(1, "incumbent", ArmRole.INCUMBENT, "gpt-5.1"), Arm(2, "qwen", ArmRole.CANDIDATE, "Qwen/Qwen3.5"))
    return Pilot(
        id=1, name="p", state=PilotState.RUNNING, configuration=configuration, arms=arms,
        starts_at=datetime(2026, 10, 5, tzinfo=UTC), extended_days=0, is_default=True, is_detached=False, mirror_on=True,
        created_at=ARRIVED, started_at=ARRIVED, stopped_at=None,
    )  # fmt: skip


def a_record(incumbent: Reply | Failure | None = YES, other: Reply | Failure | None = NO, *grades: StoredGrade) -> PairRecord:
    return PairRecord(
        key=PairKey(1, 2), external_id="e-1", arrived_at=ARRIVED, segment="other", reason="captured", sample_point=0.0,
        request={"messages": []}, incumbent=incumbent, other=other, grades=grades,
    )  # fmt: skip


def imported(first: str | None, value: float | None) -> StoredGrade:
    return StoredGrade(IMPORTED, first, value, None if value is not None else "unparsed")


def given(first: str, value: float | None, reason: str = "unparsed") -> StoredGrade:
    judge = judge_of(a_configuration(judge=JUDGE))
    assert judge is not None
    assert judge.version is not None
    return StoredGrade(judge.version, first, value, None if value is not None else reason)


@pytest.mark.parametrize(
    ("grades", "needed"),
    [
        ([], BOTH),
        ([given("incumbent", 1.0)], ("qwen",)),
        ([given("qwen", 0.0)], ("incumbent",)),
        ([given("incumbent", 0.5)], ()),
        ([given("incumbent", None)], ("qwen",)),
        ([given("incumbent", None), given("qwen", None)], ()),
        ([given("incumbent", 1.0), given("qwen", 0.0)], ()),
        ([imported("incumbent", 1.0)], ("qwen",)),
        ([imported("incumbent", None)], ("qwen",)),
        ([imported(None, 1.0)], ()),
        ([imported("qwen", 0.5)], ()),
    ],
)
def test_both_orders_of_a_decisive_pair_are_needed(grades: list[StoredGrade], needed: tuple[str, ...]) -> None:
    judge = judge_of(a_configuration(judge=JUDGE))
    assert judge is not None
    assert needed_orders(grades, judge, "qwen", "incumbent") == needed


def test_the_order_of_asking_is_a_fair_coin_that_falls_the_same_way_each_time() -> None:
    records = [replace(a_record(), external_id=f"e-{number}") for number in range(2000)]
    first = [first_shown(record, "qwen") for record in records]
    assert first == [first_shown(record, "qwen") for record in records]
    assert 900 < Counter(first)["qwen"] < 1100


@pytest.mark.parametrize(
    ("grades", "needed"),
    [
        ([], BOTH),
        ([given("incumbent", 0.5)], ("qwen",)),
        ([given("qwen", 0.5)], ("incumbent",)),
        ([given("incumbent", 0.5), given("qwen", 1.0)], ()),
        ([imported("incumbent", 0.5)], ("qwen",)),
        ([imported(None, 0.5)], ()),
    ],
)
def test_a_pair_that_is_asked_twice_is_asked_after_a_tie_too(grades: list[StoredGrade], needed: tuple[str, ...]) -> None:
    judge = judge_of(a_configuration(judge=JUDGE))
    assert judge is not None
    assert needed_orders(grades, judge, "qwen", "incumbent", after_a_tie=True) == needed


def test_a_tenth_of_the_pairs_is_asked_twice_whichever_reply_is_shown_first() -> None:
    judge = judge_of(a_configuration(judge=JUDGE))
    always = judge_of(a_configuration(judge=JUDGE | {"second_order": "always"}))
    assert judge is not None
    assert always is not None
    records = [replace(a_record(), external_id=f"e-{number}") for number in range(8000)]
    drawn = [record for record in records if asked_twice(record, judge, "qwen")]
    assert drawn == [record for record in records if asked_twice(record, judge, "qwen")]
    assert 720 < len(drawn) < 880
    assert 0.44 < Counter(first_shown(record, "qwen") for record in drawn)["qwen"] / len(drawn) < 0.56
    assert 30 < sum(asked_twice(record, judge, "llama") for record in drawn) < 130, "each arm has a draw of its own"
    assert all(asked_twice(record, always, "qwen") for record in records[:100])


def test_a_tie_settles_a_pair_unless_both_its_orders_are_asked() -> None:
    records = [replace(a_record(YES, NO, given("incumbent", 0.5)), external_id=f"e-{number}") for number in range(100)]
    for order, least, most in (("decisive", 1, 30), ("always", 100, 100)):
        pilot = a_pilot(judge=JUDGE | {"second_order": order})
        judge = judge_of(pilot.configuration)
        open_ones = sum(not settle(record, pilot, judge)[0].is_settled for record in records)
        assert least <= open_ones <= most


def test_without_a_judge_a_pair_that_needs_one_is_ungraded() -> None:
    found, _ = settle(a_record(), a_pilot(), None)
    assert (found.rule, found.ungraded, found.is_settled) == (Rule.GRADER, "no_judge", True)


def test_an_imported_grade_without_a_judge_table_decides_nothing() -> None:
    found, _ = settle(a_record(Reply("yes"), Reply("no"), imported(None, 1.0)), a_pilot(), None)
    assert found.ungraded == "no_judge"


def test_a_rater_without_an_address_is_never_asked() -> None:
    pilot = a_pilot(judge={"rater": "gpt-4"})
    judge = judge_of(pilot.configuration)
    assert judge is not None
    assert (judge.rater, judge.version) == ("gpt-4", None)
    assert settle(a_record(), pilot, judge)[0].ungraded == "not_imported"
    assert settle(a_record(Reply("yes"), Reply("no"), imported("incumbent", None)), pilot, judge)[0].ungraded == "unparsed"
    one_order = settle(a_record(Reply("yes"), Reply("no"), imported("incumbent", 1.0)), pilot, judge)[0]
    assert (one_order.is_settled, one_order.ungraded) == (True, None)


def test_the_judges_rater_is_its_model_unless_one_is_named() -> None:
    for table, rater in ((JUDGE, "judge-1"), (JUDGE | {"rater": "gpt-4"}, "gpt-4")):
        judge = judge_of(a_configuration(judge=table))
        assert judge is not None
        assert judge.rater == rater


def test_the_version_tells_models_temperatures_and_cuts_apart() -> None:
    tables = [JUDGE, JUDGE | {"model": "judge-2"}, JUDGE | {"temperature": 0.0}, JUDGE | {"temperature": 0.5}]
    tables += [JUDGE | {"max_reply_chars": 900}, JUDGE | {"max_conversation_chars": 900}]
    judges = [judge_of(a_configuration(judge=table)) for table in tables]
    assert len({judge.version for judge in judges if judge is not None}) == 6


def test_grades_of_another_version_are_asked_for_again() -> None:
    pilot = a_pilot(judge=JUDGE)
    old = (StoredGrade("old", "incumbent", 1.0, None), StoredGrade("old", "qwen", 1.0, None))
    found, _ = settle(a_record(Reply("yes"), Reply("no"), *old), pilot, judge_of(pilot.configuration))
    assert not found.is_settled


def test_equal_replies_with_an_imported_grade_keep_that_grade() -> None:
    pilot = a_pilot(judge={"rater": "gpt-4"})
    same = (Reply("yes"), Reply("YES"))
    judge = judge_of(pilot.configuration)
    assert settle(a_record(*same), pilot, judge)[0].rule is Rule.EQUAL
    assert settle(a_record(*same, imported(None, 1.0)), pilot, judge)[0].rule is Rule.GRADER
    assert settle(a_record(*same, imported(None, None)), pilot, judge)[0].rule is Rule.EQUAL


def test_texts_that_are_gone_leave_a_pair_ungraded_and_failures_decided() -> None:
    pilot = a_pilot(judge=JUDGE)
    judge = judge_of(pilot.configuration)
    assert settle(a_record(None, Reply("no")), pilot, judge)[0].ungraded == "no_content"
    assert settle(replace(a_record(), request=None), pilot, judge)[0].ungraded == "no_content"
    gone = replace(a_record(None, Failure(FailureKind.TIMEOUT)), request=None)
    assert settle(gone, pilot, judge)[0].preference == 0.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reason": "client_cancelled"}, "client_cancelled"),
        ({"sample_point": 0.5}, "not_sampled"),
        ({"arrived_at": datetime(2026, 10, 4, 23, 59, 59, tzinfo=UTC)}, "outside_window"),
        ({"arrived_at": datetime(2026, 11, 2, tzinfo=UTC)}, "outside_window"),
    ],
)
def test_what_is_no_evidence_is_left_out_and_costs_no_judge(change: dict[str, object], reason: str) -> None:
    pilot = a_pilot(judge=JUDGE, sampling={"rate": 0.5})
    record = replace(a_record(), **change)  # type: ignore[arg-type]
    found, _ = settle(record, pilot, judge_of(pilot.configuration))
    assert (found.rule, found.preference, found.ungraded, found.is_settled) == (None, None, None, True)
    assert found.facts == {"left_out": reason}


def test_the_last_moment_of_the_window_is_inside() -> None:
    pilot = a_pilot(judge=JUDGE)
    record = replace(a_record(), arrived_at=datetime(2026, 11, 1, 23, 59, 59, tzinfo=UTC))
    assert not settle(record, pilot, judge_of(pilot.configuration))[0].is_settled


def test_thoughts_are_hidden_where_the_candidate_says_so() -> None:
    candidate = {"name": "qwen", "base_url": "http://127.0.0.1:8000/v1", "model": "Qwen/Qwen3.5", "strip_think": True}
    record = a_record(Reply("yes"), Reply("<think>hm</think>yes"))
    assert settle(record, a_pilot(candidate=[candidate]), None)[0].rule is Rule.EQUAL
    assert settle(record, a_pilot(), None)[0].rule is Rule.GRADER


def test_a_deterministic_grader_gives_a_grade_at_the_exchanges_time() -> None:
    segment = {"name": "other-work", "match": {"header": "x"}, "grader": "exact", "incumbent_is_reference": True}
    record = replace(a_record(), segment="other-work")
    found, grade = settle(record, a_pilot(segment=[segment]), None)
    assert (found.rule, found.is_settled, found.ungraded) == (Rule.GRADER, True, None)
    assert grade is not None
    assert (grade.grader, grade.rater, grade.version, grade.shown_first, grade.value) == ("exact", "", "1", None, 0.0)
    assert grade.at == ARRIVED
