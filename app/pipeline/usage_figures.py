"""The tokens of both arms on closed days: counted, estimated, missing, what they are made of, whose prices they have."""

from decimal import Decimal

import numpy as np

from app.domain.evidence import ArmEvidence, Evidence, Flags, Floats, ReplyColumns, codes
from app.domain.usage_figures import ArmUsage
from app.domain.words import ArmRole
from app.pipeline.estimated_usage import with_estimates
from app.pipeline.token_bills import Basis, Bills


def usage_figures(
    name: str, evidence: Evidence, basis: Basis, *, month: Decimal | None, incumbent: Bills, candidate: Bills | None
) -> tuple[ArmUsage, ArmUsage]:
    """Both arms' figures.

    Args:
        name: The candidate's.
        evidence: All of it.
        basis: Rows of closed days, as the bills have them.
        month: By what the closed days are multiplied; `None` = none is closed.
        incumbent: Its bills: they know the sources of its prices.
        candidate: The same; `None` for rented servers.
    """
    arm: ArmEvidence = evidence.arms[name]
    stays, leaves = evidence.incumbent, arm.replies
    return (
        _of_arm(ArmRole.INCUMBENT.value, stays, leaves, basis, month, incumbent),
        _of_arm(name, leaves, stays, basis, month, candidate or {}),
    )


def _of_arm(
    name: str, replies: ReplyColumns, other: ReplyColumns, basis: Basis, month: Decimal | None, bills: Bills
) -> ArmUsage:
    rows, weights = basis.rows, basis.weights
    found = with_estimates(replies, rows, other)
    filled = found.replies
    was_counted = rows & replies.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(replies.output_tokens)
    is_known = rows & filled.is_there & ~np.isnan(filled.input_tokens) & ~np.isnan(filled.output_tokens)
    has_output = rows & ~np.isnan(filled.output_tokens)
    scale = _scale(is_known, rows & filled.answered | is_known, weights, month)
    return ArmUsage(
        arm=name,
        counted=int(was_counted.sum()),
        estimated=int((rows & found.is_guess & is_known).sum()),
        missing=int((rows & filled.answered & ~is_known).sum()),
        input_tokens_per_month=_month(filled.input_tokens, is_known, weights, scale),
        cached_rate=_part(filled.cached_input_tokens, filled.input_tokens, was_counted, weights),
        cache_write_rate=_part(filled.cache_write_tokens, filled.input_tokens, was_counted, weights),
        output_tokens_per_month=_month(filled.output_tokens, is_known, weights, scale),
        reasoning_rate=_part(filled.reasoning_tokens, filled.output_tokens, was_counted, weights),
        estimated_output_rate=_part(found.is_guess * filled.output_tokens, filled.output_tokens, has_output, weights),
        service_tiers=_tiers(replies, rows),
        price_sources=sorted({source for bill in bills.values() for source in bill.sources}),
    )


def _scale(known: Flags, every: Flags, weights: Floats, month: Decimal | None) -> float | None:
    """From the tokens that are known to those of a month; replies without counts are taken to be like the others."""
    total = float(weights[known].sum())
    return float(month) * float(weights[every].sum()) / total if month is not None and total > 0 else None


def _month(tokens: Floats, rows: Flags, weights: Floats, scale: float | None) -> float | None:
    return float(tokens[rows] @ weights[rows]) * scale if scale is not None else None


def _part(part: Floats, whole: Floats, rows: Flags, weights: Floats) -> float | None:
    """One sum's share of another, over the rows that say it; `None` where none does."""
    said = rows & ~np.isnan(part) & ~np.isnan(whole)
    total = float(whole[said] @ weights[said])
    return float(part[said] @ weights[said]) / total if total > 0 else None


def _tiers(replies: ReplyColumns, rows: Flags) -> dict[str, int]:
    numbers, names = codes(replies.service_tiers)
    counts = np.bincount(numbers[rows & replies.is_there], minlength=len(names))
    return {name: int(count) for name, count in zip(names, counts, strict=True) if count}
