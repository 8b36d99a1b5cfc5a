"""Whether staying with the incumbent is allowed at all."""

from app.domain.configuration import PilotConfiguration
from app.domain.hosts import host_of, is_allowed


def is_incumbent_allowed(configuration: PilotConfiguration) -> bool:
    """Whether staying is an answer at all: where data must stay, only if the incumbent's own host is named as allowed."""
    table = configuration.constraints
    if table is None or not table.data_must_stay:
        return True
    return bool(table.allowed_hosts) and is_allowed(host_of(configuration.incumbent.base_url), table.allowed_hosts)
