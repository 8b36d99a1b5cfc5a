"""A pilot's configuration in plain words: what each key of `pilot.toml` means, and its value as a reader meets it."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from app.reports import figures

NOT_SET = "not set"
# In the order of the file; what is not listed comes after.
TABLES = {
    "pilot": "The pilot",
    "decision": "Why one would leave",
    "incumbent": "The incumbent: what production uses today",
    "candidate": "Candidate",
    "control": "The incumbent asked again",
    "sampling": "Which conversations take part",
    "mirror": "Asking the candidates live",
    "content": "What is kept of texts",
    "segment": "Kind of work",
    "check": "Own rule about replies",
    "rubric": "Rubric",
    "quality": "Quality",
    "judge": "The judge",
    "judge_panel": "Judge of the panel",
    "labels": "Labels by people",
    "latency": "Limits of latency",
    "reliability": "Limit of failures",
    "cost": "Cost",
    "capacity": "Room beyond the pilot's own arrivals",
    "constraints": "Constraints",
    "option": "Another option",
    "notify": "Who is told",
    "alerts": "From where on something is an alarm",
    "report": "Reports",
}
KEYS = {
    "pilot.name": "Name",
    "pilot.starts": "First day",
    "pilot.days": "Days planned",
    "pilot.timezone": "Where a day begins",
    "pilot.planned_conversations": "Conversations expected in all",
    "decision.reason": "Reason to leave",
    "base_url": "Address",
    "model": "Model",
    "family": "Family of models",
    "api_key_env": "Variable that holds its key",
    "name": "Name",
    "server": "Kind of server",
    "license": "Licence",
    "license_reviewed": "Somebody has read the licence",
    "timeout_seconds": "Given up after",
    "max_concurrency": "Requests at once, at most",
    "gpu_usd_per_hour": "A GPU costs an hour",
    "gpus_per_replica": "GPUs of a replica",
    "replicas": "Replicas",
    "strip_think": "Thinking inside the answer is hidden from the judge",
    "metrics_url": "The server's own metrics page",
    "repeat_rate": "Share of live calls that are made twice",
    "service_tier": "Price class of calls that name none",
    "discount_rate": "Discount off list prices",
    "input_usd_per_million_tokens": "A million input tokens cost",
    "cached_input_usd_per_million_tokens": "A million cached input tokens cost",
    "output_usd_per_million_tokens": "A million output tokens cost",
    "cache_write_usd_per_million_tokens": "A million tokens written to the cache cost",
    "control.rate": "Share of conversations for which it is asked again",
    "sampling.rate": "Share of conversations that take part",
    "mirror.budget_usd": "Most that live calls may cost",
    "content.level": "Kept of texts",
    "content.candidate_sees": "What candidates are sent",
    "content.patterns": "Own patterns that are masked",
    "content.engine": "What finds personal data",
    "content.language": "Language that it is told",
    "content.audit_reads": "Each look at a text is in the audit log",
    "content.retention_days": "Days after which texts are removed",
    "segment.match": "Requests that belong to it",
    "segment.content": "Kept of its texts",
    "margin": "May be worse by at most",
    "grader": "Who decides its pairs",
    "incumbent_is_reference": "The incumbent counts as right",
    "second_order": "Second look in the other order",
    "budget_usd": "Budget",
    "budget_usd_per_day": "Budget a day",
    "rater": "Whose imported grades are the judge's",
    "temperature": "Temperature",
    "allow_same_family": "A judge of an arm's own family is allowed",
    "criteria": "Criteria",
    "weight": "Weight",
    "critical": "A miss is critical",
    "version": "Version",
    "check.pattern": "What is looked for",
    "check.must": "A reply must",
    "check.segment": "Kind of work",
    "cost.upkeep_hours_per_month": "Hours of upkeep a month",
    "cost.upgrades_per_year": "Upgrades a year",
    "cost.hours_per_upgrade": "Hours of an upgrade",
    "cost.migration_hours": "Hours to move",
    "canary_rate": "Share of pairs with a known loser",
    "panel_rate": "Share that the panel looks at, too",
    "max_output_tokens": "Longest answer of the judge, in tokens",
    "max_reply_chars": "Most that the judge sees of a reply, in characters",
    "max_conversation_chars": "Most that it sees of a conversation, in characters",
    "labels.per_day": "Drawn pairs a day for people",
    "labels.raters_per_pair": "People at each pair",
    "latency.ttft_any_p95_seconds": "First sign of an answer, 95 of 100",
    "latency.total_p95_seconds": "Whole answer, 95 of 100",
    "latency.accept_imported": "Times of imported records count",
    "reliability.max_failure_rate": "Requests that may fail",
    "cost.engineer_usd_per_hour": "An engineer costs an hour",
    "cost.other_usd_per_month": "Storage, network and the like a month",
    "cost.horizon_months": "Months looked ahead",
    "capacity.growth": "Arrivals are taken times",
    "capacity.spare_replicas": "Replicas that may fail",
    "capacity.wait_p95_seconds": "Longest wait for a free place, 95 of 100",
    "constraints.data_must_stay": "Data must stay",
    "constraints.allowed_hosts": "Where they may go all the same",
    "constraints.legal_basis": "Legal basis on which a vendor is asked",
    "constraints.team_has_gpu_experience": "The team has run GPUs",
    "constraints.team_hours_per_month": "Hours a month that the team has for upkeep",
    "constraints.min_availability_rate": "Requests that must find the candidate in service",
    "notify.urls_env": "Variable that holds addresses of messages",
    "notify.webhook_url": "Address that gets each message",
    "notify.webhook_secret_env": "Variable that holds the secret of its signature",
    "notify.figures": "Messages may name figures",
    "notify.link": "Address of these pages in messages",
    "alerts.silent_minutes": "No pair for so many minutes",
    "alerts.coverage_below": "Less of an hour's requests captured than",
    "alerts.candidate_down_minutes": "A candidate fails for so many minutes",
    "alerts.budget_shares": "Shares of a budget",
    "report.weekly": "Weekly report",
    "report.weekly_hour": "From the hour",
    "report.valid_days": "Days for which a verdict holds",
    "report.examples": "Pairs shown of each kind in a final report",
}
LEVELS = {
    "full": "Full: requests and replies are stored as they are.",
    "masked": (
        "Masked: requests and replies are stored with placeholders for what is found of names, addresses, numbers and keys. "
        "The judge and people read the masked texts. What no rule finds stays."
    ),
    "metadata": (
        "Metadata: no text is stored, only times, tokens, outcomes and what rules found. The judge is not asked, nobody can "
        "read or label a pair, and nothing can be replayed."
    ),
}
_SHARE = re.compile(r"(^|_)(rate|margin|shares|below)$|_rate$")
_WEBHOOK = re.compile(r"(webhook_url\s*=\s*)(\"[^\"\n]*\"|'[^'\n]*')")
WEBHOOK_PATH = "notify.webhook_url"


def key_words(table: str, key: str) -> str:
    """What a key means; the key itself, spelt out, where nobody wrote it down."""
    return KEYS.get(f"{table}.{key}") or KEYS.get(key) or key.replace("_", " ").capitalize()


def value_words(path: str, value: Any) -> str:
    """A value as a reader meets it: `path` as in `latency.total_p95_seconds`."""
    key = path.rpartition(".")[2]
    if value is None or value == "":
        return "not read" if key == "metrics_url" and value == "" else NOT_SET
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list | tuple):
        return _several(key, value)
    if isinstance(value, int | float | Decimal):
        return _number(key, value)
    return host_only(str(value)) if path == WEBHOOK_PATH else str(value)


def _several(key: str, value: dict[str, Any] | list[Any] | tuple[Any, ...]) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name.replace('_', ' ')}: {value_words(name, inner)}" for name, inner in value.items() if inner)
    between = " · " if any(isinstance(inner, dict) for inner in value) else ", "
    return between.join(value_words(key, inner) for inner in value) or "none"


def _number(key: str, value: float | Decimal) -> str:
    plain = f"{value:,}" if isinstance(value, int) else f"{Decimal(str(value)).normalize():,f}"
    if "usd" in key:
        return f"${plain}"
    if _SHARE.search(key):
        return f"{100 * float(value):.4g}%"
    return f"{plain} s" if key.endswith("_seconds") else plain


def host_only(address: str) -> str:
    """An address whose path may be a secret, as chat services give them: only where it leads to."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname}/…" if parts.hostname else "set"


def changed_words(path: str, value: Any) -> str:
    """A value before or after a change."""
    return figures.NOTHING if value is None else value_words(path, value)


def without_secrets(source: str, address: str | None = None) -> str:
    """The file as it was given, with the path of the webhook's address left out; `address`, if known, however it is quoted."""
    source = source.replace(address, host_only(address)) if address else source
    return _WEBHOOK.sub(lambda found: f'{found[1]}"{host_only(found[2][1:-1])}"', source)
