"""`./run bench recorded`: 466 real judged pairs as pilots through replay and judge over HTTP.

Each judge is asked twice over: in both orders of every pair (`second_order = "always"`), which is what the file's figures are
of, and with the second order only after a decisive answer. What that changes is said at the end.
"""

import argparse
import csv
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.simulator.recorded import RecordedJudge, RecordedModel, RecordedVerdict
from app.simulator.serving import Endpoint, serve
from tests.bench.recorded_figures import (
    ARRIVALS_FILE,
    JUDGES,
    PAIRS_FILE,
    agreement,
    preference,
    read_pairs,
    stated_agreement,
    stated_preference,
)
from tests.bench.recorded_orders import MODES, WAVERING, economy_of, explanation, winners_of
from tests.running import Service, running_service

ROOT = Path(__file__).resolve().parents[2]
STARTS = datetime(2026, 10, 5, tzinfo=UTC)
DAYS = 28


def main(arguments: list[str] | None = None) -> int:
    """Runs both pilots and compares; 0 if every figure is equal, 1 if not, 2 without the data."""
    parser = argparse.ArgumentParser(prog="./run bench recorded", description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of the recorded pairs")
    folder = parser.parse_args(arguments).data
    if not (folder / PAIRS_FILE).is_file():
        sys.stderr.write(f"bench recorded: no {PAIRS_FILE} in {folder}; name the folder with --data DIR\n")
        return 2
    pairs = read_pairs(folder)
    lines = "".join(
        json.dumps(line, ensure_ascii=False) + "\n" for line in import_lines(pairs, arrival_times(folder, len(pairs)))
    )
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="pp-rec-") as home,
        recorded_models(pairs) as models,
        running_service(Path(home)) as service,
    ):
        runs = {
            (judge, mode): run_pilot(service, judge, mode, models, pairs, lines.encode())
            for judge in (*JUDGES, WAVERING)
            for mode in MODES
        }
    cards = {judge: runs[judge, "always"] for judge in JUDGES}
    rows = [*compare(pairs, cards, (folder / "README.md").read_text()), *compare_orders(pairs, runs)]
    wrong = [row for row in rows if not row["equal"]]
    for row in rows:
        sys.stdout.write(
            f"{'ok   ' if row['equal'] else 'WRONG'} {row['figure']}: {row['product']} (expected {row['expected']})\n"
        )
    for judge in (*JUDGES, WAVERING):
        sys.stdout.write(f"{explanation(judge, *(economy_of(pairs, judge, mode) for mode in MODES))}\n")
    summary = {
        "figures": len(rows),
        "equal": len(rows) - len(wrong),
        "seconds": round(time.monotonic() - started, 1),
        "rows": rows,
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if wrong else 0


def arrival_times(folder: Path, n: int) -> list[datetime]:
    """`n` arrivals of the recorded hour, evenly picked and stretched over the pilot's days."""
    with gzip.open(folder / ARRIVALS_FILE, "rt") as file:
        moments = [datetime.fromisoformat(row["TIMESTAMP"][:26]) for row in csv.DictReader(file)]
    first, last = moments[0], moments[-1]
    picked = [moments[index * len(moments) // n] for index in range(n)]
    return [STARTS + (moment - first) / ((last - first) / timedelta(days=DAYS)) * 0.999999 for moment in picked]


def key_of(pair: dict[str, Any]) -> str:
    """The name under which both sides know a pair."""
    return f"{pair['set']}/{pair['i']}"


def import_lines(pairs: list[dict[str, Any]], moments: list[datetime]) -> Iterator[dict[str, Any]]:
    """The pairs as import lines: the incumbent's reply and the person's preference; the candidate is replayed."""
    for number, (pair, moment) in enumerate(zip(pairs, moments, strict=True)):
        yield {
            "exchange_id": key_of(pair),
            "arrived_at": moment.isoformat(),
            "conversation_id": key_of(pair),
            "segment": pair["set"],
            "request": {
                "model": "recorded-incumbent",
                "messages": [{"role": "user", "content": pair["input"]}],
                "metadata": {"pair": key_of(pair)},
                "stream": number % 2 == 0,
            },
            "replies": {"incumbent": {"content": pair["output_1"], "finish_reason": "stop"}},
            "preferences": [{"arm": "recorded", "by": "person", "rater": "people", "value": float(pair["label"] == 2)}],
        }


@contextmanager
def recorded_models(pairs: list[dict[str, Any]]) -> Iterator[str]:
    """The recorded candidate and both recorded judges behind one address."""
    endpoints = {
        "candidate": Endpoint(RecordedModel("recorded-candidate", {key_of(p): {"content": p["output_2"]} for p in pairs}))
    }
    for judge in (*JUDGES, WAVERING):
        endpoints[judge.lower()] = Endpoint(RecordedJudge(judge, [verdict_of(pair, judge) for pair in pairs]))
    with serve(endpoints) as url:
        yield url


def verdict_of(pair: dict[str, Any], judge: str) -> RecordedVerdict:
    """What a judge said to a pair."""
    return RecordedVerdict(pair["input"], pair["output_1"], pair["output_2"], **winners_of(pair, judge))


def run_pilot(
    service: Service, judge: str, mode: str, models: str, pairs: list[dict[str, Any]], lines: bytes
) -> dict[str, Any]:
    """One pilot from its configuration to its scorecard; the candidate's part of it."""
    name = f"recorded-{judge.lower()}-{mode}"
    service.create(configuration(name, judge, mode, models, sorted({pair["set"] for pair in pairs})))
    service.import_lines(name, lines)
    service.post(f"/pilots/{name}/start")
    service.replay(name)
    service.grade(name)
    card = service.get(f"/pilots/{name}/scorecard")
    found: dict[str, Any] = card["candidates"]["recorded"]
    return found


def configuration(name: str, judge: str, mode: str, models: str, segments: list[str]) -> str:
    """`pilot.toml` of one judge's pilot."""
    tables = "".join(f"[[segment]]\nname = {json.dumps(segment)}\n" for segment in segments)
    return f"""
[pilot]
name = "{name}"
starts = {STARTS.date().isoformat()}
days = {DAYS}
planned_conversations = 466
[decision]
reason = "control"
[incumbent]
base_url = "{models}/candidate/v1"
model = "recorded-incumbent"
family = "incumbent"
[[candidate]]
name = "recorded"
base_url = "{models}/candidate/v1"
model = "recorded-candidate"
family = "candidate"
license = "Apache-2.0"
{tables}
[judge]
base_url = "{models}/{judge.lower()}/v1"
model = "{judge}"
family = "judge"
input_usd_per_million_tokens = 0
output_usd_per_million_tokens = 0
second_order = "{mode}"
"""


def compare_orders(pairs: list[dict[str, Any]], runs: dict[tuple[str, str], dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What each way of asking makes of each judge, beside the same counted from the file."""
    for (judge, mode), card in runs.items():
        counted, quality, figures = economy_of(pairs, judge, mode), card["quality"], card["judge_figures"]
        fixed, drawn = quality["win_rate_fixed"], figures["position_consistency_random"]
        name = f"{judge}, second order {mode}"
        answers = sum(answers["answers"] for answers in figures["answers"])
        yield row(f"{name}: answers asked for", (answers,), (counted.answers,))
        product = (rounded(fixed["value"], 5), rounded(fixed["standard_error"], 5))
        yield row(f"{name}: preference, standard error", product, (counted.mean, counted.standard_error))
        of_all = (rounded(quality["position_consistency_rate"]), quality["position_consistency_n"])
        yield row(f"{name}: same winner in both orders, pairs", of_all, counted.consistency)
        yield row(f"{name}: the same of the random sample", (rounded(drawn["value"]), drawn["n"]), counted.drawn_consistency)
        is_inside = drawn["low"] <= economy_of(pairs, judge, "always").consistency[0] <= drawn["high"]
        yield row(f"{name}: its interval holds the share of all pairs", (is_inside,), (True,))


def compare(pairs: list[dict[str, Any]], cards: dict[str, dict[str, Any]], readme: str) -> Iterator[dict[str, Any]]:
    """Every figure of the product beside the one counted from the file and the one its README states."""
    stated, stated_mean = stated_agreement(readme), stated_preference(readme)
    for judge, card in cards.items():
        for name in sorted({pair["set"] for pair in pairs}):
            own = agreement([pair for pair in pairs if pair["set"] == name], judge)
            counted = (own.accuracy, own.consistency, own.kappa, own.parsed_answers, own.parsed_both)
            said = card["segments"][name]["judge"]
            product = (
                rounded(said["accuracy"]["value"]), rounded(said["position_consistency_rate"]), rounded(said["kappa"]["value"]),
                said["accuracy"]["n"], said["position_consistency_n"],
            )  # fmt: skip
            yield row(f"{judge} on {name}: accuracy, consistency, kappa, answers, pairs", product, counted)
            yield row(f"{judge} on {name}: the same as stated", product[:3], stated[name, judge])
        counted_mean = preference(pairs, judge)
        fixed, quality = card["quality"]["win_rate_fixed"], card["quality"]
        product_mean = (rounded(fixed["value"], 5), rounded(fixed["standard_error"], 5), quality["flips"])
        expected = (counted_mean.mean, counted_mean.standard_error, counted_mean.flips)
        yield row(f"{judge}: preference, standard error, flips", product_mean, expected)
        yield row(f"{judge}: the same as stated", product_mean, stated_mean[judge])
        yield row(f"{judge}: pairs with a preference", (fixed["n"],), (counted_mean.pairs,))
        unparsed = sum(v is None for pair in pairs for v in pair["judges"][judge].values())
        yield row(f"{judge}: unparsed answers", (quality["ungraded"].get("unparsed", 0),), (unparsed,))
        people = rounded(quality["people_win_rate"]["value"], 5)
        yield row(
            f"{judge}'s pilot: people's preference", (people,), (rounded(sum(p["label"] == 2 for p in pairs) / len(pairs), 5),)
        )


def rounded(value: float | None, digits: int = 4) -> float | None:
    """Rounded for comparison; unknown stays unknown."""
    return None if value is None else round(value, digits)


def row(figure: str, product: tuple[Any, ...], expected: tuple[Any, ...]) -> dict[str, Any]:
    """One comparison."""
    return {"figure": figure, "product": list(product), "expected": list(expected), "equal": tuple(product) == tuple(expected)}


if __name__ == "__main__":
    sys.exit(main())
