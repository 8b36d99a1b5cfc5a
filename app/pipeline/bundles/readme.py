"""The README.md of a bundle: what each file and column is, how to compute everything again, whose the data are."""

from datetime import datetime
from pathlib import Path

from app.domain.scorecard import Scorecard
from app.pipeline.bundles.evidence_files import folder_of
from app.pipeline.scorecard_inputs import Stored

_TEXT = Path(__file__).with_name("readme.md")


def readme(stored: Stored, card: Scorecard, made_at: datetime) -> str:
    """The text for one pilot."""
    pilot = stored.pilot
    folders = "\n".join(
        f"| {_cell(arm.name)} ({arm.role.value}, {_cell(arm.model)}) | `{folder_of(pilot, arm)}/` |" for arm in pilot.arms
    )
    as_of = "no day is closed yet" if card.as_of is None else card.as_of.isoformat()
    return _TEXT.read_text(encoding="utf-8").format(pilot=pilot.name, made_at=made_at.isoformat(), as_of=as_of, folders=folders)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")
