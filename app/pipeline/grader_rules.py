"""Which graders can be run where the service runs: a `pilot.toml` alone never runs code."""

from app.domain.configuration import PilotConfiguration
from app.domain.grader_names import scorer_of
from app.domain.toml_lines import Path
from app.graders.autoevals_adapter import LIBRARY, is_installed
from app.graders.user_function import FunctionRules
from app.settings import Settings


def function_rules(settings: Settings) -> FunctionRules:
    """What whoever runs the service allows."""
    names = (name.strip() for name in settings.grader_modules.split(","))
    return FunctionRules(frozenset(name for name in names if name), settings.grader_path, settings.grader_seconds)


def grader_problems(configuration: PilotConfiguration, rules: FunctionRules) -> list[tuple[Path, str, str]]:
    """What speaks against the graders of segments."""
    found: list[tuple[Path, str, str]] = []
    for number, table in enumerate(configuration.segment):
        place: Path = ("segment", number, "grader")
        problem = rules.problem(table.grader)
        if problem is not None:
            found.append((place, problem, "not_allowed"))
        if scorer_of(table.grader) is not None and not is_installed():
            message = f"grader '{table.grader}' needs the library {LIBRARY}, which is not installed beside the service"
            found.append((place, message, "not_installed"))
    return found
