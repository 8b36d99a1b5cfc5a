"""What would change a verdict, with how much of it, and what was not tested: a line where it holds, none where it does not."""

from dataclasses import replace
from typing import Any

import pytest

from app.domain.canaries import CanaryModel
from app.domain.drift import DriftModel
from app.domain.operation_models import LoadModel
from app.domain.scorecard import ControlModel, EstimateModel, GateModel
from app.domain.words import GateName, GateOutcome, PilotState
from app.pipeline.advice import _cheaper, not_tested, would_change
from app.pipeline.constraints import Constraint
from app.pipeline.quality_rule import FALLING
from app.pipeline.ruling import rule_on
from tests.builders import a_configuration
from tests.unit.pipeline.made_case import F, N, P, U, Whole, a_quality_model, money

EXTENSION = "An extension (once, by 14 days) in which its level stays: pilot extend p."
NOT_THEIRS = "A judge that agrees with people more often: its answers are too often not theirs."
UNEQUAL = "A judge that calls the incumbent equal to itself: see the control arm, then grade anew."
ANOTHER = "Another judge, or another version of it, that sees which reply was made worse; all pairs are graded anew by it."
DRIFTING = {"drift": DriftModel(frozen=True, reasons=["it drifts"])}
LATER_TURNS = "Later turns of a conversation: they were answered on the incumbent's history, not on the candidate's own."
OTHER = "other: work that no registered segment matches has no say of its own."
UPKEEP = "Upkeep: no recurring engineering hours were logged on closed days, so the candidate's upkeep counts as none."
NOBODY = "The judge against people: nobody labelled drawn pairs, so its own win rate counts as it is."


def advice(whole: Whole) -> list[str]:
    case = whole.made()
    return list(would_change(case, rule_on(case)))


@pytest.mark.parametrize(
    ("whole", "lines"),
    [
        (Whole(), []),
        (Whole(state=PilotState.DRAFT), ["Start it: pilot start p."]),
        (Whole(case={"day": 11}), ["Time: 3 more days until day 14."]),
        (Whole(case={"day": 14}, quality=U, segments={"a": U}), []),
        (Whole(case={"day": 11}, constraint=Constraint(F, "nobody could run it", "no_team")), ["Nobody could run it."]),
        (Whole(constraint=Constraint(U, "read it", "license_unreviewed")), ["Read it."]),
        (Whole(left_out=(6,), quality=U, needed=50),
         ["Ask the candidate for what it was not asked: pilot replay p --candidate qwen."]),
        (Whole(model=a_quality_model(ungraded={"pending": 1300, "unparsed": 2, "refused": 3})),
         ["Grade the 1,300 pairs that wait: pilot grade p --wait.",
          "Grades for what has none: 5 answers of the judge are missing or could not be read."]),
        (Whole(model=a_quality_model(ungraded={"pending": 1})), ["Grade the 1 pairs that wait: pilot grade p --wait."]),
        (Whole(model=a_quality_model(usable_labels=150, compared_pairs=60)),
         ["50 more labels by people on randomly drawn, judged pairs."]),
        (Whole(model=a_quality_model(usable_labels=200, compared_pairs=60)),
         ["40 more labels that choose a side, on judged pairs."]),
        (Whole(model=a_quality_model(compared_pairs=100, judge_accuracy=EstimateModel(value=0.6, low=0.55))), [NOT_THEIRS]),
        (Whole(unlabelled=("a", "b")), ["Labels of drawn pairs in a, b: there are none."]),
        (Whole(unlabelled=("a",), model=a_quality_model(rests_on="raw")), []),
        (Whole(codes=(FALLING,)), [EXTENSION]),
        (Whole(codes=("length_straddles",)), []),
        (Whole(case=DRIFTING), [EXTENSION]),
        (Whole(case=DRIFTING, extended_days=14), []),
        (Whole(case={"control": ControlModel(is_broken=True)}), [UNEQUAL]),
        (Whole(case={"canaries": CanaryModel(rater="m", pass_rate=EstimateModel(), is_suspended=True)}), [ANOTHER]),
        (Whole(model=a_quality_model(waiting_days=[27, 28])),
         ["Answers for the drawn pairs of 2 days, each waited for up to 7 days."]),
        (Whole(model=a_quality_model(skipped=6, missing=2, drawn=100)),
         ["Labels for 6 skipped and 2 unanswered drawn pairs of 100: each counts as a loss for the lower bound and a win for "
          "the upper one, about 4.0% each way."]),
        (Whole(model=a_quality_model(skipped=3, missing=3, drawn=100)),
         ["Labels for 3 skipped and 3 unanswered drawn pairs of 100: each counts as a loss for the lower bound and a win for "
          "the upper one, about 3.0% each way."]),
        (Whole(model=a_quality_model(skipped=6, drawn=100, rests_on="raw")), []),
        (Whole(model=a_quality_model(drawn=100)), []),
    ],
)  # fmt: skip
def test_each_lack_has_its_line(whole: Whole, lines: list[str]) -> None:
    assert advice(whole) == lines


