"""What is fixed and hashed at a pilot's start, and what its statistics rest on because of it."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy.orm import Session

import parallel_pilot
from app.domain.configuration import PilotConfiguration
from app.domain.label_allotment import label_probabilities
from app.domain.pilot import Pilot, Registration
from app.domain.registered import ALPHA, RegisteredPlan, looks_of
from app.domain.rubric_table import asks_a_model
from app.domain.words import OTHER_SEGMENT
from app.graders.catalogue import version_of
from app.graders.judge_prompt import INSTRUCTIONS, TEMPLATE_VERSION
from app.pipeline.settlement import judge_of, model_version
from app.store.registrations import insert_registration
from app.store.status import SegmentHistory, conversations_by_segment, count_pilot

# In words, because a document cannot hold its own hash.
DRAWS = "blake2b-64 of (what is drawn, the hash of this document, the id), its first 53 bits as a fraction"


def register(session: Session, pilot: Pilot, *, at: datetime) -> Registration:
    """Writes down and hashes what was decided before evidence counted."""
    counts = count_pilot(session, pilot.id)
    document = {
        "configuration": pilot.configuration.model_dump(mode="json"),
        "starts_at": pilot.starts_at.isoformat() if pilot.starts_at else None,
        "days": pilot.days,
        "registered_at": at.isoformat(),
        "exchanges_before": counts.exchanges,
        "version": parallel_pilot.__version__,
        "draws": DRAWS,
    }
    document |= decided(pilot.configuration, pilot.days, conversations_by_segment(session, pilot))
    return insert_registration(session, pilot.id, digest=digest_of(document), document=document, at=at)


def digest_of(document: dict[str, Any]) -> str:
    """SHA-256 of the document as JSON with sorted keys and no spaces."""
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()


def plan_of(pilot: Pilot, registration: Registration | None) -> RegisteredPlan:
    """What the pilot's statistics rest on: as registered, or of a draft what its configuration would register now."""
    if registration is None:
        return _plan("", decided(pilot.configuration, pilot.days, {}))
    document = registration.document
    if "label_probability" not in document:  # registered by a version that did not write it down
        then = PilotConfiguration.model_validate(document["configuration"])
        document = decided(then, document["days"], {})
    return _plan(registration.hash, document)


def decided(configuration: PilotConfiguration, days: int, history: Mapping[str, SegmentHistory]) -> dict[str, Any]:
    """What a registration says beside the configuration itself: all that follows from it for the decision."""
    alpha = ALPHA / len(configuration.candidate)
    latency, reliability, cost = configuration.latency, configuration.reliability, configuration.cost
    return {
        "margin": configuration.quality.margin,
        "alpha": alpha,
        "alpha_by_segment": alpha / max(1, len(configuration.segment)),
        "looks": list(looks_of(days)),
        "planned_conversations": configuration.pilot.planned_conversations,
        "labels_per_day": configuration.labels.per_day,
        "label_probability": _label_probability(configuration, days, history),
        "segments": [_segment(configuration, name) for name in (*_names(configuration), OTHER_SEGMENT)],
        "judge": judge_document(configuration),
        "ttft_any_p95_seconds": latency.ttft_any_p95_seconds if latency else None,
        "total_p95_seconds": latency.total_p95_seconds if latency else None,
        "max_failure_rate": reliability.max_failure_rate if reliability else None,
        "horizon_months": cost.horizon_months if cost else None,
    }


def _plan(seed: str, document: dict[str, Any]) -> RegisteredPlan:
    segments = {segment["name"]: segment for segment in document["segments"] if segment["name"] != OTHER_SEGMENT}
    return RegisteredPlan(
        seed=seed,
        alpha=document["alpha"],
        looks=tuple(document["looks"]),
        label_probability=document["label_probability"],
        planned_conversations=document["planned_conversations"],
        segments=tuple(segments),
        margin=document["margin"],
        margins={name: segment["margin"] for name, segment in segments.items()},
    )


def _label_probability(configuration: PilotConfiguration, days: int, history: Mapping[str, SegmentHistory]) -> dict[str, float]:
    in_window = sum(segment.in_window for segment in history.values())
    names = (*_names(configuration), OTHER_SEGMENT)
    return label_probabilities(
        # Of a drawn conversation people look at one pair of each candidate.
        labels=configuration.labels.per_day * days / len(configuration.candidate),
        # What is imported beforehand may be more than anybody planned.
        volume=float(max(configuration.pilot.planned_conversations, in_window)),
        segments=_names(configuration),
        judged=frozenset(name for name in names if asks_a_model(configuration.grader_of(name))),
        history={name: segment.conversations for name, segment in history.items()},
    )


def _segment(configuration: PilotConfiguration, name: str) -> dict[str, Any]:
    table, grader = configuration.segment_named(name), configuration.grader_of(name)
    return {
        "name": name,
        "margin": configuration.margin_of(name),
        "grader": grader,
        "grader_version": model_version(configuration, grader) if asks_a_model(grader) else version_of(grader),
        "incumbent_is_reference": table.incumbent_is_reference if table else False,
    }


def judge_document(configuration: PilotConfiguration) -> dict[str, Any] | None:
    """What is registered of the judge; `None` without one."""
    judge = judge_of(configuration)
    if judge is None:
        return None
    prompt = hashlib.sha256(orjson.dumps([TEMPLATE_VERSION, INSTRUCTIONS])).hexdigest()
    table = judge.table
    return {
        "model": table.model,
        "family": table.family,
        "rater": judge.rater,
        "version": judge.version,
        "prompt_hash": prompt if judge.version is not None else None,
    }


def _names(configuration: PilotConfiguration) -> tuple[str, ...]:
    return tuple(segment.name for segment in configuration.segment)
