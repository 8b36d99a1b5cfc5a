"""Simulated pilots as import files, driven through the service, beside what the pure rule says of the same data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from tests.simulation.worlds import NEVER, Pilots, World

STARTS = datetime(2026, 9, 7, tzinfo=UTC)  # a Monday; the whole window is past
JUDGE, PERSON, CANDIDATE = "simulated-judge", "simulated-person", "qwen"
ORDERS = ("incumbent", CANDIDATE)
# A judge's tie is a tie in both orders, or a flip: the first one shown wins twice.
TIES = ((0.5, 0.5), (0.0, 1.0), (1.0, 0.0))


class Driven(Protocol):
    """What a service offers: `tests.running.Service`, or the same API without a network."""

    def create(self, toml: str) -> Any: ...
    def import_lines(self, name: str, lines: bytes) -> Any: ...
    def post(self, path: str, document: Any = None) -> Any: ...
    def get(self, path: str, **query: Any) -> Any: ...
    def grade(self, name: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Found:
    """What the service says of one pilot's quality."""

    outcome: str
    card: dict[str, Any]

    @property
    def quality(self) -> dict[str, Any]:
        """The quality gate."""
        gates = self.card["gates"]
        found: dict[str, Any] = next(gate for gate in gates if gate["name"] == "quality")
        return found


def configuration(name: str, world: World) -> str:
    """`pilot.toml` of a pilot of that world; only quality is asked for."""
    return f"""
[pilot]
name = "{name}"
starts = {STARTS.date().isoformat()}
days = {world.planned_days}
planned_conversations = {world.conversations}
[decision]
reason = "control"
[incumbent]
base_url = "http://127.0.0.1:9/v1"
model = "simulated-incumbent"
family = "incumbent"
[[candidate]]
name = "{CANDIDATE}"
base_url = "http://127.0.0.1:9/v1"
model = "simulated-candidate"
family = "candidate"
license = "Apache-2.0"
[judge]
rater = "{JUDGE}"
family = "judge"
"""


def import_file(world: World, pilots: Pilots, run: int) -> bytes:
    """One pilot as an import file."""
    return "".join(json.dumps(line) + "\n" for line in import_lines(world, pilots, run)).encode()


def import_lines(world: World, pilots: Pilots, run: int) -> Iterator[dict[str, Any]]:
    """One pilot's exchanges, several a conversation."""
    start, stop = np.searchsorted(pilots.place, (run * pilots.days, (run + 1) * pilots.days))
    for row in range(start, stop):
        name = f"c-{row - start:05d}"
        opened = STARTS + timedelta(days=int(pilots.day[row]), hours=6 + (row * 7) % 12, minutes=row % 47)
        first = int(pilots.first_pair[row])
        for turn in range(int(pilots.size[row])):
            pair = first + turn
            arrived = opened + timedelta(minutes=turn)
            said = _judged(int(pilots.pair_judge[pair]), pair)
            if pair == pilots.drawn_pair[row] and pilots.drawn[row]:
                said += _labelled(world, pilots, row, arrived)
            yield _line(name, turn, arrived, said)


def _line(conversation: str, turn: int, arrived: datetime, preferences: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "exchange_id": f"{conversation}-{turn}",
        "arrived_at": arrived.isoformat(),
        "conversation_id": conversation,
        "turn": turn + 1,
        "request": {"model": "simulated-incumbent", "messages": [{"role": "user", "content": f"{conversation}: {turn}?"}]},
        "replies": {"incumbent": {"content": "As production answered."}, CANDIDATE: {"content": "As the candidate answered."}},
        "preferences": preferences,
    }


def _judged(code: int, pair: int) -> list[dict[str, Any]]:
    values = TIES[pair % len(TIES)] if code == 1 else (code / 2, code / 2)
    return [
        {"arm": CANDIDATE, "by": "judge", "rater": JUDGE, "shown_first": first, "value": value}
        for first, value in zip(ORDERS, values, strict=True)
    ]


def _labelled(world: World, pilots: Pilots, row: int, arrived: datetime) -> list[dict[str, Any]]:
    """The label, the skip, or nothing where it never came."""
    label = {"arm": CANDIDATE, "by": "person", "rater": PERSON, "draw_probability": world.draw_probability}
    late = world.labels.late_days if world.labels is not None else 0
    at = {"at": (arrived + timedelta(days=late, minutes=20)).isoformat()}
    if pilots.skipped[row]:
        return [label | at | {"skipped": "cannot tell"}]
    if pilots.labelled_day[row] == NEVER:
        return []
    return [label | at | {"value": float(pilots.person_drawn[row])}]


def drive(service: Driven, name: str, world: World, pilots: Pilots, run: int) -> Found:
    """Through the API: created, imported, started, graded, closed and decided."""
    service.create(configuration(name, world))
    service.import_lines(name, import_file(world, pilots, run))
    service.post(f"/pilots/{name}/start")
    service.grade(name)
    card: dict[str, Any] = service.get(f"/pilots/{name}/scorecard")["candidates"][CANDIDATE]
    return Found(card["verdict"]["outcome"], card)
