"""The split from stored rows on: what moves, what it costs, and the routing that is handed out."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import yaml
from sqlalchemy.orm import Session

from app.domain.scorecard import CandidateModel
from app.domain.words import GateName, GateOutcome, Outcome
from app.pipeline.scorecard import make_scorecard
from app.pipeline.scorecard_inputs import Stored, read_stored
from app.store.session import SessionFactory
from tests.api import PILOT_TOML, an_api
from tests.integration.scorecard_pilots import TOKENS, qwen_of, spread, started
from tests.integration.scorecard_rows import DAY, NOW, START, Row, both

SEGMENTS = [{"name": "chat"}, {"name": "summaries"}, {"name": "legal"}]


def three_kinds() -> list[Row]:
    """Chat and summaries pass, legal fails; the candidate writes long summaries."""
    chats, summaries = spread(900, segment="chat", labels=250), spread(600, segment="summaries", labels=150)
    long = TOKENS | {"output_tokens": 230, "total_seconds": 1.0}
    return chats + [replace(row, candidate=long) for row in summaries] + spread(300, value=0.26, segment="legal")


def at_price(stored: Stored, usd: int) -> CandidateModel:
    """The scorecard if the candidate's output cost so much a million tokens.

    A chat costs the incumbent 20 cents, the candidate 1 cent and 100 tokens; a summary 20 cents, and 1 cent and 230 tokens.
    """
    configuration = stored.pilot.configuration
    prices = {"input_usd_per_million_tokens": Decimal(10), "output_usd_per_million_tokens": Decimal(usd)}
    candidate = configuration.candidate[0].model_copy(update=prices | {"gpu_usd_per_hour": None})
    pilot = replace(stored.pilot, configuration=configuration.model_copy(update={"candidate": (candidate,)}))
    return make_scorecard(replace(stored, pilot=pilot), as_of=None, now=NOW)[0].candidates["qwen"]


def test_the_part_that_saves_most_moves(session: Session) -> None:
    pilot = started(session, three_kinds(), segment=SEGMENTS)
    stored = read_stored(session, pilot.name, as_of=None)
    cheap, dearer, too_dear = (at_price(stored, usd) for usd in (500, 1000, 1500))
    assert cheap.segments["summaries"].outcome is GateOutcome.PASSES
    # Both save: both move.
    assert (cheap.verdict.outcome, set(cheap.verdict.routing)) == (Outcome.HYBRID, {"chat", "summaries"})
    assert cheap.split.left_out == []
    _adds_up(cheap)
    # Together they save, chat alone saves more: summaries stay although they pass.
    assert (dearer.verdict.outcome, dearer.verdict.routing) == (Outcome.HYBRID, {"chat": "qwen"})
    assert "segment_left_out" in dearer.verdict.reason_codes
    assert any(
        reason.startswith("Summaries had better stay although quality passes there") for reason in dearer.verdict.reasons
    )
    split = dearer.split
    assert (split.moved, split.left_out, split.is_verdict) == (["chat"], ["summaries"], True)
    assert split.stays == ["summaries", "legal"]
    _adds_up(dearer)
    beside = {each.name: each.saving_beside_usd_per_month.value for each in split.segments}
    assert beside["summaries"] is not None
    assert round(beside["summaries"], 2) == round(Decimal("-0.04") * 600 * 730 / (24 * 28), 2)
    assert [point.moved for point in split.frontier] == [["chat"], ["chat", "summaries"]]
    assert dearer.cost.saving_of_split_usd_per_month.value == split.saving_usd_per_month.value
    # Together they cost more: the table moves all that pass or nothing, and the part that would do is named.
    assert (too_dear.verdict.outcome, too_dear.verdict.routing) == (Outcome.EXTEND, {})
    assert "part_passes" in too_dear.verdict.reason_codes
    assert any(line.startswith("Leave summaries out") for line in too_dear.verdict.would_change)
    assert (too_dear.split.moved, too_dear.split.is_verdict) == (["chat"], False)
    assert too_dear.split.words == "Nothing moves yet. As of now the part that could move is chat."


def _adds_up(card: CandidateModel) -> None:
    """Now = with the split + what it saves, and the shares are those of the requests."""
    split = card.split
    now, blended, saved = (
        estimate.value for estimate in (split.incumbent_usd_per_month, split.blended_usd_per_month, split.saving_usd_per_month)
    )
    assert now is not None
    assert blended is not None
    assert saved is not None
    assert abs(blended + saved - now) <= Decimal("0.01")
    assert now == card.cost.incumbent_usd_per_month.value
    shares = {each.name: each.share_of_requests or 0.0 for each in split.segments}
    assert abs(sum(shares.values()) - 1.0) < 1e-9
    expected = 0.5 + sum(
        shares[name] * ((card.segments[name].win_rate_human_corrected.value or 0.0) - 0.5) for name in split.moved
    )
    assert split.blended_win_rate.value is not None
    assert abs(split.blended_win_rate.value - expected) < 1e-9
    assert split.blended_win_rate.n == sum(card.segments[name].win_rate_human_corrected.n for name in split.moved)


def test_where_data_must_stay_a_failed_quality_leaves_no_fit_option(session: Session) -> None:
    constraints = {"data_must_stay": True, "team_has_gpu_experience": True}
    card = qwen_of(session, started(session, spread(500, value=0.26), constraints=constraints))
    assert card.verdict.outcome is Outcome.DONT_MIGRATE
    assert "neither_fits" in card.verdict.reason_codes
    assert any("neither option is fit" in reason.lower() for reason in card.verdict.reasons)
    assert any(line.startswith("Another candidate where the data may be") for line in card.verdict.would_change)


def test_availability_of_a_candidate_that_was_away_for_days_fails_its_target(session: Session) -> None:
    away = {"failure": "unavailable", "total_seconds": 0.0}
    rows = [row if number % 10 else replace(row, candidate=away) for number, row in enumerate(spread(700))]
    card = qwen_of(session, started(session, rows, constraints={"min_availability_rate": 0.99}))
    gate = next(gate for gate in card.gates if gate.name is GateName.CONSTRAINTS)
    assert (gate.outcome, card.verdict.outcome) == (GateOutcome.FAILS, Outcome.DONT_MIGRATE)
    assert "availability_below_target" in card.verdict.reason_codes
    assert "630 of 700 requests found it in service" in gate.reason


def test_turns_that_hold_are_a_suggestion_with_their_bill(session: Session) -> None:
    rows = [
        Row(START + row * (28 * DAY / 500), f"c-{row // 2}", said=both(0.9 if row % 2 == 0 else 0.1), incumbent=dict(TOKENS),
            candidate=dict(TOKENS), name=f"e-{row:04d}")
        for row in range(500)
    ]  # fmt: skip
    split = qwen_of(session, started(session, rows)).split
    assert [(kind.name, kind.holds, kind.conversations) for kind in split.by_turn] == [("1", True, 250), ("2-3", False, 250)]
    first, second = (kind.incumbent_usd_per_month.value for kind in split.by_turn)
    # 250 x (1,000 x $100 + 100 x $1,000) / 1 M = $50 on 28 days.
    assert first == second == (Decimal(50) * 730 / (24 * 28)).quantize(Decimal("0.01"))
    assert len(split.suggestions) == 1
    assert "turns the candidate holds at the first turn and is not shown to hold at the rest" in split.suggestions[0]
    assert "54.32 US dollars a month" in split.suggestions[0]


def test_the_routing_is_handed_out_by_the_api(session_factory: SessionFactory, tmp_path: Path) -> None:
    with an_api(session_factory, tmp_path) as api:
        assert api.post("/api/v1/pilots", content=PILOT_TOML).status_code == 201
        found = api.get("/api/v1/pilots/support-bot/routing").json()
        assert (found["outcome"], found["moves"], found["routes"][0]["arm"]) == ("EXTEND", False, "incumbent")
        answer = api.get("/api/v1/pilots/support-bot/routing", params={"format": "litellm"})
        assert answer.headers["content-type"].startswith("application/yaml")
        assert list(yaml.safe_load(answer.text)) == ["model_list", "router_settings", "general_settings"]
        wrong = api.get("/api/v1/pilots/support-bot/routing", params={"candidate": "nobody"})
        assert (wrong.status_code, "allowed: qwen" in wrong.text) == (422, True)
        assert api.get("/api/v1/pilots/nobody/routing").status_code == 404
