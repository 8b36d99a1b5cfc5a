"""`[cost]`, `[capacity]` and `[[option]]` of `pilot.toml`: neither tokens nor GPUs, how much room, other ways out."""

from typing import Annotated, Literal

from pydantic import Field

from app.domain.toml_table import Name, OptionalText, Table, Text, TokenPrices, Usd

MOST_OPTIONS = 20
HoursAMonth = Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)]


class CostTable(Table):
    """`[cost]`: what is neither tokens nor GPUs.

    Attributes:
        upkeep_hours_per_month: Hours that come back every month, as the team reckons; used until some are logged.
        upgrades_per_year: How often the served model or server will be renewed.
        hours_per_upgrade: What one of them takes.
        migration_hours: One-off hours that are still to come when the pilot is over.
    """

    engineer_usd_per_hour: Usd | None = None
    other_usd_per_month: Usd | None = None
    horizon_months: int = Field(default=24, ge=1, le=120)
    upkeep_hours_per_month: HoursAMonth | None = None
    upgrades_per_year: Annotated[float | None, Field(ge=0, le=365, allow_inf_nan=False)] = None
    hours_per_upgrade: HoursAMonth | None = None
    migration_hours: Annotated[float | None, Field(ge=0, le=1_000_000, allow_inf_nan=False)] = None


class CapacityTable(Table):
    """`[capacity]`: how much room the candidate's servers are given beyond what the pilot's own arrivals need.

    Attributes:
        growth: Arrivals are taken times this.
        spare_replicas: Replicas that may fail while the rest still keeps the objective (N+1 is 1).
        wait_p95_seconds: The most that 95 of 100 requests may wait for a free place.
    """

    growth: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1.0
    spare_replicas: int = Field(default=1, ge=0, le=100)
    wait_p95_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0


class OptionTable(TokenPrices):
    """`[[option]]`: another way out that is only priced, at the measured tokens; its quality is not tested.

    `vendor_tier` = a cheaper model of the same vendor; `managed` = open weights that somebody else serves.
    """

    name: Name
    kind: Literal["vendor_tier", "managed"]
    model: Text
    base_url: OptionalText = None
