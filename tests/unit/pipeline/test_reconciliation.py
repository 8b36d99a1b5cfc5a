"""An invoice beside the measurement: what is compared, by how much it differs, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from app.domain.evidence import Evidence, floats, words
from app.domain.invoices import ALL_MODELS, InvoiceLine
from app.domain.reconciliation import ReconciliationModel
from app.pipeline.closing import Selection
from app.pipeline.reconciliation import reconcile, reconciliation_of
from app.pipeline.reconciliation_sides import comparable, said_by, whole_days
from tests.builders import a_configuration
from tests.unit.pipeline.made_evidence import Made, live_with_control, made

START = datetime(2026, 11, 2, tzinfo=UTC)
DAYS = 6
SNAPSHOT = "gpt-5.1-2025-11-13"
# 1.25, 0.125 and 10 US dollars a million: 800 fresh, 200 cached and 100 generated tokens.
ONE = Decimal("0.002025")


@dataclass(frozen=True)
class Reply:
    """One exchange of the incumbent."""

    day: int = 1
    hour: float = 12.0
    inputs: float | None = 1000
    cached: float | None = 200
    output: float | None = 100
    usd: float | None = float(ONE)
    model: str = "gpt-5.1"
    weight: float = 1.0
    conversation: str = ""
    reason: str = "captured"
    failed: str = ""


def evidence_of(replies: Sequence[Reply], source: str = "imported") -> Evidence:
    evidence = made([Made(reply.conversation or f"c{n}", weight=reply.weight) for n, reply in enumerate(replies)]).evidence
    arrived = [START + timedelta(days=reply.day - 1, hours=reply.hour) for reply in replies]
    exchanges = replace(
        evidence.exchanges,
        arrived_us=np.array([int(moment.timestamp() * 1e6) for moment in arrived], dtype=np.int64),
        sources=words([source] * len(replies)),
    )
    incumbent = replace(
        evidence.incumbent, models=words([reply.model for reply in replies]), failures=words([r.failed for r in replies]),
        input_tokens=floats([reply.inputs for reply in replies]),
        cached_input_tokens=floats([reply.cached for reply in replies]),
        output_tokens=floats([reply.output for reply in replies]),
    )  # fmt: skip
    return replace(evidence, exchanges=exchanges, incumbent=incumbent)


def selection_of(replies: Sequence[Reply], *, days: int = DAYS, shift: timedelta = timedelta(0)) -> Selection:
    reasons = words([reply.reason for reply in replies])
    captured = np.asarray(reasons == "captured", dtype=bool)
    its = np.array([reply.day for reply in replies], dtype=np.int64)
    closed = tuple(range(1, days + 1))
    return Selection(reasons, its, captured, captured & np.isin(its, closed), closed, START + shift + timedelta(days=days))


def reconciled(
    replies: Sequence[Reply], lines: Sequence[InvoiceLine], *, source: str = "imported", configuration: Any = None,
    rate: float = 1.0, **more: Any,
) -> ReconciliationModel:  # fmt: skip
    evidence, selection = evidence_of(replies, source), selection_of(replies, **more)
    weights = np.array([reply.weight / rate for reply in replies])
    costs = floats([reply.usd for reply in replies])
    found = reconcile(configuration or a_configuration(), lines, evidence, selection, weights, costs)
    assert found is not None
    return found


def bill(day: int = 1, *, times: float = 1, usd: float | None = None, model: str = SNAPSHOT, **changes: Any) -> InvoiceLine:
    """What the vendor bills for `times` requests like the usual one."""
    amount = None if usd == 0 else Decimal(str(usd)) if usd is not None else ONE * Decimal(str(times))
    counts = {"requests": times, "input_tokens": 1000 * times, "cached_input_tokens": 200 * times, "output_tokens": 100 * times}
    counts |= changes
    rounded = {name: None if count is None else round(count) for name, count in counts.items() if name != "facts"}
    facts = changes.get("facts", {})
    return InvoiceLine((START + timedelta(days=day - 1)).date(), model, **rounded, usd=amount, facts=facts)


USUAL = [Reply(day) for day in range(1, DAYS + 1) for _ in range(10)]


def bills(days: int = DAYS, **changes: Any) -> list[InvoiceLine]:
    return [bill(day, **({"times": 10} | changes)) for day in range(1, days + 1)]


def codes_of(model: ReconciliationModel) -> list[str]:
    return [cause.code for cause in model.causes]


def test_nothing_imported_is_nothing_compared() -> None:
    assert reconcile(a_configuration(), [], evidence_of(USUAL), selection_of(USUAL), np.ones(60), np.ones(60)) is None


def test_what_agrees_has_no_cause_and_sums_up() -> None:
    found = reconciled(USUAL, bills())
    assert (found.compared_days, found.causes, found.is_unknown, found.reason) == (DAYS, [], False, "")
    total = found.total
    assert (total.requests.measured, total.input_tokens.measured, total.cached_input_tokens.measured) == (60, 60_000, 12_000)
    assert (total.output_tokens.invoiced, total.usd.invoiced, total.n) == (6000, ONE * 60, 60)
    assert total.usd.measured == pytest.approx(ONE * 60)
    assert total.usd.difference_rate == pytest.approx(0)
    for part in (found.by_day, found.rows):
        assert sum(row.usd.invoiced or 0 for row in part) == total.usd.invoiced
        assert sum(row.input_tokens.measured or 0 for row in part) == total.input_tokens.measured
    assert [row.model for row in found.by_model] == ["gpt-5.1"]
    assert [row.day for row in found.by_day] == [date(2026, 11, day) for day in range(2, 8)]


ALIKE: dict[str, Any] = {"requests": None}
SILENT = ALIKE | {"input_tokens": None, "cached_input_tokens": None, "output_tokens": None}
CAUSES: list[tuple[str, dict[str, Any], list[str], bool]] = [
    ("half of it is another team's", {"times": 20}, ["other_traffic"], True),
    ("such a bill without requests", {"times": 20, **ALIKE}, ["other_traffic"], True),
    ("one key of several", {"times": 5}, ["part_of_traffic"], True),
    ("a little more", {"times": 10.2, **ALIKE}, ["other_traffic"], False),
    ("cached tokens lost", {"cached_input_tokens": 8000, "usd": 0.0135}, ["cached_lost"], True),
    ("cached tokens twice", {"cached_input_tokens": 0, "usd": 0.0225}, ["cached_too_many"], True),
    ("cached left out of input", {"input_tokens": 12_000, "usd": 0.0225}, ["cached_left_out"], True),
    ("cached counted twice in input", {"input_tokens": 8000, "usd": 0.018}, ["cached_counted_twice"], True),
    ("reasoning is missing", {"output_tokens": 4000, "usd": 0.05}, ["output_missing"], True),
    ("estimated too high", {"output_tokens": 500, "usd": 0.015}, ["output_too_high"], True),
    ("both more volume and more output", {"times": 20, "output_tokens": 4000}, ["other_traffic", "output_missing"], True),
    ("images", {"input_tokens": 15_000, "cached_input_tokens": 3000, "usd": 0.03}, ["input_differs"], True),
    ("a discount", {"usd": 0.0162}, ["discount"], True),
    ("half price", {"usd": 0.010125}, ["discount"], True),
    ("tax", {"usd": 0.0243}, ["surcharge"], True),
    ("a price class", {"usd": 0.010125, "facts": {"tiers": ["batch"]}}, ["service_tier"], True),
    ("dollars alone", {"usd": 0.03, **SILENT}, ["no_tokens"], True),
    ("dollars alone that agree", SILENT, [], False),
]  # fmt: skip


@pytest.mark.parametrize(("about", "changes", "codes", "is_unknown"), CAUSES, ids=[case[0] for case in CAUSES])
def test_each_difference_has_its_cause(about: str, changes: dict[str, Any], codes: list[str], is_unknown: bool) -> None:
    found = reconciled(USUAL, bills(**changes))
    assert (codes_of(found), found.is_unknown) == (codes, is_unknown)
    assert (found.causes[0].words in found.reason if codes else found.reason == "") or not is_unknown


@pytest.mark.parametrize(("usd", "is_unknown"), [(0.02135, True), (0.02129, False), (0.01930, False), (0.01925, True)])
def test_above_five_percent_of_the_invoice_nobody_knows(usd: float, is_unknown: bool) -> None:
    found = reconciled(USUAL, bills(usd=usd))
    assert found.is_unknown is is_unknown
    assert found.total.usd.difference_rate == pytest.approx(0.02025 / usd - 1)


def test_one_factor_names_the_discount_that_makes_both_the_same() -> None:
    found = reconciled(USUAL, bills(usd=0.0162))
    assert found.price_factor == pytest.approx(0.8)
    assert found.discount_rate == pytest.approx(0.2)
    assert "discount_rate = 0.2" in found.reason
    incumbent = {"base_url": "https://api.openai.com/v1", "model": "gpt-5.1"}
    own = a_configuration(incumbent=incumbent | {"input_usd_per_million_tokens": "1", "output_usd_per_million_tokens": "8"})
    assert reconciled(USUAL, bills(usd=0.0162), configuration=own).discount_rate is None
    half = a_configuration(incumbent=incumbent | {"discount_rate": "0.5"})
    assert reconciled(USUAL, bills(usd=0.0162), configuration=half).discount_rate == pytest.approx(0.6)
    assert reconciled(USUAL, bills(usd=0.0243)).discount_rate is None


def test_factors_that_change_from_day_to_day_are_no_discount() -> None:
    found = reconciled(USUAL, [bill(day, times=10, usd=0.0162 if day < 4 else 0.012) for day in range(1, DAYS + 1)])
    assert (found.price_factor, found.discount_rate, codes_of(found)) == (None, None, ["wrong_price"])


def test_only_days_of_the_invoice_that_are_wholly_closed_are_compared() -> None:
    replies = [*USUAL, *[Reply(7)] * 10]
    found = reconciled(replies, [*bills(4), bill(7, times=99), bill(-3, times=99)])
    assert (found.compared_days, found.first_day, found.last_day) == (4, date(2026, 11, 2), date(2026, 11, 5))
    assert found.total.requests.invoiced == 40
    assert found.missing_days == [date(2026, 11, 6), date(2026, 11, 7)]
    assert codes_of(found) == ["missing_days"]
    assert "lag" in found.causes[0].words


def test_what_is_hashed_of_an_invoice_is_what_is_compared() -> None:
    lines, selection = bills(), selection_of(USUAL)
    assert comparable([*lines, bill(7), bill(0)], selection) == tuple(lines)
    said = said_by(lines, None)
    unseen = [replace(line, model="GPT-5.1", facts={"usd_by_kind": {"input": "1"}}) for line in reversed(lines)]
    assert said_by(unseen, None) == said
    seen: list[dict[str, Any]] = [
        {"usd": ONE}, {"usd": None}, {"input_tokens": None}, {"output_tokens": 1}, {"cached_input_tokens": 1}, {"requests": 1},
        {"facts": {"tiers": ["batch"]}}, {"model": "o3"}, {"day": date(2026, 11, 3)},
    ]  # fmt: skip
    assert len({repr(said_by([replace(lines[0], **change), *lines[1:]], None)) for change in seen} | {repr(said)}) == 10


def test_days_of_a_pilot_elsewhere_hold_fewer_whole_utc_days() -> None:
    assert whole_days(selection_of(USUAL)) == {date(2026, 11, day) for day in range(2, 8)}
    assert whole_days(selection_of(USUAL, shift=timedelta(hours=-1))) == {date(2026, 11, day) for day in range(2, 7)}
    assert whole_days(selection_of(USUAL, shift=timedelta(hours=8))) == {date(2026, 11, day) for day in range(3, 8)}
    gap = replace(selection_of(USUAL, shift=timedelta(hours=8)), closed=(1, 2, 4, 5, 6))
    assert whole_days(gap) == {date(2026, 11, 3), date(2026, 11, 6), date(2026, 11, 7)}


def test_no_day_in_common_is_said_and_leaves_nothing_unknown() -> None:
    found = reconciled(USUAL, [bill(40)])
    assert (found.compared_days, found.is_unknown, found.total.usd.difference_rate) == (0, False, None)
    assert codes_of(found)[0] == "nothing_in_common"


def test_a_day_that_the_mirror_slept_through_is_compared_with_nothing() -> None:
    found = reconciled([reply for reply in USUAL if reply.day != 3], bills())
    assert found.compared_days == DAYS
    assert found.by_day[2].requests.measured == 0
    assert found.by_day[2].usd.difference_rate == -1
    assert codes_of(found) == ["other_traffic"]


def test_an_export_that_lags_on_its_last_day_is_told() -> None:
    found = reconciled(USUAL, [*bills(5), bill(6, times=4)])
    assert "lag_of_last_day" in codes_of(found)
    assert "lag_of_last_day" not in codes_of(reconciled(USUAL, bills(times=4)))


def test_other_models_on_the_key_are_listed_and_not_compared() -> None:
    found = reconciled(USUAL, [*bills(), bill(1, times=1000, model="gpt-4o-mini-2024-07-18")])
    assert (found.is_unknown, found.total.requests.invoiced) == (False, 60)
    assert [(each.model, each.input_tokens) for each in found.other_models] == [("gpt-4o-mini-2024-07-18", 1_000_000)]


def test_a_deployments_name_is_taken_for_the_only_model_on_the_invoice() -> None:
    replies = [replace(reply, model="our-deployment") for reply in USUAL]
    found = reconciled(replies, bills())
    assert (codes_of(found), found.total.requests.invoiced, found.is_unknown) == (["model_names"], 60, False)
    several = reconciled(replies, [*bills(), bill(1, model="o3")])
    assert (several.compared_days, several.unmatched_models) == (0, ["our-deployment"])
    assert "model_names" in codes_of(several)
    assert several.is_unknown
    assert "100.0% of the measured cost" in several.reason


@pytest.mark.parametrize(("usd", "is_unknown"), [(0.0009, False), (0.0011, True)])
def test_a_model_that_is_not_on_the_invoice_may_cost_five_percent(usd: float, is_unknown: bool) -> None:
    seen = [*USUAL, *[Reply(1, model="o3", usd=float(ONE) * 60 / 19 * usd / 0.001)]]
    found = reconciled(seen, bills())
    assert (found.is_unknown, found.unmatched_models, found.total.usd.invoiced) == (is_unknown, ["o3"], ONE * 60)
    assert "o3" in found.causes[0].words


def test_costs_that_are_not_split_by_model_are_compared_with_all_models() -> None:
    mixed = [replace(reply, model=SNAPSHOT if n % 2 else "gpt-4o") for n, reply in enumerate(USUAL)]
    lines = [InvoiceLine((START + timedelta(days=day)).date(), ALL_MODELS, usd=ONE * 10) for day in range(DAYS)]
    found = reconciled(mixed, lines)
    assert (found.compared_days, found.is_unknown, found.total.usd.invoiced) == (DAYS, False, ONE * 60)


def test_two_models_are_compared_each_with_its_own() -> None:
    mixed = [replace(reply, model=SNAPSHOT if n % 2 else "gpt-4o") for n, reply in enumerate(USUAL)]
    found = reconciled(mixed, [*bills(times=5), *bills(times=5, model="gpt-4o-2024-08-06", usd=0.02)])
    by_model = {row.model: row.usd.difference_rate for row in found.by_model}
    assert by_model[SNAPSHOT] == pytest.approx(0)
    assert by_model["gpt-4o"] == pytest.approx(0.010125 / 0.02 - 1)


def test_weights_stand_for_the_requests_that_were_left_out() -> None:
    sampled = [replace(reply, weight=10.0) for reply in USUAL]
    found = reconciled(sampled, bills(times=100))
    assert found.total.requests.measured == pytest.approx(600)
    assert found.total.usd.difference_rate == pytest.approx(0)
    assert found.total.n == 60


def test_imported_exchanges_that_sampling_left_out_are_counted_themselves() -> None:
    halves = [replace(reply, reason="captured" if n % 2 else "not_sampled") for n, reply in enumerate(USUAL)]
    imported = reconciled(halves, bills(), rate=0.5)
    assert (imported.total.requests.measured, imported.total.n) == (60, 60)
    live = reconciled([reply for reply in halves if reply.reason == "captured"], bills(), rate=0.5, source="live")
    assert (live.total.requests.measured, live.total.n) == (60, 30)


def test_what_a_sample_cannot_tell_is_no_other_cause() -> None:
    sampled = [Reply(day, weight=10.0, usd=0.2025 if day == 1 else 0.002025) for day in range(1, DAYS + 1)]
    found = reconciled(sampled, bills(times=10, usd=0.3))
    assert found.total.usd.measured_low is not None
    assert codes_of(found) == ["sampling"]
    one = [Reply(day, weight=10.0, conversation="c") for day in range(1, DAYS + 1) for _ in range(4)]
    apart = [replace(reply, conversation="") for reply in one]
    widths = [float((m.total.usd.measured_high or 0) - (m.total.usd.measured_low or 0)) for m in
              (reconciled(one, bills(times=40)), reconciled(apart, bills(times=40)))]  # fmt: skip
    assert widths[0] == pytest.approx(2 * widths[1])
    assert widths[1] == pytest.approx(2 * 1.96 * (24 * 0.9) ** 0.5 * 10 * float(ONE))


def test_replies_without_counts_are_reckoned_like_the_others() -> None:
    silent = [replace(reply, inputs=None, output=None, cached=None, usd=None) if n % 10 == 0 else reply
              for n, reply in enumerate(USUAL)]  # fmt: skip
    found = reconciled(silent, bills())
    assert found.total.input_tokens.measured == pytest.approx(60_000)
    assert found.total.usd.difference_rate == pytest.approx(0)
    assert found.uncounted_rate == pytest.approx(0.1)
    assert codes_of(found) == ["usage_missing"]
    failed = [*USUAL, *[Reply(inputs=None, output=None, usd=None, failed="http")] * 30]
    assert reconciled(failed, bills()).causes == []


def test_the_pilots_own_calls_on_the_bill_are_told_from_other_traffic() -> None:
    replies = [replace(reply, conversation=f"c{n}") for n, reply in enumerate(USUAL)]
    evidence, selection = evidence_of(replies), selection_of(replies)
    asked = np.arange(len(USUAL)) % 5 == 0
    silent = replace(evidence.incumbent, is_there=asked)
    live = live_with_control(evidence)
    control = replace(evidence.arms["qwen"], replies=silent)
    evidence = replace(evidence, live=replace(live, control=control))
    costs = floats([reply.usd for reply in replies])
    for times, code in ((12, "own_calls"), (13, "other_traffic")):
        for changes in ({}, ALIKE):
            found = reconcile(a_configuration(), bills(times=times, **changes), evidence, selection, np.ones(60), costs)
            assert found is not None
            assert (codes_of(found), found.is_unknown) == ([code], True)


def test_an_unknown_price_is_no_amount() -> None:
    found = reconciled([replace(reply, usd=None) for reply in USUAL], bills())
    assert (found.total.usd.measured, found.is_unknown, found.total.input_tokens.difference_rate) == (None, False, 0)


@pytest.mark.parametrize(("times", "is_unknown"), [(10, False), (12, True)])
def test_tokens_without_dollars_are_compared_at_the_measured_prices(times: int, is_unknown: bool) -> None:
    found = reconciled(USUAL, bills(times=times, usd=0))
    assert (found.usd_is_implied, found.is_unknown) == (True, is_unknown)
    assert float(found.total.usd.invoiced or 0) == pytest.approx(float(ONE) * 6 * times)


@pytest.mark.parametrize(("usd", "is_check"), [(0.0225, True), (0.03, False)])
def test_without_any_usage_the_candidates_counts_are_held_against_the_invoice(usd: float, is_check: bool) -> None:
    blind = [replace(each, inputs=None, cached=None, output=None) for each in USUAL]
    evidence, many = evidence_of(blind), len(blind)
    theirs = replace(evidence.arms["qwen"].replies, is_there=np.ones(many, dtype=bool), input_tokens=np.full(many, 1000.0))
    evidence = replace(
        evidence, incumbent=replace(evidence.incumbent, content_chars=np.full(many, 400.0)),
        arms={"qwen": replace(evidence.arms["qwen"], replies=theirs)},
    )  # fmt: skip
    found = reconciliation_of(a_configuration(), bills(usd=usd), evidence, selection_of(blind), np.ones(many))
    assert found is not None
    assert float(found.total.usd.measured or 0) == pytest.approx(0.135)  # 60 x (1,000 + 100 tokens)
    assert found.uncounted_rate == 1.0
    assert found.is_check is is_check


def test_tokens_of_a_model_beside_are_taken_at_its_own_price_not_at_that_of_the_incumbent() -> None:
    own = {"base_url": "https://api.openai.com/v1", "model": "gpt-5.1", "input_usd_per_million_tokens": 1,
           "output_usd_per_million_tokens": 0}  # fmt: skip
    rows = [replace(each, model="gpt-4o-mini") for each in USUAL]
    found = reconciled(
        rows, bills(usd=0, model="gpt-4o-mini", output_tokens=2000), configuration=a_configuration(incumbent=own)
    )
    # 800 x 0.15 + 200 x 0.075 + 100 x 0.6 = 195 measured, 255 with twice the output
    assert found.usd_is_implied
    assert found.total.usd.difference_rate == pytest.approx(195 / 255 - 1, abs=1e-3)
