"""Readers of what other tools export: the incumbent's side of an exchange, as a line of our own format."""

from app.capture.foreign.langfuse import from_langfuse
from app.capture.foreign.litellm import from_litellm
from app.capture.foreign.openai import from_openai
from app.capture.lines import FromRecord
from app.domain.imports import ImportFormat

READERS: dict[ImportFormat, FromRecord | None] = {
    ImportFormat.PILOT: None,
    ImportFormat.OPENAI: from_openai,
    ImportFormat.LITELLM: from_litellm,
    ImportFormat.LANGFUSE: from_langfuse,
}
