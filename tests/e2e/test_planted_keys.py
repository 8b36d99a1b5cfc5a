"""Keys and personal values are planted in live traffic, and everything that is written anywhere is searched for them."""

import json
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import redis
from aiohttp import web
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from typing_extensions import override

from app.capture.payload_keys import PayloadKeys
from app.errors import ServiceError
from app.store.session import make_session_factory
from app.store.text_format import WORDS_MARK, is_sealed
from app.store.texts import Texts
from tests.fake_judge import FakeJudge, fake_judge
from tests.live.stack import LiveStack, live_stack, pilot_toml, wait_until
from tests.live.vendor import Vendor, serving
from tests.text_keys import plain
from tests.unit.masking.made_secrets import made_secret

# Production's own: found at the vendor and nowhere else, whatever the level.
HEADERS = {
    "Authorization": f"Bearer {made_secret('openaiproject.client')}",
    "api-key": made_secret("hex.client"),
    "x-api-key": made_secret("plain.client"),
    "Cookie": f"session={made_secret('plain.cookie')}",
    "X-Vendor-Note": "opaque-quillon-note",
}
CLIENT_KEYS = (*(value.rpartition(" ")[2].rpartition("=")[2] for value in HEADERS.values()), made_secret("hex.query"))
# Planted in the texts of those pilots that must not keep them.
VALUES = (
    "eve.planted@example.com", "+49 30 23125 678", "4242 4242 4242 4242", "DE89 3704 0044 0532 0130 00", "203.0.113.77",
    made_secret("github.planted"), made_secret("jwt.planted"), "KD-90817263",
)  # fmt: skip
# Words that no rule knows; those of one pilot only come after.
WORDS = ("zibbernaught", "quorvexing")
ONLY = "onlysaidat"
LEVELS = ("full", "masked", "metadata")


