"""`pilot labels export|import|status`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import CommandFailed, WrongUse
from parallel_pilot.cli.options import AsJson, Name

FORMATS = {".jsonl": "jsonl", ".csv": "csv"}

app = typer.Typer(help="Labels by people: how far they are, and files of them.", no_args_is_help=True, rich_markup_mode=None)


class Which(StrEnum):
    """What is exported."""

    MADE = "made"
    DRAWN = "drawn"
    UNCERTAIN = "uncertain"


@app.command("export")
def export_command(
    name: Name,
    out: Annotated[
        Path, typer.Option("--out", dir_okay=False, metavar="FILE.jsonl|FILE.csv", help="Where to.", show_default=False)
    ],
    queue: Annotated[
        Which, typer.Option(help="made: all labels; drawn, uncertain: open pairs, blind, to be answered elsewhere.")
    ] = Which.MADE,
    candidate: Annotated[str | None, typer.Option(help="Open pairs of one candidate only.", show_default=False)] = None,
    rater: Annotated[str | None, typer.Option(help="Who will answer the open pairs.", show_default=False)] = None,
) -> None:
    """Writes all labels, or the open pairs of a queue, into a file: JSONL or CSV by its name."""
    query = {"queue": queue.value, "format": _format_of(out), "candidate": candidate, "rater": rater}
    with Client.from_environment() as client:
        answer = client.send("GET", f"pilots/{part(name)}/labels/export", query=query, seconds=LONG_SECONDS)
    try:
        out.write_bytes(answer.content)
    except OSError as error:
        message = f"{out} cannot be written: {error.strerror}"
        raise CommandFailed(message) from None
    screen.note(f"{out} is written ({len(answer.content):,} bytes)")


@app.command("import")
def import_command(
    name: Name,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE.jsonl|FILE.csv")],
    rater: Annotated[str | None, typer.Option(help="Who answered, where a line does not say it.", show_default=False)] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Imports labels, or answers to an exported queue: all lines or, with every faulty one named, none."""
    query = {"format": _format_of(file), "rater": rater}
    try:
        with Client.from_environment() as client:
            address = f"pilots/{part(name)}/labels/import"
            content = file.read_bytes()
            done = client.send("POST", address, query=query, content=content, seconds=LONG_SECONDS).json()
    except CommandFailed as failure:
        failure.file = str(file)
        raise
    if as_json:
        screen.print_json(done)
        return
    counts = ", ".join(f"{done[key]} {key}" for key in ("new", "unchanged", "merged", "unanswered"))
    screen.say(f"{done['lines']} lines: {counts}")


@app.command()
def status(name: Name, *, as_json: AsJson = False) -> None:
    """Says what of the drawn pairs is labelled, skipped and missing, by segment and by rater."""
    with Client.from_environment() as client:
        found = client.send("GET", f"pilots/{part(name)}/labels", seconds=LONG_SECONDS).json()
    if as_json:
        screen.print_json(found)
        return
    if not found["registered"]:
        screen.say(f"{found['pilot']} is not started: nobody is drawn before")
        return
    screen.say(f"{found['pilot']}: {found['closed_days']} closed days, {found['per_day']} labels a day planned")
    for candidate, labels in found["candidates"].items():
        _show(candidate, labels)


def _show(candidate: str, labels: dict[str, Any]) -> None:
    screen.say("", f"{candidate}: {labels['usable']} pairs have a drawn label; a calibrated judge needs 200")
    columns = ["segment", "chance to be drawn", "drawn", "labelled", "skipped", "missing", "of them without text"]
    names = ("drawn", "labelled", "skipped", "missing", "without_text")
    rows = [["all", "", *(str(labels[key]) for key in names)]]
    rows += [
        [segment, f"{of['label_probability']:.2%}", *(str(of[key]) for key in names)]
        for segment, of in labels["segments"].items()
    ]
    screen.print_table(columns, rows)
    uncertain = ", ".join(f"{why} {count}" for why, count in labels["uncertain"].items()) or "none"
    screen.say(f"drawn and decided by a rule: {labels['by_rule']}; uncertain pairs: {uncertain}")
    if labels["raters"]:
        raters = [[who, *(str(of[key]) for key in ("labelled", "skipped", "drawn"))] for who, of in labels["raters"].items()]
        screen.print_table(["rater", "labelled", "skipped", "on drawn pairs"], raters)
    agreement = labels["rater_agreement"]
    if agreement["n"]:
        screen.say(f"agreement of raters (Krippendorff's alpha): {_alpha(agreement)} on {agreement['n']} pairs")


def _alpha(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "unknown, all answers are the same,"
    ends = ["?" if end is None else f"{end:.2f}" for end in (estimate["low"], estimate["high"])]
    return f"{estimate['value']:.2f} [{', '.join(ends)}]"


def _format_of(file: Path) -> str:
    found = FORMATS.get(file.suffix.lower())
    if found is None:
        message = f"{file.name}: the name of a file of labels ends in .jsonl or .csv"
        raise WrongUse(message)
    return found
