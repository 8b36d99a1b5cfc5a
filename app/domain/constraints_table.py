"""`[constraints]` of `pilot.toml`: what decides on its own, whatever quality and money say (docs/constraints.md)."""

from typing import Annotated

from pydantic import Field

from app.domain.toml_table import AllowedHost, OptionalText, Table

TeamHours = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]
AvailabilityRate = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class ConstraintsTable(Table):
    """`[constraints]`: what decides on its own.

    Attributes:
        data_must_stay: The texts may not leave; only `allowed_hosts` are sent any.
        allowed_hosts: Where data may go to where it must stay; without a list, private names and addresses.
        team_has_gpu_experience: Whether somebody runs GPU servers in production; `None` = nobody said.
        team_hours_per_month: Hours that the team has for upkeep; `None` = no limit is set.
        min_availability_rate: Share of requests that must find the candidate in service; `None` = no target is set.
        legal_basis: Why texts may be sent to a vendor although they must stay, as "contract" or "consent".
    """

    data_must_stay: bool = False
    allowed_hosts: tuple[AllowedHost, ...] = ()
    team_has_gpu_experience: bool | None = None
    team_hours_per_month: TeamHours | None = None
    min_availability_rate: AvailabilityRate | None = None
    legal_basis: OptionalText = None
