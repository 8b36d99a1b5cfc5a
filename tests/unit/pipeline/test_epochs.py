"""Where an epoch ends: a replaced model, a changed configuration, judge or grader."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.epochs import EpochHistory, EpochKind, ModelSighting, SeenIn
from app.domain.evidence import (
    ArmEvidence,
    Evidence,
    ExchangeColumns,
    GradeColumns,
    LabelColumns,
    PairColumns,
    ReplyColumns,
    words,
)
from app.domain.pilot import Arm, ConfigurationChange, Pilot, Registration
from app.domain.words import ArmRole, PilotState
from app.pipeline.closing import Selection, microseconds, select_evidence
from app.pipeline.conversations import conversations_of
from app.pipeline.epochs import Replaced, epochs_of, replaced_models
from app.pipeline.registration import decided
from app.pipeline.registration_card import epoch_models
from tests.builders import a_configuration

START = datetime(2026, 9, 7, tzinfo=UTC)
NOW = START + timedelta(days=60)
A_DAY = 6
Days = Sequence[Sequence[str]]


def a_pilot(**tables: Any) -> Pilot:
    arms = (Arm(1, "incumbent", ArmRole.INCUMBENT, "gpt-5.1"), Arm(2, "qwen", ArmRole.CANDIDATE, "qwen"))
    return Pilot(
        id=1, name="p", state=PilotState.RUNNING, configuration=a_configuration(**tables), arms=arms, starts_at=START,
        extended_days=0, is_default=True, is_detached=False, mirror_on=True, created_at=START, started_at=START,
        stopped_at=None,
    )  # fmt: skip


def at(day: int, hour: float = 12.0) -> datetime:
    return START + timedelta(days=day - 1, hours=hour)


def replies(models: list[str]) -> ReplyColumns:
    size = len(models)
    unknown = np.full(size, np.nan)
    there = np.ones(size, dtype=bool)
    return ReplyColumns(
        there, words([""] * size), unknown, words(["imported"] * size), words(models), words([""] * size), *(unknown,) * 12
    )


def evidence_of(incumbent: Days, candidate: Days) -> Evidence:
    """One exchange a model id: the n-th list holds those of day n; each a conversation of its own."""
    days = [day for day, models in enumerate(incumbent, start=1) for _ in models]
    size = len(days)
    ids, none, nothing = np.arange(size), np.array([], dtype=np.int64), words([])
    points, said = np.zeros(size), words([f"e{number:04}" for number in range(size)])
    flags, numbers = np.ones(size, dtype=bool), np.array([])
    no_flags = np.array([], dtype=bool)
    exchanges = ExchangeColumns(
        ids, said, np.array([microseconds(at(day)) for day in days], dtype=np.int64), said, words(["other"] * size),
        np.ones(size), points, words(["captured"] * size), words(["imported"] * size), flags, np.full(size, np.nan),
    )  # fmt: skip
    arm = ArmEvidence(
        replies([model for models in candidate for model in models]),
        PairColumns(flags, flags, words([""] * size), np.full(size, 0.5), words([""] * size)),
        GradeColumns(none, nothing, nothing, nothing, numbers, nothing, no_flags, none, nothing),
        LabelColumns(none, nothing, numbers, numbers, none, no_flags, nothing),
    )
    return Evidence(exchanges, replies([model for models in incumbent for model in models]), {"qwen": arm})


def epochs(
    incumbent: Days,
    candidate: Days,
    changes: Sequence[ConfigurationChange] = (),
    sightings: Sequence[ModelSighting] = (),
    **times: Any,
) -> tuple[EpochHistory, Evidence, Selection]:
    pilot, evidence = a_pilot(), evidence_of(incumbent, candidate)
    selection = select_evidence(pilot, evidence, now=NOW)
    history = epochs_of(
        pilot, None, changes, evidence, selection, candidate="qwen", sightings=sightings, **times
    )  # fmt: skip
    return history, evidence, selection


def same(model: str, days: int) -> Days:
    return [[model] * A_DAY] * days


def change(day: int, path: str, before: Any = "old", after: Any = "new") -> ConfigurationChange:
    return ConfigurationChange(at(day), "ann", path, before, after)


GPT = same("gpt", 28)
QWEN = same("qwen", 28)


def test_the_same_models_all_the_time_are_one_epoch() -> None:
    history, _, _ = epochs(GPT, QWEN)
    assert [(epoch.number, epoch.first_day, epoch.kind) for epoch in history.epochs] == [(0, 1, None)]
    assert history.current.models == {"incumbent": "gpt", "qwen": "qwen"}


def test_a_replaced_model_of_either_arm_begins_new_evidence_on_its_day() -> None:
    history, evidence, selection = epochs([*same("gpt", 9), *same("gpt-2", 19)], [*same("qwen", 19), *same("qwen-2", 9)])
    assert [(epoch.number, epoch.first_day, epoch.kind) for epoch in history.epochs] == [
        (0, 1, None), (1, 10, EpochKind.MODEL), (2, 20, EpochKind.MODEL),
    ]  # fmt: skip
    assert [epoch.models["incumbent"] for epoch in history.epochs] == ["gpt", "gpt-2", "gpt-2"]
    found = history.epochs[1].changes[0]
    assert (found.what, found.before, found.after, found.at) == ("incumbent", "gpt", "gpt-2", at(10, 0))
    shown = epoch_models(history, selection, conversations_of(evidence, selection))
    assert [(each.first_day, each.last_day, each.days, each.conversations) for each in shown] == [
        (1, 9, 9, 54), (10, 19, 10, 60), (20, None, 9, 54),
    ]  # fmt: skip
    assert [each.is_current for each in shown] == [False, False, True]


def test_a_lasting_mix_of_two_ids_is_no_change_until_one_is_gone() -> None:
    mixed = [["gpt", "gpt", "gpt", "gpt-2", "gpt-2", "gpt-2", "gpt-2"]] * 10
    history, _, _ = epochs(
        [*same("gpt", 9), *mixed, *same("gpt-2", 9)], [["qwen"] * len(day) for day in [*same("", 9), *mixed, *same("", 9)]]
    )
    assert [epoch.first_day for epoch in history.epochs] == [1, 20]


def test_unknown_ids_and_days_with_few_known_ones_decide_nothing() -> None:
    incumbent = [*same("", 5), *same("gpt", 10), *[["new"] * 4 + [""] * 2] * 5, *same("gpt", 3), *same("", 5)]
    history, _, _ = epochs(incumbent, same("", 28))
    assert len(history.epochs) == 1
    assert history.current.models == {"incumbent": "gpt"}


def test_a_changed_configuration_begins_new_evidence_the_day_after_and_is_told_once() -> None:
    both = [change(9, "candidate[qwen].model"), change(9, "candidate[qwen].base_url")]
    history, _, _ = epochs(GPT, [*same("qwen", 9), *same("qwen-2", 19)], both)
    assert [(epoch.number, epoch.first_day) for epoch in history.epochs] == [(0, 1), (1, 10)]
    assert [found.seen_in for found in history.current.changes] == [SeenIn.CONFIGURATION]
    assert history.current.changes[0].what == "candidate[qwen].model, candidate[qwen].base_url"


def test_a_change_of_another_candidate_or_before_or_after_the_window_is_none() -> None:
    others = [change(9, "candidate[llama].model"), change(0, "incumbent.model"), change(29, "incumbent.model")]
    assert len(epochs(GPT, QWEN, others)[0].epochs) == 1


def test_a_server_that_went_on_with_the_old_model_had_two_changes() -> None:
    history, _, _ = epochs(GPT, [*same("qwen", 12), *same("qwen-2", 16)], [change(9, "candidate[qwen].model")])
    assert [epoch.first_day for epoch in history.epochs] == [1, 10, 13]


def test_a_changed_judge_or_grader_counts_but_keeps_its_days() -> None:
    changes = [
        change(5, "judge.model"),
        change(5, "judge.temperature"),
        change(8, "segment[a].grader"),
        change(9, "judge.budget_usd"),
    ]
    history, evidence, selection = epochs([*same("gpt", 19), *same("gpt-2", 9)], QWEN, [*changes, change(25, "judge.rater")])
    assert [(epoch.number, epoch.first_day, epoch.kind) for epoch in history.epochs] == [
        (0, 1, None), (1, 1, EpochKind.JUDGE), (2, 1, EpochKind.GRADER), (3, 20, EpochKind.MODEL), (4, 20, EpochKind.JUDGE),
    ]  # fmt: skip
    assert [history.number_of(day) for day in (1, 19, 20, 28)] == [2, 2, 4, 4]
    shown = epoch_models(history, selection, conversations_of(evidence, selection))
    assert [each.days for each in shown] == [0, 0, 19, 0, 9]


def test_judge_and_model_changed_at_once_are_one_epoch() -> None:
    history, _, _ = epochs(GPT, QWEN, [change(5, "candidate[qwen].model"), change(5, "judge.model")])
    assert [(epoch.number, epoch.first_day, epoch.kind) for epoch in history.epochs] == [(0, 1, None), (1, 6, EpochKind.MODEL)]


def test_a_judge_changed_when_all_days_are_over_counts_whatever_moment_is_asked_for() -> None:
    late = [change(40, "judge.model"), change(20, "incumbent.model")]
    assert [epoch.kind for epoch in epochs(GPT, QWEN, late, as_of=at(15))[0].epochs] == [None, EpochKind.JUDGE]


def test_another_wording_of_the_judges_prompt_is_another_judge() -> None:
    judged = {"judge": {"base_url": "http://j/v1", "model": "j", "family": "other"}}
    pilot, evidence = a_pilot(**judged), evidence_of(GPT, QWEN)
    selection = select_evidence(pilot, evidence, now=NOW)
    document = decided(pilot.configuration, 28, {})
    unchanged = epochs_of(pilot, Registration("", document, START), (), evidence, selection, candidate="qwen")
    document["judge"] = document["judge"] | {"prompt_hash": "0" * 64}
    changed = epochs_of(pilot, Registration("", document, START), (), evidence, selection, candidate="qwen")
    assert [len(unchanged.epochs), len(changed.epochs)] == [1, 2]
    assert (changed.current.kind, changed.current.first_day) == (EpochKind.JUDGE, 1)


def seen(day: int, served: str = "qwen", root: str | None = "weights-1", **more: Any) -> ModelSighting:
    return ModelSighting("qwen", at(day), "models", "http://a/v1", (served,), served, root, **more)


def test_another_root_under_the_same_id_is_another_model() -> None:
    unreachable = replace(seen(5), served="", root=None, failure="no answer")
    told = [seen(3), seen(4), unreachable, seen(6, root=None), seen(7, root="weights-2"), seen(8, root="weights-2")]
    history, _, _ = epochs(GPT, QWEN, (), told)
    # A server that does not name its root for a day says nothing of it.
    assert [(epoch.first_day, epoch.since) for epoch in history.epochs] == [(1, None), (8, at(7))]
    assert history.current.changes[0].before == "qwen (weights-1)"
    assert history.current.changes[0].after == "qwen (weights-2)"


def test_what_replies_and_servers_both_tell_is_one_change() -> None:
    told = [seen(8), seen(9), seen(10, "qwen-2", None)]
    history, _, _ = epochs(GPT, [*same("qwen", 9), *same("qwen-2", 19)], (), told)
    assert [(epoch.number, epoch.first_day) for epoch in history.epochs] == [(0, 1), (1, 10)]


@pytest.mark.parametrize(
    ("second_day", "is_replaced"),
    [
        ("bbbbbccccc", True),  # half is enough, and of two alike the first name is the new one
        ("bbbbcccddd", False),  # nobody has half
        ("bbbbbbbbba", False),  # the old one has a tenth
        ("bbbbbbbbbba", True),  # less than a tenth
        ("bbbb", False),  # too few
        ("bbbbb", True),
        ("bbbbb-----", True),  # unknown ones are not counted
        ("aaaaabbbbb", False),
    ],
)
def test_when_an_id_is_replaced(second_day: str, is_replaced: bool) -> None:
    models = ["a"] * 9 + list(second_day.replace("-", " "))
    days = np.array([1] * 9 + [2] * len(second_day), dtype=np.int64)
    found = replaced_models(words([model.strip() for model in models]), days, np.ones(len(days), dtype=bool))
    assert found == ([Replaced(day=2, last_old=1, before="a", after="b")] if is_replaced else [])


def test_rows_that_are_not_chosen_decide_nothing() -> None:
    days = np.repeat([1, 2], 6)
    models = words(["a"] * 6 + ["b"] * 6)
    assert len(replaced_models(models, days, days > 0)) == 1
    assert replaced_models(models, days, days == 2) == []


IDS = st.lists(st.sampled_from(["", "a", "b", "c"]), min_size=0, max_size=12)


@given(st.lists(IDS, min_size=1, max_size=12))
def test_replaced_models_follow_each_other_on_ascending_days(by_day: list[list[str]]) -> None:
    days = np.array([day for day, ids in enumerate(by_day, start=1) for _ in ids], dtype=np.int64)
    models = words([model for ids in by_day for model in ids])
    found = replaced_models(models, days, np.ones(len(days), dtype=bool))
    assert all(one.after == two.before and one.day < two.day for one, two in pairwise(found))
    for each in found:
        known = [model for model in by_day[each.day - 1] if model]
        assert len(known) >= 5
        assert known.count(each.after) >= len(known) / 2
        assert known.count(each.before) < len(known) / 10
        assert each.last_old < each.day
