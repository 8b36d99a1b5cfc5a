"""Labels by people: the next pair, an answer, export and import, how far it is."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies import RawBody, text_body
from app.api.dependencies import Labeller, Operator, ServicesDep, Viewer, permitted
from app.domain.estimate_models import EstimateModel
from app.domain.labelling import Answer, Queue
from app.domain.words import Role
from app.pipeline.labelling.answering import MAX_REASON, Desk, GivenAnswer, Progress, Task
from app.pipeline.labelling.blind import MAX_TOKEN_LENGTH, Spoken
from app.pipeline.labelling.exporting import export_made, export_queue
from app.pipeline.labelling.importing import import_labels
from app.pipeline.labelling.lines import LabelFormat
from app.pipeline.labelling.summary import CandidateLabels, DrawnCounts, summary_of

router = APIRouter(prefix="/pilots/{name}/labels", tags=["labels"])
FILE = text_body("application/jsonl", "One label or answered pair a line; CSV with `format=csv`.")
TYPES = {LabelFormat.JSONL: "application/jsonl", LabelFormat.CSV: "text/csv"}
CONTENT = {media_type: {"schema": {"type": "string"}} for media_type in TYPES.values()}


def desk_of(request: Request) -> Desk:
    """The desk of the process that answers."""
    found = request.app.state.desk
    assert isinstance(found, Desk)  # noqa: S101 - make_api puts it there
    return found


DeskDep = Annotated[Desk, Depends(desk_of)]
QueueQuery = Annotated[Queue, Query(description="`drawn` enters inference, `uncertain` never does.")]
CandidateQuery = Annotated[str | None, Query(description="Of one candidate only; default: of all, told apart by nobody.")]


class SpokenBody(BaseModel):
    """A message or a reply: its text and its tool calls as canonical JSON."""

    role: str
    text: str
    tool_calls: list[str]


class DayBody(BaseModel):
    """One day's pairs."""

    day: int
    answered: int
    pairs: int


class ProgressBody(BaseModel):
    """How far a queue is; `made` = by the one who asks, skips included."""

    made: int
    made_today: int
    left: int
    left_today: int
    per_day: int
    without_text: int = Field(description="Pairs that cannot be shown: their texts are not kept (any more).")
    days: list[DayBody]


class TaskBody(BaseModel):
    """The next pair, blind; `token` null = there is none. Nothing in it says whose reply is the first."""

    queue: Queue
    token: str | None
    day: int | None
    segment: str | None
    messages: list[SpokenBody]
    first: SpokenBody | None
    second: SpokenBody | None
    progress: ProgressBody


class NewLabel(BaseModel):
    """An answer to a pair: which reply is better, by the order in which they were shown."""

    model_config = ConfigDict(extra="forbid")

    token: str = Field(max_length=MAX_TOKEN_LENGTH)
    answer: Answer
    reason: str | None = Field(default=None, max_length=MAX_REASON, description="Needed for `skip`; a remark on all others.")
    critical_first: bool = Field(default=False, description="The reply shown first must never happen.")
    critical_second: bool = False


class StoredBody(BaseModel):
    """That an answer is stored; what it means for whom is not said, so that the next one is blind, too."""

    token: str
    answer: Answer
    at: datetime


class TakenBackBody(BaseModel):
    """The pair whose answer was taken back; null = there was none."""

    token: str | None


class CountsBody(BaseModel):
    """Drawn pairs that need a person: `drawn` = `labelled` + `skipped` + `missing`."""

    drawn: int
    labelled: int
    skipped: int
    missing: int
    without_text: int


class SegmentLabelsBody(CountsBody):
    """One segment's."""

    label_probability: float


class RaterBody(BaseModel):
    """What one person did."""

    labelled: int
    skipped: int
    drawn: int = Field(description="How many of both are on drawn pairs.")


class CandidateLabelsBody(CountsBody):
    """One candidate's labels."""

    by_rule: int = Field(description="Drawn pairs that a rule decides: nobody has to look at them.")
    undecided: int = Field(description="Drawn pairs that nobody has looked at yet: a rule may decide them.")
    usable: int = Field(description="Pairs with an answer that has a draw probability.")
    uncertain: dict[str, int]
    segments: dict[str, SegmentLabelsBody]
    raters: dict[str, RaterBody]
    rater_agreement: EstimateModel = Field(description="Krippendorff's alpha over pairs with several answers.")


class LabelSummaryBody(BaseModel):
    """How far the labelling of a pilot is."""

    pilot: str
    registered: bool = Field(description="Before `pilot start` nobody is drawn.")
    closed_days: int
    per_day: int
    raters_per_pair: int
    candidates: dict[str, CandidateLabelsBody]


class LabelsImportBody(BaseModel):
    """What an import did: lines = new + unchanged + merged + unanswered."""

    lines: int
    new: int
    unchanged: int
    merged: int
    unanswered: int


