"""Where data must stay, nobody outside is asked: candidates and models that grade are on allowed hosts."""

from collections.abc import Iterator

from app.domain.configuration import PilotConfiguration
from app.domain.hosts import host_of, is_allowed
from app.domain.toml_lines import Path

_Found = tuple[Path, str, str]


def residency_problems(configuration: PilotConfiguration) -> list[_Found]:
    """One problem for each model server that data must not go to."""
    table = configuration.constraints
    if table is None or not table.data_must_stay:
        return []
    allowed = ", ".join(table.allowed_hosts) or "none is named, so only private names and addresses are"
    return [
        (
            path,
            f"data_must_stay = true, but {who} is at '{host_of(url)}': no such host in constraints.allowed_hosts ({allowed})",
            "host_not_allowed",
        )
        for path, who, url in _servers(configuration)
        if not is_allowed(host_of(url), table.allowed_hosts)
    ]


def _servers(configuration: PilotConfiguration) -> Iterator[tuple[Path, str, str]]:
    for number, candidate in enumerate(configuration.candidate):
        yield ("candidate", number, "base_url"), f"the candidate '{candidate.name}'", candidate.base_url
    if configuration.judge is not None and configuration.judge.base_url is not None:
        yield ("judge", "base_url"), "the judge", configuration.judge.base_url
    for number, panel in enumerate(configuration.judge_panel):
        yield ("judge_panel", number, "base_url"), f"the panel's judge '{panel.name}'", panel.base_url
