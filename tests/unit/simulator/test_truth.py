import math
from itertools import product

import pytest

from app.domain.words import FailureKind
from app.simulator.assistant import CANDIDATE, INCUMBENT, case_and_turn, catalogue, reply_text, request_of, topics
from app.simulator.draws import lognormal, shuffled, uniform, weighted
from app.simulator.judge import points
from app.simulator.truth import (
    ANSWERS,
    ESCALATIONS,
    EXTRACTION,
    QUALITY,
    Outcome,
    Relation,
    case_number,
    outcome_of,
    segment_of,
    true_win_rates,
)

SEED = 5
CASES = 4000


def outcomes(segment: str, turn: int = 1) -> list[Outcome]:
    return [outcome_of(SEED, case_number(segment, index), turn) for index in range(CASES)]


@pytest.mark.parametrize("segment", [ANSWERS, EXTRACTION, ESCALATIONS])
def test_the_mean_preference_of_many_cases_is_the_stated_win_rate(segment: str) -> None:
    preferences = [outcome.preference for outcome in outcomes(segment)]
    mean = sum(preferences) / CASES
    spread = math.sqrt(sum((value - mean) ** 2 for value in preferences) / CASES)
    assert abs(mean - true_win_rates()[segment]) < 3.5 * spread / math.sqrt(CASES)


def test_one_segment_is_on_a_par_one_is_better_and_one_clearly_worse() -> None:
    rates = true_win_rates()
    assert abs(rates[ANSWERS] - 0.5) < 0.005
    assert rates[EXTRACTION] > 0.58
    assert rates[ESCALATIONS] < 0.3


@pytest.mark.parametrize("segment", [ANSWERS, EXTRACTION, ESCALATIONS])
def test_shares_add_up(segment: str) -> None:
    quality = QUALITY[segment]
    assert quality.better + quality.tie + quality.worse == pytest.approx(1)


def test_turns_of_a_case_share_their_luck_and_cases_do_not() -> None:
    first, second = outcomes(ANSWERS, 1), outcomes(ANSWERS, 2)

    def correlation(left: list[float], right: list[float]) -> float:
        n = len(left)
        a, b = sum(left) / n, sum(right) / n
        covariance = sum((x - a) * (y - b) for x, y in zip(left, right, strict=True))
        return covariance / math.sqrt(sum((x - a) ** 2 for x in left) * sum((y - b) ** 2 for y in right))

    value = {Relation.BETTER: 1.0, Relation.TIE: 0.5, Relation.WORSE: 0.0}
    luck = [value[outcome.relation] for outcome in first]
    assert 0.18 < correlation(luck, [value[outcome.relation] for outcome in second]) < 0.32
    assert abs(correlation(luck, [*luck[1:], luck[0]])) < 0.06


def test_failures_come_at_the_stated_rates_and_decide_the_preference() -> None:
    drawn = outcomes(ANSWERS) + outcomes(ESCALATIONS) + outcomes(EXTRACTION)
    failed = [outcome for outcome in drawn if outcome.candidate_failure]
    assert 0.003 < len(failed) / len(drawn) < 0.010
    assert all(outcome.preference == 0.0 for outcome in failed if not outcome.incumbent_failure)
    assert Outcome(Relation.WORSE, 4, 3, FailureKind.HTTP, None).preference == 1.0
    assert Outcome(Relation.WORSE, 4, 3, FailureKind.HTTP, FailureKind.TIMEOUT).preference == 0.5


@pytest.mark.parametrize("segment", [ANSWERS, EXTRACTION, ESCALATIONS])
def test_the_texts_carry_the_truth(segment: str) -> None:
    for index, turn in product(range(150), (1,) if segment == EXTRACTION else (1, 2, 3)):
        case = case_number(segment, index)
        outcome = outcome_of(SEED, case, turn)
        question = "\n".join(message["content"] for message in request_of(SEED, case, turn, model="m")["messages"][::-1])
        mine = points(question, reply_text(SEED, case, turn, INCUMBENT))
        theirs = points(question, reply_text(SEED, case, turn, CANDIDATE))
        assert (theirs > mine) - (theirs < mine) == {Relation.BETTER: 1, Relation.TIE: 0, Relation.WORSE: -1}[outcome.relation]


def test_every_wording_has_its_fact_s_key_and_nothing_else_in_the_topic_has() -> None:
    wording = catalogue()["wording"]
    for topic in (*topics(ANSWERS), *topics(ESCALATIONS)):
        assert len(topic.facts) == 6
        for fact in topic.facts:
            assert all(fact.key.casefold() in text.casefold() for text in fact.wordings)
            others = [text for other in topic.facts if other is not fact for text in other.wordings]
            others += [
                text
                for arm in (INCUMBENT, CANDIDATE)
                for part in ("openings", "fillers", "closings")
                for text in wording[arm][part]
            ]
            assert not [text for text in others if fact.key.casefold() in text.casefold()]


def test_a_request_says_which_case_and_turn_it_is() -> None:
    case = case_number(ESCALATIONS, 12)
    request = request_of(SEED, case, 3, model="gpt-5.1")
    assert case_and_turn(request["messages"]) == (case, 3)
    assert [message["role"] for message in request["messages"]] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert case_and_turn([{"role": "user", "content": "Case 100001"}]) is None


def test_a_case_number_without_a_segment_is_refused() -> None:
    with pytest.raises(ValueError, match="no simulated case has the number 900001"):
        segment_of(900_001)


def test_draws_depend_on_their_key_alone() -> None:
    assert uniform(1, "a") == uniform(1, "a") != uniform(1, "b")
    assert sorted(shuffled(range(9), 3)) == list(range(9))
    assert {weighted({"x": 1.0, "y": 1.0, "never": 0.0}, index) for index in range(60)} == {"x", "y"}
    assert lognormal(2.0, 0.0, "k") == pytest.approx(2.0)