@router.get("")
def read_label_summary(_: Viewer, desk: DeskDep, name: str) -> LabelSummaryBody:
    """What of the drawn pairs is labelled, skipped and missing, by segment and rater."""
    found = summary_of(desk.queues, name)
    return LabelSummaryBody(
        pilot=found.pilot,
        registered=found.is_registered,
        closed_days=found.closed_days,
        per_day=found.per_day,
        raters_per_pair=found.raters_per_pair,
        candidates={each.candidate: _candidate(each) for each in found.candidates},
    )


@router.get("/next")
def read_next_pair(
    who: Labeller, desk: DeskDep, name: str, queue: QueueQuery = Queue.DRAWN, candidate: CandidateQuery = None
) -> TaskBody:
    """The next pair that the one who asks has not answered, the oldest unfinished day first."""
    return _task(desk.next_task(name, who.name, queue, candidate=candidate))


@router.post("", status_code=201)
def add_label(who: Labeller, desk: DeskDep, name: str, new: NewLabel) -> StoredBody:
    """Stores an answer; another one to the same pair counts instead of it, and the audit log keeps the first."""
    label = desk.answer(name, who.name, GivenAnswer(**new.model_dump()))
    return StoredBody(token=new.token, answer=new.answer, at=label.at)


@router.post("/undo")
def undo_label(who: Labeller, desk: DeskDep, name: str) -> TakenBackBody:
    """Takes the last answer of the one who asks back; the audit log keeps it."""
    taken = desk.take_back(name, who.name)
    return TakenBackBody(token=taken.token if taken is not None else None)


@router.get("/export", response_class=StreamingResponse, responses={200: {"content": CONTENT}})
def export_labels(
    services: ServicesDep,
    who: Labeller,
    desk: DeskDep,
    name: str,
    queue: Annotated[str, Query(pattern="^(made|drawn|uncertain)$")] = "made",
    format_: Annotated[LabelFormat, Query(alias="format")] = LabelFormat.JSONL,
    candidate: CandidateQuery = None,
    rater: Annotated[str, Query(max_length=200, description="Who will answer an exported queue.")] = "",
) -> StreamingResponse:
    """All labels made (for operators), or the open pairs of a queue, blind, to be answered elsewhere."""
    if queue == "made":
        permitted(who, Role.OPERATOR)
        lines = export_made(services.session_factory, name, format_)
    else:
        lines = export_queue(desk, name, Queue(queue), format_, by=who.name, candidate=candidate, rater=rater)
    headers = {"Content-Disposition": f'attachment; filename="labels.{format_.value}"', "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_begun(lines), media_type=TYPES[format_], headers=headers)


@router.post("/import", openapi_extra=FILE)
def import_label_file(
    services: ServicesDep,
    who: Operator,
    desk: DeskDep,
    name: str,
    text: RawBody,
    format_: Annotated[LabelFormat, Query(alias="format")] = LabelFormat.JSONL,
    rater: Annotated[
        str | None, Query(min_length=1, max_length=200, description="Who answered, where a line is silent.")
    ] = None,
) -> LabelsImportBody:
    """Stores all labels of a file, or none and names every line that is wrong; the same file again changes nothing."""
    done = import_labels(
        services.session_factory, name, text, who.name, sealing=desk.sealing, form=format_, rater=rater
    )  # fmt: skip
    return LabelsImportBody(**asdict(done))


def _begun(lines: Iterator[str]) -> Iterator[str]:
    """The same lines; what is wrong with the question is found out before the answer begins."""
    first = next(lines, "")
    return _after(first, lines)


def _after(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _task(task: Task) -> TaskBody:
    pair = task.pair
    return TaskBody(
        queue=task.queue,
        token=task.token,
        day=task.day,
        segment=task.segment,
        messages=[_spoken(message) for message in pair.messages] if pair is not None else [],
        first=_spoken(pair.first) if pair is not None else None,
        second=_spoken(pair.second) if pair is not None else None,
        progress=_progress(task.progress),
    )


def _spoken(spoken: Spoken) -> SpokenBody:
    return SpokenBody(role=spoken.role, text=spoken.text, tool_calls=list(spoken.tool_calls))


def _progress(progress: Progress) -> ProgressBody:
    days = [DayBody(**asdict(day)) for day in progress.days]
    facts = {name: value for name, value in asdict(progress).items() if name != "days"}
    return ProgressBody(**facts, left_today=progress.left_today, days=days)


def _counts(counts: DrawnCounts) -> dict[str, int]:
    return asdict(counts)


def _candidate(found: CandidateLabels) -> CandidateLabelsBody:
    return CandidateLabelsBody(
        **_counts(found.counts),
        by_rule=found.by_rule,
        undecided=found.undecided,
        usable=found.usable,
        uncertain=found.uncertain,
        segments={
            each.segment: SegmentLabelsBody(**_counts(each.counts), label_probability=each.label_probability)
            for each in found.segments
        },
        raters={each.rater: RaterBody(labelled=each.labelled, skipped=each.skipped, drawn=each.drawn) for each in found.raters},
        rater_agreement=EstimateModel.of(found.agreement),
    )
