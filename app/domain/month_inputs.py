"""The inputs of the month's formula as a scorecard keeps them: enough to compute both arms again without evidence."""

# Pydantic copies mutable defaults.
# ruff: noqa: RUF012

from decimal import Decimal
from typing import Literal

from app.domain.estimate_models import Model

TokenKind = Literal["input", "cached input", "cache write", "audio input", "output", "audio output"]
# In the order in which prices are kept.
TOKEN_KINDS: tuple[TokenKind, ...] = ("input", "cached input", "cache write", "audio input", "output", "audio output")


class TokenLine(Model):
    """Tokens of one kind at one price, of a month at the measured volume.

    Attributes:
        model: As the replies name it.
        tier: The service tier that the replies name; "" = none.
        above_input_tokens: The price is that of requests whose input is longer than this; 0 = the ordinary one.
        kind: Cached, written and audio tokens are no part of `input`, spoken ones no part of `output`.
        tokens_per_month: Weighted; replies without counts are taken to be like the others.
        usd_per_million_tokens: `None` = nobody knows it.
        source: Where the price comes from.
    """

    model: str
    tier: str = ""
    above_input_tokens: int = 0
    kind: TokenKind
    tokens_per_month: Decimal
    usd_per_million_tokens: Decimal | None = None
    source: str = ""


class ReplicaStep(Model):
    """The largest volume that so many replicas carry, spare ones among them; the measured volume is 1."""

    volume: float
    replicas: int


class SpreadModel(Model):
    """How far the measured inputs may be off, as the draws were made: coefficients of variation; 0 = known."""

    incumbent: float = 0.0
    candidate: float = 0.0
    correlation: float = 0.0
    carrying: float = 0.0
    upkeep_sigma: float = 0.0


class MonthInputs(Model):
    """What goes into the month of both arms at the measured volume; `None` = nobody knows or said it.

    Attributes:
        requests_per_month: Production requests.
        incumbent_tokens: All tokens that the incumbent bills, by model, tier, kind and price.
        incumbent_lack: Why they are too few to speak for all; "" = they are enough.
        candidate_tokens: The same of a candidate that is paid by the token.
        candidate_lack: As for the incumbent.
        is_paid_by_token: Else GPUs are rented.
        gpu_usd_per_hour: Rent of one GPU.
        gpus_per_replica: As configured.
        least_replicas: Never fewer are rented.
        steps: What replicas carry; none = nobody measured it, and `least_replicas` serve any volume.
        spare_replicas: That many of each step's replicas may fail.
        upkeep_hours_per_month: Engineering hours that come again.
        is_upkeep_logged: They come from logged hours; else somebody said them, or nobody did and they count as none.
        upgrade_hours_per_month: `None` = nobody said; they count as none.
        one_off_hours: All that come once: logged, and still to come.
        engineer_usd_per_hour: What an hour costs.
        other_usd_per_month: Storage, network, monitoring, backups.
        horizon_months: Over so many months one-off hours are spread.
        spread: Of the draws.
    """

    requests_per_month: Decimal | None = None
    incumbent_tokens: list[TokenLine] = []
    incumbent_lack: str = ""
    candidate_tokens: list[TokenLine] = []
    candidate_lack: str = ""
    is_paid_by_token: bool = False
    gpu_usd_per_hour: Decimal | None = None
    gpus_per_replica: int = 1
    least_replicas: int = 1
    steps: list[ReplicaStep] = []
    spare_replicas: int = 0
    upkeep_hours_per_month: Decimal | None = None
    is_upkeep_logged: bool = False
    upgrade_hours_per_month: Decimal | None = None
    one_off_hours: Decimal = Decimal(0)
    engineer_usd_per_hour: Decimal | None = None
    other_usd_per_month: Decimal | None = None
    horizon_months: int = 24
    spread: SpreadModel = SpreadModel()