class Echo(Vendor):
    """Repeats what it is asked, as text and in a tool call; refuses with the key in its message if asked to."""

    def __init__(self, model: str, opening: str) -> None:
        super().__init__(model)
        self.opening = opening
        self.asked: list[str] = []
        self.all_headers: list[str] = []

    @override
    async def _complete(self, http: web.Request) -> web.StreamResponse:
        request = await http.json()
        self.asked.append(json.dumps(request, ensure_ascii=False))
        self.all_headers.append(str(sorted(http.headers.items())))
        said = f"{self.opening}: {request['messages'][-1]['content']}"
        if "please refuse" in said:
            told = f"Incorrect API key provided: {http.headers.get('Authorization')}. You said {said}"
            return web.json_response({"error": {"message": told}}, status=401)
        call = {"id": "call_1", "type": "function", "function": {"name": "note", "arguments": json.dumps({"q": said})}}
        message: dict[str, Any] = {"role": "assistant", "content": said}
        if "please call" in said:
            message |= {"tool_calls": [call]}
        if not request.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response({"id": "x", "object": "chat.completion", "model": self.model, "choices": [choice]})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(http)
        for at in range(0, len(said), 7):  # values are cut anywhere
            delta = {"index": 0, "delta": {"content": said[at : at + 7]}, "finish_reason": None}
            await response.write(b"data: " + json.dumps({"choices": [delta]}).encode() + b"\n\n")
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        await response.write(b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
        return response


@dataclass
class Scene:
    """A stack, the servers around it, and what was found written where."""

    stack: LiveStack
    incumbent: Echo
    candidate: Echo
    judge: FakeJudge
    urls: tuple[str, str]
    written: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    incumbent, candidate = Echo("vendor-model", "I have noted"), Echo("open-model", "It is well understood")
    with (
        fake_judge() as judge,
        serving(incumbent) as one,
        serving(candidate) as two,
        live_stack(tmp_path_factory.mktemp("planted"), pilots=()) as stack,
    ):
        made = Scene(stack, incumbent, candidate, judge, (one, two))
        for level in LEVELS:
            stack.service.create(toml_of(made, level))
            stack.service.post(f"/pilots/{level}/start")
        wait_until(lambda: all(level in (stack.home / "routing.json").read_text() for level in LEVELS), 10.0)
        time.sleep(1.0)  # the gateways look at their file several times a second
        live_through(made)
        yield made


def toml_of(scene: Scene, level: str) -> str:
    own = "patterns = [{ name = \"ticket\", pattern = 'KD-\\d{6,9}' }]\n"
    content = f'[content]\nlevel = "{level}"\n{own}'
    judge = f'[judge]\nbase_url = "{scene.judge.url}"\nmodel = "judge-1"\nfamily = "other"\n'
    free = "input_usd_per_million_tokens = 0\noutput_usd_per_million_tokens = 0\n"
    return pilot_toml(level, *scene.urls, content + judge + free)


def live_through(scene: Scene) -> None:
    """Traffic while the mirror stands still, then while the recorder does; everything is searched before and after each."""
    redis_url, database_url = addresses(scene.stack)
    with held(scene.stack, "recorder"):
        with held(scene.stack, "mirror"):
            sent = {level: traffic(scene, level) for level in LEVELS}
            wait_until(lambda: length(redis_url, "mirror") >= 2 * sum(sent.values()), 20.0)
            scene.written["redis with the mirror stopped"] = redis_dump(redis_url)
        wait_until(lambda: length(redis_url, "mirror") == 0, 30.0)
        scene.written["redis with the recorder stopped"] = redis_dump(redis_url)
    for level in LEVELS:
        scene.stack.settled(level, sent[level])
        scene.stack.service.grade(level)
        reports(scene, level)
    scene.written["redis at the end"] = redis_dump(redis_url)
    scene.written["database"] = database_dump(database_url, scene.stack.home)
    scene.written["metrics"] = httpx2.get(f"{scene.stack.service.url}/metrics").text
    scene.written["metrics of the gateway"] = httpx2.get(f"{scene.stack.gateway_url}/metrics").text
    scene.written["home"] = files_of(scene.stack.home)


def prompts(level: str) -> list[str]:
    """What is said to one pilot; only the full one may be told freely, and is told something else."""
    planted = "nothing personal" if level == "full" else " ; ".join((*VALUES, *WORDS, ONLY + level))
    return [f"Hello, {planted}", f"please call {planted}", f"please refuse {planted}", f"Once more in a stream: {planted}"]


def traffic(scene: Scene, level: str) -> int:
    url = f"{scene.stack.gateway_url}/p/{level}/v1/chat/completions?api_key={CLIENT_KEYS[-1]}"
    more = {} if level == "full" else {"user": VALUES[0], "metadata": {"who": VALUES[0]}}
    hints = HEADERS if level == "full" else HEADERS | {"X-Pilot-Conversation": VALUES[0]}
    with httpx2.Client(timeout=20.0) as client:
        for prompt in prompts(level):
            messages = [{"role": "system", "content": f"You serve {level}"}, {"role": "user", "content": prompt}]
            body = {"model": "vendor-model", "messages": messages, "stream": "stream" in prompt} | more
            answer = client.post(url, json=body, headers=hints)
            assert answer.status_code == (401 if "refuse" in prompt else 200)
            assert (
                "nothing personal" in answer.text
                or WORDS[0] in answer.text.replace('"}}]}\n\ndata: ', "")
                or "stream" in prompt
            )
        if level == "full":  # a header makes it stricter, one exchange at a time
            for header in ("masked", "metadata"):
                messages = [{"role": "user", "content": prompts(header)[0]}]
                client.post(
                    url, json={"model": "vendor-model", "messages": messages}, headers=HEADERS | {"X-Pilot-Content": header}
                )
        wrong = client.get(f"{scene.stack.gateway_url}/p/nobody/v1/models", headers=HEADERS)
        scene.written["error page of the gateway"] = f"{wrong.status_code} {wrong.headers} {wrong.text}"
        for path in ("/api/v1/pilots", "/pilots/full", "/nothing"):
            wrong = client.get(f"{scene.stack.service.url}{path}", headers=HEADERS)
            scene.written[f"error page {path}"] = f"{wrong.headers} {wrong.text}"
    return len(prompts(level)) + (2 if level == "full" else 0)


def reports(scene: Scene, level: str) -> None:
    service = scene.stack.service
    scene.written[f"scorecard {level}"] = json.dumps(service.get(f"/pilots/{level}/scorecard"))
    made = service.post(f"/pilots/{level}/reports")
    key = {"Authorization": f"Bearer {service.key}"}
    for name in made["formats"]:
        answer = httpx2.get(f"{service.url}/api/v1/reports/{made['id']}", params={"format": name}, headers=key, timeout=60.0)
        scene.written[f"report {level} {name}"] = answer.text
    scene.written[f"page {level}"] = httpx2.get(f"{service.url}/pilots/{level}", headers=key, timeout=60.0).text


class held:  # noqa: N801 - reads as a word of the story
    """All processes of a name stand still for a while."""

    def __init__(self, stack: LiveStack, name: str) -> None:
        self._pids = stack.pids(name)

    def __enter__(self) -> None:
        assert self._pids
        for pid in self._pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_: object) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGCONT)


def addresses(stack: LiveStack) -> tuple[str, str]:
    """Redis' and PostgreSQL's, as the recorder was told them."""
    told = Path(f"/proc/{stack.pids('recorder')[0]}/environ").read_bytes().decode().split("\0")
    environment = dict(each.partition("=")[::2] for each in told)
    return environment["PILOT_REDIS_URL"], environment["PILOT_DATABASE_URL"]


def length(url: str, stream: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.xlen(stream))


