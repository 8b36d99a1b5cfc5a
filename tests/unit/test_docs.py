"""What the documents list is what there is."""

import re
from datetime import UTC, datetime
from pathlib import Path

from app.pipeline.configuration import load_configuration
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
# Read by the command, by the tests or by the stack alone, and so no fields of Settings.
ELSEWHERE = {"PILOT_SERVICE_URL", "PILOT_API_KEY", "PILOT_TEST_POSTGRES_BIN"}


def test_settings_page_lists_every_setting_and_no_other() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    listed = set(re.findall(r"`(PILOT_[A-Z_]+)`", page)) - ELSEWHERE
    assert listed == {f"PILOT_{name.upper()}" for name in Settings.model_fields}


def test_the_example_of_pilot_toml_loads() -> None:
    page = (ROOT / "docs" / "pilot-toml.md").read_text()
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert load_configuration(example, datetime.now(UTC)).configuration.candidate[0].name == "qwen"


def test_documents_that_are_linked_exist() -> None:
    for page in ROOT.glob("*.md"):
        for name in re.findall(r"`(docs/[\w./-]+\.md)`|\]\((docs/[\w./-]+)\)", page.read_text()):
            target = ROOT / (name[0] or name[1])
            assert target.exists(), f"{page.name} names {target.name}, which does not exist"
