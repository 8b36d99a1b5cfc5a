"""`pilot erase` and `pilot erasures`: removing what is held of a conversation or a user, and the receipts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from parallel_pilot.cli import screen
from parallel_pilot.cli.client import LONG_SECONDS, Client, part
from parallel_pilot.cli.errors import CommandFailed, WrongUse
from parallel_pilot.cli.files import write_whole
from parallel_pilot.cli.options import AsJson, Name

KINDS = {
    "exchanges": "exchanges",
    "texts": "stored texts",
    "waiting_replies": "replies that waited for their exchange",
    "staged_lines": "lines of imports that are not finished",
    "report_examples": "pairs shown in reports",
    "rubric_evidence": "quotes of rubric graders",
    "grade_reasons": "graders' reasons",
    "pair_findings": "findings in pairs",
    "adaptation_values": "lists of what was changed in requests",
    "label_remarks": "people's remarks on labels",
    "audit_remarks": "such remarks in the audit log",
    "conversations_renamed": "conversations with another name now",
    "import_problems": "lists of import problems",
}


def erase(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pilot's name.", show_default=False)] = "",
    conversation: Annotated[str | None, typer.Option(help="The conversation's id.", show_default=False)] = None,
    user: Annotated[
        str | None, typer.Option(help="The user, as requests name them (safety_identifier, else user).", show_default=False)
    ] = None,
    verify: Annotated[
        Path | None, typer.Option(metavar="RECEIPT.json", help="Checks a receipt instead.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also writes the receipt to this file.", show_default=False)] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only says how much is held, and of which dates.")] = False,
    as_json: AsJson = False,
) -> None:
    """Removes the texts of a conversation or a user, and what leads to it, with a receipt; figures stay. For admins."""
    if verify is not None:
        _verify(verify, as_json=as_json)
        return
    given = {"conversation": conversation, "user": user}
    subjects = [(kind, subject) for kind, subject in given.items() if subject is not None]
    if not name or len(subjects) != 1:
        message = "give the pilot's NAME and either --conversation ID or --user ID (or --verify RECEIPT.json alone)"
        raise WrongUse(message)
    kind, subject = subjects[0]
    document = {"kind": kind, "subject": subject, "dry_run": dry_run}
    with Client.from_environment() as client:
        done = client.post(f"pilots/{part(name)}/erasures", document, seconds=LONG_SECONDS)
    if out is not None and done["receipt"] is not None:
        write_whole(out, (json.dumps(done["receipt"], indent=2) + "\n").encode())
    if as_json:
        screen.print_json(done)
        return
    screen.say(*_said(done, kind, dry_run=dry_run))


def erasures(name: Name, *, as_json: AsJson = False) -> None:
    """Lists a pilot's erasures, newest first. For admins."""
    with Client.from_environment() as client:
        found = client.get(f"pilots/{part(name)}/erasures")
    if as_json:
        screen.print_json(found)
        return
    rows = [
        [str(each["id"]), each["erased_at"][:19], each["kind"], str(each["counts"].get("exchanges", 0)), each["by"]]
        for each in found
    ]
    screen.print_table(["number", "removed at", "kind", "exchanges", "by"], rows)


def _verify(file: Path, *, as_json: bool) -> None:
    try:
        receipt = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        message = f"{file} is no receipt: {error}"
        raise WrongUse(message) from None
    # What `--json` printed is taken, too.
    receipt = receipt.get("receipt", receipt) if isinstance(receipt, dict) else receipt
    with Client.from_environment() as client:
        found = client.post("erasures/verify", receipt)
    if as_json:
        screen.print_json(found)
    else:
        screen.say(found["message"])
    if not found["is_genuine"]:
        raise CommandFailed("the receipt is not genuine")


def _said(done: dict[str, Any], kind: str, *, dry_run: bool) -> list[str]:
    counts, receipt = done["counts"], done["receipt"]
    dates = f", of {counts['first_arrival'][:10]} to {counts['last_arrival'][:10]}" if counts.get("first_arrival") else ""
    if dry_run:
        held = f"held of this {kind}: {counts.get('exchanges', 0)} exchanges{dates}, {counts.get('texts', 0)} texts"
        return [held, "nothing was removed (--dry-run)"]
    if done["is_again"]:
        return [f"nothing more is held of this {kind}: receipt {receipt['id']} of {receipt['erased_at'][:19]} says what was"]
    lines = [f"- {words}: {counts[name]}" for name, words in KINDS.items() if counts.get(name)]
    head = f"removed what was held of this {kind}{dates}:" if lines else f"nothing is held of this {kind}"
    return [head, *lines, f"receipt {receipt['id']}: {receipt['receipt_hash']}"]


COMMANDS: tuple[Callable[..., None], ...] = (erase, erasures)