ABOUT = "if the win rate stays {rate}: then the limit is cleared one way."
TOO_MANY = "if the win rate stays 48.0%. At such a rate the answer stays open: stay, or change the candidate."  # fmt: skip


@pytest.mark.parametrize(
    ("given", "line"),
    [
        # 1,400 conversations in 28 days are 50 a day; an extension brings 14 days more.
        ({"needed": 100}, f"About 100 more conversations and 25 more labels, 2 days at the present rate, {ABOUT}"),
        ({"needed": 700}, f"About 700 more conversations and 175 more labels, 14 days at the present rate, {ABOUT}"),
        ({"needed": 701}, f"More than an extension brings: about 701 conversations, 14 days at the present rate, {TOO_MANY}"),
        # An extended pilot of 42 days has seven left on day 35, at 40 a day.
        ({"needed": 280, "extended_days": 14, "case": {"day": 35}},
         f"About 280 more conversations and 70 more labels, 7 days at the present rate, {ABOUT}"),
        ({"needed": 281, "extended_days": 14, "case": {"day": 35}},
         f"More than an extension brings: about 281 conversations, 7 days at the present rate, {TOO_MANY}"),
        # On day 20 there are eight days and an extension left, at 70 a day.
        ({"needed": 1540, "case": {"day": 20}},
         f"About 1,540 more conversations and 385 more labels, 22 days at the present rate, {ABOUT}"),
        ({"needed": 1541, "case": {"day": 20}},
         f"More than an extension brings: about 1,541 conversations, 22 days at the present rate, {TOO_MANY}"),
        # An epoch that began on day 15 has had 14 days, of 100 each.
        ({"needed": 1000, "begins": 15},
         f"About 1,000 more conversations and 250 more labels, 10 days at the present rate, {ABOUT}"),
        ({"needed": 100, "begins": 29}, f"About 100 more conversations and 25 more labels, {ABOUT}"),
        ({"needed": 100, "model": a_quality_model(rests_on="raw")},
         "About 100 more conversations, 2 days at the present rate, if the win rate stays 50.0%: then the limit is cleared one "
         "way."),
        ({"needed": 100, "model": a_quality_model(rests_on="raw", win_rate=EstimateModel())},
         "About 100 more conversations, if the win rate stays as it is: then the limit is cleared one way."),
        ({"needed": None}, None),
        ({"needed": 100, "quality": P}, None),
        ({"needed": 100, "quality": F}, None),
    ],
)  # fmt: skip
def test_how_many_conversations_labels_and_days_it_takes(given: dict[str, Any], line: str | None) -> None:
    found = advice(Whole(**({"quality": U, "segments": {"a": U}} | given)))
    assert found == ([line.format(rate="48.0%")] if line is not None else [])


def gate(name: GateName, outcome: GateOutcome, bound: float | None = None, threshold: float | None = None) -> GateModel:
    return GateModel(name=name, outcome=outcome, bound=bound, threshold=threshold, reason="measured")


@pytest.mark.parametrize("name", [GateName.LATENCY, GateName.RELIABILITY])
@pytest.mark.parametrize(
    ("outcome", "bound", "threshold", "line"),
    [
        (F, 2.5, 2.0, "measured; it would pass by a limit of more than 2.5 instead of 2."),
        (U, 2.5, 2.0, "measured; it would pass by a limit of at least 2.5 instead of 2."),
        (U, 2.0, 2.0, "measured."),
        (U, 1.5, 2.0, "measured."),
        (U, None, 2.0, "measured."),
        (U, 2.5, None, "measured."),
        (P, 2.5, 2.0, None),
        (N, None, None, None),
    ],
)
def test_another_limit_of_operation_is_named_where_it_would_pass(
    name: GateName, outcome: GateOutcome, bound: float | None, threshold: float | None, line: str | None
) -> None:
    found = advice(Whole(gates={name: gate(name, outcome, bound, threshold)}))
    assert found == ([f"{name.value.capitalize()}: {line}"] if line is not None else [])


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"incumbent_usd": "365", "gpu_usd": "2.00", "gpus": 2},
         ["A GPU price below 0.25 US dollars an hour (now 2.00).", "2,555.00 US dollars a month less of cost"]),
        ({"incumbent_usd": "100", "gpu_usd": "2.00", "other_usd": "100"}, ["1,460.00 US dollars a month less of cost"]),
        ({"incumbent_usd": "50", "gpu_usd": "2.00", "other_usd": "100"}, ["1,510.00 US dollars a month less of cost"]),
        ({"gpu_usd": None}, ["1,000.00 US dollars a month less of cost"]),
    ],
)  # fmt: skip
def test_how_much_cheaper_it_has_to_be(given: dict[str, Any], lines: list[str]) -> None:
    whole = Whole(gates={GateName.SAVING: gate(GateName.SAVING, F)}, money=money(**given))
    assert advice(whole) == [*lines[:-1], f"{lines[-1]}, or as much more of the incumbent's price."]
    assert list(_cheaper(whole.made())) == advice(whole)


