"""`./run sbom`: what the service's image is made of, as CycloneDX JSON; the same bytes for the same checkout.

Packages and who needs whom come from requirements.lock, licences from what is installed here, scripts of the pages from
app/dashboard/vendor/VENDOR.md, images from Dockerfile and docker-compose.yml. What Debian brings into the base image is not
listed.
"""

import argparse
import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from packaging.markers import Marker

from app.errors import StackError
from app.stack.licences import licence_of
from app.stack.locking import LOCK, VIA, blocks_of, part_of
from app.stack.terminal import exit_code, say

ROOT = Path(__file__).resolve().parents[2]
VENDOR = Path("app", "dashboard", "vendor", "VENDOR.md")
SPEC_VERSION = "1.6"
# Of the image; the lock serves other machines too.
IMAGE = {
    "implementation_name": "cpython", "os_name": "posix", "platform_machine": "x86_64", "platform_system": "Linux",
    "platform_python_implementation": "CPython", "python_full_version": "3.11.14", "python_version": "3.11",
    "sys_platform": "linux",
}  # fmt: skip
_ROW = re.compile(r"^\| `(?P<file>[^`]+)` \| (?P<made>.+?) \| (?P<licence>.+?) \| `(?P<sha256>[0-9a-f]{64})` \|$", re.MULTILINE)
_MADE = re.compile(r"(?P<name>[a-z][a-z.-]*) (?P<version>\d+\.\d+\.\d+)")
_FROM = re.compile(r"^FROM (?P<image>\S+)", re.MULTILINE)
Component = dict[str, Any]


def packages(lock: str) -> dict[str, tuple[str, list[str]]]:
    """Name, and version and lines, of what the image installs."""
    found = {}
    for name, version, lines in blocks_of(part_of(lock, "service")):
        _, separator, marker = lines[0].removesuffix("\\").partition(" ; ")
        if not separator or Marker(marker.strip()).evaluate(dict(IMAGE)):
            found[name] = (version, lines)
    return found


def purl(name: str, version: str) -> str:
    """The package's address in the way of the Package URL specification."""
    return f"pkg:pypi/{name}@{version}"


def python_components(found: dict[str, tuple[str, list[str]]]) -> Iterator[Component]:
    """One component for each package."""
    for name, (version, _) in found.items():
        reference, licence = purl(name, version), licence_of(name)
        component: Component = {
            "type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference,
        }  # fmt: skip
        yield component | ({"licenses": licences(licence)} if licence else {})


def licences(expression: str) -> list[dict[str, Any]]:
    """As the format wants them: one name, or an expression."""
    return [{"expression": expression}] if " " in expression else [{"license": {"id": expression}}]


def script_components(vendor: str) -> Iterator[Component]:
    """The libraries inside the scripts that pages load."""
    for row in _ROW.finditer(vendor):
        for made in _MADE.finditer(row["made"]):
            reference = f"pkg:npm/{made['name']}@{made['version']}"
            yield {
                "type": "library", "bom-ref": reference, "name": made["name"], "version": made["version"], "purl": reference,
                "licenses": [{"license": {"name": row["licence"]}}],
                "properties": [
                    {"name": "parallel-pilot:file", "value": row["file"]},
                    {"name": "parallel-pilot:file-sha256", "value": row["sha256"]},
                ],
            }  # fmt: skip


def image_components(dockerfile: str, compose: dict[str, Any]) -> Iterator[Component]:
    """Base images and servers, by tag: a digest is known to the registry alone."""
    images = {found["image"] for found in _FROM.finditer(dockerfile)}
    images |= {service["image"] for service in compose["services"].values() if "build" not in service}
    for image in images:
        name, _, tag = image.rpartition(":")
        yield {"type": "container", "bom-ref": f"image:{image}", "name": name, "version": tag}


def dependencies(found: dict[str, tuple[str, list[str]]], own: str) -> list[dict[str, Any]]:
    """Who needs whom, as the lock's notes say."""
    needs: dict[str, set[str]] = {own: set(), **{purl(name, version): set() for name, (version, _) in found.items()}}
    for name, (version, lines) in found.items():
        for via in filter(None, map(VIA.match, lines)):
            if "pyproject.toml" in via.group():
                needs[own].add(purl(name, version))
            elif via["name"] in found:
                needs[purl(via["name"], found[via["name"]][0])].add(purl(name, version))
    return [{"ref": reference, "dependsOn": sorted(needed)} for reference, needed in sorted(needs.items())]


def make_sbom(root: Path) -> dict[str, Any]:
    """The document of a checkout."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lock = (root / LOCK).read_text()
    found = packages(lock)
    own = f"pkg:generic/{project['name']}@{project['version']}"
    components = [
        *python_components(found),
        *script_components((root / VENDOR).read_text()),
        *image_components((root / "Dockerfile").read_text(), yaml.safe_load((root / "docker-compose.yml").read_text())),
    ]
    digest = hashlib.sha256(lock.encode()).hexdigest()
    service = {"type": "application", "bom-ref": own, "name": project["name"], "version": project["version"]}
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {"component": service, "properties": [{"name": "parallel-pilot:lock-sha256", "value": digest}]},
        "components": sorted(components, key=lambda component: str(component["bom-ref"])),
        "dependencies": dependencies(found, own),
    }
    said = json.dumps(document, sort_keys=True)
    return document | {"serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, said)}"}


def validate(text: str) -> None:
    """Raises `StackError` if a document is not what the format's own schema says."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - a tool of development
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    problem = JsonStrictValidator(SchemaVersion.from_version(SPEC_VERSION)).validate_str(text)
    if problem is not None:
        message = f"the document does not hold to the schema of CycloneDX {SPEC_VERSION}: {problem}"
        raise StackError(message)


def write(output: Path | None) -> None:
    """Makes, checks and writes it."""
    document = make_sbom(ROOT)
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    validate(text)
    for component in document["components"]:
        if component["type"] == "library" and "licenses" not in component:
            say(f"no licence is known of {component['name']} {component['version']}")
    if output is None:
        sys.stdout.write(text)
        return
    output.write_text(text)
    say(f"{len(document['components'])} components in {output}")


def main() -> int:
    """Writes it to a file, or to standard output."""
    parser = argparse.ArgumentParser(prog="./run sbom", allow_abbrev=False)
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    arguments = parser.parse_args()
    return exit_code(lambda: write(arguments.output))


if __name__ == "__main__":
    sys.exit(main())
