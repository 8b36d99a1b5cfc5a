"""A judge of changing moods that keeps its own books, and the comparison of its books with the pilot's."""

import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from email.utils import formatdate
from time import time
from typing import Any

import orjson
from sqlalchemy import text

from app.domain.exchange import Reply
from app.graders.judge_client import LIMIT_NAMES
from app.pipeline.grading import GradingLimits, ask_for_grading, grade_pilot
from app.store.session import SessionFactory, session_scope
from tests.builders import a_pilot
from tests.fake_judge import Call, Said, fake_judge, longer_wins
from tests.stored_pairs import StoredPair, store_pairs

INPUT_USD, OUTPUT_USD = Decimal(2), Decimal(10)  # per million tokens: every cost is exact in the database's eight decimals
MILLION = Decimal(1_000_000)
MAX_OUTPUT_TOKENS = 1000
# Share of the calls in each mood; all others are answered well.
MOODS = {
    "unusable": 0.08,  # billed
    "truncated": 0.05,  # billed
    "failed_after_work": 0.04,  # a 500 that says what was billed
    "failed": 0.04,  # a 500 that is not billed
    "limited": 0.02,  # 429 with seconds
    "limited_by_date": 0.001,
    "overloaded": 0.01,  # 503
    "broken_off": 0.03,  # billed, and nobody is told how much
    "silent": 0.01,  # the same, and the connection stays open
    "uncounted": 0.02,  # an answer without token counts, billed
}
UNSEEN = frozenset({"broken_off", "silent", "uncounted"})
SEEN = frozenset({"unusable", "truncated", "failed_after_work", "good"})


@dataclass(slots=True)
class Moody:
    """Answers by chance, and writes down what it bills for each call, by the call's number."""

    seed: int
    silence_seconds: float | None
    moods: dict[int, str] = field(default_factory=dict)
    costs: dict[int, Decimal] = field(default_factory=dict)

    def answer(self, call: Call) -> Said:
        """What it does with one call."""
        chance = random.Random(f"{self.seed} {call.number}")
        mood = self._mood(chance.random())
        self.moods[call.number] = mood
        usage = _usage(call, chance)
        cost = (usage["prompt_tokens"] * INPUT_USD + usage["completion_tokens"] * OUTPUT_USD) / MILLION
        self.costs[call.number] = cost if mood in SEEN | UNSEEN else Decimal(0)
        return self._said(mood, call, usage)

    def _mood(self, point: float) -> str:
        for mood, share in MOODS.items():
            point -= share
            if point < 0 and (mood != "silent" or self.silence_seconds is not None):
                return mood
        return "good"

    def _said(self, mood: str, call: Call, usage: dict[str, int]) -> Said:
        good = longer_wins(call).content
        soon = formatdate(time() + 1, usegmt=True)
        return {
            "good": Said(good, usage=usage),
            "unusable": Said("The first one, I think.", usage=usage),
            "truncated": Said('{"reasoning": "the first', usage=usage, finish_reason="length"),
            "failed_after_work": Said("boom", 500, usage=usage),
            "failed": Said("boom", 500),
            "limited": Said("slow down", 429, headers={"Retry-After": "0.02"}),
            "limited_by_date": Said("slow down", 429, headers={"Retry-After": soon}),
            "overloaded": Said("later", 503),
            "broken_off": Said(None, is_cut_off=True),
            "silent": Said(None, seconds=self.silence_seconds or 0.0),
            "uncounted": Said(good),
        }[mood]


def _usage(call: Call, chance: random.Random) -> dict[str, int]:
    """As dear as tokens can be now and then: one a byte, and an answer that is as long as it may be."""
    most = sum(len(message["content"].encode()) for message in call.body["messages"])
    most += len(orjson.dumps(call.body["response_format"]))
    longest = next(call.body[name] for name in LIMIT_NAMES if name in call.body)
    share = chance.choice((0.25, 0.3, 0.5, 1.0))
    return {"prompt_tokens": int(most * share), "completion_tokens": int(longest * chance.choice((0.1, 0.3, 1.0)))}


