"""What could not run on this machine, told last and loudly; `.ci/run` compares it with `.ci/skips`."""

import os
from collections import defaultdict
from pathlib import Path

import pytest

# A file that gets the name of each skipped test, one a line.
SKIPS_FILE = "PILOT_TEST_SKIPS_FILE"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")].append(report.nodeid)
    if SKIPS_FILE in os.environ:
        names = sorted(name for found in reasons.values() for name in found)
        Path(os.environ[SKIPS_FILE]).write_text("".join(f"{name}\n" for name in names))
    if reasons:
        terminalreporter.write_sep("!", "NOT RUN ON THIS MACHINE", yellow=True, bold=True)
        for reason, names in sorted(reasons.items()):
            terminalreporter.write_line(f"{len(names)} x {reason}", yellow=True, bold=True)
            for name in names:
                terminalreporter.write_line(f"    {name}", yellow=True)
