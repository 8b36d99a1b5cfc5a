"""Page one: the decision in words that a leader can sign, for every outcome."""

import pytest

from app.domain.configuration import PilotConfiguration
from app.domain.cost_figures import CostInput
from app.domain.estimate_models import EstimateModel
from app.domain.groups import BusinessQuality, SharesModel
from app.domain.report import Decision, Provenance
from app.domain.scorecard import CandidateModel
from app.domain.words import GateName, GateOutcome, Outcome
from app.reports import figures
from app.reports.answer import page_one
from app.reports.context import Subject
from app.reports.document import Document
from app.reports.glance import glances
from app.reports.pack.model import Leadership
from app.reports.pack.money_words import ONE_OFF_INPUTS
from app.reports.pack.waiting import owner_of
from app.reports.rendering import FORMATS, render
from app.reports.view import ReportView
from tests.unit.reports.examples import MADE_AT, SCORECARDS, a_document, a_full_configuration, an_estimate, hybrid
from tests.unit.reports.shares_example import the_shares
from tests.unit.reports.test_money_report import a_full_cost, between


def page_of(example: str, **tables: object) -> Leadership:
    return changed(SCORECARDS[example]().candidates["qwen"], a_full_configuration(**tables))


def changed(card: CandidateModel, configuration: PilotConfiguration | None = None) -> Leadership:
    scorecard = hybrid().model_copy(update={"candidates": {"qwen": card}})
    return page_one(Subject("qwen", 1, card, scorecard, configuration or a_full_configuration()))


@pytest.mark.parametrize(
    ("example", "asked", "level"),
    [
        ("migrate", "To approve: all work of this pilot moves from gpt-5.1 to qwen.", "medium"),
        ("hybrid", "To approve: moving extraction and triage to qwen; the rest stays with gpt-5.1.", "medium"),
        ("dont_migrate", "To confirm: stay with gpt-5.1; the pilot of qwen ends.", "medium"),
        ("final_extend", "To confirm: stay with gpt-5.1; the pilot of qwen ends.", "too little to decide"),
        (
            "nothing_imported",
            "To confirm: stay with gpt-5.1 for now, and give the pilot what is missing.",
            "too little to decide",
        ),
        ("frozen_by_drift", "To confirm: stay with gpt-5.1 until what froze the answer is settled.", "in doubt"),
    ],
)
def test_every_outcome_says_what_is_to_be_signed_and_how_sure_it_is(example: str, asked: str, level: str) -> None:
    page = page_of(example)
    assert (page.asked, page.confidence_level) == (asked, level)
    assert page.risks
    assert page.way_back
    assert page.plan


def test_quality_is_told_as_counts_of_1000_answers_by_people() -> None:
    quality = page_of("people").quality
    assert quality.sentence == (
        "Of 1,000 answers of qwen about 261 are worse than those of gpt-5.1, 189 better and 550 as good, by people's labels; "
        "4.0 (1.0 to 7.0) must never happen, from people's labels on 372 conversations."
    )
    assert [fact.value for fact in quality.counts] == ["261", "189", "550", "4.0"]
    assert all("n = 372 conversations" in fact.detail for fact in quality.counts)
    assert quality.derived.startswith("People looked at one pair of each of 372 conversations drawn by chance")


def test_the_three_counts_add_up_to_1000() -> None:
    card = hybrid().candidates["qwen"]
    parts = {"worse": 0.2614, "better": 0.1884, "same": 0.5502}
    people = SharesModel(**{name: EstimateModel(value=share, low=0.1, high=0.9, n=372) for name, share in parts.items()})
    counts = changed(card.model_copy(update={"shares": BusinessQuality(by_people=people, looked_at=372)})).quality.counts
    assert [fact.value for fact in counts[:3]] == ["261", "188", "551"]


def test_too_few_people_leave_the_word_to_the_judge_and_say_so() -> None:
    card = hybrid().candidates["qwen"].model_copy(update={"shares": the_shares(looked_at=99)})
    quality = changed(card).quality
    assert "by the judge's word; how many must never happen is unknown" in quality.sentence
    assert "the word of the judge (some/judge-70b) on 2,012 conversations, because people labelled only 99" in quality.derived


def test_none_seen_is_not_none_there() -> None:
    card = hybrid().candidates["qwen"]
    rate = an_estimate(0.0, 0.008, 372, "rule_of_three")
    page = changed(card.model_copy(update={"critical": card.critical.model_copy(update={"rate": rate})}))
    assert "none that must never happen was seen, up to 8.0 of 1,000 may be" in page.quality.sentence
    assert page.quality.counts[-1].value == "0 seen"


def test_an_open_answer_says_what_is_missing_who_gives_it_and_by_when() -> None:
    page = page_of("frozen_by_control")
    assert [(row.who, row.by) for row in page.missing] == [("Whoever runs the pilot", "7 Dec 2026, end of the pilot")] * 2
    assert page.waiting[0] == "If the answer turned out to be yes, each month of waiting would forgo about $5,282."
    assert (page_of("final_extend").missing, page_of("hybrid").waiting) == ((), ())