def prove(
    factory: SessionFactory, calls: int, *, seed: int, budget_usd: str = "100000", concurrency: int = 100,
    timeout_seconds: float = 60.0, is_silent_at_times: bool = False, name: str = "budget",
) -> dict[str, Any]:  # fmt: skip
    """Has about so many calls made, and compares the books; `holds` says what must be true.

    Dollars of calls whose token counts arrived must be the judge's own to the cent; for the others the pilot books the most
    that each may have cost, which must be no less than the judge's own, and all together must stay within the budget.
    """
    moody = Moody(seed, silence_seconds=timeout_seconds * 5 if is_silent_at_times else None)
    with fake_judge(moody.answer) as judge:
        prices = {"input_usd_per_million_tokens": INPUT_USD, "output_usd_per_million_tokens": OUTPUT_USD}
        table = {"base_url": judge.url, "model": "judge-1", "budget_usd": budget_usd, "max_output_tokens": MAX_OUTPUT_TOKENS}
        with session_scope(factory) as session:
            pilot = a_pilot(session, pilot={"name": name}, judge=table | prices | {"canary_rate": 0})
            pairs = [
                StoredPair(f"{name}-{n}", Reply(f"short {n}"), Reply(f"a longer reply {n}")) for n in range(calls * 3 // 8)
            ]
            store_pairs(session, pilot, pairs)
        with session_scope(factory, lambda *_: None) as session:
            ask_for_grading(session, name, "bench")
        limits = GradingLimits(concurrency=concurrency, timeout_seconds=timeout_seconds, first_pause_seconds=0.01)
        while grade_pilot(factory, pilot.id, limits):
            pass
        calls_made = list(judge.calls)
    return _compared(factory, pilot.id, moody, calls_made, Decimal(budget_usd))


def _compared(factory: SessionFactory, pilot_id: int, moody: Moody, made: list[Call], budget: Decimal) -> dict[str, Any]:
    # An answer for which nobody waited any more has told nothing; a refusal for which nobody waited may have been work.
    unseen = {call.number for call in made if not call.is_answered or moody.moods[call.number] in UNSEEN}
    seen_usd = sum((moody.costs[call.number] for call in made if call.number not in unseen), Decimal(0))
    unseen_usd = sum((moody.costs[number] for number in unseen), Decimal(0))
    query = "SELECT is_at_most, sum(calls), sum(usd) FROM spend WHERE pilot_id = :pilot GROUP BY 1"
    with factory() as session:
        rows = {row[0]: (int(row[1]), Decimal(row[2])) for row in session.execute(text(query), {"pilot": pilot_id})}
        reserves = session.execute(
            text("SELECT count(*) FROM judge_reserves WHERE pilot_id = :pilot"), {"pilot": pilot_id}
        ).scalar_one()
        pending = session.execute(
            text("SELECT count(*) FROM pairs WHERE pilot_id = :pilot AND state <> 'settled'"), {"pilot": pilot_id}
        ).scalar_one()
    known_calls, known = rows.get(False, (0, Decimal(0)))
    unknown_calls, unknown = rows.get(True, (0, Decimal(0)))
    billed = seen_usd + unseen_usd
    return {
        "calls": len(made),
        "booked_calls": known_calls + unknown_calls,
        "booked_usd": str(known + unknown),
        "billed_usd": str(billed),
        "known": {"booked_usd": str(known), "billed_usd": str(seen_usd)},
        "unknown": {"calls": unknown_calls, "booked_at_most_usd": str(unknown), "billed_usd": str(unseen_usd)},
        "budget_usd": str(budget),
        "moods": dict(sorted(Counter(moody.moods.values()).items())),
        "pending_pairs": pending,
        "holds": {
            "every call is booked": known_calls + unknown_calls == len(made),
            "what the judge told is booked to the cent": known == seen_usd,
            "what it did not tell is booked call by call": unknown_calls == len(unseen),
            "and at no less than it billed": unknown >= unseen_usd,
            "never booked above the budget": known + unknown <= budget,
            "never billed above the budget": billed <= budget,
            "nothing stays set aside": reserves == 0,
        },
    }
