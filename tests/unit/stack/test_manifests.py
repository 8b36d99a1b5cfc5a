"""The files of deploy/kubernetes, and what is found wrong with others; grace periods are as long as the code needs."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

import workers.mirror
import workers.serve
from app.pipeline.recording.recorder import STOP_SECONDS
from app.settings import Settings
from app.stack.manifests import FOLDER, documents_of, module_of, pods_of, problems_of
from app.stack.programs import FLUSH_SECONDS, WORKER_DRAIN_SECONDS

ROOT = Path(__file__).resolve().parents[3]
BASE = [document for _, document in documents_of(ROOT / FOLDER / "base")]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
PRESTOP_SECONDS = 5.0
# What each may take after SIGTERM by its own word.
DRAINS = {
    "gateway": Settings().gateway_drain_seconds + FLUSH_SECONDS,
    "api": float(workers.serve.DRAIN_SECONDS),
    "mirror": workers.mirror.DRAIN_SECONDS + 2.0,
    "recorder": STOP_SECONDS,
    "worker": WORKER_DRAIN_SECONDS,
    "worker-batch": WORKER_DRAIN_SECONDS,
}


def test_nothing_is_wrong_with_them() -> None:
    assert problems_of(ROOT / FOLDER) == []


@pytest.mark.parametrize(
    ("file", "pattern", "instead", "problem"),
    [
        ("api.yaml", "replicas: 2", "replicas: many", "replicas"),
        ("api.yaml", "replicas: 2", "replica: 2", "replica"),
        ("api.yaml", "runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot"),
        ("api.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "readOnlyRootFilesystem"),
        ("api.yaml", "workers.serve", "workers.serves", "there is no module workers.serves"),
        ("api.yaml", "readinessProbe", "livenessProbe", "ready"),
        ("mirror.yaml", "name: scratch, emptyDir", "name: other, emptyDir", "no volume scratch"),
        ("mirror.yaml", r"(kind: PodDisruptionBudget.*component): mirror", r"\1: mirrors", "selects no pod"),
        ("mirror.yaml", r"valueFrom:\n +secretKeyRef: {name: pilot-keys, key: stream-key}", "value: abc", "PILOT_STREAM_KEY"),
        ("settings.yaml", "kind: ConfigMap", "kind: Secret", "secrets are not kept"),
        ("kustomization.yaml", "  - beat.yaml\n", "  - tact.yaml\n", "tact.yaml is not there"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, file: str, pattern: str, instead: str, problem: str) -> None:
    kept = (ROOT / FOLDER / "base" / file).read_text()
    text, number = re.subn(pattern, instead, kept, count=1, flags=re.DOTALL)
    assert number == 1
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / file).write_text(text)
    assert any(problem in found for found in problems_of(tmp_path)), problems_of(tmp_path)


def test_each_process_of_the_compose_file_runs_there_with_the_same_module() -> None:
    pods = pods_of(BASE)
    for name in (*DRAINS, "beat", "migrate"):
        assert module_of(pods[name]["containers"][0]["command"]) == module_of(COMPOSE[name]["command"]), name


@pytest.mark.parametrize("name", DRAINS)
def test_who_is_told_to_end_gets_the_time_that_the_code_needs(name: str) -> None:
    pod = pods_of(BASE)[name]
    needed = DRAINS[name] + (PRESTOP_SECONDS if "lifecycle" in pod["containers"][0] else 0.0)
    assert pod["terminationGracePeriodSeconds"] > needed
    assert float(COMPOSE[name].get("stop_grace_period", "10s").removesuffix("s")) > DRAINS[name]


def test_the_gateway_reaches_no_database_and_only_one_beat_runs() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in BASE if each["kind"] == "NetworkPolicy"}
    assert "gateway" not in policies["pilot-database"]["podSelector"]["matchExpressions"][1]["values"]
    assert "PILOT_DATABASE_URL" not in str(pods_of(BASE)["gateway"])
    beat = next(each for each in BASE if each["metadata"]["name"] == "pilot-beat")
    assert (beat["spec"]["replicas"], beat["spec"]["strategy"]["type"]) == (1, "Recreate")


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: the example is not built")
def test_kubectl_builds_the_example() -> None:
    command = ["kubectl", "kustomize", str(ROOT / FOLDER / "overlays" / "example")]
    built = subprocess.run(command, capture_output=True, text=True, check=True)
    images = {
        container["image"]
        for document in yaml.safe_load_all(built.stdout)
        if document["kind"] == "Deployment"
        for container in document["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"registry.example.com/parallel-pilot:1.0.0"}
