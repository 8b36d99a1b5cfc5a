"""An import line's content, masked."""

from collections.abc import Callable

from app.capture.masking.bodies import mask_request
from app.capture.masking.masker import Masker
from app.domain.exchange import Json


def mask_document(masker: Masker, document: Json, hidden: Callable[[str], str]) -> Json:
    """The content of a line (`app.capture.document`) without what the rules find.

    Args:
        masker: Masks its texts.
        document: The content.
        hidden: Stands for a name that may not be kept, such as a conversation that is called by an address.
    """
    masked = document | {
        "request": mask_request(masker, document["request"]),
        "replies": {arm: _reply(masker, reply) for arm, reply in document["replies"].items()},
    }
    if "conversation_id" in document:
        masked["conversation_id"] = mask_name(masker, document["conversation_id"], hidden)
    if "reference" in document:
        masked["reference"] = masker.text(document["reference"])
    if "preferences" in document:
        masked["preferences"] = [_with_texts(masker, given, ("reason",)) for given in document["preferences"]]
    return masked


def mask_name(masker: Masker, name: str, hidden: Callable[[str], str]) -> str:
    """A name that a client gave, as it is unless there is something to mask in it."""
    return name if masker.text(name) == name else "n-" + hidden(name)


def _reply(masker: Masker, reply: Json) -> Json:
    masked = _with_texts(masker, reply, ("content", "reasoning", "message"))
    if "tool_calls" in reply:
        masked["tool_calls"] = [_call(masker, call) for call in reply["tool_calls"]]
    return masked


def _call(masker: Masker, call: Json) -> Json:
    function = call["function"]
    return call | {"function": function | {"arguments": masker.text(function["arguments"])}}


def _with_texts(masker: Masker, record: Json, names: tuple[str, ...]) -> Json:
    return record | {name: masker.text(record[name]) for name in names if isinstance(record.get(name), str)}
