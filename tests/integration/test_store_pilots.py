"""Pilots come back from the store as they went in."""

import pytest
from sqlalchemy.orm import Session

from app.domain.words import ArmRole
from app.errors import Conflict, NotFound
from app.store.pilots import get_pilot
from tests.builders import a_configuration, a_pilot


def test_a_stored_pilot_keeps_its_configuration_and_arms(session: Session) -> None:
    pilot = a_pilot(session, segment=[{"name": "billing", "margin": 0.1}])
    assert get_pilot(session, "support-bot") == pilot
    assert pilot.configuration == a_configuration(segment=[{"name": "billing", "margin": 0.1}])
    assert [(arm.name, arm.role) for arm in pilot.arms] == [("incumbent", ArmRole.INCUMBENT), ("qwen", ArmRole.CANDIDATE)]


def test_a_name_is_taken_once(session: Session) -> None:
    a_pilot(session)
    with pytest.raises(Conflict):
        a_pilot(session)


def test_an_unknown_pilot_is_named(session: Session) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        get_pilot(session, "nobody")
