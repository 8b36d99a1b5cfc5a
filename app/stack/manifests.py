"""Whether the files of deploy/kubernetes hold together: their schemas, what they name, and what no pod may be without."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path("deploy") / "kubernetes"
KUSTOMIZATION = "kustomization.yaml"
WORKLOADS = ("Deployment", "Job")
# What is secret comes from a Secret that somebody else makes; addresses of servers hold passwords.
SECRET_WORDS = ("KEY", "PASSWORD", "PEPPER", "SECRET", "TOKEN", "DATABASE_URL", "REDIS_URL")
POD = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}

Document = dict[str, Any]


def problems_of(folder: Path) -> list[str]:
    """Everything that is wrong, one line each; none = all is well."""
    problems = list(_names(folder))
    base = [document for _, document in documents_of(folder / "base")]
    for file, document in documents_of(folder):
        place = f"{file.relative_to(folder)}: {document.get('kind')} {document.get('metadata', {}).get('name', '')}"
        problems += [f"{place}: {problem}" for problem in (*_schema(document), *_rules(document, base))]
    return problems


def documents_of(folder: Path) -> Iterator[tuple[Path, Document]]:
    """Every document but the kustomizations."""
    for file in sorted(folder.rglob("*.yaml")):
        if file.name != KUSTOMIZATION:
            yield from ((file, document) for document in yaml.safe_load_all(file.read_text()))


def pods_of(documents: Sequence[Document]) -> dict[str, Document]:
    """The pod's specification of each workload, by component."""
    found = [document for document in documents if document["kind"] in WORKLOADS]
    return {each["metadata"]["name"].removeprefix("pilot-"): each["spec"]["template"]["spec"] for each in found}


def _names(folder: Path) -> Iterator[str]:
    """Files that a kustomization names are there, and each that is there is named."""
    for file in sorted(folder.rglob(KUSTOMIZATION)):
        document = yaml.safe_load(file.read_text())
        named = [*document.get("resources", []), *(patch["path"] for patch in document.get("patches", []))]
        for name in named:
            if not (file.parent / name).exists():
                yield f"{file.relative_to(folder)}: {name} is not there"
        for other in sorted(file.parent.glob("*.yaml")):
            if other != file and other.name not in named:
                yield f"{file.relative_to(folder)}: {other.name} is not named"


def _schema(document: Document) -> Iterator[str]:
    import kubernetes_validate  # type: ignore[import-untyped]  # noqa: PLC0415 - for checks only: not in the image

    try:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{'.'.join(str(part) for part in error.path)}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        yield str(error.message)


def _rules(document: Document, base: Sequence[Document]) -> Iterator[str]:
    kind = document["kind"]
    if kind == "Secret":
        yield "secrets are not kept in files"
    elif kind in ("Service", "PodDisruptionBudget"):
        selector = document["spec"]["selector"]
        yield from _selected(selector.get("matchLabels", selector), base)
    elif kind in WORKLOADS:
        pod = document["spec"]["template"]["spec"]
        yield from _pod(pod)
        if kind == "Deployment" and "readinessProbe" not in pod["containers"][0]:
            yield "nothing says when it is ready"


def _selected(labels: Mapping[str, str], base: Sequence[Document]) -> Iterator[str]:
    all_labels = [each["spec"]["template"]["metadata"]["labels"] for each in base if each["kind"] in WORKLOADS]
    if not any(labels.items() <= found.items() for found in all_labels):
        yield f"it selects no pod: {dict(labels)}"


def _pod(pod: Document) -> Iterator[str]:
    given = pod.get("securityContext", {})
    yield from (f"the pod's {name} is not {value}" for name, value in POD.items() if given.get(name) != value)
    if pod.get("automountServiceAccountToken") is not False:
        yield "it gets a token of the cluster"
    volumes = {volume["name"] for volume in pod.get("volumes", [])}
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        yield from (f"{container['name']}: {problem}" for problem in _container(container, volumes))


def _container(container: Document, volumes: set[str]) -> Iterator[str]:
    given = container.get("securityContext", {})
    yield from (f"{name} is not {value}" for name, value in CONTAINER.items() if given.get(name) != value)
    if not {"requests", "limits"} <= set(container.get("resources", {})):
        yield "its resources are not bounded"
    for variable in container.get("env", []):
        if any(word in variable["name"] for word in SECRET_WORDS) and "secretKeyRef" not in variable.get("valueFrom", {}):
            yield f"{variable['name']} does not come from a Secret"
    missing = {mount["name"] for mount in container.get("volumeMounts", [])} - volumes
    yield from (f"there is no volume {name}" for name in sorted(missing))
    module = module_of(container["command"])
    if not _exists(module):
        yield f"there is no module {module}"


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def module_of(command: Sequence[str]) -> str:
    """The module that a command of ours runs."""
    return command[command.index("-A" if command[0] == "celery" else "-m") + 1]
