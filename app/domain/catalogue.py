"""What the catalogue of open models and GPUs is made of: one source and one date a line, contradictions flagged."""

import re
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from app.domain.toml_table import Name, OptionalText, Table, Text, Usd, at

LicenceWord: TypeAlias = Literal["permissive", "community", "revenue_threshold", "non_commercial"]
Quantisation: TypeAlias = Literal["fp16", "int8", "int4"]
About: TypeAlias = Literal["licence", "memory", "fit", "quality", "throughput", "price", "parameters"]
Gpus: TypeAlias = Annotated[int, Field(ge=1, le=8)]
_DAY = re.compile(r"20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
HOURS_PER_MONTH = Decimal(730)


def _as_of(value: str) -> str:
    if not _DAY.fullmatch(value):
        message = "must be a year, a month or a day in quotes, such as '2026', '2026-11' or '2026-11-02'"
        raise ValueError(message)
    return value


AsOf = Annotated[str, AfterValidator(_as_of)]


class CatalogueLine(Table):
    """What every line says of itself: where it is from and of when; `contradicts` = what speaks against it."""

    source: Text
    as_of: AsOf
    note: OptionalText = None
    contradicts: OptionalText = None


class SourceLine(Table):
    """A source by its short name."""

    key: Name
    title: Text
    as_of: AsOf


class NamedLine(CatalogueLine):
    """A thing of the catalogue; `names` are other exact names of it."""

    name: Name
    names: tuple[Name, ...] = ()

    @property
    def every_name(self) -> frozenset[str]:
        """Its exact names, in lower case."""
        return frozenset(name.lower() for name in (self.name, *self.names))


class CatalogueModel(NamedLine):
    """An open model; `names` are those under which it is served.

    Attributes:
        parameters_billion: All of them: all must lie in memory.
        active_parameters_billion: Those that work on one token, of a mixture of experts.
        released_in: How exact the weights are that were released; more exact ones do not exist.
        licence: As its text calls itself.
        licence_kind: What that licence is.
        layers: Those that keep a KV cache.
        kv_heads: Heads of keys and values in each.
        head_size: Values of one head.
        cached_values_per_layer: Instead of heads, where the cache is compressed.
        context_tokens: The longest context.
    """

    family: Name
    parameters_billion: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
    active_parameters_billion: Annotated[float | None, Field(gt=0, le=100_000, allow_inf_nan=False)] = None
    released_in: Quantisation = "fp16"
    licence: Text
    licence_kind: LicenceWord
    layers: Annotated[int | None, Field(ge=1, le=10_000)] = None
    kv_heads: Annotated[int | None, Field(ge=1, le=10_000)] = None
    head_size: Annotated[int | None, Field(ge=1, le=100_000)] = None
    cached_values_per_layer: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    context_tokens: Annotated[int | None, Field(ge=1, le=1_000_000_000)] = None

    @property
    def kv_bytes_per_token(self) -> int | None:
        """Two bytes for each cached value of each layer; `None` where the sizes are not known."""
        if self.layers is None:
            return None
        if self.cached_values_per_layer is not None:
            return self.layers * self.cached_values_per_layer * 2
        if self.kv_heads is None or self.head_size is None:
            return None
        return 2 * self.layers * self.kv_heads * self.head_size * 2

    @model_validator(mode="after")
    def _active_are_a_part(self) -> Self:
        if self.active_parameters_billion is not None and self.active_parameters_billion > self.parameters_billion:
            message = f"must be at most parameters_billion ({self.parameters_billion:g})"
            raise at("active_parameters_billion", message=message, code="value")
        return self


class CatalogueGpu(NamedLine):
    """A GPU."""

    memory_gb: Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


class GpuPrice(CatalogueLine):
    """What so many GPUs of a kind cost together, an hour each or a month in all."""

    gpu: Name
    gpus: Gpus = 1
    usd_per_hour_low: Usd | None = None
    usd_per_hour_high: Usd | None = None
    usd_per_month_low: Usd | None = None
    usd_per_month_high: Usd | None = None

    @model_validator(mode="after")
    def _one_range(self) -> Self:
        hour, month = (self.usd_per_hour_low, self.usd_per_hour_high), (self.usd_per_month_low, self.usd_per_month_high)
        given = [pair for pair in (hour, month) if pair != (None, None)]
        if len(given) != 1 or None in given[0]:
            message = "give usd_per_hour_low and usd_per_hour_high, or usd_per_month_low and usd_per_month_high"
            raise at("gpu", message=message, code="missing")
        low, high = given[0]
        if low is not None and high is not None and low > high:
            message = f"the low end {low} must not be above the high end {high}"
            raise at("usd_per_hour_high" if hour == given[0] else "usd_per_month_high", message=message, code="value")
        return self

    @property
    def usd_per_month(self) -> tuple[Decimal, Decimal]:
        """Low and high end of a month of 730 hours, for all `gpus` together."""
        if self.usd_per_hour_low is not None and self.usd_per_hour_high is not None:
            hours = self.gpus * HOURS_PER_MONTH
            return self.usd_per_hour_low * hours, self.usd_per_hour_high * hours
        return self.usd_per_month_low or Decimal(0), self.usd_per_month_high or Decimal(0)


class Claim(CatalogueLine):
    """What a source says of a model or of a GPU, in its own words, with the numbers that can be compared."""

    about: About
    model: OptionalText = None
    gpu: OptionalText = None
    gpus: Gpus | None = None
    quantisation: Quantisation | None = None
    says: Text
    gb_low: Annotated[float | None, Field(gt=0, le=100_000, allow_inf_nan=False)] = None
    gb_high: Annotated[float | None, Field(gt=0, le=100_000, allow_inf_nan=False)] = None
    requests_per_minute_low: Annotated[float | None, Field(gt=0, le=10**9, allow_inf_nan=False)] = None
    requests_per_minute_high: Annotated[float | None, Field(gt=0, le=10**9, allow_inf_nan=False)] = None
    usd_per_month_low: Usd | None = None
    usd_per_month_high: Usd | None = None

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if self.model is None and self.gpu is None:
            raise at("model", message="a claim is about a model or a gpu: give one of them", code="missing")
        return self


class CatalogueFile(Table):
    """One file of the catalogue; any of its tables may be left out."""

    source: tuple[SourceLine, ...] = ()
    model: tuple[CatalogueModel, ...] = ()
    gpu: tuple[CatalogueGpu, ...] = ()
    price: tuple[GpuPrice, ...] = ()
    claim: tuple[Claim, ...] = ()
