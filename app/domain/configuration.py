"""What `pilot.toml` says (CONTRACTS section 3), as frozen values with the promised defaults.

A value that has no promised default is `None` when it is not given: unknown, never a guess.
"""

from datetime import date
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from app.domain.check_table import MAX_OWN_CHECKS, CheckTable, check_names
from app.domain.constraints_table import ConstraintsTable
from app.domain.grader_names import compares_with_incumbent, name_problem
from app.domain.judge_table import JudgeTable, PanelJudgeTable
from app.domain.money_table import MOST_OPTIONS, CapacityTable, CostTable, OptionTable
from app.domain.notify_table import AlertsTable, NotifyTable, ReportTable
from app.domain.rubric_table import MAX_RUBRICS, PREFIX, RubricTable, check_rubrics, is_rubric
from app.domain.toml_table import (
    BoundedPattern,
    ContentLevel,
    EnvironmentName,
    Language,
    Margin,
    MetricsUrl,
    Name,
    OptionalText,
    Pattern,
    PilotName,
    PlaceholderName,
    Rate,
    Seconds,
    Server,
    Table,
    Text,
    TokenPrices,
    Url,
    Usd,
    VendorPrices,
    at,
)
from app.domain.words import OTHER_SEGMENT, ArmRole

ALLOWED = (
    "judge",
    f"{PREFIX}NAME",
    "json_fields",
    "tool_calls",
    "exact",
    "label",
    "python:module:function",
    "autoevals:SCORER",
)
RESERVED_ARM_NAMES = frozenset({ArmRole.INCUMBENT.value, ArmRole.CONTROL.value})


class PilotTable(Table):
    """`[pilot]`; `starts` None = the day of the oldest exchange imported before the start, else that of the start."""

    name: PilotName
    starts: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))] | None = None
    days: int = Field(default=28, ge=14, le=42)
    timezone: str = "UTC"
    planned_conversations: int = Field(default=1400, ge=1, le=10**9)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            msg = f"no time zone {value!r}; allowed: IANA names such as 'UTC' or 'Europe/Berlin'"
            raise ValueError(msg) from None
        return value


class DecisionTable(Table):
    """`[decision]`: why one would leave; the saving gate is required only for `cost`."""

    reason: Literal["cost", "privacy", "latency", "control"] = "cost"


class IncumbentTable(VendorPrices):
    """`[incumbent]`: the API that production uses today."""

    base_url: Url
    model: Text
    family: OptionalText = None
    api_key_env: EnvironmentName = ""


class CandidateTable(TokenPrices):
    """`[[candidate]]`: a model that could replace the incumbent."""

    name: Name
    base_url: Url
    model: Text
    server: Server = "openai"
    family: OptionalText = None
    license: OptionalText = None
    license_reviewed: bool = False
    api_key_env: EnvironmentName = ""
    timeout_seconds: Seconds = 120.0
    max_concurrency: int = Field(default=64, ge=1, le=10_000)
    gpu_usd_per_hour: Usd | None = None
    gpus_per_replica: int = Field(default=1, ge=1)
    replicas: int = Field(default=1, ge=1)
    strip_think: bool = False
    metrics_url: MetricsUrl | None = None
    repeat_rate: Rate = 0.01

    @field_validator("name")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in RESERVED_ARM_NAMES:
            msg = f"{value!r} is the name of another arm; choose another name"
            raise ValueError(msg)
        return value


class ControlTable(Table):
    """`[control]`: share of conversations for which the incumbent is asked again."""

    rate: Rate = 0.0


class SamplingTable(Table):
    """`[sampling]`: share of conversations that take part."""

    rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1.0


class MirrorTable(Table):
    """`[mirror]`: what asking the candidates and the control arm may cost; `None` = no bound."""

    budget_usd: Usd | None = None


class PatternTable(Table):
    """One of the operator's own patterns: what it finds becomes `[NAME:…]`."""

    name: PlaceholderName
    pattern: BoundedPattern


class ContentTable(Table):
    """`[content]`: how much text is kept, what is masked, and what the candidate sees (docs/privacy.md).

    Attributes:
        engine: `rules` = our own; `presidio` = Microsoft Presidio's findings besides.
        language: The language that Presidio is told.
        audit_reads: Whether each look at a text is noted in the audit log.
        retention_days: Texts are removed so many days after their arrival; `None` = they stay until somebody removes them.
    """

    level: ContentLevel = "full"
    candidate_sees: Literal["raw", "masked"] = "raw"
    patterns: Annotated[tuple[PatternTable, ...], Field(max_length=50)] = ()
    engine: Literal["rules", "presidio"] = "rules"
    language: Language = "en"
    audit_reads: bool = False
    retention_days: Annotated[int, Field(ge=1, le=3650)] | None = None

    @model_validator(mode="after")
    def _pattern_names_differ(self) -> Self:
        names = [pattern.name.upper() for pattern in self.patterns]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            again = len(names) - 1 - names[::-1].index(twice[0])
            raise at("patterns", again, "name", message=f"two patterns have the name '{twice[0]}'", code="twice")
        return self


class SegmentMatch(Table):
    """`match` of a segment: each given part must fit (`header` equals, the others are regular expressions)."""

    header: Text | None = None
    path: Pattern | None = None
    model: Pattern | None = None
    system_prompt: Pattern | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.header is self.path is self.model is self.system_prompt is None:
            msg = "give header, path, model or system_prompt; an empty match would take everything"
            raise ValueError(msg)
        return self


