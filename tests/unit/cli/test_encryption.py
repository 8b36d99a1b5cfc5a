"""`pilot encryption` and `pilot shred`: what is asked of the service, how often, and what is said."""

import json
from typing import Any

import httpx2
import pytest
from cryptography.fernet import Fernet

from parallel_pilot.cli import main
from parallel_pilot.cli.client import Client

STATUS = {
    "place": "/home/payload.keys", "is_given": False, "lost": 1, "is_all": False,
    "keys": [{"fingerprint": "abcd", "data_keys": 2}],
    "pilots": [
        {"pilot": "p", "newest_key": 2, "plain": 5, "sealed": {"1": 7, "2": 9}, "is_shredded": False},
        {"pilot": "q", "newest_key": 0, "plain": 0, "sealed": {}, "is_shredded": True},
    ],
}  # fmt: skip
ROTATED = {"wrapped": 3, "made": 2, "is_new_key": True, "fingerprint": "ef01"}
SHREDDED = {"shredded_at": "2026-11-21T22:00:00Z", "data_keys": 1, "cleared": 200, "is_cleared": True}
Asked = list[tuple[str, Any]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """What the service was asked; it answers each address in turn, the last answer again and again."""
    calls: Asked = []
    answers: dict[str, list[Any]] = {
        "/api/v1/encryption": [STATUS],
        "/api/v1/encryption/rotate": [ROTATED],
        "/api/v1/encryption/encrypt-old": [{"texts": 4, "next": 9}, {"texts": 2, "next": None}],
        "/api/v1/pilots/p/shred": [SHREDDED | {"is_cleared": False}, SHREDDED | {"data_keys": 0, "cleared": 5}],
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        calls.append((request.url.path, json.loads(request.content) if request.content else None))
        turns = answers[request.url.path]
        return httpx2.Response(200, json=turns.pop(0) if len(turns) > 1 else turns[0])

    made = Client("http://service", "key", transport=httpx2.MockTransport(answer))
    monkeypatch.setattr(Client, "from_environment", classmethod(lambda _: made))
    return calls


def test_status_names_keys_by_fingerprint_and_says_what_is_plain(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["encryption", "status"]) == 0
    said = capsys.readouterr()
    assert "abcd" in said.out
    assert "7 under key 1, 9 under key 2" in said.out
    assert "shredded" in said.out
    assert "1 data keys are wrapped by a key that is not there" in said.err
    assert [path for path, _ in asked] == ["/api/v1/encryption"]


def test_a_rotation_says_under_which_key_everything_is(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["encryption", "rotate", "--data-keys"]) == 0
    assert "3 data keys are wrapped under a new key now (ef01)" in capsys.readouterr().out
    assert asked == [("/api/v1/encryption/rotate", {"data_keys": True})]


def test_old_texts_are_sealed_turn_by_turn(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["encryption", "encrypt-old", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"texts": 6}
    assert [said for _, said in asked] == [{"after": 0}, {"after": 9}]


@pytest.mark.parametrize(("typed", "is_shredded"), [("p\n", True), ("other\n", False)])
def test_shredding_asks_for_the_name(
    asked: Asked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, typed: str, is_shredded: bool
) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: typed)
    assert main.run(["shred", "p"]) == (0 if is_shredded else 1)
    assert bool(asked) == is_shredded
    assert ("shredded on 2026-11-21" in capsys.readouterr().out) == is_shredded


def test_shredding_goes_on_until_everything_is_cleared(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["shred", "p", "--yes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == SHREDDED | {"data_keys": 1, "cleared": 205}
    assert asked == [("/api/v1/pilots/p/shred", {"name": "p"})] * 2


def test_a_new_key_is_one_that_the_service_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["encryption", "new-key"]) == 0
    token = Fernet(capsys.readouterr().out.strip()).encrypt(b"text")
    assert token
