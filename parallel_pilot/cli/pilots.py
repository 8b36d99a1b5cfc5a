"""`pilot create|configure|start|stop|extend|default|detach|mirror|status|list`."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import CommandFailed
from parallel_pilot.cli.options import AsJson, Name

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="pilot.toml")]


class Switch(StrEnum):
    """On or off."""

    ON = "on"
    OFF = "off"


def create(file: File, *, as_json: AsJson = False) -> None:
    """Makes a pilot (a draft) from pilot.toml."""
    with Client.from_environment() as client:
        made = _send_toml(client, "POST", "pilots", file)
    _answer(made, f"the pilot '{made['name']}' is a draft; next: pilot import {made['name']} FILE.jsonl", as_json=as_json)


def configure(name: Name, file: File, *, as_json: AsJson = False) -> None:
    """Replaces a pilot's configuration; after the start every change is listed."""
    with Client.from_environment() as client:
        pilot = _send_toml(client, "PUT", f"pilots/{part(name)}/configuration", file)
    _answer(pilot, f"the pilot '{name}' has a new configuration", as_json=as_json)


def start(name: Name, *, as_json: AsJson = False) -> None:
    """Starts a draft: its window and configuration are fixed and hashed."""
    pilot = _step(name, "start")
    _answer(pilot, f"the pilot '{name}' is running; registered as {pilot['registration_hash'][:16]}", as_json=as_json)


def stop(name: Name, *, as_json: AsJson = False) -> None:
    """Ends a running pilot for good."""
    _answer(_step(name, "stop"), f"the pilot '{name}' is stopped", as_json=as_json)


def extend(
    name: Name,
    days: Annotated[int, typer.Option(min=1, max=14, help="How many days longer.")] = 14,
    *,
    as_json: AsJson = False,
) -> None:
    """Makes a running pilot longer, once."""
    _answer(_step(name, "extend", {"days": days}), f"the pilot '{name}' is extended by {days} days", as_json=as_json)


def default(name: Name, *, as_json: AsJson = False) -> None:
    """Makes a pilot the one that the gateway's /v1 belongs to."""
    _answer(_step(name, "default"), f"the pilot '{name}' is the default", as_json=as_json)


def detach(name: Name, *, as_json: AsJson = False) -> None:
    """Ends the gateway's forwarding for a pilot."""
    _answer(_step(name, "detach"), f"the pilot '{name}' is detached", as_json=as_json)


def mirror(state: Annotated[Switch, typer.Argument(show_default=False)], name: Name, *, as_json: AsJson = False) -> None:
    """Switches a pilot's mirroring on or off."""
    _answer(_step(name, "mirror", {"on": state is Switch.ON}), f"the pilot '{name}':", as_json=as_json)


def list_command(*, as_json: AsJson = False) -> None:
    """Lists all pilots."""
    with Client.from_environment() as client:
        pilots = client.get("pilots")
    if as_json:
        screen.print_json(pilots)
        return
    rows = [
        [p["name"] + (" (default)" if p["is_default"] else ""), p["state"], day(p["starts_at"]), day(p["ends_at"]), _arms(p)]
        for p in pilots
    ]
    screen.print_table(["pilot", "state", "from", "to", "incumbent and candidates"], rows)


def status(name: Name, *, as_json: AsJson = False) -> None:
    """Says where a pilot stands and what is missing next."""
    with Client.from_environment() as client:
        found = client.get(f"pilots/{part(name)}/status")
    if as_json:
        screen.print_json(found)
        return
    left = "" if found["days_left"] is None else f", {found['days_left']} left"
    spend = "unknown: a model's price is missing" if found["spend_usd"] is None else f"{found['spend_usd']} USD"
    screen.say(
        f"{found['name']} is {found['state']}: day {found['day']} of {found['days']}{left}"
        f" ({day(found['starts_at'])} to {day(found['ends_at'])})",
        f"{found['exchanges']} exchanges in {found['conversations']} conversations"
        f" ({found['planned_conversations']} planned), {found['labels']} labels, {found['hours']:g} hours, spent {spend}",
    )
    arms = [
        [arm, *(str(counts[key]) for key in ("replies", "failures", "settled", "pending", "ungraded"))]
        for arm, counts in found["arms"].items()
    ]
    screen.print_table(["arm", "replies", "failures", "pairs settled", "pairs pending", "ungraded"], arms)
    if found.get("judge_money") is not None:
        screen.say(_judge_money(found["judge_money"]))
    if found.get("plan") is not None:
        screen.say(*_plan(found["plan"]))
    if found.get("live") is not None:
        screen.say(*_live(found["live"]))
    screen.say(*(_left_alone(seen) for seen in found.get("breakers") or ()))
    screen.say(*(server_line(seen) for seen in found.get("servers") or () if seen["problem"] is None))
    screen.say(*(f"next: {step}" for step in found["next_steps"]))


