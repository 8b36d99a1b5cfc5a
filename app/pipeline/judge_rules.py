"""Who may judge: not one of the family of an arm, and nobody whose price is unknown."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from app.costs.prices import prices_of
from app.domain.configuration import CandidateTable, IncumbentTable, PilotConfiguration
from app.domain.families import guess_family
from app.domain.judge_table import JudgeTable
from app.domain.kinship import kin_of
from app.domain.toml_lines import Path

_Found = tuple[Path, str, str]
_TableT = TypeVar("_TableT", IncumbentTable, CandidateTable, JudgeTable)


@dataclass(frozen=True, slots=True)
class Guess:
    """A value that the file does not say; shown when the pilot is made."""

    field: str
    value: str | None
    message: str


def guess_families(configuration: PilotConfiguration) -> tuple[PilotConfiguration, tuple[Guess, ...]]:
    """The configuration with the families that models' names give away, and what was guessed."""
    guesses: list[Guess] = []

    def filled(table: _TableT, field: str) -> _TableT:
        if table.family is not None or table.model is None:
            return table
        family = guess_family(table.model)
        said = f"guessed from the model's name '{table.model}'" if family else f"cannot be guessed from '{table.model}'"
        guesses.append(Guess(field, family, f"{field} = '{family}' was {said}" if family else f"{field} {said}: give it"))
        return table.model_copy(update={"family": family})

    judge = configuration.judge
    update = {
        "incumbent": filled(configuration.incumbent, "incumbent.family"),
        "candidate": tuple(filled(c, f"candidate[{i}].family") for i, c in enumerate(configuration.candidate)),
        "judge": filled(judge, "judge.family") if judge is not None else None,
    }
    return configuration.model_copy(update=update), tuple(guesses)


def judge_problems(configuration: PilotConfiguration, now: datetime) -> list[_Found]:
    """What speaks against the judge; nothing without one."""
    judge = configuration.judge
    if judge is None:
        return []
    problems = [] if judge.allow_same_family else _kinship(judge, configuration)
    if judge.base_url is not None and judge.model is not None and not _is_priced(judge, now):
        message = (
            f"nobody knows the price of the judge '{judge.model}': give judge.input_usd_per_million_tokens and "
            "judge.output_usd_per_million_tokens (0 = free, said explicitly)"
        )
        problems.append((("judge",), message, "unknown_price"))
    return problems


def _is_priced(judge: JudgeTable, now: datetime) -> bool:
    assert judge.model is not None  # noqa: S101 - the caller checked it
    prices = prices_of(judge.model, own=judge, at=now, base_url=judge.base_url)
    return prices is not None and prices.is_complete


def _kinship(judge: JudgeTable, configuration: PilotConfiguration) -> list[_Found]:
    for relation, who in kin_of(judge, configuration):
        message = f"the judge is {relation} {who}, and models prefer their kin: choose another, or set allow_same_family = true"
        return [(("judge", "model" if judge.model else "family"), message, "same_family")]
    return []
