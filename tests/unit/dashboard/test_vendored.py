"""The scripts that lie here as they are served are those that VENDOR.md names, and they need no evaluated text."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from app.dashboard.assets import asset_address

VENDOR = Path(__file__).resolve().parents[3] / "app" / "dashboard" / "vendor"
SUMS = dict(re.findall(r"^\| `([\w.]+)` \|.*`([0-9a-f]{64})` \|$", (VENDOR / "VENDOR.md").read_text(), re.MULTILINE))


def test_every_vendored_script_is_listed_with_its_sum() -> None:
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in VENDOR.glob("*.js")}
    assert found == SUMS
    assert set(SUMS) == {"htmx.min.js", "vega.bundle.js"}


def test_an_asset_address_changes_with_its_content() -> None:
    assert asset_address("htmx.min.js") == f"/static/htmx.min.js?v={SUMS['htmx.min.js'][:12]}"
    with pytest.raises(KeyError):
        asset_address("../responses.py")
