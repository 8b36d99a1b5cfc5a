"""`pilot plan`: what a pilot needs and how likely it settles anything, before there is one."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client
from parallel_pilot.cli.errors import CommandFailed, WrongUse
from parallel_pilot.cli.options import AsJson
from parallel_pilot.cli.plan_models import plan_models
from parallel_pilot.cli.plan_usage import plan_from_usage
from parallel_pilot.cli.verdict import share

Toml = Annotated[
    Path | None, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="[pilot.toml]", show_default=False)
]


def _option(meaning: str) -> Any:
    return typer.Option(help=meaning, show_default=False)


Gpus = Annotated[
    str | None, _option("Instead: which open models fit on these GPUs, as H100,A100; 'list' says which are known.")
]
Export = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        readable=True,
        metavar="FILE",
        show_default=False,
        help="Instead: a usage or cost export of the vendor: volume, spend, and whether to pilot at all.",
    ),
]


def plan(  # noqa: PLR0913 - one option a parameter
    file: Toml = None,
    *,
    margin: Annotated[float | None, _option("How much worse is good enough (0.05).")] = None,
    tie_rate: Annotated[float | None, _option("Share of pairs that people call a tie (0.3).")] = None,
    icc: Annotated[float | None, _option("How alike pairs of one conversation are (0.25).")] = None,
    pairs_per_conversation: Annotated[float | None, _option("Mean number of pairs (2).")] = None,
    conversations_per_day: Annotated[float | None, _option("Mean (planned_conversations / days, else 50).")] = None,
    segments: Annotated[str | None, _option("Shares of the segments, as a:0.5,b:0.3; the rest is 'other'.")] = None,
    labels_per_day: Annotated[int | None, _option("Pairs that people label a day (15).")] = None,
    days: Annotated[int | None, _option("14 to 42 (28).")] = None,
    judge_accuracy: Annotated[float | None, _option("Share of people's decisions that the judge shares (0.8).")] = None,
    true: Annotated[str | None, _option("True win rates at which chances are given, as 0.45,0.5,0.52.")] = None,
    skip_rate: Annotated[float | None, _option("Share of drawn pairs that people skip (0).")] = None,
    day_swing: Annotated[float | None, _option("Standard deviation of the win rate from day to day (0).")] = None,
    candidates: Annotated[int | None, _option("How many (1): they share the error probability.")] = None,
    power: Annotated[float | None, _option("Chance with which an equal candidate shall be told to migrate (0.8).")] = None,
    runs: Annotated[int | None, _option("Simulated pilots, 100 to 2000 (1000).")] = None,
    seed: Annotated[int | None, _option("The same gives the same answer (0).")] = None,
    gpu: Gpus = None,
    pilot: Annotated[str | None, _option("With --gpu: the pilot whose measured tokens and peak are priced.")] = None,
    tokens_per_month: Annotated[float | None, _option("With --gpu: the volume, where no pilot is named.")] = None,
    context_tokens: Annotated[int | None, _option("With --gpu: of one request (the pilot's mean, else 2500).")] = None,
    users: Annotated[int | None, _option("With --gpu: requests at once that a replica has room for (5).")] = None,
    usage: Export = None,
    privacy: Annotated[bool, typer.Option("--privacy", help="With --usage: the data may not leave.")] = False,
    as_json: AsJson = False,
) -> None:
    """Says what a pilot needs and how likely each end is, before it exists; options outweigh pilot.toml."""
    volume = {"pilot": pilot, "tokens_per_month": tokens_per_month, "context_tokens": context_tokens, "users": users}
    given: dict[str, Any] = {
        "toml": _text(file) if file is not None else None, "margin": margin, "tie_rate": tie_rate, "icc": icc,
        "pairs_per_conversation": pairs_per_conversation, "conversations_per_day": conversations_per_day,
        "segments": _shares(segments) if segments is not None else None, "labels_per_day": labels_per_day, "days": days,
        "judge_accuracy": judge_accuracy, "true_win_rates": _rates(true) if true is not None else None,
        "skip_rate": skip_rate, "day_swing": day_swing, "candidates": candidates, "power": power, "runs": runs, "seed": seed,
    }  # fmt: skip
    _check_numbers(given | volume)
    if usage is not None or privacy:
        _from_usage(usage, given | volume | {"gpu": gpu}, privacy=privacy, as_json=as_json)
        return
    if gpu is not None:
        _refuse(given, "cannot go with --gpu: they plan a pilot, not its hardware")
        plan_models(gpu, volume, as_json=as_json)
        return
    _refuse(volume, "need --gpu")
    answer = _ask({name: value for name, value in given.items() if value is not None}, file)
    if as_json:
        screen.print_json(answer)
        return
    _show(answer)


def _from_usage(usage: Path | None, others: dict[str, Any], *, privacy: bool, as_json: bool) -> None:
    if usage is None:
        message = "--privacy needs --usage"
        raise WrongUse(message)
    _refuse(others, "cannot go with --usage: it plans from the export alone")
    plan_from_usage(usage, privacy=privacy, as_json=as_json)


def _check_numbers(given: dict[str, Any]) -> None:
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            message = f"{_flag(name)} must be a number, not {value}"
            raise WrongUse(message)


def _refuse(given: dict[str, Any], why: str) -> None:
    """Options that would be ignored are wrong use."""
    there = [_flag(name) for name, value in given.items() if value is not None]
    if there:
        message = f"{', '.join(there)} {why}"
        raise WrongUse(message)


def _flag(name: str) -> str:
    named = {"toml": "pilot.toml", "true_win_rates": "--true"}
    return named.get(name, f"--{name.replace('_', '-')}")


def _ask(question: dict[str, Any], file: Path | None) -> Any:
    try:
        with Client.from_environment() as client:
            return client.post("plan", question, seconds=LONG_SECONDS)
    except CommandFailed as failure:
        if file is not None and any(problem.line is not None for problem in failure.problems):
            failure.file = str(file)
        raise


def _text(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        message = f"{file} must be UTF-8"
        raise WrongUse(message) from None


def _shares(text: str) -> dict[str, float]:
    """`a:0.5,b:0.3` as a table."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, colon, number = part.rpartition(":")
        if not colon or not name.strip():
            message = f"--segments: {part.strip()!r} is not NAME:SHARE, as in a:0.5,b:0.3"
            raise WrongUse(message)
        if name.strip() in found:
            message = f"--segments: {name.strip()!r} is given twice"
            raise WrongUse(message)
        found[name.strip()] = _number("--segments", number)
    return found


