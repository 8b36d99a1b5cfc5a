"""What a registration fixes: looks, error probabilities, and the chance of a conversation to be drawn for people."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.label_allotment import label_probabilities
from app.domain.pilot import ConfigurationChange, Pilot, Registration
from app.domain.registered import looks_of
from app.domain.words import PilotState
from app.pipeline.configuration_changes import decisive_changes, touched_by
from app.pipeline.registration import decided, digest_of, plan_of
from app.store.status import SegmentHistory
from tests.builders import a_configuration

AT = datetime(2026, 11, 2, tzinfo=UTC)
SEGMENTS = [{"name": "billing"}, {"name": "lookup", "grader": "exact", "incumbent_is_reference": True, "margin": 0.1}]


def a_draft(**tables: Any) -> Pilot:
    return Pilot(
        id=1, name="support-bot", state=PilotState.DRAFT, configuration=a_configuration(**tables), arms=(), starts_at=AT,
        extended_days=0, is_default=True, is_detached=False, mirror_on=True, created_at=AT, started_at=None, stopped_at=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("days", "looks"), [(14, (14,)), (20, (14,)), (21, (14, 21)), (28, (14, 21, 28)), (42, (14, 21, 28, 35, 42))]
)
def test_looks_are_at_the_ends_of_whole_weeks_from_the_second_on(days: int, looks: tuple[int, ...]) -> None:
    assert looks_of(days) == looks


def test_alpha_is_parted_among_candidates_and_their_segments() -> None:
    other = {"name": "llama", "base_url": "http://b/v1", "model": "llama"}
    qwen = {"name": "qwen", "base_url": "http://a/v1", "model": "qwen"}
    plan = plan_of(a_draft(candidate=[qwen, other], segment=SEGMENTS), None)
    assert (plan.seed, plan.alpha, plan.alpha_by_segment) == ("", 0.025, 0.0125)
    assert (plan.segments, plan.margin, plan.margins) == (("billing", "lookup"), 0.05, {"billing": 0.05, "lookup": 0.1})
    assert plan_of(a_draft(), None).alpha_by_segment == 0.05


def test_without_a_history_all_judged_segments_have_one_probability() -> None:
    plan = plan_of(a_draft(segment=SEGMENTS, labels={"per_day": 15}), None)
    assert plan.label_probability == {"billing": 0.3, "lookup": 0.0, "other": 0.3}
    qwen = {"name": "qwen", "base_url": "http://a/v1", "model": "qwen"}
    two = plan_of(a_draft(candidate=[qwen, qwen | {"name": "llama"}]), None)
    assert two.label_probability == {"other": 0.15}, "of a drawn conversation a pair of each candidate is labelled"
    assert plan_of(a_draft(labels={"per_day": 0}), None).label_probability == {"other": 0.0}
    assert plan_of(a_draft(pilot={"planned_conversations": 10}), None).label_probability == {"other": 1.0}


def test_with_a_history_registered_segments_share_alike_and_a_small_one_is_labelled_whole() -> None:
    history = {"big": 700, "small": 70, "tiny": 14, "other": 616}
    found = label_probabilities(
        labels=280.0, volume=1400.0, segments=("big", "small", "tiny", "unseen"), history=history,
        judged=frozenset({"big", "small", "tiny", "unseen", "other"}),
    )  # fmt: skip
    # `other` has 44 % of the conversations; of the rest tiny and small cannot take a third each, and what is left is handed on.
    assert (found["tiny"], found["unseen"]) == (1.0, 0.2)
    assert found["small"] == pytest.approx(found["big"] * 10, rel=0.01)
    assert found["other"] * 616 == pytest.approx(0.44 / (0.44 + 2 * 0.56 / 3) * (280 - 14), abs=0.1)
    assert sum(found[name] * count for name, count in history.items()) == pytest.approx(280, abs=0.2)


def test_history_that_lies_in_the_window_counts_as_volume() -> None:
    configuration = a_configuration(labels={"per_day": 10}, pilot={"planned_conversations": 100})
    document = decided(configuration, 28, {"other": SegmentHistory(conversations=3000, in_window=2800)})
    assert document["label_probability"] == {"other": 0.1}


NAMES = ("a", "b", "c", "other")


@given(
    st.floats(0, 2000),
    st.floats(1, 1e6),
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, 5000)),
    st.frozensets(st.sampled_from(NAMES)),
)
def test_probabilities_are_probabilities_and_no_more_labels_are_handed_out_than_there_are(
    labels: float, volume: float, history: dict[str, int], judged: frozenset[str]
) -> None:
    found = label_probabilities(labels=labels, volume=volume, segments=("a", "b", "c"), judged=judged, history=history)
    assert found.keys() == set(NAMES)
    for name, chance in found.items():
        assert (0 < chance <= 1) == (name in judged and labels > 0)
        assert chance == round(chance, 4)
    observed = sum(history.values())
    seen = {name: volume * history.get(name, 0) / observed for name in judged if observed and history.get(name)}
    if seen and labels > 0:
        drawn = sum(found[name] * expected for name, expected in seen.items())
        assert drawn == pytest.approx(min(labels, sum(seen.values())), abs=1e-4 * sum(seen.values()) + 1e-6)


def test_a_plan_is_that_of_the_document_whatever_the_configuration_became() -> None:
    draft = a_draft(segment=SEGMENTS)
    document = {
        "configuration": draft.configuration.model_dump(mode="json"),
        "days": 28,
        **decided(draft.configuration, 28, {}),
    }
    registration = Registration(digest_of(document), document, AT)
    changed = replace(draft, configuration=a_configuration(quality={"margin": 0.2}, labels={"per_day": 400}))
    assert plan_of(changed, registration) == replace(plan_of(draft, None), seed=registration.hash)


def test_an_old_registration_has_the_plan_of_its_own_configuration() -> None:
    draft = a_draft(labels={"per_day": 10})
    document = {"configuration": draft.configuration.model_dump(mode="json"), "days": 21}
    plan = plan_of(a_draft(labels={"per_day": 400}), Registration("ab" * 32, document, AT))
    assert (plan.seed, plan.looks, plan.label_probability) == ("ab" * 32, (14, 21), {"other": 0.15})


@pytest.mark.parametrize(
    ("path", "touched"),
    [
        ("quality.margin", "margin"),
        ("segment[a.b].margin", "margin"),
        ("segment[billing].grader", "grader"),
        ("judge.temperature", "judge"),
        ("judge.budget_usd", None),
        ("candidate[qwen].model", "candidate model"),
        ("candidate[qwen].api_key_env", None),
        ("candidate[qwen].gpu_usd_per_hour", "prices"),
        ("incumbent.input_usd_per_million_tokens", "prices"),
        ("cost.horizon_months", "prices"),
        ("reliability.max_failure_rate", "reliability limit"),
        ("labels.per_day", "labels"),
        ("pilot.name", None),
    ],
)
def test_what_of_the_decision_a_path_touches(path: str, touched: str | None) -> None:
    assert touched_by(path) == touched


def test_decisive_changes_say_what_was_when_changed_by_whom() -> None:
    changes = [
        ConfigurationChange(AT, "ann", "quality.margin", 0.05, 0.1),
        ConfigurationChange(AT, "ann", "judge.budget_usd", "50", "60"),
        ConfigurationChange(AT, "bob", "judge.rater", None, "gpt-4"),
    ]
    assert [decisive.words for decisive in decisive_changes(changes)] == [
        "changed after registration: quality.margin 0.05 -> 0.1 on 2026-11-02 by ann",
        "changed after registration: judge.rater nothing -> gpt-4 on 2026-11-02 by bob",
    ]
