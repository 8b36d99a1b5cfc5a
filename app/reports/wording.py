"""Codes in plain words; a code that is not listed is shown with its underscores as spaces, never dropped."""

from app.domain.words import GateName, GateOutcome, Outcome

OUTCOMES = {
    Outcome.MIGRATE: "Migrate",
    Outcome.HYBRID: "Move these kinds of work, keep the rest",
    Outcome.DONT_MIGRATE: "Don't migrate",
    Outcome.EXTEND: "Not enough evidence yet",
}

FROZEN = "Frozen: extend and look again"
FROZEN_BY_CONTROL = "Frozen: mend the judge or the set-up first"

GATE_OUTCOMES = {
    GateOutcome.PASSES: "passes",
    GateOutcome.FAILS: "fails",
    GateOutcome.UNKNOWN: "unknown",
    GateOutcome.NOT_REQUIRED: "not required",
}

GATE_SIGNS = {GateOutcome.PASSES: "✓", GateOutcome.FAILS: "✗", GateOutcome.UNKNOWN: "?", GateOutcome.NOT_REQUIRED: "—"}

GATE_QUESTIONS = {
    GateName.QUALITY: "Quality: are its answers good enough?",
    GateName.LATENCY: "Latency: is it fast enough?",
    GateName.RELIABILITY: "Reliability: does it fail rarely enough?",
    GateName.SAVING: "Saving: does it cost less?",
    GateName.CONSTRAINTS: "Constraints: do licence and house rules allow it?",
}

COVERAGE_REASONS = {
    "captured": "compared: recorded for this pilot",
    "mirroring_off": "mirroring was switched off, or the pilot was not running",
    "opted_out": "the application asked not to be mirrored",
    "not_mirrored_route": "a kind of call that is not mirrored",
    "too_large": "larger than the limit",
    "unreadable_body": "a body that could not be read",
    "outside_window": "before the first or after the last day",
    "not_sampled": "left out by sampling",
    "client_cancelled": "cancelled by the client",
    "client_error": "a mistake in the request itself",
    "lost": "lost on our way",
    "pending": "not finished yet",
}

COVERAGE_ADVICE = {
    "captured": "Nothing: these are the evidence.",
    "mirroring_off": "Switch it on again: pilot mirror on. Start the pilot if it is a draft.",
    "opted_out": "Nothing, if the application means it; else take its header X-Pilot-Mirror: off away.",
    "not_mirrored_route": "Nothing: only chat completions are compared.",
    "too_large": "Raise the limit of the body's size if such requests matter to you.",
    "unreadable_body": "Look at what sends them: they are no JSON of a chat.",
    "outside_window": "Nothing: they came before the first or after the last day.",
    "not_sampled": "Raise sampling.rate if the evidence is thin; the sample is drawn by conversation, so it is fair. "
    "A gateway leaves one request in a thousand out besides, to time itself without mirroring.",
    "client_cancelled": "Nothing: the user went away, and nobody knows the whole answer.",
    "client_error": "Nothing for the comparison; the application sends requests that the API refuses.",
    "lost": "See the reasons below: our bounds, a gap, or an answer that never came. Give mirror and Redis more room.",
    "pending": "Wait: they close when their answers are in, or their time is over.",
}

FAILURE_KINDS = {
    "timeout": "took too long",
    "http": "answered with an error",
    "connection": "connection failed",
    "empty": "empty answer",
    "malformed": "answer could not be read",
    "too_large": "answer too large",
    "unavailable": "was out of service",
}

UNGRADED_REASONS = {
    "unparsed": "the judge's answer could not be read",
    "no_judge": "no judge is set up",
    "over_budget": "the judge's budget was used up",
    "cut_off": "the judge's answer was cut off at its limit of tokens",
    "no_content": "the text is not stored",
    "no_text": "no text is kept that a judge could read: content level metadata, or it was removed",
    "reference_not_json": "the incumbent's answer is not JSON, so there is nothing to compare with",
    "reference_no_label": "the incumbent's answer is no label",
    "function_failed": "the function of your own that grades here failed",
    "function_timeout": "the function of your own that grades here took too long",
    "not_scored": "the scorer could not read the incumbent's answer",
    "not_installed": "a library that grades here is not installed",
    "not_imported": "only imported grades count, and none was imported",
    "pending": "not graded yet",
}

COST_PARTS = {
    "gpus": "GPUs",
    "tokens": "tokens",
    "engineering hours": "engineering hours that come back",
    "upgrades": "hours for upgrades",
    "one-off hours": "one-off hours, spread over the horizon",
    "other": "storage, network, monitoring and the like",
}

LATENCY_BASIS = {
    "live": "Times were measured on live requests.",
    "imported": "Times come from imported records, which this pilot accepts.",
    "mixed": "Times were measured on live requests and taken from imported records, which this pilot accepts.",
    "none": "No times that count: replayed answers never do, and imported ones only with accept_imported = true.",
}

NOT_TESTED = {
    "load_tested": "No load test: the candidate was not tried at the traffic's peak.",
    "load_tested: false": "No load test: the candidate was not tried at the traffic's peak.",
    "latency": "Latency: no limit is configured, so it has no say.",
    "reliability": "Reliability: no limit is configured, so it has no say.",
    "constraints": "Constraints: none are configured beyond the licence.",
    "saving": "Saving: not required for the reason that this pilot names; shown all the same.",
}


def plain(code: str, known: dict[str, str] | None = None) -> str:
    """The words for a code."""
    return (known or {}).get(code, code.replace("_", " "))
