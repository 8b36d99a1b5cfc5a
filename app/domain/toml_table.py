"""What every table of `pilot.toml` is made of: strict tables and the kinds of values."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.domain import hosts, text_rules

# A pilot's name is part of addresses (`/p/NAME/v1`); those of arms and segments are only shown and compared.
PilotName = Annotated[str, AfterValidator(text_rules.pilot_name)]
Name = Annotated[str, AfterValidator(text_rules.name)]
Url = Annotated[str, AfterValidator(text_rules.base_url)]
Text = Annotated[str, AfterValidator(text_rules.text)]
MetricsUrl = Annotated[str, AfterValidator(text_rules.metrics_url)]
OptionalText = Annotated[Text | None, BeforeValidator(text_rules.empty_is_none)]
OptionalAddress = Annotated[
    Annotated[str, AfterValidator(text_rules.web_address)] | None, BeforeValidator(text_rules.empty_is_none)
]
Pattern = Annotated[str, AfterValidator(text_rules.regular_expression)]
EnvironmentName = Annotated[str, AfterValidator(text_rules.environment_name)]
Usd = Annotated[Decimal, Field(ge=0, lt=10**8, max_digits=14, decimal_places=6)]
Rate = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Margin = Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Server = Literal["vllm", "sglang", "tgi", "ollama", "llamacpp", "tensorrt-llm", "openai"]
ContentLevel = Literal["full", "masked", "metadata"]
BoundedPattern = Annotated[str, AfterValidator(text_rules.bounded_expression)]
PlaceholderName = Annotated[str, AfterValidator(text_rules.placeholder_name)]
AllowedHost = Annotated[str, AfterValidator(hosts.allowed_host)]
Language = Annotated[str, Field(pattern="^[a-z]{2}$")]


def at(*path: str | int, message: str, code: str) -> PydanticCustomError:
    """An error that a rule over several keys raises about one of them; `path` starts at the rule's table."""
    return PydanticCustomError("rule", "{text}", {"text": message, "path": list(path), "code": code})


class Table(BaseModel):
    """A table of `pilot.toml`: unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenPrices(Table):
    """Token prices in US dollars per million; `None` = look it up, and if nobody knows it, unknown."""

    input_usd_per_million_tokens: Usd | None = None
    cached_input_usd_per_million_tokens: Usd | None = None
    cache_write_usd_per_million_tokens: Usd | None = None
    output_usd_per_million_tokens: Usd | None = None


class VendorPrices(TokenPrices):
    """Token prices of a vendor with whom there may be a contract.

    Attributes:
        service_tier: The price class of calls whose reply names none.
        discount_rate: What a contract takes off the price table's prices; own prices are taken as they are.
    """

    service_tier: Literal["default", "batch", "flex", "priority"] | None = None
    discount_rate: Annotated[Decimal, Field(ge=0, lt=1, decimal_places=6)] = Decimal(0)
