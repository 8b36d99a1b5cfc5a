"""What a model is asked: messages with fresh delimiters, the form of its answer, and how the answer is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.domain.exchange import Json

AnswerT = TypeVar("AnswerT")

OBJECT_FORMAT: Json = {"type": "json_object"}


@dataclass(frozen=True, slots=True)
class Question(Generic[AnswerT]):
    """One question to a model that grades.

    Attributes:
        build: The messages; called once a call, so that no delimiter is used twice.
        name: Of the answer's schema.
        schema: JSON schema of the answer, sent where the server takes schemas.
        parse: The answer that a text certainly holds; `None` = it leaves a doubt, and is asked for again.
        key: Questions of one key have one answer and are asked once; `None` = no other question is the same.
    """

    build: Callable[[], list[Json]]
    name: str
    schema: Json
    parse: Callable[[str], AnswerT | None]
    key: str | None = None

    @property
    def schema_format(self) -> Json:
        """The `response_format` for servers that take JSON schemas."""
        return {"type": "json_schema", "json_schema": {"name": self.name, "strict": True, "schema": self.schema}}
