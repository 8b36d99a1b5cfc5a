"""Whether a judge is of the kin of an arm behind another name: its server's own list of models tells (`/models`)."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from app.costs.prices import canonical_model
from app.domain.configuration import CandidateTable, IncumbentTable, PilotConfiguration
from app.domain.families import guess_family, same_family, same_model
from app.domain.judge_table import JudgeTable
from app.errors import InvalidInput, Problem
from app.pipeline.configuration import load_configuration
from app.providers.model_list import ModelList, list_models
from app.providers.model_server import Target

LOOK_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Known:
    """All names that one model goes by: as configured, as its server lists it, what it is made from, as the price table has it.

    Attributes:
        who: For people.
        names: Without repetition, the configured one first.
        family: As configured or guessed from the configured name.
        failure: Why its server could not tell; `None` = it did, or was not asked.
    """

    who: str
    names: tuple[str, ...]
    family: str | None
    failure: str | None = None

    @property
    def families(self) -> tuple[str, ...]:
        """The configured family, and those that the other names give away."""
        guessed = (guess_family(name) for name in self.names)
        return tuple(dict.fromkeys(family for family in (self.family, *guessed) if family is not None))


def look_at_judges(
    toml_text: str | bytes,
    now: datetime,
    *,
    timeout_seconds: float = LOOK_SECONDS,
    environment: Mapping[str, str] = os.environ,
) -> tuple[str, ...]:
    """Asks the servers of judge and candidates what they serve; gives what could not be found out, for people.

    To be called before a transaction is opened: servers may be slow. Production's vendor is never asked.

    Raises:
        InvalidInput: A judge is the same model as an arm, or of its family, and that is not allowed.
    """
    configuration = load_configuration(toml_text, now).configuration
    judge = configuration.judge
    if judge is None or judge.base_url is None or judge.allow_same_family:
        return ()
    known = asyncio.run(_look(configuration, judge, timeout_seconds, environment))
    judges, arms = known[: 1 + len(configuration.judge_panel)], known[1 + len(configuration.judge_panel) :]
    problems = [problem for one in judges for arm in arms for problem in _kinship(one, arm)]
    problems += [problem for place, one in enumerate(judges) for other in judges[:place] for problem in _kinship(one, other)]
    if problems:
        raise InvalidInput(f"pilot.toml is wrong: {problems[0]}", tuple(_problem(each) for each in problems[:1]))
    unseen = "its kinship is told by its name alone"
    return tuple(f"what {each.who} serves is not known ({each.failure}): {unseen}" for each in known if each.failure)


def names_of(model: str, listed: ModelList | None, base_url: str | None) -> tuple[str, ...]:
    """Every name of a model that is configured under one.

    Args:
        model: The configured name.
        listed: What its server serves; `None` = nobody asked.
        base_url: Where it is served.
    """
    served = listed.served(model) if listed is not None else None
    found = [model, served.id if served else None, served.root if served else None, canonical_model(model, base_url)]
    return tuple(dict.fromkeys(name for name in found if name))


def _kinship(judge: Known, arm: Known) -> Iterator[str]:
    choose = "and models prefer their kin: choose another judge, or set allow_same_family = true"
    same = next(((one, other) for one in judge.names for other in arm.names if same_model(one, other)), None)
    if same is not None:
        yield f"{judge.who}{_alias(judge, same[0])} is the same model as {arm.who}{_alias(arm, same[1])}, {choose}"
        return
    shared = next((f for f in judge.families for other in arm.families if same_family(f, other)), None)
    if shared is not None:
        judges, arms = _listed(judge.names), _listed(arm.names)
        yield f"{judge.who} ({judges}) is of the family '{shared}', as is {arm.who} ({arms}), {choose}"


def _alias(known: Known, name: str) -> str:
    return "" if name == known.names[0] else f" ('{known.names[0]}' is '{name}' on its server)"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _problem(message: str) -> Problem:
    return Problem(message, field="judge.model", code="same_family")


async def _look(
    configuration: PilotConfiguration, judge: JudgeTable, timeout_seconds: float, environment: Mapping[str, str]
) -> list[Known]:
    tables: list[tuple[str, JudgeTable | CandidateTable]] = [("the judge", judge)]
    tables += [(f"the panel's judge '{panel.name}'", judge.for_panel(panel)) for panel in configuration.judge_panel]
    tables += [(f"the candidate '{candidate.name}'", candidate) for candidate in configuration.candidate]
    found = [_known(who, table, timeout_seconds, environment) for who, table in tables]
    return [*await asyncio.gather(*found), _of_vendor(configuration.incumbent)]


def _of_vendor(incumbent: IncumbentTable) -> Known:
    return Known("the incumbent", names_of(incumbent.model, None, incumbent.base_url), incumbent.family)


async def _known(who: str, table: JudgeTable | CandidateTable, timeout_seconds: float, environment: Mapping[str, str]) -> Known:
    model, base_url = table.model or "", table.base_url or ""
    key = environment.get(table.api_key_env, "").strip() if table.api_key_env else ""
    if table.api_key_env and not key:
        listed = ModelList(failure=f"there is no environment variable {table.api_key_env} here")
    else:
        target = Target(base_url=base_url, model=model, api_key=SecretStr(key) if key else None)
        listed = await list_models(target, timeout_seconds=timeout_seconds)
    return Known(who, names_of(model, listed, base_url), table.family, listed.failure)
