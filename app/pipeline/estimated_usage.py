"""Token counts of replies whose server gave none, estimated from what is known of the arm; never of failures."""

from dataclasses import dataclass, replace

import numpy as np

from app.domain.evidence import Evidence, Flags, Floats, ReplyColumns

CHARS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Estimated:
    """One arm's replies with estimates in the place of missing counts; `is_guess` marks replies of which a count is one."""

    replies: ReplyColumns
    is_guess: Flags


def with_estimates(replies: ReplyColumns, rows: Flags, other: ReplyColumns | None = None) -> Estimated:
    """Fills what answered replies lack, as far as it can be told.

    Output: the arm's own output tokens a character, over its counted replies, else four characters a token; of replies without
    text (tool calls) what counted ones of the kind have on average. Input: what the other arm counted of the same request,
    times what this arm counts for one token of the other's; where both counted no request, as many as the other. The cache's
    part is the arm's own share.

    Args:
        replies: One arm's.
        rows: Those that count: what an open day or another window holds teaches nothing.
        other: The arm that was asked the same; without it, no input is estimated.
    """
    lacks_output = replies.answered & np.isnan(replies.output_tokens)
    lacks_input = replies.answered & np.isnan(replies.input_tokens)
    if not (lacks_output | lacks_input).any():
        return Estimated(replies, lacks_output)
    outputs = np.where(lacks_output, _outputs(replies, rows), replies.output_tokens)
    inputs, cached = replies.input_tokens, replies.cached_input_tokens
    if other is not None and lacks_input.any():
        share = _ratio(np.nan_to_num(cached), inputs, rows & replies.answered & ~np.isnan(inputs))
        inputs = np.where(lacks_input, _inputs(replies, other, rows), inputs)
        cached = np.where(lacks_input, inputs * (0.0 if np.isnan(share) else share), cached)
    filled = replace(replies, input_tokens=inputs, cached_input_tokens=cached, output_tokens=outputs)
    return Estimated(filled, (lacks_output & ~np.isnan(outputs)) | (lacks_input & ~np.isnan(inputs)))


def arm_that_counted(evidence: Evidence, rows: Flags) -> ReplyColumns | None:
    """The candidate that counted the input of most rows, the first by name among equals; `None` without a candidate."""
    counted = {name: int((rows & ~np.isnan(arm.replies.input_tokens)).sum()) for name, arm in sorted(evidence.arms.items())}
    return evidence.arms[max(counted, key=lambda name: counted[name])].replies if counted else None


def _outputs(replies: ReplyColumns, rows: Flags) -> Floats:
    counted = rows & replies.answered & ~np.isnan(replies.output_tokens)
    chars = np.nan_to_num(replies.content_chars)
    has_text = chars > 0
    ratio = _ratio(replies.output_tokens, chars, counted & has_text)
    of_others = replies.output_tokens[counted & ~has_text]
    mean = of_others.mean() if len(of_others) else np.nan
    return np.where(has_text, chars * (1 / CHARS_PER_TOKEN if np.isnan(ratio) else ratio), mean)


def _inputs(replies: ReplyColumns, other: ReplyColumns, rows: Flags) -> Floats:
    both = rows & replies.answered & other.is_there & ~np.isnan(replies.input_tokens) & ~np.isnan(other.input_tokens)
    ratio = _ratio(replies.input_tokens, other.input_tokens, both)
    return np.asarray(other.input_tokens * (1.0 if np.isnan(ratio) else ratio), dtype=np.float64)


def _ratio(above: Floats, below: Floats, rows: Flags) -> float:
    """One sum over another, of some rows; NaN where there is nothing to divide by."""
    total = float(below[rows].sum())
    return float(above[rows].sum()) / total if total > 0 else float("nan")
