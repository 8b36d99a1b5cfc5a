"""`pilot verdict`: the answer in words, with what it rests on."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.options import AsJson, Name

MEANING = {
    "MIGRATE": "all traffic can go to the candidate",
    "DONT_MIGRATE": "stay with the incumbent",
    "HYBRID": "some kinds of work can go to the candidate, the rest stays",
    "EXTEND": "there is not enough evidence yet",
}
NEITHER = "neither option is fit: the data must stay"
FINAL = "not shown to be safe: stay with the incumbent"


def verdict(
    name: Name,
    as_of: Annotated[
        str | None, typer.Option(help="As it was known then, such as 2026-11-15T00:00:00Z.", show_default=False)
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Says whether to migrate, for each candidate, and why."""
    with Client.from_environment() as client:
        scorecard = client.send(
            "GET", f"pilots/{part(name)}/scorecard", query={"as_of": as_of}, seconds=LONG_SECONDS
        ).json()  # fmt: skip
    if as_json:
        screen.print_json(scorecard)
        return
    coverage = scorecard["coverage"]["by_reason"]
    ledger = ", ".join(f"{reason} {count}" for reason, count in coverage.items() if count) or "nothing"
    until = f", up to {scorecard['as_of'][:16]}" if scorecard["as_of"] else ""
    labels = scorecard.get("labels_until")
    if labels and (not scorecard["as_of"] or labels > scorecard["as_of"]):
        until += f", with labels made until {labels[:16]}"
    screen.say(f"{scorecard['pilot']}, day {scorecard['day']}{until}; requests: {ledger}")
    for candidate, card in scorecard["candidates"].items():
        _show(candidate, card)
    for change in scorecard["registration"]["changes"]:
        screen.say(f"changed after the start: {change['path']} from {change['before']} to {change['after']}, by {change['by']}")


def _show(candidate: str, card: dict[str, Any]) -> None:
    found = card["verdict"]
    meaning = FINAL if found["final"] and found["outcome"] == "EXTEND" else MEANING.get(found["outcome"], "")
    if found["outcome"] == "DONT_MIGRATE" and "neither_fits" in found["reason_codes"]:
        meaning = NEITHER
    screen.say("", f"{candidate}: {found['outcome']} ({meaning})")
    if found["provisional"]:
        screen.say(f"it would be {found['provisional']} if the judge were known to agree with people")
    if found["routing"]:
        screen.say("route: " + ", ".join(f"{segment} to {arm}" for segment, arm in found["routing"].items()))
    screen.say(*(f"- {reason}" for reason in found["reasons"]))
    gates = [[g["name"], g["outcome"], _bound(g["bound"]), _bound(g["threshold"]), g["reason"]] for g in card["gates"]]
    screen.say("")
    screen.print_table(["gate", "says", "bound", "threshold", "because"], gates)
    screen.say("")
    screen.print_table(
        ["quality of", "says", "win rate", "95 % interval", "rests on", "conversations", "pairs", "margin"], _segments(card)
    )
    screen.say("", *_facts(card))
    for title, lines in (("what would change it", found["would_change"]), ("not tested", found["not_tested"])):
        if lines:
            screen.say("", f"{title}:", *(f"- {line}" for line in lines))


def _segments(card: dict[str, Any]) -> Iterator[list[str]]:
    rate, basis = _deciding(card["quality"])
    gate = next((g["outcome"] for g in card["gates"] if g["name"] == "quality"), "")
    pairs = str(card["quality"]["win_rate_fixed"]["n"])
    yield ["all", gate, share(rate["value"]), interval(rate), basis, str(rate["n"]), pairs, ""]
    for name, segment in card["segments"].items():
        rate, basis = _deciding(segment)
        registered = segment["outcome"] if segment["registered"] else "not registered"
        sizes = [str(segment["conversations"]), str(segment["pairs"]), share(segment["margin"])]
        yield [name, registered, share(rate["value"]), interval(rate), basis, *sizes]


def _deciding(quality: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The win rate that the gate rests on, and whose word that is; an older service knows only the judge's."""
    corrected = quality.get("win_rate_human_corrected")
    if quality.get("rests_on") == "corrected" and corrected and corrected["value"] is not None:
        return corrected, "people and judge"
    return quality["win_rate"], "judge and rules"


def _facts(card: dict[str, Any]) -> Iterator[str]:
    quality, cost, reliability = card["quality"], card["cost"], card["reliability"]
    accuracy = quality["judge_accuracy"]
    if accuracy["value"] is not None:
        yield f"judge against people: right in {share(accuracy['value'])} {interval(accuracy)} of {accuracy['n']} answers"
    yield f"labels by people: {quality['labels']}; position flips: {quality['flips']}; ungraded: {_counts(quality['ungraded'])}"
    critical = card.get("critical") or {}
    if critical.get("marked"):
        rate = critical["rate"]
        yield f"critical replies, by people: {critical['marked']} marked; of drawn ones {share(rate['value'])} {interval(rate)}"
    failures = reliability["candidate_failure_rate"], reliability["incumbent_failure_rate"]
    yield "failures: candidate {}, incumbent {}".format(*(f"{share(rate['value'])} {interval(rate)}" for rate in failures))
    total = card["latency"]["total_seconds"]["p95"]
    yield f"95 % are done within: candidate {_seconds(total['candidate'])}, incumbent {_seconds(total['incumbent'])}"
    money = [(who, cost[f"{who}_usd_per_month"]) for who in ("incumbent", "candidate", "saving")]
    yield "USD a month: " + ", ".join(f"{who} {_money(estimate)}" for who, estimate in money)
    split = cost["saving_of_split_usd_per_month"]
    if split["value"] is not None:
        yield f"USD a month saved by the split: {_money(split)}"
    yield from _how_sure(cost)
    if cost["unpriced_models"]:
        yield "no price is known of: " + ", ".join(cost["unpriced_models"])


def _how_sure(cost: dict[str, Any]) -> Iterator[str]:
    """How sure the saving is, and when it pays; a service of before may not say."""
    chance, payback = cost.get("probability_saving_positive"), cost.get("payback_months") or {}
    if chance is None:
        return
    ends = ", ".join(str(cost[f"saving_{name}_usd"]) for name in ("p5", "p95"))
    yield f"chance that all of it moved saves money: {share(chance)}; 90 of 100 draws save between {ends} USD a month"
    if payback.get("value") is not None:
        yield f"one-off hours are paid back after {payback['value']:.1f} months"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in counts.items()) or "none"


def share(value: float | None) -> str:
    """A share of one in per cent, or `unknown`."""
    return "unknown" if value is None else f"{value:.1%}"


def interval(estimate: dict[str, Any]) -> str:
    """The interval of a share."""
    low, high = estimate["low"], estimate["high"]
    return "" if low is None and high is None else f"[{share(low)}, {share(high)}]"


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _seconds(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "unknown"
    ends = ["?" if end is None else f"{end:.3g}" for end in (estimate["low"], estimate["high"])]
    return f"{estimate['value']:.3g} s [{', '.join(ends)}]"


def _money(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "unknown"
    ranged = f" [{estimate['low']}, {estimate['high']}]" if estimate["low"] is not None else ""
    return f"{estimate['value']}{ranged}"


COMMANDS: tuple[Callable[..., None], ...] = (verdict,)
