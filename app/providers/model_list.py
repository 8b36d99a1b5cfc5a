"""What a model server says that it serves: `GET {base_url}/models`, the list that all OpenAI-compatible servers have."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from app.providers.draft import MalformedReply, cut, name_of, parse_json
from app.providers.model_server import Target
from app.providers.transport import make_session

MOST_BYTES = 1024 * 1024
MOST_MODELS = 1000


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One model of a server's list; `None` = the server does not say.

    Attributes:
        root: What it is made from: vLLM and SGLang name the weights here when the id is an alias.
        created: As the server says it: of some the start of the server, of some the present.
        max_model_len: Longest context in tokens.
    """

    id: str
    root: str | None = None
    created: int | None = None
    max_model_len: int | None = None


@dataclass(frozen=True, slots=True)
class ModelList:
    """A server's answer; `failure` says in one sentence why there is none."""

    models: tuple[ListedModel, ...] = ()
    failure: str | None = None

    def served(self, model: str) -> ListedModel | None:
        """The one that answers to a name: the model of that id, or the only one there is; `None` = nobody can tell."""
        by_id = next((listed for listed in self.models if listed.id == model), None)
        return by_id or (self.models[0] if len(self.models) == 1 else None)


async def list_models(target: Target, *, timeout_seconds: float) -> ModelList:
    """Asks once; whatever the server does is part of the answer, nothing is raised.

    Link-local and metadata addresses are not called, redirects not followed, at most 1 MiB is read.
    """
    try:
        async with asyncio.timeout(timeout_seconds), make_session(connections=1) as session:
            return await _ask(session, target)
    except TimeoutError:
        return ModelList(failure=f"no answer within {timeout_seconds:g} s")
    except MalformedReply as error:
        return ModelList(failure=f"not a list of models: {cut(str(error))}")
    except (aiohttp.ClientError, OSError) as error:
        return ModelList(failure=cut(str(error)) or type(error).__name__)


async def _ask(session: aiohttp.ClientSession, target: Target) -> ModelList:
    key = target.api_key.get_secret_value() if target.api_key else ""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with session.get(f"{target.base_url.rstrip('/')}/models", headers=headers, allow_redirects=False) as response:
        if response.status != HTTPStatus.OK:
            return ModelList(failure=f"it answers with status {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MOST_BYTES:
                return ModelList(failure="its list is longer than 1 MiB")
    return ModelList(models=_models(parse_json(body.decode("utf-8", "replace"))))


def _models(document: Any) -> tuple[ListedModel, ...]:
    entries = document.get("data") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        message = "no 'data'"
        raise MalformedReply(message)
    found = (_listed(entry) for entry in entries[:MOST_MODELS] if isinstance(entry, dict))
    return tuple(listed for listed in found if listed is not None)


def _listed(entry: dict[str, Any]) -> ListedModel | None:
    identity, root = entry.get("id"), entry.get("root")
    if not isinstance(identity, str) or not identity:
        return None
    said = name_of(root) if isinstance(root, str) and root else None
    return ListedModel(name_of(identity), said, _number(entry.get("created")), _number(entry.get("max_model_len")))


def _number(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    return int(value) if is_number else None
