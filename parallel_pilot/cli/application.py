"""All commands of `pilot`, and how each of them ends."""

from collections.abc import Sequence
from typing import Annotated

import typer

from parallel_pilot import __version__
from parallel_pilot.cli import (
    decisions,
    encryption,
    erasures,
    health,
    hours,
    imports,
    invoices,
    keys,
    labels,
    notify,
    people,
    pilots,
    plan,
    rehearsal,
    reports,
    routing,
    screen,
    verdict,
    work,
)
from parallel_pilot.cli.errors import CommandFailed

INTERRUPTED = 130

app = typer.Typer(
    name="pilot",
    help="Pilots of the Parallel Pilot service: PILOT_SERVICE_URL says where it is, PILOT_API_KEY who asks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    if asked:
        screen.say(__version__)
        raise typer.Exit


@app.callback()
def _all(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Says the version.")] = False,
) -> None:
    """Pilots of the Parallel Pilot service: PILOT_SERVICE_URL says where it is, PILOT_API_KEY who asks."""


for module in (plan, pilots, imports, work, rehearsal, verdict, reports, routing, erasures, encryption, health):
    for command in module.COMMANDS:
        app.command(command.__name__.removesuffix("_command"))(command)
app.add_typer(labels.app, name="labels")
app.add_typer(hours.app, name="hours")
app.add_typer(invoices.app, name="invoice")
app.add_typer(keys.app, name="keys")
app.add_typer(notify.app, name="notify")
app.add_typer(people.app, name="people")
app.add_typer(decisions.app, name="decision")
app.add_typer(encryption.app, name="encryption")


def run_command(arguments: Sequence[str]) -> int:
    """Runs one command and gives its exit code: 0 done, 1 failed, 2 wrong use."""
    try:
        app(args=list(arguments), prog_name="pilot")
    except CommandFailed as failure:
        screen.show_failure(failure)
        return failure.exit_code
    except KeyboardInterrupt:
        screen.note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `pilot … | head`
        return 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
