"""Which epochs a pilot falls into: another model, judge or grader ends one and begins the next (docs/registration.md).

A model's change is read off three places, and told once however many of them saw it: the configuration, the ids that
replies report, and what the server lists. Its evidence begins anew. A judge's or grader's change keeps the days, because
all pairs are graded anew.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np

from app.domain.configuration import PilotConfiguration
from app.domain.epochs import Epoch, EpochChange, EpochHistory, EpochKind, ModelSighting, SeenIn
from app.domain.evidence import Evidence, Flags, Numbers, Words, codes
from app.domain.pilot import DAY, ConfigurationChange, Pilot, Registration
from app.domain.words import ArmRole
from app.pipeline.closing import Selection
from app.pipeline.registration import judge_document

FEWEST_KNOWN = 5
MAJORITY, REMNANT = 0.5, 0.1
INCUMBENT = ArmRole.INCUMBENT.value
_JUDGE = re.compile(r"judge\.(base_url|model|rater|temperature)$")
_SAMPLE = re.compile(r"sampling\.rate$")
_GRADER = re.compile(r"(segment\[.*\]\.(grader|incumbent_is_reference)$|rubric\b)")
# Another sample of the same days is another try, as another judge is.
_REGRADED = ((EpochKind.JUDGE, _JUDGE), (EpochKind.GRADER, _GRADER), (EpochKind.SAMPLE, _SAMPLE))


@dataclass(frozen=True, slots=True)
class Replaced:
    """A day on which another model id had taken over; `last_old` is the last day that spoke for the old one."""

    day: int
    last_old: int
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """A model's change as one place saw it, on some day of [earliest, latest]; its evidence begins on `first_day`."""

    arm: str
    earliest: int
    latest: int
    first_day: int
    change: EpochChange


def epochs_of(
    pilot: Pilot,
    registration: Registration | None,
    changes: Sequence[ConfigurationChange],
    evidence: Evidence,
    selection: Selection,
    *,
    candidate: str,
    sightings: Sequence[ModelSighting] = (),
    as_of: datetime | None = None,
) -> EpochHistory:
    """The epochs of one candidate.

    Args:
        pilot: Its window and present configuration.
        registration: What was registered; `None` for a draft.
        changes: Of the configuration, since the registration.
        evidence: What the replies reported.
        selection: Closed days.
        candidate: The candidate's name.
        sightings: What model servers said that they serve.
        as_of: Model changes after it are not known yet. Those of judge and graders always are: the grades are the present ones.
    """
    arms = (INCUMBENT, candidate)
    known = [change for change in changes if as_of is None or change.at <= as_of]
    models = [*_configured(pilot, known, arms), *_reported(pilot, evidence, selection, arms)]
    models += _listed(pilot, [s for s in sightings if s.arm in arms and (as_of is None or s.at <= as_of)])
    graded = [*_regraded(changes), *_reworded(pilot.configuration, registration)]
    history = EpochHistory(tuple(_numbered(_told_once(models), graded)))
    return EpochHistory(
        tuple(replace(epoch, models=_models_of(epoch, history, evidence, selection, arms)) for epoch in history.epochs)
    )


def replaced_models(models: Words, days: Numbers, chosen: Flags) -> list[Replaced]:
    """Where the dominant id was replaced: another has half of a day's known ids and the old one less than a tenth.

    A lasting mix of two ids is no change; days with few known ids do not decide.

    Args:
        models: What each reply reported, "" = nothing.
        days: Of each reply, from 1.
        chosen: Which replies to look at.
    """
    rows = np.flatnonzero(chosen & (models != ""))
    if len(set(models[rows].tolist())) < 2:  # noqa: PLR2004 - one id cannot be replaced, and reading on takes time
        return []
    code, names = codes(models[rows])
    found, dominant, last_day = [], "", 0
    for day, counts in _counts_by_day(days[rows], code, names):
        known = sum(counts.values())
        if known < FEWEST_KNOWN:
            continue
        top = max(sorted(counts), key=counts.__getitem__)
        if counts[top] >= MAJORITY * known:
            if dominant and top != dominant and counts.get(dominant, 0) < REMNANT * known:
                found.append(Replaced(day, last_day, dominant, top))
                dominant = top
            dominant = dominant or top
        last_day = day
    return found