def _rates(text: str) -> list[float]:
    return [_number("--true", part) for part in text.split(",")]


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"{option}: {text.strip()!r} is not a number"
        raise WrongUse(message) from None


def _show(answer: dict[str, Any]) -> None:
    plan_, whole = answer["plan"], answer["whole"]
    looks = ", ".join(str(day) for day in answer["looks"])
    screen.say(
        f"{plan_['days']} days, {plan_['conversations_per_day']:g} conversations and {plan_['labels_per_day']} labels a day, "
        f"margin {share(whole['margin'])}; the rule looks after day {looks}"
    )
    screen.say(*(f"assumed: {said}" for said in answer["assumed"]))
    series = {"all": whole, **answer["segments"]}
    screen.say("")
    columns = [
        "of",
        "conversations",
        "labels",
        "needed if the judge is right",
        "needed labels",
        "labels a day",
        "days",
        "settles",
    ]
    screen.print_table(columns, [_needed(name, each) for name, each in series.items()])
    screen.say("", f"chances, each from {whole['chances'][0]['judge_trusted']['migrate']['n']:,} simulated pilots:")
    columns = ["of", "true win rate", "migrate", "don't migrate", "not enough", "migrate if the judge is as good as people"]
    screen.print_table(columns, [row for name, each in series.items() for row in _chances(name, each)])
    screen.say("", whole["words"], *(segment["words"] for segment in answer["segments"].values()))
    if answer["calibration"] is not None:
        screen.say(answer["calibration"]["words"])
    screen.say(*(f"warning: {warning}" for warning in answer["warnings"]))
    screen.say("", answer["recommendation"])


def _needed(name: str, series: dict[str, Any]) -> list[str]:
    needed = series["needed"]
    there = [f"{series['conversations']:,.0f}", f"{series['labels']:,.0f}" if series["needs_people"] else "none needed"]
    return [
        name,
        *there,
        f"{needed['conversations']:,}",
        *(_count(needed[key]) if series["needs_people"] else "" for key in ("labels", "labels_per_day")),
        _count(needed["days"]),
        "yes" if series["settles"] else "no",
    ]


def _chances(name: str, series: dict[str, Any]) -> Iterator[list[str]]:
    for chance in series["chances"]:
        ends = chance["corrected"]
        cells = [_chance(ends[key]) for key in ("migrate", "dont_migrate", "unknown")] if ends else ["no labels", "", ""]
        yield [name, share(chance["true_win_rate"]), *cells, _chance(chance["judge_trusted"]["migrate"])]


def _chance(estimate: dict[str, Any]) -> str:
    return f"{estimate['value']:.1%} [{estimate['low']:.1%}, {estimate['high']:.1%}]"


def _count(number: int | None) -> str:
    return "not reachable" if number is None else f"{number:,}"


COMMANDS: tuple[Callable[..., None], ...] = (plan,)
