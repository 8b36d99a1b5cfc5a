"""Changes of a configuration: before the start they are free, afterwards each is written down and some are refused."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.domain.configuration import PilotConfiguration
from app.domain.notify_table import without_secret
from app.domain.pilot import ConfigurationChange, Pilot
from app.domain.words import PilotState
from app.errors import Conflict, Problem
from app.graders.user_function import FunctionRules
from app.pipeline.configuration import Loaded, load_configuration
from app.store import pilots
from app.store.audit import record
from app.store.pairs import reopen_pairs
from app.store.registrations import insert_changes
from app.store.status import exchanges_of_segment, replies_of_arm

# What the window and the pilot's identity rest on.
FIXED_PATHS = frozenset({"pilot.starts", "pilot.days", "pilot.timezone"})
# What a pair's preference rests on: after a change every pair is looked at again, stored grades are kept.
GRADED_TABLES = ("judge", "segment", "candidate", "incumbent", "rubric")
_CANDIDATE, _SEGMENT = r"candidate\[.+\]\.", r"segment\[.+\]\."
# What of the decision rests on a path; the first that fits. A path that none fits decides nothing (budgets, keys, families).
_TOUCHES = tuple(
    (re.compile(pattern), touched)
    for pattern, touched in (
        (rf"(quality\.margin|{_SEGMENT}margin)", "margin"),
        (rf"({_SEGMENT}(grader|incumbent_is_reference)|rubric\b.*)", "grader"),
        (rf"{_SEGMENT}(match|content)\b.*|{_SEGMENT}name", "segments"),
        (r"judge(\.(base_url|model|rater|temperature|second_order|max_[a-z_]+_chars))?", "judge"),
        (rf"{_CANDIDATE}(name|model|base_url)", "candidate model"),
        (r"incumbent\.(model|base_url)", "incumbent model"),
        (rf"{_CANDIDATE}(server|strip_think|timeout_seconds|max_concurrency)", "how the candidate is asked"),
        (r"content\.(level|candidate_sees|patterns.*|engine|language)", "what the candidate and the judge see"),
        (r"sampling\.rate|mirror\.budget_usd", "which conversations take part"),
        (r"labels\.per_day|pilot\.planned_conversations", "labels"),
        (r"latency\b.*", "latency limit"),
        (r"reliability\b.*", "reliability limit"),
        (rf"({_CANDIDATE}|incumbent\.)([a-z_]*usd_per_[a-z_]+|service_tier|discount_rate)", "prices"),
        (rf"{_CANDIDATE}(gpus_per_replica|replicas)|(cost|capacity)\b.*", "prices"),
        (rf"constraints\b.*|{_CANDIDATE}license(_reviewed)?", "constraints"),
        (r"decision\.reason", "which gates are required"),
    )
)


@dataclass(frozen=True, slots=True)
class DecisiveChange:
    """A change after the registration of something that the decision rests on."""

    change: ConfigurationChange
    touches: str

    @property
    def words(self) -> str:
        """As the verdict and the report say it."""
        c = self.change
        return f"changed after registration: {c.path} {_shown(c.before)} -> {_shown(c.after)} on {c.at:%Y-%m-%d} by {c.by}"


def decisive_changes(changes: Iterable[ConfigurationChange]) -> list[DecisiveChange]:
    """The changes that the decision rests on, in their order."""
    found = ((change, touched_by(change.path)) for change in changes)
    return [DecisiveChange(change, touches) for change, touches in found if touches is not None]


def touched_by(path: str) -> str | None:
    """What of the decision rests on a path of the configuration; `None` = nothing."""
    return next((touched for pattern, touched in _TOUCHES if pattern.fullmatch(path)), None)


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def change_configuration(
    session: Session, name: str, toml_text: str | bytes, by: str, now: datetime, *, functions: FunctionRules | None = None
) -> tuple[Pilot, Loaded, list[ConfigurationChange]]:
    """Replaces a draft's configuration freely; after the start each change is written down, and some are refused.

    Args:
        session: The transaction.
        name: The pilot's.
        toml_text: The whole new file.
        by: Who changes it.
        now: The moment.
        functions: As `app.pipeline.pilots.create_pilot` says.
    """
    pilot = pilots.get_pilot(session, name, for_update=True)
    loaded = load_configuration(toml_text, now, functions=functions)
    new = loaded.configuration
    changes = [
        ConfigurationChange(now, by, path, *_as_noted(path, before, after))
        for path, before, after in differences(pilot.configuration, new)
    ]
    _refuse_losses(session, pilot, new, [change.path for change in changes])
    source = toml_text.decode("utf-8-sig") if isinstance(toml_text, bytes) else toml_text
    changed = pilots.replace_configuration(
        session, pilot, new, source_toml=source, guesses=[asdict(guess) for guess in loaded.guesses]
    )
    if any(change.path.startswith(GRADED_TABLES) for change in changes):
        reopen_pairs(session, pilot.id)
    if pilot.state is not PilotState.DRAFT:
        insert_changes(session, pilot.id, changes)
    record(session, by, "pilot.configure", pilot.id, pilot=name, paths=[change.path for change in changes])
    return changed, loaded, changes


def differences(before: PilotConfiguration, after: PilotConfiguration) -> Iterator[tuple[str, Any, Any]]:
    """Every key that differs, as (path, before, after); candidates and segments are found by name."""
    old, new = dict(_flat(before.model_dump(mode="json"))), dict(_flat(after.model_dump(mode="json")))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            yield path, old.get(path), new.get(path)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from _flat(inner, f"{path}[{inner['name'] if 'name' in inner else inner['text']}]")  # criteria have no name
    elif value not in ([], {}):
        yield path, value


def _refuse_losses(session: Session, pilot: Pilot, new: PilotConfiguration, paths: list[str]) -> None:
    started = pilot.state is not PilotState.DRAFT
    old = pilot.configuration
    problems = []
    if new.pilot.name != old.pilot.name:
        problems.append(Problem(f"a pilot keeps its name '{old.pilot.name}'", field="pilot.name"))
    kept = {candidate.name for candidate in new.candidate}
    for arm in pilot.candidates:
        if arm.name not in kept and (started or replies_of_arm(session, arm.id)):
            reason = "the pilot was started" if started else "it has replies"
            problems.append(Problem(f"the candidate '{arm.name}' cannot be taken out: {reason}", field="candidate"))
    problems += _segment_problems(session, pilot, new)
    if started:
        fixed = [path for path in paths if path in FIXED_PATHS]
        problems += [Problem(f"{path} was fixed at the start", field=path) for path in fixed]
    if problems:
        message = "; ".join(problem.message for problem in problems)
        raise Conflict(message, pilot=pilot.name, fields=[problem.field for problem in problems])


def _segment_problems(session: Session, pilot: Pilot, new: PilotConfiguration) -> list[Problem]:
    before = [segment.name for segment in pilot.configuration.segment]
    after = [segment.name for segment in new.segment]
    if pilot.state is not PilotState.DRAFT:
        message = "segments are named before the pilot starts: none can be added, taken out or moved"
        return [Problem(message, field="segment")] if before != after else []
    return [
        Problem(f"the segment '{name}' cannot be taken out: it has exchanges", field="segment")
        for name in before
        if name not in after and exchanges_of_segment(session, pilot.id, name)
    ]


def _as_noted(path: str, before: Any, after: Any) -> tuple[Any, Any]:
    """Both values as they are written down for everybody: of where messages go, the host alone."""
    return (without_secret(before), without_secret(after)) if path == "notify.webhook_url" else (before, after)
