"""Who is asked besides the incumbent: the candidates, and the control arm for its share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from app.costs.prices import prices_of
from app.domain.configuration import CandidateTable, IncumbentTable, PilotConfiguration
from app.domain.words import ArmRole
from app.pipeline.replay_money import Meter, meter_of
from app.providers.model_server import Target

CONTROL_CONCURRENCY = 64
CONTROL_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class LiveArm:
    """One arm that may be asked.

    Attributes:
        missing_key: Name of the environment variable that should hold its key and does not; then it is not asked.
        max_concurrency: Calls in flight of one mirror process.
        repeat_rate: Share of its calls that are made twice.
    """

    name: str
    target: Target
    meter: Meter
    max_concurrency: int
    missing_key: str | None = None
    repeat_rate: float = 0.0

    @property
    def is_control(self) -> bool:
        """Whether it is the incumbent, asked again."""
        return self.name == ArmRole.CONTROL.value


def arms_of(configuration: PilotConfiguration, environment: Mapping[str, str], at: datetime) -> tuple[LiveArm, ...]:
    """The candidates in the configuration's order, then the control arm if it has a share."""
    arms = [_candidate(table, environment, at) for table in configuration.candidate]
    if configuration.control.rate > 0:
        arms.append(_control(configuration.incumbent, environment, at))
    return tuple(arms)


def _candidate(table: CandidateTable, environment: Mapping[str, str], at: datetime) -> LiveArm:
    key, missing = _key(table.api_key_env, environment)
    target = Target(
        base_url=table.base_url,
        model=table.model,
        server=table.server,
        api_key=key,
        timeout_seconds=table.timeout_seconds,
        strip_think=table.strip_think,
    )
    return LiveArm(table.name, target, meter_of(table, at), table.max_concurrency, missing, table.repeat_rate)


def _control(table: IncumbentTable, environment: Mapping[str, str], at: datetime) -> LiveArm:
    key, missing = _key(table.api_key_env, environment)
    target = Target(base_url=table.base_url, model=table.model, api_key=key, timeout_seconds=CONTROL_TIMEOUT_SECONDS)
    meter = Meter(prices_of(table.model, own=table, at=at, base_url=table.base_url), is_rented_by_hour=False)
    return LiveArm(ArmRole.CONTROL.value, target, meter, CONTROL_CONCURRENCY, missing)


def _key(name: str, environment: Mapping[str, str]) -> tuple[SecretStr | None, str | None]:
    """The key that a variable holds, or the variable's name if it holds none."""
    key = environment.get(name, "").strip() if name else ""
    return (SecretStr(key) if key else None), (name if name and not key else None)
