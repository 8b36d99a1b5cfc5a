"""`pilot replay` and `pilot grade`: long work of the service, with progress."""

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import Client, part
from parallel_pilot.cli.errors import CommandFailed, ServiceUnreachable
from parallel_pilot.cli.options import AsJson, Name

POLL_SECONDS = 0.5
SILENCE_SECONDS = 60.0
RESTART_SECONDS = 30.0
STOPPED = "stopped"
OPEN_STATES = frozenset({"queued", "running"})


def replay(
    name: Name,
    candidate: Annotated[str | None, typer.Option(help="Only this candidate; default: all.", show_default=False)] = None,
    limit_usd: Annotated[float | None, typer.Option(min=0, help="Stops before more is spent.", show_default=False)] = None,
    limit_seconds: Annotated[float | None, typer.Option(min=0, help="Stops after this time.", show_default=False)] = None,
    limit_exchanges: Annotated[int | None, typer.Option(min=1, help="Asks for so many.", show_default=False)] = None,
    wait: Annotated[bool, typer.Option(help="Waits until it is done.")] = True,
    *,
    as_json: AsJson = False,
) -> None:
    """Asks the candidates for stored exchanges that lack their reply."""
    limits = {"limit_usd": limit_usd, "limit_seconds": limit_seconds, "limit_exchanges": limit_exchanges}
    with Client.from_environment() as client:
        found = client.post(f"pilots/{part(name)}/replays", {"candidate": candidate, **limits})
        if wait:
            found = _wait(
                lambda: client.get(f"replays/{found['id']}"),
                is_done=lambda now: now["state"] not in OPEN_STATES,
                done_of=lambda now: (now["asked"], now["asked"] + (now["remaining"] or 0)),
                what="replay",
            )
    if as_json:
        screen.print_json(found)
    else:
        spent = "at an unknown price" if found["usd"] is None else f"for {found['usd']} USD"
        screen.say(
            f"replay {found['id']} is {found['state']}: asked {found['asked']}, answered {found['answered']}, "
            f"failed {found['failed']}, {found['remaining']} to go, {spent}",
            *([f"- {found['message']}"] if found.get("message") else []),
        )
    if found["state"] == "failed":
        raise CommandFailed("the replay failed")


def grade(
    name: Name,
    wait: Annotated[bool, typer.Option(help="Waits until every pair is graded or ungraded.")] = False,
    grader: Annotated[
        str | None, typer.Option(help="Grades anew what this grader decides, as pilot.toml names it.", show_default=False)
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="The version that is meant; another than the present is refused.", show_default=False)
    ] = None,
    versions: Annotated[bool, typer.Option("--versions", help="Only lists which versions have graded.")] = False,
    *,
    as_json: AsJson = False,
) -> None:
    """Grades pairs: deterministic graders first, then the judge. What a version has graded, it is not asked again."""
    with Client.from_environment() as client:
        address = f"pilots/{part(name)}/grading"
        if versions:
            _tell_versions(client.get(f"{address}/versions"), as_json=as_json)
            return
        client.post(address, {"grader": grader, "version": version})
        found = client.get(address)
        if wait:
            found = _wait(
                lambda: client.get(address),
                is_done=lambda now: now["pending"] == 0 or now["state"] == STOPPED,
                done_of=lambda now: (now["settled"], now["pairs"]),
                what="grading",
            )
    if as_json:
        screen.print_json(found)
    else:
        _tell_grading(found)
    if found["state"] == STOPPED:
        message = f"the grading stopped: {found['problem']}"
        raise CommandFailed(message)


def _tell_versions(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        screen.print_json(found)
        return
    columns = ["grader", "rater", "version", "counts", "pairs", "ungraded", "USD"]
    rows = [
        [
            each["grader"], each["rater"] or "-", each["version"], "yes" if each["is_current"] else "no",
            str(each["pairs"]), str(each["ungraded"]), each["usd"] or "-",
        ]
        for each in found
    ]  # fmt: skip
    screen.print_table(columns, rows)


def _tell_grading(found: dict[str, Any]) -> None:
    reasons = ", ".join(f"{reason}: {count}" for reason, count in found["ungraded"].items()) or "none"
    spent = "an unknown price" if found["usd"] is None else f"{found['usd']} USD"
    screen.say(
        f"{found['settled']} of {found['pairs']} pairs are settled, {found['pending']} pending; "
        f"{found['judge_calls']} judge calls for {spent}; ungraded: {reasons}"
    )
    if found.get("problem") and found["state"] != STOPPED:
        screen.note(f"pairs wait: {found['problem']}")


def _wait(
    ask: Callable[[], Any], *, is_done: Callable[[Any], bool], done_of: Callable[[Any], tuple[int, int]], what: str
) -> Any:
    """Asks until it is done; says so when nothing moves for a minute."""
    with screen.progress_bar() as bar:
        task = bar.add_task(what, total=None, note="")
        last: tuple[int, int] | None = None
        since = time.monotonic()
        while not is_done(found := _answer(ask)):
            done, total = done_of(found)
            bar.update(task, completed=done, total=total)
            if (done, total) != last:
                last, since = (done, total), time.monotonic()
            elif time.monotonic() - since > SILENCE_SECONDS:
                screen.note(f"{what}: nothing has moved for {SILENCE_SECONDS:.0f} s; does the worker run?")
                since = time.monotonic()
            time.sleep(POLL_SECONDS)
        return found


def _answer(ask: Callable[[], Any]) -> Any:
    """The answer; a service that is being restarted gets some time for it."""
    until = time.monotonic() + RESTART_SECONDS
    while True:
        try:
            return ask()
        except ServiceUnreachable:
            if time.monotonic() > until:
                raise
            time.sleep(POLL_SECONDS)


COMMANDS: tuple[Callable[..., None], ...] = (replay, grade)
