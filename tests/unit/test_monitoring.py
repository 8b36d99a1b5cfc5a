"""Dashboard, alert rules and docs/monitoring.md speak of metrics that the code makes; nobody outside is asked.

There is no promtool here, so expressions are read by a small parser of names and labels, not by Prometheus' own.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.metrics_in_code import metrics_in_code

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana/dashboards/parallel-pilot.json").read_text())
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
MONITORING = {name: service for name, service in COMPOSE.items() if service.get("profiles") == ["monitoring"]}
METRICS = metrics_in_code()
SERIES = {series: metric for metric in METRICS.values() for series in metric.series}
PROMETHEUS_OWN = {"up"}
# Labels that Prometheus adds, and that of a histogram's buckets.
ADDED = {"job", "instance", "le"}
WORDS = {
    "sum", "rate", "increase", "changes", "deriv", "histogram_quantile", "topk", "time", "by", "on", "group_left", "and", "or",
}  # fmt: skip


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[tuple[str, str]]:
    for panel in panels():
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    yield from ((rule["alert"], rule["expr"]) for rule in RULES)


def names_of(expression: str) -> set[str]:
    """What is no function, label, string, number or duration."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|on|group_left|ignoring)\s*\([^)]*\)", " ", bare)
    return {word for word in re.findall(r"[a-zA-Z_:][\w:]*", bare) if word not in WORDS and not re.fullmatch(r"e\d+", word)}


def labels_of(expression: str) -> set[str]:
    matched = {label for group in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)\s*[=!]", group)}
    grouped = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression)
    return matched | {label.strip() for group in grouped for label in group.split(",") if label.strip()}


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_each_expression_is_of_metrics_and_labels_that_there_are(where: str, expression: str) -> None:
    names = names_of(expression)
    assert names, where
    assert names <= SERIES.keys() | PROMETHEUS_OWN
    known = {label for name in names - PROMETHEUS_OWN for label in SERIES[name].labels}
    assert labels_of(expression) <= known | ADDED
    assert expression.count("(") == expression.count(")")


def test_counters_are_looked_at_as_rates_alone() -> None:
    for where, expression in expressions():
        for name in names_of(expression) & {name for name, metric in SERIES.items() if metric.kind != "gauge"}:
            assert re.search(rf"\b(rate|increase)\({name}\b", expression), (where, name)


def test_the_dashboard_has_a_row_for_each_part_and_no_panel_twice() -> None:
    rows = [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"]
    assert {"Gateway", "Streams and Redis", "Mirror", "Recorder", "Workers and judge", "PostgreSQL", "Processes"} <= set(rows)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    provisioned = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["uid"] for source in provisioned}


def test_each_alert_names_its_entry_of_the_runbook() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#alert-{rule['alert']}"
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_page_names_every_metric_and_alert_and_no_other() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text()
    told = set(re.findall(r"`(pilot_\w+)[`{]", page))
    assert told == METRICS.keys()
    assert set(re.findall(r"^\| `(\w+)` \| (?:critical|warning) \|", page, re.MULTILINE)) == {rule["alert"] for rule in RULES}


def test_monitoring_is_pinned_runs_without_rights_and_listens_on_loopback_alone() -> None:
    assert set(MONITORING) == {"prometheus", "grafana"}
    for name, service in MONITORING.items():
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert int(service["user"].partition(":")[0]) > 0
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert all(volume.endswith(":ro") for volume in service["volumes"] if volume.startswith("./"))


def test_grafana_asks_nobody_outside_and_lets_nobody_sign_in() -> None:
    said = MONITORING["grafana"]["environment"]
    for name in (
        "ANALYTICS_REPORTING_ENABLED", "ANALYTICS_CHECK_FOR_UPDATES", "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES",
        "NEWS_NEWS_FEED_ENABLED", "PLUGINS_PLUGIN_ADMIN_ENABLED", "SNAPSHOTS_EXTERNAL_ENABLED", "AUTH_BASIC_ENABLED",
    ):  # fmt: skip
        assert said[f"GF_{name}"] == "false", name
    for name in ("PLUGINS_PREINSTALL_DISABLED", "SECURITY_DISABLE_GRAVATAR", "AUTH_DISABLE_LOGIN_FORM"):
        assert said[f"GF_{name}"] == "true", name
    addresses = re.findall(r"https?://([\w.-]+)", "".join(file.read_text() for file in FOLDER.rglob("*.*") if file.is_file()))
    assert set(addresses) <= {"prometheus"}


def test_prometheus_reads_the_rules_and_asks_the_api() -> None:
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    mounted = {volume.split(":")[1] for volume in MONITORING["prometheus"]["volumes"]}
    assert set(configuration["rule_files"]) <= mounted
    targets = [target for job in configuration["scrape_configs"] for one in job["static_configs"] for target in one["targets"]]
    assert targets == ["api:8080"]
    assert {target.partition(":")[0] for target in targets} <= COMPOSE.keys()
