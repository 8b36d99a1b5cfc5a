"""`pilot plan --usage FILE`: what an export of the vendor says, and whether to pilot at all."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client
from parallel_pilot.cli.errors import CommandFailed

ADVICE = {
    "pilot": "Run a pilot.",
    "stay": "Stay on the API.",
    "cheaper_tier_first": "Try the vendor's cheaper model first.",
    "unknown": "Not enough is known.",
}


def plan_from_usage(file: Path, *, privacy: bool, as_json: bool) -> None:
    """Sends the file to the service and shows what it says."""
    try:
        with Client.from_environment() as client:
            plan = client.send(
                "POST", "plan/usage", query={"privacy": str(privacy).lower()}, content=file.read_bytes(),
                media_type="application/octet-stream", seconds=LONG_SECONDS,
            ).json()  # fmt: skip
    except CommandFailed as failure:
        failure.file = str(file)
        raise
    if as_json:
        screen.print_json(plan)
    else:
        _show(plan)


def _show(plan: dict[str, Any]) -> None:
    month = plan["month"]
    screen.say(f"{plan['format']}: {plan['first_day']} to {plan['last_day']}, {plan['days']} days (UTC)")
    screen.say(*(f"note: {note}" for note in plan["notes"]))
    screen.say(
        "",
        f"a month of 730 hours: {tokens_in_words(plan)} tokens, {_count(month['requests'])} requests, {_usd(month['usd'])}",
    )
    if plan["trend_words"]:
        screen.say(plan["trend_words"])
    columns = ["model", "requests", "input", "of it cached", "output", "US dollars", "share", "dollars from"]
    screen.print_table(columns, [_model(each) for each in plan["by_model"]])
    _tables(plan)
    if plan["unpriced_models"]:
        screen.say(f"nobody knows the price of: {', '.join(plan['unpriced_models'])}")
    screen.say("", ADVICE.get(plan["advice"], plan["advice"]), *(f"- {reason}" for reason in plan["reasons"]))


def _tables(plan: dict[str, Any]) -> None:
    _table("where the spend is", ["for", "US dollars a month", "share"], plan["by_kind"], ("kind", "usd", "share_rate"))
    _table("by month", ["month", "days", "tokens", "US dollars"], plan["by_month"], ("period", "days", "tokens", "usd"))
    columns = ["model", "vendor", "instead of", "US dollars a month", "saves", "mind"]
    keys = ("model", "vendor", "instead_of", "usd_per_month", "saving_usd_per_month", "words")
    _table("the same tokens, bought elsewhere", columns, plan["options"], keys)
    columns = ["rule of thumb", "unit", "yours", "so", "source"]
    _table("rules of thumb", columns, plan["rules"], ("says", "unit", "value", "standing", "source"))


def _table(title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> None:
    if rows:
        screen.say("", title)
        screen.print_table(columns, [[_cell(key, row[key]) for key in keys] for row in rows])


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "unknown"
    if key == "share_rate":
        return f"{value:.1%}"
    if isinstance(value, int | float):
        return f"{value:,.0f}"
    return value.replace("_", " ") if key == "standing" else str(value)


def _model(each: dict[str, Any]) -> list[str]:
    counts = [_count(each[name]) for name in ("requests", "input_tokens", "cached_input_tokens", "output_tokens")]
    share = "unknown" if each["share_rate"] is None else f"{each['share_rate']:.1%}"
    return [each["model"], *counts, each["usd"] or "unknown", share, each["usd_source"]]


def tokens_in_words(plan: dict[str, Any]) -> str:
    """Input and output tokens of a month, "at least N" or "unknown"."""
    sides = [plan["month"][name] for name in ("input_tokens", "output_tokens")]
    at_least = plan.get("tokens_at_least")
    if None in sides and at_least is not None:
        return f"at least {_count(at_least)}"
    return _count(None if None in sides else sum(sides))


def _count(number: float | None) -> str:
    return "unknown" if number is None else f"{number:,.0f}"


def _usd(amount: str | None) -> str:
    return "unknown dollars" if amount is None else f"{amount} US dollars"
