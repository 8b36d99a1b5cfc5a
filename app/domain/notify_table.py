"""`[notify]`, `[alerts]` and `[report]` of `pilot.toml`: who is told what, what is an alarm, how long a verdict holds."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from app.domain.toml_table import EnvironmentName, OptionalAddress, Rate, Table


class NotifyTable(Table):
    """`[notify]`: where messages go; addresses and secrets are read from the environment by the names given.

    Attributes:
        urls_env: Variable that holds Apprise addresses (Slack, e-mail, …), separated by spaces.
        webhook_url: Gets each message as JSON by POST, signed under the secret in `webhook_secret_env`.
        figures: Whether messages may name models, figures and the verdict; else they say only that there is something to read.
        link: Base address of the pages in messages, as people reach them.
    """

    urls_env: EnvironmentName = ""
    webhook_url: OptionalAddress = None
    webhook_secret_env: EnvironmentName = ""
    figures: bool = False
    link: OptionalAddress = None


def without_secret(address: str | None) -> str | None:
    """The host alone of an address that messages go to: who knows its path can often write there."""
    if address is None:
        return None
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}"


class AlertsTable(Table):
    """`[alerts]`: from where on something is an alarm.

    Attributes:
        silent_minutes: Production is alive and no pair came for so long.
        coverage_below: Share of production's requests of the last hour that must be captured; 0 = no alarm.
        candidate_down_minutes: An arm answered nothing but failures for so long.
        budget_shares: Shares of a budget at which people are told.
    """

    silent_minutes: Annotated[float, Field(gt=0, le=1440)] = 10.0
    coverage_below: Rate = 0.9
    candidate_down_minutes: Annotated[float, Field(gt=0, le=1440)] = 5.0
    budget_shares: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.8, 1.0)


class ReportTable(Table):
    """`[report]`: weekly reports, and how long a verdict holds: prices and models move.

    Attributes:
        weekly: On which day, in the pilot's own zone, a report is made; `never` = only on demand.
        weekly_hour: From which hour of that day on.
        valid_days: After so many days a verdict is to be looked at again.
        examples: How many pairs a final report shows of each kind (worst, best, random); 0 = no texts.
    """

    weekly: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "never"] = "monday"
    weekly_hour: Annotated[int, Field(ge=0, le=23)] = 6
    valid_days: Annotated[int, Field(ge=1, le=730)] = 90
    examples: Annotated[int, Field(ge=0, le=50)] = 10
