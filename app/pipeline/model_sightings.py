"""Looks at what the candidates' servers serve: at the start, then daily; a failure is data and stops nothing."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.domain.configuration import CandidateTable
from app.domain.epochs import LISTED, ModelSighting
from app.domain.pilot import Pilot
from app.domain.words import PilotState
from app.providers.model_list import ModelList, list_models
from app.providers.model_server import Target
from app.store.model_sightings import insert_sightings, last_listed
from app.store.pilots import list_pilots
from app.store.session import SessionFactory, session_scope

START_SECONDS, DAILY_SECONDS = 3.0, 10.0
# A little less than a day, so that a look that comes a minute early is not put off by another day.
EVERY = timedelta(hours=23)


def look_at_models(
    session_factory: SessionFactory,
    pilot: Pilot,
    now: datetime,
    *,
    timeout_seconds: float = START_SECONDS,
    environment: Mapping[str, str] = os.environ,
) -> list[ModelSighting]:
    """Asks each candidate's server what it serves and keeps what it said; production's vendor is not asked.

    Args:
        session_factory: Where it is kept; no transaction is open while servers are asked.
        pilot: Whose candidates.
        now: The moment it is kept under.
        timeout_seconds: For each server; they are asked at once.
        environment: Holds the candidates' keys.
    """
    tables = [table for table in pilot.configuration.candidate if not _is_vendors(table, pilot)]
    sightings = asyncio.run(_ask_all(tables, now, timeout_seconds, environment))
    with session_scope(session_factory) as session:
        insert_sightings(session, pilot.id, {arm.name: arm.id for arm in pilot.candidates}, sightings)
    return sightings


def look_daily(session_factory: SessionFactory, now: datetime, *, environment: Mapping[str, str] = os.environ) -> int:
    """Looks for every pilot whose window runs and that nobody looked at for a day; how many it looked at."""
    with session_factory() as session:
        due = [pilot for pilot in list_pilots(session) if _runs(pilot, now)]
        due = [pilot for pilot in due if _is_due(pilot, last_listed(session, pilot.id), now)]
    for pilot in due:
        look_at_models(session_factory, pilot, now, timeout_seconds=DAILY_SECONDS, environment=environment)
    return len(due)


def notes_on(sightings: Sequence[ModelSighting], pilot: Pilot) -> tuple[str, ...]:
    """What people should know of it: who does not answer, and who serves something else than the configuration names."""
    return tuple(note for sighting in sightings if (note := _note(sighting, pilot)) is not None)


def fingerprint_warnings(sightings: Sequence[ModelSighting], pilot: Pilot) -> list[str]:
    """Days on which replies of an arm bore a fingerprint for the first time: a hint that its server was changed."""
    found = []
    for arm in pilot.arms:
        days: dict[int, list[str]] = {}
        replied = [s for s in sightings if s.arm == arm.name and s.fingerprint is not None]
        for sighting in sorted(replied, key=lambda each: each.at)[1:]:
            days.setdefault(pilot.day_of(sighting.at) or 0, []).append(sighting.fingerprint or "")
        found += [_changed(arm.name, day, new) for day, new in sorted(days.items()) if day]
    return found


def _changed(arm: str, day: int, new: Sequence[str]) -> str:
    said = f"the system_fingerprint of {arm} changed on day {day} (new: {_listed(new)})"
    return f"{said}: a hint that its server was changed; evidence goes on"


def _note(sighting: ModelSighting, pilot: Pilot) -> str | None:
    model = pilot.configuration.candidate_named(sighting.arm).model
    if sighting.failure is not None:
        return f"what {sighting.arm} serves is not known: {sighting.base_url}/models: {sighting.failure}"
    if model not in sighting.ids:
        return f"{sighting.arm}: {sighting.base_url}/models does not list {model!r}, but {_listed(sighting.ids) or 'nothing'}"
    return f"{sighting.arm} serves {model}" + (f", made from {sighting.root}" if sighting.root not in (None, model) else "")


def _listed(names: Sequence[str]) -> str:
    most = 5
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _runs(pilot: Pilot, now: datetime) -> bool:
    return pilot.state is PilotState.RUNNING and pilot.day_of(now) is not None


def _is_due(pilot: Pilot, last: Mapping[str, datetime], now: datetime) -> bool:
    asked = [table.name for table in pilot.configuration.candidate if not _is_vendors(table, pilot)]
    return any(name not in last or now - last[name] >= EVERY for name in asked)


def _is_vendors(table: CandidateTable, pilot: Pilot) -> bool:
    """Whether the candidate is another model of production's own vendor."""
    return urlsplit(table.base_url).netloc == urlsplit(pilot.configuration.incumbent.base_url).netloc


async def _ask_all(
    tables: Sequence[CandidateTable], now: datetime, timeout_seconds: float, environment: Mapping[str, str]
) -> list[ModelSighting]:
    asked = (_ask(table, now, timeout_seconds, environment) for table in tables)
    return list(await asyncio.gather(*asked))


async def _ask(table: CandidateTable, now: datetime, timeout_seconds: float, environment: Mapping[str, str]) -> ModelSighting:
    key = environment.get(table.api_key_env, "").strip() if table.api_key_env else ""
    if table.api_key_env and not key:
        listed = ModelList(failure=f"not asked: there is no environment variable {table.api_key_env} here")
    else:
        target = Target(base_url=table.base_url, model=table.model, api_key=SecretStr(key) if key else None)
        listed = await list_models(target, timeout_seconds=timeout_seconds)
    served = listed.served(table.model)
    return ModelSighting(
        arm=table.name,
        at=now,
        source=LISTED,
        base_url=table.base_url,
        ids=tuple(model.id for model in listed.models),
        served=served.id if served is not None else "",
        root=served.root if served is not None else None,
        created=served.created if served is not None else None,
        max_model_len=served.max_model_len if served is not None else None,
        failure=listed.failure,
    )
