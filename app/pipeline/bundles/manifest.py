"""What a bundle says of itself: which report it is of, what made it, and the sum of every file."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from typing import Any

from app.domain.report import StoredReport
from app.pipeline.bundles.container import FileSum
from app.pipeline.bundles.exact import NotExact, decode

FORMAT, VERSION = "parallel-pilot-bundle", 1
# What the figures and the files are made by, beside our own code.
LIBRARIES = ("numpy", "scipy", "polars", "pydantic", "altair", "genai-prices", "orjson")
DECISIONS = "decisions.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """`MANIFEST.json`.

    Attributes:
        part: `all` of it, or only the `csv` files.
        report: Which report it is of, and where that came from.
        libraries: Versions of the program's libraries and of Python when the bundle was made.
        content_hash: SHA-256 of the sums of all files but the decisions, which are signed later.
        files: Every file but this one.
    """

    part: str
    report: Mapping[str, Any]
    libraries: Mapping[str, str]
    content_hash: str
    files: tuple[FileSum, ...]
    format: str = FORMAT
    version: int = VERSION
    hash_of_files: str = field(default="SHA-256")


def library_versions() -> dict[str, str]:
    """The versions that compute here."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def content_hash(sums: Iterable[FileSum]) -> str:
    """SHA-256 over the paths and sums of files, one a line, in the order of their paths, without the decisions."""
    lines = sorted(f"{each.path} {each.sha256}\n" for each in sums if each.path != DECISIONS)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def manifest_of(report: StoredReport, sums: Iterable[FileSum], libraries: Mapping[str, str], *, part: str = "all") -> Manifest:
    """The manifest of a report's files."""
    listed = tuple(sorted(sums, key=lambda each: each.path))
    return Manifest(part, _report_facts(report), dict(libraries), content_hash(listed), listed)


def write_manifest(manifest: Manifest) -> bytes:
    """As the file holds it."""
    return json_bytes(asdict(manifest))


def read_manifest(content: bytes) -> Manifest:
    """From a file; `NotExact` says why it is none."""
    document = _json_object(content)
    if document.get("format") != FORMAT or document.get("version") != VERSION:
        said = f"{document.get('format')!r:.60} {document.get('version')!r:.20}"
        message = f"MANIFEST.json: it is of {said}; this program reads {FORMAT!r} {VERSION}"
        raise NotExact(message)
    found: Manifest = decode(document, Manifest, "MANIFEST.json")
    if found.content_hash != content_hash(found.files):
        message = "MANIFEST.json: its content_hash is not that of the files it lists"
        raise NotExact(message)
    return found


def json_bytes(document: Any, *, is_sorted: bool = True) -> bytes:
    """JSON with sorted keys, so that the same document has the same bytes; not sorted where their order means something."""
    return (json.dumps(document, ensure_ascii=False, sort_keys=is_sorted, indent=1, allow_nan=False) + "\n").encode()


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"MANIFEST.json: is no JSON: {error}"
        raise NotExact(message) from error
    if not isinstance(document, dict):
        message = "MANIFEST.json: must be an object"
        raise NotExact(message)
    return document


def _report_facts(report: StoredReport) -> dict[str, Any]:
    origin = report.provenance
    facts: dict[str, Any] = {field.name: getattr(origin, field.name) for field in fields(origin)}
    expires = origin.expires_at.isoformat() if origin.expires_at is not None else None
    return facts | {
        "id": report.id,
        "pilot": report.pilot,
        "made_at": report.made_at.isoformat(),
        "data_hash": report.data_hash,
        "kind": origin.kind.value,
        "expires_at": expires,
    }