def _counts_by_day(days: Numbers, code: Numbers, names: list[str]) -> Iterator[tuple[int, dict[str, int]]]:
    cells, counts = np.unique(days * len(names) + code, return_counts=True)
    by_day: dict[int, dict[str, int]] = {}
    for cell, count in zip(cells.tolist(), counts.tolist(), strict=True):
        by_day.setdefault(cell // len(names), {})[names[cell % len(names)]] = count
    yield from sorted(by_day.items())


def _configured(pilot: Pilot, changes: Iterable[ConfigurationChange], arms: tuple[str, str]) -> Iterator[_Seen]:
    """Changes of what is asked, inside the window; those of one moment and arm are one."""
    together: dict[tuple[datetime, str], list[ConfigurationChange]] = {}
    for change in changes:
        arm = _arm_of_path(change.path)
        if arm in arms and pilot.day_of(change.at) is not None:
            together.setdefault((change.at, arm), []).append(change)
    for (at, arm), changed in together.items():
        day = pilot.day_of(at) or 0
        what = ", ".join(change.path for change in changed)
        before, after = (", ".join(str(getattr(change, name)) for change in changed) for name in ("before", "after"))
        told = EpochChange(EpochKind.MODEL, what, before, after, at, SeenIn.CONFIGURATION)
        yield _Seen(arm, day, day, day + 1, told)


def _arm_of_path(path: str) -> str | None:
    if path == "incumbent.model":
        return INCUMBENT
    found = re.fullmatch(r"candidate\[(.+)\]\.(model|base_url)", path)
    return found[1] if found else None


def _reported(pilot: Pilot, evidence: Evidence, selection: Selection, arms: tuple[str, str]) -> Iterator[_Seen]:
    for arm in arms:
        replies = evidence.incumbent if arm == INCUMBENT else evidence.arms[arm].replies
        for replaced in replaced_models(replies.models, selection.days, selection.counted & replies.answered):
            at = pilot.starts_at + (replaced.day - 1) * DAY if pilot.starts_at is not None else None
            change = EpochChange(EpochKind.MODEL, arm, replaced.before, replaced.after, at, SeenIn.REPLIES)
            yield _Seen(arm, replaced.last_old, replaced.day, replaced.day, change)


def _listed(pilot: Pilot, sightings: Iterable[ModelSighting]) -> Iterator[_Seen]:
    """Changes of what one address serves under the name that is asked for; an answer that does not name it tells nothing."""
    last: dict[tuple[str, str | None], ModelSighting] = {}
    for sighting in sorted(sightings, key=lambda each: each.at):
        before = last.get((sighting.arm, sighting.base_url))
        is_silent = before is not None and before.served == sighting.served and sighting.root is None
        if not sighting.served or is_silent:
            continue
        last[sighting.arm, sighting.base_url] = sighting
        day = pilot.day_of(sighting.at)
        if before is None or day is None or _same_model(before, sighting):
            continue
        said = (_name_of(before), _name_of(sighting))
        change = EpochChange(EpochKind.MODEL, sighting.arm, *said, sighting.at, SeenIn.MODELS)
        yield _Seen(sighting.arm, pilot.day_of(before.at) or 0, day, day + 1, change)


def _same_model(one: ModelSighting, other: ModelSighting) -> bool:
    is_other_root = one.root is not None and other.root is not None and one.root != other.root
    return one.served == other.served and not is_other_root


def _name_of(sighting: ModelSighting) -> str:
    return sighting.served if sighting.root in (None, sighting.served) else f"{sighting.served} ({sighting.root})"


def _regraded(changes: Iterable[ConfigurationChange]) -> Iterator[EpochChange]:
    for change in changes:
        kind = next((kind for kind, pattern in _REGRADED if pattern.match(change.path)), None)
        if kind is not None:
            before, after = (_text(value) for value in (change.before, change.after))
            yield EpochChange(kind, change.path, before, after, change.at, SeenIn.CONFIGURATION)


def _reworded(configuration: PilotConfiguration, registration: Registration | None) -> Iterator[EpochChange]:
    """A version of the service may ask the judge in other words than were registered."""
    then = (registration.document.get("judge") or {}) if registration is not None else {}
    before, after = then.get("prompt_hash"), (judge_document(configuration) or {}).get("prompt_hash")
    if before is not None and after is not None and before != after:
        yield EpochChange(EpochKind.JUDGE, "the judge's prompt", before[:12], after[:12], None, SeenIn.VERSION)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


# The most exact first: what it says of the day counts.
_EXACT = (SeenIn.CONFIGURATION, SeenIn.REPLIES, SeenIn.MODELS)


def _told_once(seen: Iterable[_Seen]) -> list[_Seen]:
    """One change for what several places saw of the same arm at the same time."""
    told: list[tuple[_Seen, set[SeenIn]]] = []
    for each in sorted(seen, key=lambda s: (_EXACT.index(s.change.seen_in), s.latest)):
        place = each.change.seen_in
        same = (by for one, by in told if one.arm == each.arm and place not in by and _overlap(one, each))
        by = next(same, None)
        if by is not None:
            by.add(place)
        else:
            told.append((each, {place}))
    return [one for one, _ in told]


def _overlap(one: _Seen, other: _Seen) -> bool:
    return max(one.earliest, other.earliest) <= min(one.latest, other.latest)


def _numbered(models: Iterable[_Seen], graded: Iterable[EpochChange]) -> Iterator[Epoch]:
    """The epochs in order: model changes whose evidence begins on one day are one, and what was changed at one moment is."""
    groups: list[tuple[int | None, list[EpochChange]]] = []
    for seen in sorted(models, key=lambda s: (s.first_day, s.arm != INCUMBENT)):
        if groups and groups[-1][0] == seen.first_day:
            groups[-1][1].append(seen.change)
        else:
            groups.append((seen.first_day, [seen.change]))
    for change in graded:
        same = (held for _, held in groups if change.at is not None and any(other.at == change.at for other in held))
        held = next(same, None)
        if held is not None:
            held.append(change)
        else:
            groups.append((None, [change]))
    first_day = 1
    yield Epoch(0, first_day)
    for number, (begins, changes) in enumerate(sorted(groups, key=_moment), start=1):
        first_day = max(first_day, begins or 1)
        yield Epoch(number, first_day, tuple(changes))


def _moment(group: tuple[int | None, list[EpochChange]]) -> tuple[bool, float]:
    moments = [change.at.timestamp() for change in group[1] if change.at is not None]
    return not moments, min(moments, default=0.0)


def _models_of(
    epoch: Epoch, history: EpochHistory, evidence: Evidence, selection: Selection, arms: tuple[str, str]
) -> dict[str, str]:
    last = history.last_day_of(epoch) or selection.last_day
    inside = selection.counted & (selection.days >= epoch.first_day) & (selection.days <= last)
    found = {}
    for arm in arms:
        replies = evidence.incumbent if arm == INCUMBENT else evidence.arms[arm].replies
        counts = Counter(replies.models[inside & replies.answered & (replies.models != "")].tolist())
        if counts:
            found[arm] = max(sorted(counts), key=counts.__getitem__)
    return found