@pytest.mark.parametrize(
    ("what", "who"),
    [
        ("159 more labels by people on randomly drawn, judged pairs.", "People who label"),
        ("Answers for the drawn pairs of 2 days, each waited for up to 7 days.", "People who label"),
        ("Labels for 9 skipped and 31 unanswered drawn pairs of 412: each counts as a loss.", "People who label"),
        ("About 800 more conversations, 12 days at the present rate, if the win rate stays 47.4%.", "Traffic and time"),
        ("Time: 6 more days until day 14.", "Traffic and time"),
        ("An extension (once, by 14 days) in which its level stays: pilot extend x.", "Traffic and time"),
        ("Give what the saving needs: candidate[qwen].gpu_usd_per_hour.", "Whoever pays the bills"),
        ("A GPU price below 1.20 US dollars an hour (now 3.00).", "Whoever pays the bills"),
        ("Start it: pilot start x.", "Whoever runs the pilot"),
        ("Grade the 12 pairs that wait: pilot grade x --wait.", "Whoever runs the pilot"),
        ("A judge that agrees with people more often: its answers are too often not theirs.", "Whoever runs the pilot"),
        ("Latency: 95 of 100 answers took 4 s; it would pass by a limit of at least 4.", "Engineers of the candidate"),
        ("Another candidate where the data may be.", "Engineers of the candidate"),
        ("Something that nobody has thought of.", "Whoever runs the pilot"),
    ],
)
def test_whose_work_it_is(what: str, who: str) -> None:
    assert owner_of(what) == who


def test_service_levels_stand_beside_the_incumbent_and_the_limit() -> None:
    rows = page_of("hybrid").service
    assert [(row.candidate[:6], row.incumbent[:6], row.limit, row.outcome) for row in rows] == [
        ("2.14 s", "2.75 s", "3.00 s", GateOutcome.PASSES),
        ("0.44 s", "0.80 s", "1.00 s", GateOutcome.PASSES),
        ("0.57% ", "0.22% ", "1.00%", GateOutcome.PASSES),
    ]
    (whole, failures) = page_of("nothing_imported", latency=None, reliability=None).service
    assert (whole.candidate, whole.limit, failures.limit) == ("not measured", "no limit set", "no limit set")


def test_the_limit_that_breaks_the_condition_is_the_one_that_is_told_as_missed() -> None:
    card = hybrid().candidates["qwen"]
    near = card.latency.ttft_any_seconds.p95.candidate.value
    failing = [
        gate.model_copy(update={"outcome": GateOutcome.FAILS, "threshold": near}) if gate.name is GateName.LATENCY else gate
        for gate in card.gates
    ]
    page = changed(
        card.model_copy(update={"gates": failing}),
        a_full_configuration(latency={"ttft_any_p95_seconds": near, "total_p95_seconds": 3.0}),
    )
    assert [row.outcome for row in page.service[:2]] == [GateOutcome.PASSES, GateOutcome.FAILS]
    assert page.headlines.service.startswith("A limit is missed if all of it moved: 95 of 100 answers begin within")


def test_all_draws_are_not_certainty() -> None:
    assert [figures.chance(share) for share in (1.0, 0.9984, 0.0, None)] == ["over 99.9%", "99.8%", "under 0.1%", "unknown"]


def test_where_data_goes_is_told_apart_and_never_in_dollars() -> None:
    rule = {"data_must_stay": True, "allowed_hosts": ["*.internal"], "legal_basis": "contract: DPA of 2026-03-01"}
    said = page_of("hybrid", constraints=rule).residency
    assert said[0] == "Today texts go to api.example.com (gpt-5.1)."
    assert said[2:] == (
        "Rule: data must stay; allowed: *.internal.",
        "Legal basis on which a vendor is asked all the same: contract: DPA of 2026-03-01.",
    )
    assert "$" not in "".join(said)


def test_what_costs_more_is_told_as_a_cost() -> None:
    page = page_of("dont_migrate")
    assert (page.money[0].label, page.money[0].value) == ("Extra cost per month", "$1,220")
    assert page.headlines.money == "Moving all of it to qwen would cost $1,220 more a month"
    assert page.outcome is Outcome.DONT_MIGRATE
    cost = a_full_cost(saving_usd_per_month=between(-1220, -1500, -900), payback_months=EstimateModel(low=40.0, n=900))
    page = changed(SCORECARDS["dont_migrate"]().candidates["qwen"].model_copy(update={"cost": cost}))
    assert page.headlines.money == "Moving all of it to qwen would cost $1,220 more a month ($900 to $1,500)"
    assert page.money[2].detail == "if all of it moved: running it costs no less; at best after 40.0 months"


