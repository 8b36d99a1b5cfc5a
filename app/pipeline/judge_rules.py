"""Who may judge: not one of the family of an arm, and nobody whose price is unknown."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from app.costs.prices import prices_of
from app.domain.configuration import CandidateTable, IncumbentTable, PilotConfiguration
from app.domain.families import guess_family, same_family, same_model
from app.domain.judge_table import JudgeTable, PanelJudgeTable
from app.domain.kinship import kin_of
from app.domain.toml_lines import Path

_Found = tuple[Path, str, str]
_TableT = TypeVar("_TableT", IncumbentTable, CandidateTable, JudgeTable, PanelJudgeTable)


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
        "judge_panel": tuple(filled(p, f"judge_panel[{i}].family") for i, p in enumerate(configuration.judge_panel)),
    }
    return configuration.model_copy(update=update), tuple(guesses)


def judge_problems(configuration: PilotConfiguration, now: datetime) -> list[_Found]:
    """What speaks against the judge; nothing without one."""
    judge = configuration.judge
    if judge is None or judge.base_url is None:
        need = "a [[judge_panel]] looks at what the judge looked at: it needs a [judge] with base_url and model"
        panel: list[_Found] = [(("judge_panel", 0), need, "panel_without_judge")] if configuration.judge_panel else []
        return panel if judge is None else panel + _problems_of_judge(judge, configuration, now)
    return _problems_of_judge(judge, configuration, now) + panel_problems(configuration, judge, now)


def _problems_of_judge(judge: JudgeTable, configuration: PilotConfiguration, now: datetime) -> list[_Found]:
    problems = [] if judge.allow_same_family else _kinship(judge, configuration)
    if judge.base_url is not None and judge.model is not None and not _is_priced(judge, now):
        message = (
            f"nobody knows the price of the judge '{judge.model}': give judge.input_usd_per_million_tokens and "
            "judge.output_usd_per_million_tokens (0 = free, said explicitly)"
        )
        problems.append((("judge",), message, "unknown_price"))
    return problems


def panel_problems(configuration: PilotConfiguration, judge: JudgeTable, now: datetime) -> list[_Found]:
    """What speaks against the judges of the panel: kin of an arm, of the judge or of each other, or without a price."""
    problems: list[_Found] = []
    before = [("the judge", judge)]
    taken = {judge.rater_name}
    for number, panel in enumerate(configuration.judge_panel):
        table, who = judge.for_panel(panel), f"the panel's judge '{panel.name}'"
        kin = [] if judge.allow_same_family else list(kin_of(table, configuration))
        kin += [("of the family of", other) for other, one in before if _are_alike(one, table)]
        if kin:
            relation, other = kin[0]
            said = f"{who} is {relation} {other}: a panel is of different families"
            problems.append((("judge_panel", number, "model"), said, "same_family"))
        if panel.name in taken:
            problems.append((("judge_panel", number, "name"), f"{who} has the name of another judge's grades", "twice"))
        if not _is_priced(table, now):
            said = f"nobody knows the price of {who}: give its input_ and output_usd_per_million_tokens (0 = free)"
            problems.append((("judge_panel", number), said, "unknown_price"))
        before.append((who, table))
        taken.add(panel.name)
    return problems


def _are_alike(one: JudgeTable, other: JudgeTable) -> bool:
    if one.model is not None and other.model is not None and same_model(one.model, other.model):
        return True
    return same_family(one.family, other.family)


def _is_priced(judge: JudgeTable, now: datetime) -> bool:
    assert judge.model is not None  # noqa: S101 - the caller checked it
    prices = prices_of(judge.model, own=judge, at=now, base_url=judge.base_url)
    return prices is not None and prices.is_complete


def _kinship(judge: JudgeTable, configuration: PilotConfiguration) -> list[_Found]:
    for relation, who in kin_of(judge, configuration):
        message = f"the judge is {relation} {who}, and models prefer their kin: choose another, or set allow_same_family = true"
        return [(("judge", "model" if judge.model else "family"), message, "same_family")]
    return []
