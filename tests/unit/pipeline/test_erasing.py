"""What is stored of a subject is found in every form, and another name changes no draw."""

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.capture.masking.masker import Masker
from app.domain.draws import is_drawn
from app.domain.erasure import ErasureKind, Receipt, subject_digest
from app.domain.judge_sample import judging_point
from app.domain.pilot import Pilot
from app.domain.registered import RegisteredPlan
from app.domain.words import PilotState
from app.errors import InvalidInput
from app.pipeline.erasing import stored_subject, subject_of
from app.pipeline.new_names import new_name, new_point
from app.store.erasing import Named
from tests.builders import a_configuration

KEY = b"k" * 32
RECEIPT = Receipt(7, "support-bot", ErasureKind.USER, "ab" * 32, "ops", {"texts": 9}, datetime(2026, 11, 2, tzinfo=UTC))


def a_pilot() -> Pilot:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    return Pilot(1, "support-bot", PilotState.RUNNING, a_configuration(), (), now, 0, False, False, True, now, now, None)


def test_a_receipt_is_genuine_as_long_as_nothing_of_it_is_changed() -> None:
    sealed = RECEIPT.sealed(KEY)
    assert sealed.is_genuine(KEY)
    changes: tuple[dict[str, Any], ...] = (
        {"id": 8}, {"pilot": "b"}, {"kind": ErasureKind.CONVERSATION}, {"subject_digest": ""}, {"by": "x"}, {"counts": {}},
        {"erased_at": datetime(2026, 11, 3, tzinfo=UTC)}, {"receipt_hash": ""},
    )  # fmt: skip
    assert not any(replace(sealed, **change).is_genuine(KEY) for change in changes)
    assert not sealed.is_genuine(b"other")


def test_a_subject_is_looked_for_in_every_form_in_which_it_may_be_stored() -> None:
    user = subject_of(a_pilot(), ErasureKind.USER, "anna@example.com", KEY)
    # As the mirror makes it (`app.pipeline.mirroring.deciding`).
    assert user.user_hash == hmac.new(KEY, b"anna@example.com", hashlib.sha256).hexdigest()[:32]
    masker = Masker(KEY)
    for request in ({"user": "anna@example.com"}, {"safety_identifier": masker.placeholder("USER", "anna@example.com")}):
        assert user.is_in(request)
    assert not user.is_in({"user": "anna"})
    assert not user.is_in(None)
    talk = subject_of(a_pilot(), ErasureKind.CONVERSATION, "c-1", KEY)
    hidden = "n-" + hmac.new(KEY, b"c-1", hashlib.sha256).hexdigest()[:32]
    assert talk.names == {"c-1", hidden}
    assert subject_of(a_pilot(), ErasureKind.CONVERSATION, hidden, KEY).digest == talk.digest, "the same, by either name"
    assert stored_subject(KEY, "n-1") != "n-1", "a client's own name may begin like ours"


def test_what_is_no_subject_is_refused() -> None:
    for kind, given in (
        (ErasureKind.USER, " "), (ErasureKind.CONVERSATION, "x" * 501), (ErasureKind.PILOT, "support-bot"),
        (ErasureKind.USER, "a\0"), (ErasureKind.USER, "\ud800"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            subject_of(a_pilot(), kind, given, KEY)


def test_digests_of_subjects_differ_by_pilot_kind_and_key() -> None:
    same = {subject_digest(KEY, 1, ErasureKind.USER, "a") for _ in range(2)}
    others = {subject_digest(key, pilot, kind, "a") for key, pilot, kind in (
        (b"x", 1, ErasureKind.USER), (KEY, 2, ErasureKind.USER), (KEY, 1, ErasureKind.CONVERSATION),
    )}  # fmt: skip
    assert len(same) == 1
    assert len(others | same) == 4


@pytest.mark.parametrize("name", ["c-1", "c-2", "c-3", "c-4", "c-5"])
def test_another_name_is_drawn_for_people_and_judge_as_the_old_one_was(name: str) -> None:
    pilot, plan = a_pilot(), RegisteredPlan("seed", 0.05, (28,), {"other": 0.3}, 1400)
    named = Named(name, 0.1, ("other",), ())
    found = new_name(pilot, plan, {"other": [0.25], "else": [0.1]}, named)
    assert found != name
    assert found.startswith("e-")
    assert is_drawn("seed", found, 0.3) == is_drawn("seed", name, 0.3)
    assert (judging_point(pilot.name, found) < 0.25) == (judging_point(pilot.name, name) < 0.25)


@pytest.mark.parametrize(
    ("point", "rates"), [(0.1, (0.5,)), (0.6, (0.5, 0.7)), (0.9, (0.5, 1.0)), (0.0, ()), (0.49999, (0.5,))]
)
def test_another_sample_point_stays_on_its_side_of_every_rate(point: float, rates: tuple[float, ...]) -> None:
    for _ in range(200):
        found = new_point(point, rates)
        assert 0 <= found < 1
        assert [found < rate for rate in rates] == [point < rate for rate in rates]