def test_without_known_one_off_hours_nothing_is_said_to_be_paid_back_at_once() -> None:
    unknown = [CostInput(name=name, unit="hours", source="unknown") for name in ONE_OFF_INPUTS]
    at_once = EstimateModel(value=0.0, low=0.0, high=0.0, n=900)
    card = hybrid().candidates["qwen"].model_copy(update={"cost": a_full_cost(inputs=unknown, payback_months=at_once)})
    money = changed(card).money
    assert [(fact.label, fact.value) for fact in money[2:]] == [("Payback", "unknown"), ("Costs once", "unknown")]


def test_where_data_must_stay_page_one_does_not_say_that_the_rest_stays_with_the_incumbent() -> None:
    page = page_of("hybrid", constraints={"data_must_stay": True, "allowed_hosts": ["*.internal"]})
    assert page.sentence.endswith("The rest may not stay with gpt-5.1 either: the data must stay.")
    assert page.asked.endswith("the rest may not stay with gpt-5.1.")
    assert any("Going back breaks the rule" in line for line in page.way_back)


def test_what_is_over_is_not_told_as_open() -> None:
    page = page_of("final_extend")
    assert not any("while" in risk for risk in page.risks)
    assert page_of("frozen_by_control").plan[0].startswith("Settle first what froze the answer")
    assert page_of("nothing_imported").plan[1] == "Start the pilot; nothing changes for users."
    card = SCORECARDS["dont_migrate"]().candidates["qwen"]
    page = changed(card.model_copy(update={"verdict": card.verdict.model_copy(update={"reason_codes": ["neither_fits"]})}))
    assert "Neither option is fit" in page.sentence
    assert not any("stay with" in text.casefold() for text in (page.asked, *page.plan))


def test_requests_that_the_candidate_was_not_asked_are_not_told_as_compared() -> None:
    page = page_of("hybrid")
    assert page.headlines.method.startswith("3,132 real requests")
    assert page.data[0].startswith("3,132 of 3,581 production requests were put to both models")


def test_what_a_pilot_cost_is_at_least_that_where_a_part_is_unknown() -> None:
    assert (
        page_of("frozen_by_control").waiting[1]
        == "The pilot itself has cost at least $38.20 in 28 days: $1.36 a day on average."
    )


@pytest.mark.parametrize("name", ["html", "md", "pdf", "pptx"])
def test_a_report_of_before_page_one_still_renders(name: str) -> None:
    stored = a_document("nothing_imported").model_dump(mode="json")
    del stored["leadership"]
    old = Document.model_validate(stored)
    assert old.leadership == ()
    assert len(render(ReportView(old), name).content) > 1000


def test_page_and_markdown_have_lines_to_sign_and_where_it_came_from() -> None:
    view = ReportView(a_document("nothing_imported"), report_id=7, provenance=Provenance(by="ada", expires_at=MADE_AT))
    text = render(view, "md").content.decode()
    assert "Asked for by ada. The answer holds until 30 Nov 2026" in text
    assert "| Who decides |" in text
    assert "## Where this report came from" in text
    assert "Who decides" in render(view, "html").content.decode()
    assert set(FORMATS) >= {"html", "md", "json", "pdf", "pptx", "zip"}


def test_days_before_a_new_beginning_are_not_told_as_evidence() -> None:
    scorecard = SCORECARDS["begun_anew"]()
    page = page_one(Subject("qwen", 1, scorecard.candidates["qwen"], scorecard, a_full_configuration()))
    assert page.confidence[0].endswith("conversations on 17 days.")


def test_a_signature_says_until_when_it_holds() -> None:
    signed = Decision(
        id=1, report_id=7, candidate="qwen", verdict=Outcome.EXTEND, outcome=Outcome.MIGRATE, signed_name="Ada",
        signed_role="CTO", reason="the contract ends", expires_at=MADE_AT, data_hash="ab", record_hash="cd", by="ada",
        signed_at=MADE_AT,
    )  # fmt: skip
    text = render(ReportView(a_document("nothing_imported"), report_id=7, decisions=(signed,)), "md").content.decode()
    assert "qwen: MIGRATE (other than the report says), until 30 Nov 2026" in text.replace("\\", "")


def test_the_conditions_of_a_split_say_that_they_are_those_of_all_traffic() -> None:
    card = hybrid().candidates["qwen"]
    cost = a_full_cost(saving_usd_per_month=between(-900, -1500, -200), saving_of_split_usd_per_month=between(3085, 1900, 4100))
    failing = [gate.model_copy(update={"outcome": GateOutcome.FAILS}) for gate in card.gates]
    subject = Subject("qwen", 1, card.model_copy(update={"cost": cost, "gates": failing}), hybrid(), a_full_configuration())
    saving = next(each for each in glances(subject) if each.gate.name is GateName.SAVING)
    assert saving.number == "costs $900 more a month"
    assert saving.rests_on.startswith("If all moves")
    assert "The named kinds alone: $3,085; 95% of draws $1,900" in saving.rests_on
    page = page_one(subject)
    assert page.service_note.startswith("As if all of it moved")
    assert page_of("migrate").service_note == ""