def test_what_the_saving_lacks_is_named() -> None:
    lacking = replace(money(), month=None)
    whole = Whole(gates={GateName.SAVING: gate(GateName.SAVING, U)}, money=lacking)
    assert advice(whole) == ["Give what the saving needs: a closed day."]
    assert advice(Whole(gates={GateName.SAVING: gate(GateName.SAVING, N)}, money=lacking)) == []


def test_where_nothing_is_missing_a_saving_that_is_not_sure_says_why() -> None:
    unsure = Whole(gates={GateName.SAVING: gate(GateName.SAVING, U)}, money=money())
    assert advice(unsure) == ["Saving: measured. More days, logged hours and a rehearsal make it surer."]
    doubted = Whole(gates={GateName.SAVING: gate(GateName.SAVING, U)}, money=replace(money(), doubt="the invoice says more"))
    assert advice(doubted) == ["Saving: find out why the invoice says more."]


TEAM = "Who will run it: constraints.team_has_gpu_experience is not given."
UPGRADES = "Upgrades: cost.upgrades_per_year and hours_per_upgrade are not given, so only logged hours of them count."
BASE = ["load_tested: false", "constraints", LATER_TURNS, OTHER]


@pytest.mark.parametrize(
    ("whole", "lines"),
    [
        (Whole(), BASE),
        (Whole(case={"load": LoadModel(words="it saw a tenth")}),
         ["load_tested: false", "It saw a tenth.", *BASE[1:]]),
        (Whole(gates={GateName.SAVING: gate(GateName.SAVING, N)}, constraint=Constraint(P, "fine")),
         ["load_tested: false", "saving", *BASE[2:]]),
        (Whole(conversations=100), BASE),
        (Whole(conversations=99, segments={"a": U}), [*BASE[:3], "a: only 99 conversations, too few to tell much.", OTHER]),
        (Whole(segments={}), BASE[:3]),
        (Whole(tables={"content": {"candidate_sees": "masked"}}),
         [*BASE, "Equal questions: the candidate was asked with masked texts, the incumbent with the texts as they were."]),
        (Whole(tables={"content": {"level": "metadata"}}),
         [*BASE,
          "Wording, where no text is kept: failures, broken formats, tool calls and equal answers are compared there, and no "
          "judge reads the rest."]),
        (Whole(tables={"constraints": {"data_must_stay": True}}), [*BASE, TEAM]),
        (Whole(tables={"constraints": {"data_must_stay": True, "team_has_gpu_experience": True}}), BASE),
        (Whole(tables={"constraints": {"data_must_stay": False}}), BASE),
        (Whole(judged=frozenset(), model=a_quality_model(rests_on="raw")), BASE),
        (Whole(model=a_quality_model(rests_on="raw")), [*BASE[:3], NOBODY, OTHER]),
        (Whole(model=a_quality_model(rests_on="raw"), stated_share=0.5, unlabelled=("a",)), [*BASE[:3], NOBODY, OTHER]),
        (Whole(stated_share=0.5),
         [*BASE[:3],
          "The draw_probability of the imported labels: there are 50% of the labels that it promises, so it was taken "
          "times that. If labels are missing for a reason that depends on the replies, the win rate is not people's.", OTHER]),
        (Whole(unused_labels=1200),
         [*BASE[:3],
          "1,200 imported labels with a draw_probability of their own: most labels answer this pilot's draws, so those "
          "measure agreement alone.", OTHER]),
        (Whole(unlabelled=("a", "b")),
         [*BASE[:3],
          "The judge against people in a, b: no drawn pair was labelled there, so nothing is shown to be good enough.",
          OTHER]),
    ],
)  # fmt: skip
def test_what_nobody_knows_yet(whole: Whole, lines: list[str]) -> None:
    assert list(not_tested(whole.made())) == [*lines, UPGRADES]


def test_upgrades_that_the_team_reckons_with_or_a_vendor_makes_are_no_gap() -> None:
    cost = {"engineer_usd_per_hour": "0", "other_usd_per_month": "0", "upgrades_per_year": 4, "hours_per_upgrade": 8}
    reckoned = replace(money(), configuration=a_configuration(cost=cost))
    for given in (reckoned, money(gpu_usd=None)):
        assert UPGRADES not in list(not_tested(Whole(money=given).made()))
