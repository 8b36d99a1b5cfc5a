"""`./run pilot reproduce BUNDLE`: a report's figures computed again from its data bundle alone, and compared to the last digit.

It needs this checkout: no database, no network, no key.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from app.pipeline.bundles.comparing import Comparison
from app.pipeline.bundles.container import Finding
from app.pipeline.bundles.reading import Damaged, NotABundle
from app.pipeline.bundles.reproducing import Reproduced, reproduce
from app.stack.terminal import say, show

SAME, DIFFERENT, WRONG_USE = 0, 1, 2
SHOWN = 8


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; 0 = every figure is the same, 1 = one differs or the bundle was changed, 2 = it is no bundle."""
    given = _parser().parse_args(arguments)
    tell = _tell_json if given.json else _tell
    try:
        return tell(reproduce(given.bundle))
    except Damaged as error:
        return _tell_damage(error.findings, as_json=given.json)
    except NotABundle as error:
        if given.json:
            show(json.dumps({"outcome": "no_bundle", "message": str(error)}))
        say(f"error: {error}")
        return WRONG_USE


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="./run pilot reproduce", allow_abbrev=False, description="Computes a report again from its data bundle."
    )
    made.add_argument("bundle", type=Path, help="a file that `pilot report NAME --format parquet --out FILE` wrote")
    made.add_argument("--json", action="store_true", help="print one JSON line")
    return made


def _tell(found: Reproduced) -> int:
    report = found.manifest.report
    show(
        f"report {report['id']} of {report['pilot']}, made {report['made_at']} by version {report['code_version'] or 'unknown'}"
    )
    show(f"report data hash    {report['data_hash']}")
    show(f"bundle content hash {found.manifest.content_hash}")
    show(f"every byte of {len(found.manifest.files)} files is as it was written")
    if not found.is_same_program:
        show("this program is another version than the one that made the report: what differs may come from that")
    for name, (then, here) in found.libraries.items():
        show(f"  {name}: {then or 'absent'} then, {here or 'absent'} here")
    show("")
    show(f"{'':<12}{'numbers':>10}{'words, times':>14}{'equal':>10}{'different':>11}")
    for name, part in found.parts.items():
        compared = part.numbers + part.others
        show(f"{name:<12}{part.numbers:>10,}{part.others:>14,}{compared - part.differing:>10,}{part.differing:>11,}")
    for part in found.parts.values():
        _tell_differences(part)
    if found.other_days:
        show(f"\nthe evidence of these days is another one than was counted: {', '.join(map(str, found.other_days))}")
    show("\nsame: every figure, to the last digit" if found.is_same else "\nDIFFERENT")
    return SAME if found.is_same else DIFFERENT


def _tell_differences(part: Comparison) -> None:
    for each in part.differences[:SHOWN]:
        show(f"\n{each.path}\n  expected {each.expected}\n  found    {each.found}")
    if part.differing > SHOWN:
        show(f"\n… and {part.differing - SHOWN:,} more")
    if part.largest:
        show(f"the largest difference of two numbers is {part.largest:.2g} of the number")


def _tell_json(found: Reproduced) -> int:
    document: dict[str, Any] = {
        "outcome": "same" if found.is_same else "different",
        "report": found.manifest.report,
        "content_hash": found.manifest.content_hash,
        "is_same_program": found.is_same_program,
        "libraries": {name: {"then": then, "here": here} for name, (then, here) in found.libraries.items()},
        "other_days": found.other_days,
        "parts": {name: _part_json(part) for name, part in found.parts.items()},
    }
    show(json.dumps(document))
    return SAME if found.is_same else DIFFERENT


def _part_json(part: Comparison) -> dict[str, Any]:
    return {
        "numbers": part.numbers,
        "others": part.others,
        "different": part.differing,
        "largest_relative_difference": part.largest,
        "first": [{"path": each.path, "expected": each.expected, "found": each.found} for each in part.differences],
    }


def _tell_damage(findings: list[Finding], *, as_json: bool) -> int:
    if as_json:
        show(json.dumps({"outcome": "damaged", "findings": [each._asdict() for each in findings]}))
        return DIFFERENT
    show(f"the bundle is not as it was written: {len(findings)} places")
    for each in findings:
        show(f"\n{each.path}: {each.what}")
        if each.expected or each.found:
            show(f"  expected {each.expected}\n  found    {each.found}")
    return DIFFERENT


if __name__ == "__main__":
    sys.exit(main())
