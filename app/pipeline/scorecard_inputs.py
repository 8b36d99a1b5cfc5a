"""What a scorecard is made of, read in one transaction, and the hash of all of it but the evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from app.domain.epochs import ModelSighting
from app.domain.evidence import Evidence, Numbers
from app.domain.findings import FindingColumns
from app.domain.hours import HoursEntry
from app.domain.invoices import InvoiceLine
from app.domain.judge_sample import JudgeShare
from app.domain.ledger import LiveLedger
from app.domain.pilot import DAY, ConfigurationChange, Pilot, Registration
from app.domain.rehearsal import RehearsalModel
from app.domain.serving import ServingMark, ServingSeen
from app.pipeline.closing import NOT_LIVE, days_over
from app.pipeline.confusions import labelling_graders
from app.pipeline.freshness import inputs_hash
from app.pipeline.invoices import invoice_lines
from app.pipeline.rehearsal_present import present_rehearsals
from app.pipeline.rubric_figures import Scores, rubrics_in_use
from app.pipeline.settlement import judge_of
from app.statistics.prediction_powered import PATIENCE_DAYS
from app.store.confusions import LabelCount, count_labels
from app.store.cut_grades import read_cuts
from app.store.evidence import Spend, read_evidence, read_spend
from app.store.findings import read_findings
from app.store.gradings import waits_for
from app.store.hours import list_hours
from app.store.judge_money import SpendLine, paid_grades, spend_lines
from app.store.judge_shares import read_shares
from app.store.live_ledger import read_ledger
from app.store.model_sightings import sightings_of
from app.store.pilots import get_pilot
from app.store.registrations import changes_of, registration_of
from app.store.rubric_columns import WantedScores, read_scores_as_columns
from app.store.server_metrics import mark_serving, read_serving


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Inputs:
    """All that a scorecard is made of beside the evidence, read in one transaction."""

    pilot: Pilot
    hours: Sequence[HoursEntry]
    spend: Spend
    registration: Registration | None
    changes: Sequence[ConfigurationChange]
    ledger: LiveLedger = NOT_LIVE
    sightings: Sequence[ModelSighting] = ()
    judge_shares: Sequence[JudgeShare] = ()
    judge_spend: Sequence[SpendLine] = ()
    judge_waits_for: str = ""
    serving: ServingMark = field(default_factory=ServingMark)
    rehearsals: Mapping[str, RehearsalModel] = field(default_factory=dict)
    invoices: Sequence[InvoiceLine] = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Stored(Inputs):
    """The same with the evidence."""

    evidence: Evidence
    paid_grades: int = 0
    cuts: Mapping[str, Numbers] = field(default_factory=dict)
    confusions: Sequence[LabelCount] = ()
    findings: Mapping[str, FindingColumns] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)
    served: Mapping[str, ServingSeen] = field(default_factory=dict)


def inputs_hash_of(inputs: Inputs, now: datetime) -> str:
    """SHA-256 of the inputs and of the days that are over; when something was seen last is no part of it."""
    ledger = replace(inputs.ledger, watermark_at=None, last_seen_at=None)
    named = {field.name: getattr(inputs, field.name) for field in fields(Inputs)} | {"ledger": ledger}
    return inputs_hash(named, days_over=days_over(inputs.pilot, inputs.ledger, now=now) + patience(inputs.pilot, now))


def read_inputs(session: Session, pilot_name: str, *, as_of: datetime | None, now: datetime) -> Inputs:
    """Reads everything but the evidence; hours and money by the same moment as the evidence."""
    pilot = get_pilot(session, pilot_name)
    zone = ZoneInfo(pilot.configuration.pilot.timezone)
    until = as_of.astimezone(zone).date() if as_of is not None else None
    judge = judge_of(pilot.configuration)
    ledger = read_ledger(session, pilot, now=now, as_of=as_of)
    return Inputs(
        pilot=pilot,
        hours=list_hours(session, pilot.id, until=until),
        spend=read_spend(session, pilot.id, as_of=as_of),
        registration=registration_of(session, pilot.id),
        changes=changes_of(session, pilot.id),
        ledger=ledger,
        sightings=[seen for seen in sightings_of(session, pilot.id) if as_of is None or seen.at <= as_of],
        judge_shares=read_shares(session, pilot.id, judge.version) if judge is not None and judge.version else (),
        judge_spend=spend_lines(session, pilot.id, as_of=as_of),
        judge_waits_for=waits_for(session, pilot.id) if as_of is None else "",
        serving=mark_serving(session, pilot.id, until=_end_of_days(pilot, ledger, now, as_of)),
        invoices=invoice_lines(session, pilot),
        rehearsals=present_rehearsals(session, pilot, as_of=as_of),
    )


def read_stored(session: Session, pilot_name: str, *, as_of: datetime | None, now: datetime | None = None) -> Stored:
    """Reads everything."""
    moment = now or datetime.now(UTC)
    inputs = read_inputs(session, pilot_name, as_of=as_of, now=moment)
    named = {field.name: getattr(inputs, field.name) for field in fields(Inputs)}
    evidence = read_evidence(session, inputs.pilot, as_of=as_of)
    arms = {arm.name: arm.id for arm in (inputs.pilot.incumbent, *inputs.pilot.candidates)}
    found = read_findings(session, inputs.pilot.id, arms, evidence.exchanges.ids)
    graders = labelling_graders(inputs.pilot.configuration)
    labels = count_labels(session, inputs.pilot.id, graders, starts=inputs.pilot.starts_at, as_of=as_of)
    judge = judge_of(inputs.pilot.configuration)
    cut = read_cuts(session, inputs.pilot.id, judge.version if judge is not None else None, as_of=as_of)
    cuts = {arm.name: cut[arm.id] for arm in inputs.pilot.candidates if arm.id in cut}
    paid = paid_grades(session, inputs.pilot.id, as_of=as_of)
    scores = _scores(session, inputs.pilot, evidence, as_of)
    until = _end_of_days(inputs.pilot, inputs.ledger, moment, as_of)
    served = read_serving(session, inputs.pilot.id, {arm.name: arm.id for arm in inputs.pilot.candidates}, until=until)
    return Stored(
        evidence=evidence, cuts=cuts, findings=found, confusions=labels, paid_grades=paid, scores=scores, served=served, **named
    )


def _scores(session: Session, pilot: Pilot, evidence: Evidence, as_of: datetime | None) -> Scores:
    """Scores of every rubric in use, of the incumbent and the candidates; nothing is read where there is none."""
    judge = judge_of(pilot.configuration)
    uses = rubrics_in_use(pilot.configuration) if judge is not None else {}
    wanted = [
        WantedScores(grader, use.version or "", judge.rater if judge is not None else "", len(use.rubric.criteria))
        for grader, use in uses.items()
    ]
    return {
        (each.grader, arm.name): read_scores_as_columns(session, pilot.id, arm.id, each, evidence.exchanges.ids, as_of=as_of)
        for each in wanted
        for arm in (pilot.incumbent, *pilot.candidates)
    }


def _end_of_days(pilot: Pilot, ledger: LiveLedger, now: datetime, as_of: datetime | None) -> datetime | None:
    """The end of the last day that is over: within a day nothing that servers say makes a scorecard another one."""
    over = days_over(pilot, ledger, now=now, as_of=as_of)
    return pilot.starts_at + over * DAY if pilot.starts_at is not None and over else None


def days_since(pilot: Pilot, moment: datetime) -> int:
    """How many whole days of the pilot are over; answers of people come in after its window, too."""
    return max(0, (moment - pilot.starts_at) // DAY) if pilot.starts_at is not None else 0


def patience(pilot: Pilot, moment: datetime) -> int:
    """Days after the window on which answers of people are still waited for."""
    return min(PATIENCE_DAYS, max(0, days_since(pilot, moment) - pilot.days))
