"""`pilot plan --gpu`: which open models fit on which GPUs, under which licence, for how much."""

from collections.abc import Iterator
from typing import Any

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client

LIST = "list"


def plan_models(gpu: str, options: dict[str, Any], *, as_json: bool) -> None:
    """Asks for a plan of models and prints it; `list` instead of names lists the GPUs that are known."""
    names = [name.strip() for name in gpu.split(",") if name.strip()]
    asked = {name: value for name, value in options.items() if value is not None}
    question = {} if names in ([], [LIST]) else {"gpus": names, **asked}
    with Client.from_environment() as client:
        answer = client.post("plan/models", question, seconds=LONG_SECONDS)
    if as_json:
        screen.print_json(answer)
    elif answer["volume"] is None:
        _show_gpus(answer["gpus"])
    else:
        _show(answer)


def _show_gpus(gpus: list[dict[str, Any]]) -> None:
    screen.print_table(["GPU", "GB", "month of 730 hours", "source"], [row for gpu in gpus for row in _gpu_rows(gpu)])


def _gpu_rows(gpu: dict[str, Any]) -> Iterator[list[str]]:
    name = f"{gpu['name']} (yours)" if gpu["is_own"] else gpu["name"]
    for price in gpu["prices"]:
        many = f"{price['gpus']} together: " if price["gpus"] > 1 else ""
        note = f" {price['note']}" if price["note"] else ""
        yield [name, f"{gpu['memory_gb']:g}", many + _range(price) + note, _source(price)]
    if not gpu["prices"]:
        yield [name, f"{gpu['memory_gb']:g}", "unknown", ""]


def _show(answer: dict[str, Any]) -> None:
    volume = answer["volume"]
    tokens = volume["tokens_per_month"]
    screen.say(
        f"{'unknown' if tokens is None else f'{tokens:,.0f}'} tokens a month; "
        f"room for {volume['users']} requests at once of {volume['context_tokens']:,} tokens each"
    )
    screen.say(*volume["words"], "")
    models = {model["name"]: model for model in answer["models"]}
    columns = ["model", "on", "weights", "room left for", "licence", "month (replicas)", "per M tokens", "source"]
    fewest = {(fit["gpu"], fit["model"]): fit for fit in reversed(answer["fits"])}
    shown = [fit for fit in answer["fits"] if fewest[fit["gpu"], fit["model"]] is fit]
    screen.print_table(columns, [row for fit in shown for row in _fit_rows(fit, models[fit["model"]])])
    if len(shown) < len(answer["fits"]):
        screen.say("each on the fewest GPUs; --json has the more exact weights on more of them")
    for gpu, names in answer["does_not_fit"].items():
        if names:
            screen.say(f"does not fit on {gpu}: {', '.join(names)}")
    _show_models(answer["models"])
    _show_contradictions(answer["contradictions"])
    screen.say("", *answer["notes"])


def _fit_rows(fit: dict[str, Any], model: dict[str, Any]) -> Iterator[list[str]]:
    users = "sizes not known" if fit["users"] is None else f"{fit['kv_tokens']:,} tokens, {fit['users']:,} users"
    name = f"{fit['model']} (yours)" if model["is_own"] else fit["model"]
    what = [
        name,
        f"{fit['gpus']}x {fit['gpu']}",
        f"{fit['quantisation'].upper()} {fit['weights_gb']:g} GB",
        users,
        f"{model['licence']} ({model['licence_kind'].replace('_', ' ')})",
    ]
    low, high = fit["replicas_low"], fit["replicas_high"]
    replicas = f"{low}" if low == high else f"{low}-{high}"
    for cost in fit["costs"] or [None]:
        if cost is None:
            yield [*what, f"unknown ({replicas})", "unknown", ""]
            continue
        yield [*what, f"{_range(cost)} ({replicas})", _per_million(cost), _source(cost)]
        what = ["", "", "", "", ""]


def _show_models(models: list[dict[str, Any]]) -> None:
    for key, title in (
        ("quality", "quality as others measured it, on their work; not a verdict:"),
        ("hosting", "what the field says that running it costs:"),
    ):
        rows = [[model["name"], line["says"], _source(line)] for model in models for line in model[key]]
        if rows:
            screen.say("", title)
            screen.print_table(["model", "figure", "source"], rows)
    hosts = [(model, host) for model in models for host in model["hosts"]]
    if hosts:
        screen.say("", "the same tokens at those who serve the model by the token:")
        rows = [[model["name"], host["vendor"], _usd(host["usd_per_month"]), host["source"]] for model, host in hosts]
        screen.print_table(["model", "host", "month", "source"], rows)


def _show_contradictions(lines: list[dict[str, Any]]) -> None:
    if lines:
        screen.say("", "where the field contradicts itself (nothing is averaged):")
        rows = [[line["of"], f"{line['says']} ({_source(line)})", line["contradicts"]] for line in lines]
        screen.print_table(["of", "one says", "but"], rows)


def _range(line: dict[str, Any]) -> str:
    low, high = _usd(line["usd_per_month_low"]), _usd(line["usd_per_month_high"])
    return low if low == high else f"{low}-{high.removeprefix('$')}"


def _usd(amount: str) -> str:
    return f"${float(amount):,.0f}"


def _per_million(cost: dict[str, Any]) -> str:
    low, high = cost["usd_per_million_tokens_low"], cost["usd_per_million_tokens_high"]
    if low is None:
        return "unknown"
    return f"${low:,.2f}" if low == high else f"${low:,.2f}-{high:,.2f}"


def _source(line: dict[str, Any]) -> str:
    return f"{line['source']}, {line['as_of']}"
