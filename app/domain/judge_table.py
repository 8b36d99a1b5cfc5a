"""Who judges, by which rules and for how much: the tables of `pilot.toml` about models that grade."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from app.domain import text_rules
from app.domain.second_order import SecondOrder
from app.domain.toml_table import EnvironmentName, Name, OptionalText, Table, Text, Url, Usd

# Shorter texts than these say too little to be compared.
LEAST_CHARS = 500


class PanelJudgeTable(Table):
    """`[[judge_panel]]`: another judge, of another family, that looks at a part of what the judge looked at."""

    name: Name
    base_url: Url
    model: Text
    family: OptionalText = None
    api_key_env: EnvironmentName = ""
    input_usd_per_million_tokens: Usd | None = None
    output_usd_per_million_tokens: Usd | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None


class JudgeTable(Table):
    """`[judge]`: who is asked, or (with `rater` and no `base_url`) whose imported grades are the judge's."""

    base_url: Annotated[Url | None, BeforeValidator(text_rules.empty_is_none)] = None
    model: OptionalText = None
    family: OptionalText = None
    api_key_env: EnvironmentName = ""
    rater: OptionalText = None
    input_usd_per_million_tokens: Usd | None = None
    output_usd_per_million_tokens: Usd | None = None
    budget_usd: Usd = Decimal(50)
    budget_usd_per_day: Usd | None = None
    max_output_tokens: Annotated[int, Field(ge=16, le=1_000_000)] = 4096
    panel_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.1
    canary_rate: Annotated[float, Field(ge=0, le=0.2, allow_inf_nan=False)] = 0.03
    allow_same_family: bool = False
    second_order: SecondOrder = "decisive"
    max_reply_chars: Annotated[int, Field(ge=LEAST_CHARS)] = 100_000
    max_conversation_chars: Annotated[int, Field(ge=LEAST_CHARS)] = 200_000
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.base_url is None and self.rater is None:
            msg = "give base_url and model (a judge to ask) or rater (whose imported grades count)"
            raise ValueError(msg)
        if self.base_url is not None and self.model is None:
            msg = "a judge with a base_url needs a model"
            raise ValueError(msg)
        return self

    def for_panel(self, panel: PanelJudgeTable) -> "JudgeTable":
        """How a judge of the panel is asked: as the judge is, out of the same budget, elsewhere and at its own prices."""
        own = panel.model_dump(exclude={"name"})
        return self.model_copy(update={**own, "rater": panel.name})

    @property
    def rater_name(self) -> str:
        """Whose grades are the judge's."""
        name = self.rater or self.model
        assert name is not None  # noqa: S101 - the validator above refuses a table with neither
        return name
