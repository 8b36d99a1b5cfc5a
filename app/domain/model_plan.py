"""Which open models fit on which GPUs and what that costs: what is asked, and what is answered."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

import difflib
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.domain.catalogue import LicenceWord, Quantisation
from app.domain.estimate_models import Model, Money
from app.domain.toml_table import Name, PilotName

# SH's query has 2,000 tokens in and 500 out; TR's 4090 has its wall above 5 users at once.
DEFAULT_CONTEXT_TOKENS, DEFAULT_USERS, DEFAULT_OUTPUT_SHARE = 2_500, 5, 0.2
VolumeSource = Literal["measured", "given", "unknown"]


class ModelPlanQuestion(BaseModel):
    """What is asked.

    Attributes:
        gpus: Names of GPUs; none = only list those that are known.
        pilot: Whose measured tokens, context and peak are taken.
        tokens_per_month: Input and output, where no pilot is named.
        output_share: Of them generated.
        context_tokens: Of one request, asked and answered; default: the pilot's mean, else 2,500.
        users: Requests at once that one replica must have room for.
        most_gpus: Of one replica.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpus: Annotated[tuple[Name, ...], Field(max_length=10)] = ()
    pilot: PilotName | None = None
    tokens_per_month: Annotated[float | None, Field(gt=0, le=10**16, allow_inf_nan=False)] = None
    output_share: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = DEFAULT_OUTPUT_SHARE
    context_tokens: Annotated[int | None, Field(ge=1, le=10**8)] = None
    users: Annotated[int, Field(ge=1, le=100_000)] = DEFAULT_USERS
    most_gpus: Literal[1, 2, 4, 8] = 8

    @model_validator(mode="before")
    @classmethod
    def _known_names(cls, given: Any) -> Any:
        for name in given if isinstance(given, dict) else ():
            if name not in cls.model_fields:
                nearest = difflib.get_close_matches(str(name), cls.model_fields, n=1, cutoff=0.0)
                message = (
                    f"unknown parameter '{str(name)[:60]}'; did you mean '{nearest[0]}'? Known: {', '.join(cls.model_fields)}"
                )
                raise ValueError(message)
        return given


class PriceLine(Model):
    """What so many GPUs cost together in a month of 730 hours, as one source says."""

    gpus: int
    usd_per_month_low: Money
    usd_per_month_high: Money
    source: str
    as_of: str
    note: str | None = None


class GpuLine(Model):
    """A known GPU; `is_own`: it, or its price, is from the user's own file."""

    name: str
    memory_gb: float
    prices: list[PriceLine] = []
    is_own: bool = False


class VolumeModel(Model):
    """The volume that is priced; `words` says what each part of it rests on."""

    tokens_per_month: float | None = None
    input_tokens: float | None = None
    cached_input_tokens: float | None = None
    output_tokens: float | None = None
    requests_per_minute_peak: float | None = None
    concurrency_peak: float | None = None
    context_tokens: int
    users: int
    source: VolumeSource
    words: list[str] = []


class FitCost(Model):
    """A month of all replicas by one source's price; per million tokens where the volume is known."""

    usd_per_month_low: Money
    usd_per_month_high: Money
    usd_per_million_tokens_low: float | None = None
    usd_per_million_tokens_high: float | None = None
    source: str
    as_of: str
    words: str = ""


class FitLine(Model):
    """A model on whole GPUs of one kind.

    `kv_tokens`: tokens of context of all users together that one replica has room for; `users` with the given context each;
    None where the sizes of the model's KV cache are not known. `replicas_low`/`_high`: by the room for the measured peak, and
    by what the field says that one carries (`replicas_words`); a rehearsal measures it.
    """

    model: str
    gpu: str
    gpus: int
    quantisation: Quantisation
    weights_gb: float
    kv_gb: float
    kv_tokens: int | None = None
    users: int | None = None
    replicas_low: int = 1
    replicas_high: int = 1
    replicas_words: str = ""
    costs: list[FitCost] = []


class HostLine(Model):
    """Who serves the same model by the token, and what the volume costs there."""

    model: str
    vendor: str
    usd_per_month: Money
    source: str


class SaidLine(Model):
    """What one source says, and what speaks against it; never averaged with what another says."""

    about: str
    of: str
    says: str
    source: str
    as_of: str
    contradicts: str | None = None


class ModelLine(Model):
    """A model of the catalogue that fits on at least one of the GPUs.

    `quality` are others' figures on their own work, never a verdict; `hosting` is what the field says that running it costs.
    """

    name: str
    parameters_billion: float
    active_parameters_billion: float | None = None
    licence: str
    licence_kind: LicenceWord
    licence_words: str
    source: str
    as_of: str
    note: str | None = None
    is_own: bool = False
    quality: list[SaidLine] = []
    hosting: list[SaidLine] = []
    hosts: list[HostLine] = []


class ModelPlanAnswer(Model):
    """What fits, what it costs, and where the field contradicts itself."""

    gpus: list[GpuLine]
    volume: VolumeModel | None = None
    models: list[ModelLine] = []
    fits: list[FitLine] = []
    does_not_fit: dict[str, list[str]] = {}
    contradictions: list[SaidLine] = []
    notes: list[str] = []
