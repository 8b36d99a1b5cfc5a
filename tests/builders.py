"""Builders of valid values: a test names only what it is about."""

from typing import Any

from sqlalchemy.orm import Session

from app.domain.configuration import PilotConfiguration
from app.domain.pilot import Pilot
from app.store.pilots import insert_pilot


def a_configuration(**tables: Any) -> PilotConfiguration:
    """A small valid configuration; `tables` replace or add top-level tables, `pilot` is merged."""
    document: dict[str, Any] = {
        "pilot": {"name": "support-bot"},
        "incumbent": {"base_url": "https://api.example.com/v1", "model": "gpt-5.1"},
        "candidate": [
            {"name": "qwen", "base_url": "http://127.0.0.1:8000/v1", "model": "Qwen/Qwen3.5", "license": "Apache-2.0"}
        ],
    }
    document["pilot"] |= tables.pop("pilot", {})
    return PilotConfiguration.model_validate(document | tables)


def a_pilot(session: Session, **tables: Any) -> Pilot:
    """A stored draft with that configuration."""
    return insert_pilot(session, a_configuration(**tables), source_toml="")
