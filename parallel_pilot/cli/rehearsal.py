"""`pilot rehearse`: recorded requests sent to a candidate again at their recorded times, and what it kept up with."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import CommandFailed
from parallel_pilot.cli.options import AsJson, Name

POLL_SECONDS = 1.0
OPEN_STATES = frozenset({"queued", "running"})
SPEEDS = (1.0, 1.5, 2.0)
DAY_SHARE_KEPT = 0.05


def rehearse(
    name: Name,
    candidate: Annotated[str | None, typer.Option(help="Which; needed if there are several.", show_default=False)] = None,
    speed: Annotated[
        list[float] | None, typer.Option(help="Times the recorded pace; give it several times. Default: 1.0, 1.5, 2.0.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="How long requests are sent at most, all steps together.")] = 10.0,
    limit_usd: Annotated[float | None, typer.Option(min=0, help="Stops before more is spent.", show_default=False)] = None,
    find_capacity: Annotated[
        bool | None,
        typer.Option(
            "--find-capacity/--no-find-capacity",
            help="Searches for the most that it carries; default: where the asked speeds do not enclose it.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Waits until it is done.")] = True,
    *,
    as_json: AsJson = False,
) -> None:
    """Sends recorded requests to a candidate again at their recorded times, and faster: a test under production's load."""
    asked = {
        "candidate": candidate, "speeds": list(speed or SPEEDS), "minutes": minutes,
        "limit_usd": None if limit_usd is None else str(limit_usd), "find_capacity": find_capacity,
    }  # fmt: skip
    with Client.from_environment() as client:
        address = f"pilots/{part(name)}/rehearsals"
        screen.note(_plan_words(client.post(f"{address}/plan", asked)))
        found = client.post(address, asked)
        if wait:
            found = _wait(client, found["id"])
    if as_json:
        screen.print_json(found)
    else:
        _tell(found)
    if found["state"] == "failed":
        message = f"the rehearsal failed: {found['message']}"
        raise CommandFailed(message)


def _plan_words(plan: dict[str, Any]) -> str:
    cost = {None: "at an unknown price", "0.000000": "at no price a token"}.get(
        plan["usd_at_most"], f"for at most {plan['usd_at_most']} USD"
    )
    search = "; a search for its capacity within that time sends more" if plan["may_search"] else ""
    short = "" if plan["is_load_test"] else " (too short to count as a test at the busiest minute)"
    return (
        f"rehearsing {plan['candidate']}: about {plan['seconds'] / 60:.3g} minutes{short}, {plan['requests']:,} requests {cost}"
        f"{search}; production's busiest minute has {plan['production_requests_per_minute_peak']:,.0f} requests"
        f"{_not_mirrored_words(plan['candidate'], plan['not_mirrored_day_share'])}"
    )


def _not_mirrored_words(candidate: str, share: "float | None") -> str:
    if share is None:
        return ""
    unknown = " (above 5 % of a day its quality is unknown until then)" if share > DAY_SHARE_KEPT else ""
    return (
        f"; meanwhile live requests are not mirrored to {candidate}: at the busiest time {share:.1%} of a day's, which "
        f"pilot replay asks afterwards{unknown}"
    )


def _wait(client: Client, rehearsal_id: int) -> Any:
    with screen.progress_bar() as bar:
        task = bar.add_task("rehearsal", total=None, note="")
        while True:
            found = client.get(f"rehearsals/{rehearsal_id}")
            if found["state"] not in OPEN_STATES:
                return found
            under_way = found["steps"][-1] if found["steps"] else None
            note = "waits for a worker" if under_way is None else f"{under_way['kind']} at {under_way['speed']:.3g}x"
            bar.update(task, completed=len(found["steps"]), note=note)
            time.sleep(POLL_SECONDS)


def _tell(found: dict[str, Any]) -> None:
    columns = ["step", "speed", "offered/s", "in time/s", "in time", "p95", "first token p95", "at once", "outcome"]
    screen.print_table(columns, [_row(step) for step in found["steps"]])
    screen.say(f"rehearsal {found['id']} of {found['candidate']} is {found['state']}" + _because(found["message"]))
    result = found["result"]
    if result is None:
        return
    capacity, rate = result["capacity_requests_per_second"], result["rate"]
    if capacity["value"] is not None:
        screen.say(f"capacity: {capacity['value']:.4g} answers a second{_range(capacity)}")
    elif capacity["low"] is not None:
        screen.say(f"capacity: at least {capacity['low']:.4g} answers a second; nothing that was offered was too much")
    if rate is not None:
        served, slots = rate["requests_per_second_per_replica"], rate["slots_per_replica"]
        screen.say(
            f"one replica serves {served['value']:.4g} requests a second in time{_range(served)}, "
            f"{slots['value']:.3g} at once{_range(slots)}"
        )
    screen.say(*(f"- {note}" for note in result["notes"]))


def _row(step: dict[str, Any]) -> list[str]:
    good, share = step["goodput_requests_per_second"]["value"], step["within_share"]["value"]
    return [
        step["kind"],
        f"{step['speed']:.3g}x",
        _number(step["offered_requests_per_second"]),
        _number(good),
        "-" if share is None else f"{share:.1%}",
        _seconds(step["total_seconds"]["p95"]["value"]),
        _seconds(step["ttft_any_seconds"]["p95"]["value"]),
        _number(step["concurrency_mean"]),
        step["outcome"] + ("" if step["outcome"] == "met" else _because(step["reason"])),
    ]


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _range(estimate: dict[str, Any]) -> str:
    low, high = estimate["low"], estimate["high"]
    return "" if low is None or high is None else f" ({low:.4g} to {high:.4g})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g} s"


COMMANDS: tuple[Callable[..., None], ...] = (rehearse,)
