"""Import of labels that were made elsewhere: all lines of a file or none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from app.capture.line_problems import nearest, problem, shown
from app.domain.grading import PairKey
from app.domain.labelling import Label, LabelSource
from app.domain.pilot import Pilot
from app.domain.words import ArmRole, PilotState
from app.errors import Conflict, InvalidInput, Problem
from app.pipeline.labelling.answering import GivenAnswer, label_of
from app.pipeline.labelling.blind import Sealing
from app.pipeline.labelling.lines import GivenLabel, LabelFormat, ReadLine, read_lines, refused
from app.store.audit import record
from app.store.labels import (
    exchange_places,
    hold_labels,
    labels_of,
    pairs_there,
    put_labels,
)
from app.store.pilots import get_pilot
from app.store.session import SessionFactory, session_scope

# What two labels of one pair and rater may not say differently; what one of them leaves open the other may say.
_SAID = ("value", "skipped", "critical", "incumbent_critical", "reason", "draw_probability")
_ADDED = (*_SAID, "shown_first")


@dataclass(frozen=True, slots=True)
class LabelsImport:
    """What an import did: lines = new + unchanged + merged + unanswered."""

    lines: int
    new: int
    unchanged: int
    merged: int
    unanswered: int


@dataclass(slots=True)
class _Meeting:
    """What of a file is stored, and what became of its lines."""

    stored: Mapping[tuple[PairKey, str], Label]
    labels: dict[tuple[PairKey, str], Label] = field(default_factory=dict)
    bad: list[list[Problem]] = field(default_factory=list)
    new: int = 0
    unchanged: int = 0
    merged: int = 0


def import_labels(
    session_factory: SessionFactory,
    name: str,
    text: bytes,
    by: str,
    *,
    sealing: Sealing,
    form: LabelFormat = LabelFormat.JSONL,
    rater: str | None = None,
    now: datetime | None = None,
) -> LabelsImport:
    """Stores all labels of a file or none; the same file again changes nothing.

    Args:
        session_factory: Sessions on the store.
        name: The pilot's.
        text: The file.
        by: Who imports.
        sealing: Opens the tokens of exported pairs.
        form: How the file is written.
        rater: Whose answers they are where a line does not say it.
        now: When exported pairs without a time were answered.

    Raises:
        InvalidInput: Names every line that is wrong.
        Conflict: The pilot is stopped.
    """
    lines, bad = read_lines(text, form)
    with session_scope(session_factory) as session:
        pilot = _open_pilot(session, name)
        hold_labels(session, pilot.id)
        named = [line for line in lines if not line.is_unanswered]
        found = list(_labels(session, pilot, named, sealing, rater, now or datetime.now(UTC)))
        bad += [each for _, each in found if isinstance(each, list)]
        labels = [(line, each) for line, each in found if isinstance(each, Label)]
        there = pairs_there(session, [label.key for _, label in labels])
        met = _Meeting(labels_of(session, [(label.key, label.rater) for _, label in labels]), bad=bad)
        for line, label in labels:
            _meet(met, line, label, is_there=label.key in there)
        if met.bad:
            raise refused(sorted(met.bad, key=lambda problems: problems[0].line or 0))
        put_labels(session, pilot.id, list(met.labels.values()))
        result = LabelsImport(len(lines), met.new, met.unchanged, met.merged, len(lines) - len(named))
        facts = {"lines": result.lines, "new": result.new, "unchanged": result.unchanged, "merged": result.merged}
        record(session, by, "label.import", pilot.id, **facts)
    return result


def _open_pilot(session: Session, name: str) -> Pilot:
    pilot = get_pilot(session, name)
    if pilot.state is PilotState.STOPPED:
        message = f"the pilot {name!r} is stopped: its labels stay as they are"
        raise Conflict(message, pilot=name, state=pilot.state.value)
    return pilot


def _labels(
    session: Session, pilot: Pilot, lines: Sequence[ReadLine], sealing: Sealing, rater: str | None, now: datetime
) -> Iterator[tuple[ReadLine, Label | list[Problem]]]:
    """The label of each line, or what is wrong with it."""
    places = exchange_places(session, pilot.id, [line.own["exchange_id"] for line in lines if line.own is not None])
    for line in lines:
        who = line.rater or rater
        if who is None:
            message = "is missing: say who answered, in the line or for the whole file"
            yield line, [problem(line.number, ("rater",), "missing", message)]
        elif line.own is not None:
            yield line, _own(pilot, line.own, line.number, who, places)
        else:
            yield line, _answered(pilot, line, sealing, who, now)


def _own(
    pilot: Pilot, given: GivenLabel, number: int, rater: str, places: Mapping[str, tuple[int, datetime]]
) -> Label | list[Problem]:
    arms = {arm.name: arm.id for arm in pilot.arms if arm.role is not ArmRole.INCUMBENT}
    arm, exchange = given["arm"], given["exchange_id"]
    bad = []
    if arm not in arms:
        said = f"{shown(arm)} is no arm of the pilot that is compared{nearest(arm, sorted(arms))}"
        bad.append(problem(number, ("arm",), "unknown_arm", said))
    if exchange not in places:
        bad.append(problem(number, ("exchange_id",), "unknown_exchange", f"{shown(exchange)} is not stored for this pilot"))
    first = given.get("shown_first")
    if first is not None and first not in (arm, ArmRole.INCUMBENT.value):
        message = f"must be 'incumbent' or {shown(arm)}, not {shown(first)}"
        bad.append(problem(number, ("shown_first",), "not_allowed", message))
    if bad:
        return bad
    place, arrived_at = places[exchange]
    return Label(
        key=PairKey(place, arms[arm]),
        rater=rater,
        value=given.get("value"),
        at=given.get("at") or arrived_at,
        source=LabelSource.IMPORTED,
        skipped=given.get("skipped"),
        critical=given.get("critical"),
        incumbent_critical=given.get("incumbent_critical"),
        reason=given.get("reason"),
        draw_probability=given.get("draw_probability"),
        at_given=given.get("at") is not None,
        shown_first=first,
    )


def _answered(pilot: Pilot, line: ReadLine, sealing: Sealing, rater: str, now: datetime) -> Label | list[Problem]:
    given = line.answered
    assert given is not None and given.get("answer") is not None  # noqa: S101, PT018 - the caller passed it over else
    answer = GivenAnswer(
        token=given["token"],
        answer=given["answer"],  # type: ignore[arg-type]  # checked above
        reason=given.get("reason"),
        critical_first=given.get("critical_first") or False,
        critical_second=given.get("critical_second") or False,
    )
    try:
        label = label_of(pilot, sealing.open(pilot, answer.token), answer, rater, at=given.get("at") or now)
    except InvalidInput as error:
        return [replace(each, line=line.number) for each in error.problems]
    return replace(label, at_given=given.get("at") is not None)


def _meet(met: _Meeting, line: ReadLine, label: Label, *, is_there: bool) -> None:
    """One label beside what is stored or stands in an earlier line."""
    if not is_there:
        message = "has no pair: the exchange has no reply of this arm"
        met.bad.append([problem(line.number, ("arm" if line.own else "token",), "no_pair", message)])
        return
    identity = (label.key, label.rater)
    before = met.labels.get(identity) or met.stored.get(identity)
    if before is None:
        met.labels[identity] = label
        met.new += 1
        return
    differs = [name for name in _SAID if None not in (getattr(before, name), getattr(label, name))]
    differs = [name for name in differs if getattr(before, name) != getattr(label, name)]
    if (before.value is None) != (label.value is None):
        differs.append("value")
    if before.at_given and label.at_given and before.at != label.at:
        differs.append("at")
    if differs:
        met.bad.append([_conflict(line, differs[0], label, before, is_stored=identity not in met.labels)])
        return
    added = {name: getattr(label, name) for name in _ADDED if getattr(before, name) is None}
    added = {name: value for name, value in added.items() if value is not None}
    if not added:
        met.unchanged += 1
        return
    met.labels[identity] = replace(before, **added)
    met.merged += 1


def _conflict(line: ReadLine, name: str, label: Label, before: Label, *, is_stored: bool) -> Problem:
    if not is_stored:
        where = "an earlier line"
    else:
        where = "the label made on the page" if before.source is LabelSource.PAGE else "what is stored"
    message = f"differs from {where} by {shown(label.rater)} of this pair; a label may only be given more, never something else"
    field = name if line.own is not None else "answer" if name in ("value", "skipped", "reason") else name
    return problem(line.number, (field,), "conflict", message)
