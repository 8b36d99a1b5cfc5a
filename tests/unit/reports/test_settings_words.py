"""Settings in plain words: every key has its words, and no address that may be a secret is shown whole."""

import re
from pathlib import Path
from typing import Any

import pytest

from app.domain.configuration import PilotConfiguration
from app.reports.settings_words import KEYS, TABLES, changed_words, host_only, key_words, value_words, without_secrets

SCHEMA = PilotConfiguration.model_json_schema()
ROOT = Path(__file__).resolve().parents[3]


def keys() -> set[str]:
    """Every key of every table, as `table.key`."""
    found = set()
    for name, table in SCHEMA["properties"].items():
        (reference,) = set(re.findall(r"#/\$defs/(\w+)", str(table)))
        found |= {f"{name}.{key}" for key in SCHEMA["$defs"][reference]["properties"]}
    return found


def test_words_are_of_keys_that_there_are() -> None:
    assert set(TABLES) <= set(SCHEMA["properties"])
    known = keys()
    shorts = {key.rpartition(".")[2] for key in known}
    assert [key for key in KEYS if key not in (known if "." in key else shorts)] == []
    assert all(re.fullmatch(r"[A-Z].+", key_words(*key.split("."))) for key in known)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("latency.total_p95_seconds", 3.0, "3 s"),
        ("candidate.gpu_usd_per_hour", 1234.5, "$1,234.5"),
        ("quality.margin", 0.05, "5%"),
        ("alerts.budget_shares", (0.8, 1.0), "80%, 100%"),
        ("content.audit_reads", False, "no"),
        ("judge.rater", "", "not set"),
        ("candidate.metrics_url", "", "not read"),
        ("pilot.planned_conversations", 1400, "1,400"),
        ("segment.match", {"header": None, "system_prompt": "^Extract"}, "system prompt: ^Extract"),
        ("content.patterns", (), "none"),
        ("notify.webhook_url", "https://hooks.example.com/services/T0/secret", "https://hooks.example.com/…"),
    ],
)
def test_values_are_said_as_people_say_them(path: str, value: Any, words: str) -> None:
    assert value_words(path, value) == words


def test_the_path_of_a_webhook_is_nowhere() -> None:
    for source in ('webhook_url = "https://u:p@a.b/secret"', "notify = { webhook_url='https://a.b/secret' }"):
        assert "secret" not in without_secrets(source)
        assert "a.b/…" in without_secrets(source)
    quoted = '"webhook_url" = """https://a.b/secret"""'
    assert without_secrets(quoted, "https://a.b/secret") == '"webhook_url" = """https://a.b/…"""'
    assert host_only("secret words") == "set"
    assert changed_words("notify.webhook_url", None) == "—"
    example = (ROOT / "docs" / "pilot-toml.md").read_text()
    assert without_secrets(example).count("webhook_url") == example.count("webhook_url")