def _judge_money(money: dict[str, Any]) -> str:
    uncounted = "" if float(money["uncounted_usd"]) == 0 else f" (of it {money['uncounted_usd']} at most: no server counted it)"
    left = "" if money["left_usd"] is None else f", {money['left_usd']} of {money['budget_usd']} USD left"
    per_day = money["budget_usd_per_day"]
    a_day = "" if per_day is None else f", {per_day} USD a day"
    return f"judging: {money['calls']} calls for {money['usd']} USD{uncounted}{left}{a_day}"


def _plan(plan: dict[str, Any]) -> Iterator[str]:
    looks = ", ".join(str(day) for day in plan["looks"])
    alpha = f"alpha {plan['alpha']:g} (a segment {plan['alpha_by_segment']:g})"
    yield f"margin {plan['margin']:.1%}, {alpha}, looks after day {looks}"
    drawn = ", ".join(f"{name} {chance:.2%}" for name, chance in plan["label_probability"].items())
    yield f"chance of a conversation to be labelled by people: {drawn}"


def day(moment: str | None) -> str:
    """The day of a moment, for people."""
    return "?" if moment is None else moment[:10]


def _live(live: dict[str, Any]) -> Iterator[str]:
    parts = ", ".join(f"{n} {reason.replace('_', ' ')}" for reason, n in live["by_reason"].items()) or "no requests"
    shed = f" ({live['shed']} of the lost ones were shed by our own bounds)" if live["shed"] else ""
    yield f"live since {clock(live['since'])}: {parts}{shed}; the last request came {clock(live['last_request_at'])}"
    waiting = live["waiting_events"]
    depth = "Redis does not answer" if waiting is None else ", ".join(f"{n} in {name}" for name, n in waiting.items())
    yield f"recorded until {clock(live['recorded_until'])}; events that wait: {depth}"


def clock(moment: str | None) -> str:
    """A moment to the second, for people."""
    return "never" if moment is None else f"{moment[:19].replace('T', ' ')} UTC"


def _left_alone(seen: dict[str, Any]) -> str:
    what = "is not asked: it failed again and again" if seen["state"] == "open" else "is tried again with one call"
    return f"{seen['arm']} {what} (breaker {seen['state']} since {seen['since'][:19].replace('T', ' ')} UTC)"


def server_line(seen: dict[str, Any]) -> str:
    """What a candidate's server says of itself."""
    known = [f"{seen[key]:g} {key}" for key in ("running", "waiting") if seen[key] is not None]
    rates = (("kv_cache_usage_rate", "of its KV cache in use"), ("gpu_utilisation_rate", "of its GPUs in use"))
    known += [f"{seen[key]:.0%} {words}" for key, words in rates if seen[key] is not None]
    started = f", started {clock(seen['process_started_at'])}" if seen["process_started_at"] else ""
    return f"the server of {seen['arm']} at {clock(seen['at'])}: {', '.join(known) or 'nothing that is known here'}{started}"


def _arms(pilot: dict[str, Any]) -> str:
    return ", ".join(f"{arm['name']} ({arm['model']})" for arm in pilot["arms"])


def _step(name: str, verb: str, document: dict[str, Any] | None = None) -> Any:
    with Client.from_environment() as client:
        return client.post(f"pilots/{part(name)}/{verb}", document)


def _send_toml(client: Client, method: str, path: str, file: Path) -> Any:
    try:
        return client.send(method, path, content=file.read_bytes(), media_type="application/toml").json()
    except CommandFailed as failure:
        failure.file = str(file)
        raise


def _answer(pilot: Any, sentence: str, *, as_json: bool) -> None:
    if as_json:
        screen.print_json(pilot)
        return
    screen.say(sentence, *(f"- {said}" for said in pilot["notes"]))


COMMANDS: tuple[Callable[..., None], ...] = (
    create, configure, start, stop, extend, default, detach, mirror, list_command, status,
)  # fmt: skip