class SegmentTable(Table):
    """`[[segment]]`: a kind of work, named before the pilot starts."""

    name: Name
    match: SegmentMatch | None = None
    margin: Margin | None = None
    content: ContentLevel | None = None
    grader: str = "judge"
    incumbent_is_reference: bool = False

    @field_validator("name")
    @classmethod
    def _not_other(cls, value: str) -> str:
        if value == OTHER_SEGMENT:
            msg = "'other' is the segment of all that no [[segment]] matches; choose another name"
            raise ValueError(msg)
        return value

    @field_validator("grader")
    @classmethod
    def _known_grader(cls, value: str) -> str:
        problem = None if value == "judge" or (is_rubric(value) and value != PREFIX) else name_problem(value)
        if problem is not None:
            msg = f"{problem}; allowed: {', '.join(ALLOWED)}"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _reference_needed(self) -> Self:
        if compares_with_incumbent(self.grader) and not self.incumbent_is_reference:
            msg = f"grader '{self.grader}' compares with the incumbent: it needs incumbent_is_reference = true"
            raise at("grader", message=msg, code="reference_needed")
        return self


class QualityTable(Table):
    """`[quality]`: how much worse than the incumbent is still good enough."""

    margin: Margin = 0.05


class LabelsTable(Table):
    """`[labels]`: how many pairs a day people look at, and how many of them at each pair."""

    per_day: int = Field(default=15, ge=0)
    raters_per_pair: int = Field(default=1, ge=1, le=20)


class LatencyTable(Table):
    """`[latency]`: the service level that the candidate must keep."""

    ttft_any_p95_seconds: Seconds | None = None
    total_p95_seconds: Seconds | None = None
    accept_imported: bool = False

    @model_validator(mode="after")
    def _one_objective(self) -> Self:
        if self.ttft_any_p95_seconds is None and self.total_p95_seconds is None:
            msg = "give ttft_any_p95_seconds, total_p95_seconds or both; or leave out [latency]"
            raise ValueError(msg)
        return self


class ReliabilityTable(Table):
    """`[reliability]`: how often the candidate may fail."""

    max_failure_rate: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class PilotConfiguration(Table):
    """All of `pilot.toml`; absent optional tables are `None`, which makes their gate `not_required` or unknown."""

    pilot: PilotTable
    decision: DecisionTable = DecisionTable()
    incumbent: IncumbentTable
    candidate: tuple[CandidateTable, ...] = Field(min_length=1)
    control: ControlTable = ControlTable()
    sampling: SamplingTable = SamplingTable()
    mirror: MirrorTable = MirrorTable()
    content: ContentTable = ContentTable()
    segment: tuple[SegmentTable, ...] = ()
    quality: QualityTable = QualityTable()
    judge: JudgeTable | None = None
    judge_panel: tuple[PanelJudgeTable, ...] = ()
    rubric: tuple[RubricTable, ...] = Field(default=(), max_length=MAX_RUBRICS)
    check: tuple[CheckTable, ...] = Field(default=(), max_length=MAX_OWN_CHECKS)
    labels: LabelsTable = LabelsTable()
    latency: LatencyTable | None = None
    reliability: ReliabilityTable | None = None
    cost: CostTable | None = None
    capacity: CapacityTable = CapacityTable()
    option: tuple[OptionTable, ...] = Field(default=(), max_length=MOST_OPTIONS)
    constraints: ConstraintsTable | None = None
    notify: NotifyTable = NotifyTable()
    alerts: AlertsTable = AlertsTable()
    report: ReportTable = ReportTable()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        for what, names in (
            ("candidate", [c.name for c in self.candidate]),
            ("segment", [s.name for s in self.segment]),
            ("option", [o.name for o in self.option]),
            ("judge_panel", [p.name for p in self.judge_panel]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                again = len(names) - 1 - names[::-1].index(twice[0])
                raise at(what, again, "name", message=f"two [[{what}]] tables have the name '{twice[0]}'", code="twice")
        return self

    @model_validator(mode="after")
    def _checks_are_told_apart(self) -> Self:
        check_names(self.check, [*(table.name for table in self.segment), OTHER_SEGMENT])
        return self

    @model_validator(mode="after")
    def _rubrics_are_there(self) -> Self:
        check_rubrics(self.rubric, [segment.grader for segment in self.segment])
        return self

    @model_validator(mode="after")
    def _control_needs_a_key(self) -> Self:
        if self.control.rate > 0 and not self.incumbent.api_key_env:
            msg = "control.rate > 0 asks the incumbent again: it needs incumbent.api_key_env"
            raise at("control", "rate", message=msg, code="control_needs_key")
        return self

    def candidate_named(self, name: str) -> CandidateTable:
        """The candidate of that name; `KeyError` if there is none."""
        return {c.name: c for c in self.candidate}[name]

    def segment_named(self, name: str) -> SegmentTable | None:
        """The registered segment of that name; `None` for `other`."""
        return {s.name: s for s in self.segment}.get(name)

    def margin_of(self, segment: str | None) -> float:
        """The margin of a segment, or of the whole pilot for `None`, `other` and segments without their own."""
        table = self.segment_named(segment) if segment is not None else None
        return table.margin if table is not None and table.margin is not None else self.quality.margin

    def grader_of(self, segment: str) -> str:
        """Which grader decides the pairs of a segment; `other` is judged."""
        table = self.segment_named(segment)
        return table.grader if table is not None else "judge"

    def is_reference(self, segment: str) -> bool:
        """Whether the incumbent counts as right in a segment."""
        table = self.segment_named(segment)
        return table is not None and table.incumbent_is_reference
