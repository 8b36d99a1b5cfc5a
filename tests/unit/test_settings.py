import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("given", ["postgres://u:p@h:5432/d", "postgresql://u:p@h:5432/d", "postgresql+psycopg://u:p@h:5432/d"])
def test_an_address_of_postgresql_needs_no_driver_in_it(given: str) -> None:
    assert Settings(database_url=given).database_url == "postgresql+psycopg://u:p@h:5432/d"


def test_without_an_address_there_is_none() -> None:
    assert Settings(database_url=None).database_url is None


@pytest.mark.parametrize("seconds", [-1, 0.5, 2.9])
def test_no_gateway_is_killed_between_two_signs_of_life(seconds: float) -> None:
    with pytest.raises(ValidationError, match="gateway_hang_seconds"):
        Settings(gateway_hang_seconds=seconds)
    assert [Settings(gateway_hang_seconds=allowed).gateway_hang_seconds for allowed in (0, 3)] == [0, 3]


def test_every_setting_is_described_and_none_that_does_not_exist() -> None:
    described = set(re.findall(r"^\| `(PILOT_[A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert described == {f"PILOT_{name.upper()}" for name in Settings.model_fields}
