"""What the demo's team would have written down: `pilot.toml` and the hours that they worked."""

import csv
import io
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from app.domain.hours import HoursKind
from app.simulator.history import CANDIDATE_MODEL, CANDIDATE_NAME, INCUMBENT_MODEL

PILOT_NAME = "support-assistant"
DAYS = 35
JUDGE_MODEL = "simulated-judge"

_TOML = """\
[pilot]
name = "{name}"
starts = {starts}
days = {days}                           # longer than the history, so that the pilot still runs
timezone = "UTC"
planned_conversations = 2000
[decision]
reason = "cost"
[incumbent]
base_url = "{incumbent_url}"
model = "{incumbent_model}"
family = "openai"
input_usd_per_million_tokens = 1.25
cached_input_usd_per_million_tokens = 0.125
output_usd_per_million_tokens = 10.0
[[candidate]]
name = "{candidate_name}"
base_url = "{candidate_url}"
model = "{candidate_model}"
server = "vllm"
family = "qwen"
license = "Apache-2.0"
license_reviewed = true
timeout_seconds = 60
max_concurrency = 64
gpu_usd_per_hour = 2.0
gpus_per_replica = 1
replicas = 2
[[segment]]
name = "answers"
match = {{ header = "answers" }}
[[segment]]
name = "extraction"
match = {{ header = "extraction" }}
[[segment]]
name = "escalations"
match = {{ header = "escalations" }}
[quality]
margin = 0.05
[judge]
base_url = "{judge_url}"
model = "{judge_model}"
family = "simulated"
input_usd_per_million_tokens = 0        # simulated: free, said explicitly
output_usd_per_million_tokens = 0
budget_usd = 50
[labels]
per_day = 40
[latency]
ttft_any_p95_seconds = 1.0
total_p95_seconds = 4.0
accept_imported = true
[reliability]
max_failure_rate = 0.02
[cost]
engineer_usd_per_hour = 90
other_usd_per_month = 400
horizon_months = 24
[constraints]
data_must_stay = false
team_has_gpu_experience = true
"""


@dataclass(frozen=True, slots=True)
class WorkedHours:
    """Hours that somebody of the demo's team logged."""

    who: str
    worked_on: date
    hours: Decimal
    kind: HoursKind
    is_recurring: bool
    note: str


def pilot_toml(*, starts: date, incumbent_url: str, candidate_url: str, judge_url: str) -> str:
    """The demo's configuration; the addresses are those of the simulated servers."""
    return _TOML.format(
        name=PILOT_NAME,
        starts=starts.isoformat(),
        days=DAYS,
        incumbent_url=incumbent_url,
        incumbent_model=INCUMBENT_MODEL,
        candidate_name=CANDIDATE_NAME,
        candidate_url=candidate_url,
        candidate_model=CANDIDATE_MODEL,
        judge_url=judge_url,
        judge_model=JUDGE_MODEL,
    )


def worked_hours(starts: date) -> tuple[WorkedHours, ...]:
    """What the team logged in the four weeks."""
    entries: tuple[tuple[str, int, str, HoursKind, bool, str], ...] = (
        ("mira", 0, "16", "set-up", False, "servers, mirroring, access"),
        ("mira", 2, "10", "prompt porting", False, "prompts for the new model"),
        ("jan", 5, "12", "tuning", False, "quantisation and batch size"),
        ("jan", 12, "3", "incident", False, "out of memory after an update"),
        ("mira", 20, "6", "evaluation", False, "reading pairs, agreeing on labels"),
        ("jan", 14, "4", "upgrade", True, "a month: patches and new versions"),
        ("jan", 21, "4", "on-call", True, "a month: alarms"),
    )
    return tuple(
        WorkedHours(who, starts + timedelta(days=day), Decimal(hours), kind, is_recurring, note)
        for who, day, hours, kind, is_recurring, note in entries
    )


def hours_csv(starts: date) -> str:
    """The same as the file that `pilot hours import` takes."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("who", "worked_on", "hours", "kind", "recurring", "note"))
    for entry in worked_hours(starts):
        recurring = "true" if entry.is_recurring else "false"
        lines.writerow((entry.who, entry.worked_on.isoformat(), entry.hours, entry.kind, recurring, entry.note))
    return text.getvalue()