def redis_dump(url: str) -> str:
    """Every key and value, as text."""
    parts = []
    with redis.Redis.from_url(url) as client:
        read = {
            b"string": client.get, b"set": client.smembers, b"hash": client.hgetall, b"stream": client.xrange,
            b"list": lambda key: client.lrange(key, 0, -1), b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        }  # fmt: skip
        for key in client.scan_iter("*"):
            kind = client.type(key)
            parts.append(f"{key!r} {read[kind](key) if kind in read else ''!r}")
    return "\n".join(parts)


def database_dump(url: str, home: Path) -> str:
    """Every table as text; bytes as what they say, and what is sealed opened: a key could hide in it."""
    engine = create_engine(url)
    with make_session_factory(engine, texts=Texts(PayloadKeys(home, None)))() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        pilots = session.scalars(text("SELECT name FROM pilots")).all()
        rows = [row for table in tables for row in session.execute(text(f'SELECT * FROM "{table}"'))]
        found = "\n".join(str([opened(session, cell, pilots) for cell in row]) for row in rows)
    engine.dispose()
    return found


def opened(session: Session, cell: Any, pilots: Sequence[str]) -> Any:
    """A column's value in the clear, whichever pilot it is of."""
    if isinstance(cell, dict):
        return {name: opened(session, value, pilots) for name, value in cell.items()}
    if isinstance(cell, list | tuple):
        return [opened(session, value, pilots) for value in cell]
    value = bytes(cell) if isinstance(cell, memoryview) else cell
    if (isinstance(value, bytes) and is_sealed(value)) or (isinstance(value, str) and value.startswith(WORDS_MARK)):
        for pilot in pilots:
            with suppress(ServiceError):
                return opened(session, plain(session, value, pilot), ())
    return value.decode(errors="replace") if isinstance(value, bytes) else value


def files_of(home: Path) -> str:
    """All that lies in the home: logs, routing.json, Redis' own file, PostgreSQL's."""
    found = []
    for file in sorted(home.rglob("*")):
        if file.is_file() and not file.is_symlink():
            try:
                found.append(f"{file.relative_to(home)}\n{file.read_bytes().decode('latin-1')}")
            except OSError:  # it belongs to the database's own user, or is gone
                continue
    return "\n".join(found)


def places(scene: Scene, value: str) -> list[str]:
    escaped = {value, json.dumps(value)[1:-1], value.replace(" ", ""), value.replace("@", "%40"), value.replace("+", "%2B")}
    return [place for place, written in scene.written.items() if any(each in written for each in escaped)]


@pytest.mark.parametrize("number", range(len(CLIENT_KEYS)))
def test_a_key_of_production_is_found_at_the_vendor_and_nowhere_else(scene: Scene, number: int) -> None:
    key = CLIENT_KEYS[number]
    if number < len(HEADERS):
        assert all(key in headers for headers in scene.incumbent.all_headers)
    assert not any(key in headers for headers in scene.candidate.all_headers)
    assert not any(key in asked for asked in scene.candidate.asked)
    assert places(scene, key) == []


@pytest.mark.parametrize("value", VALUES)
def test_a_planted_value_is_nowhere_where_text_is_masked_or_not_kept(scene: Scene, value: str) -> None:
    assert any(
        value in asked for asked in map(json.loads, scene.candidate.asked) for asked in [asked["messages"][-1]["content"]]
    )
    assert places(scene, value) == []


def test_the_judge_reads_masked_texts_only(scene: Scene) -> None:
    read = [str(call.body) for call in scene.judge.calls]
    masked = [each for each in read if WORDS[0] in each]
    assert masked, "the pairs of the masked pilot were judged"
    assert all("[EMAIL:" in each and "[TICKET:" in each for each in masked)
    assert not any(value in each for each in read for value in VALUES)
    assert not any("You serve metadata" in each for each in read)


def test_what_is_kept_without_any_text_is_decided_by_what_was_found_in_it(scene: Scene) -> None:
    card = scene.stack.service.get("/pilots/metadata/scorecard")
    assert card["coverage"]["by_reason"]["captured"] == 3
    assert card["coverage"]["by_reason"]["client_error"] == 1
    assert scene.stack.service.get("/pilots/metadata/grading")["ungraded"] == {"no_text": 3}


def test_no_word_of_a_prompt_is_anywhere_at_metadata(scene: Scene) -> None:
    assert any(f"{ONLY}metadata" in asked for asked in scene.candidate.asked)
    assert places(scene, f"{ONLY}metadata") == []
    assert places(scene, "You serve metadata") == []


def test_what_may_be_kept_is_found_where_it_is_kept(scene: Scene) -> None:
    """Else the search would find nothing because it looks at nothing."""
    assert {"redis with the mirror stopped", "redis with the recorder stopped", "database", "home"} <= set(
        places(scene, "nothing personal")
    )
    assert "database" in places(scene, f"{ONLY}masked")
    assert not [place for place in places(scene, f"{ONLY}masked") if place.startswith("redis")], "sealed until it is stored"
    assert "pilot_gateway_requests_total" in scene.written["metrics of the gateway"]
    assert '"metadata"' in scene.written["home"], "routing.json"
