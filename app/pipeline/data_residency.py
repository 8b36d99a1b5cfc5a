"""Where data must stay: whom it may be sent to (`allowed_hosts`) and, if that is a vendor, why (`legal_basis`)."""

from collections.abc import Iterator

from app.costs.prices import is_vendor
from app.domain.configuration import PilotConfiguration
from app.domain.hosts import host_of, is_allowed
from app.domain.toml_lines import Path

# Vendors that the price table has no address of, or not all of them.
MORE_VENDORS = (
    "openai.com", "anthropic.com", "mistral.ai", "anyscale.com", "huggingface.co", "huggingface.cloud", "deepinfra.com",
    "amazonaws.com", "sambanova.ai", "hyperbolic.xyz", "nebius.com", "nebius.ai", "lambda.ai", "replicate.com", "nvidia.com",
    "aliyuncs.com", "perplexity.ai", "ai21.com", "groq.com", "together.ai", "together.xyz", "fireworks.ai",
)  # fmt: skip
HOST_NOT_ALLOWED = "host_not_allowed"
LEGAL_BASIS_NEEDED = "legal_basis_needed"

_Found = tuple[Path, str, str]
_Server = tuple[Path, str, str]


def residency_problems(configuration: PilotConfiguration) -> list[_Found]:
    """One problem for each model server that data must not go to, and one where nobody says why a vendor may be asked."""
    table = configuration.constraints
    if table is None or not table.data_must_stay:
        return []
    allowed = ", ".join(table.allowed_hosts) or "none is named, so only private names and addresses are"
    problems: list[_Found] = [
        (
            path,
            f"data_must_stay = true, but {who} is at '{host_of(url)}': no such host in constraints.allowed_hosts ({allowed})",
            HOST_NOT_ALLOWED,
        )
        for path, who, url in _servers(configuration)
        if not is_allowed(host_of(url), table.allowed_hosts)
    ]
    vendors = [f"{who} at '{host_of(url)}'" for _, who, url in _asked(configuration) if is_at_vendor(url)]
    if vendors and table.legal_basis is None:
        problems.append((("constraints", "legal_basis"), _needed(vendors), LEGAL_BASIS_NEEDED))
    return problems


def is_at_vendor(base_url: str) -> bool:
    """Whether somebody who sells models to all the world answers there; whoever else may be one's own."""
    host = host_of(base_url)
    return is_vendor(base_url) or any(host == vendor or host.endswith(f".{vendor}") for vendor in MORE_VENDORS)


def _needed(vendors: list[str]) -> str:
    return (
        f"data_must_stay = true, but the pilot sends texts to a vendor ({', '.join(vendors)}): say why it may in "
        "constraints.legal_basis, such as 'consent' or 'contract: DPA of 2026-03-01'"
    )


def _asked(configuration: PilotConfiguration) -> Iterator[_Server]:
    """All that the pilot itself sends texts to; production's own requests to the incumbent are not the pilot's."""
    yield from _servers(configuration)
    if configuration.control.rate > 0:
        yield ("control", "rate"), "the control arm, the incumbent asked again,", configuration.incumbent.base_url


def _servers(configuration: PilotConfiguration) -> Iterator[_Server]:
    for number, candidate in enumerate(configuration.candidate):
        yield ("candidate", number, "base_url"), f"the candidate '{candidate.name}'", candidate.base_url
        if candidate.metrics_url:
            yield ("candidate", number, "metrics_url"), f"the metrics page of '{candidate.name}'", candidate.metrics_url
    if configuration.judge is not None and configuration.judge.base_url is not None:
        yield ("judge", "base_url"), "the judge", configuration.judge.base_url
    for number, panel in enumerate(configuration.judge_panel):
        yield ("judge_panel", number, "base_url"), f"the panel's judge '{panel.name}'", panel.base_url
