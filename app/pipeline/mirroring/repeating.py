"""Asks a candidate the same again for a small share of calls: does the same question get the same answer?"""

from app.domain.exchange import Failure, Json, Reply
from app.domain.live import RepeatEvent, RequestEvent, external_id
from app.domain.sampling import sample_point
from app.graders.equality import what_is_equal
from app.providers.model_server import Answer


def is_repeated(event: RequestEvent, arm: str, rate: float) -> bool:
    """Whether an arm is asked a request again: by a point of the call's own, so that it is the same whoever asks."""
    return rate > 0 and sample_point(f"repeat\n{external_id(event.boot, event.number)}\n{arm}") < rate


def is_deterministic(request: Json, answer: Answer) -> bool:
    """Whether the same answer was asked for: temperature 0 or a seed, that reached the server as it was."""
    changed = {entry.parameter for entry in answer.adaptations}
    wanted = {"temperature"} if _is_zero(request.get("temperature")) else set()
    wanted |= {"seed"} if isinstance(request.get("seed"), int) else set()
    return bool(wanted - changed)


def compared(event: RequestEvent, arm: str, request: Json, first: Answer, second: Answer, usd: str | None) -> RepeatEvent:
    """What is told of a repeat: no text, at any content level."""
    again, before = second.reply, first.reply
    assert isinstance(before, Reply)  # noqa: S101 - what failed is not repeated
    return RepeatEvent(
        pilot=event.pilot,
        boot=event.boot,
        number=event.number,
        at_us=event.at_us,
        arm=arm,
        is_deterministic=is_deterministic(request, first) and is_deterministic(request, second),
        is_equal=None if isinstance(again, Failure) else what_is_equal(before, again) is not None,
        failure=again.kind.value if isinstance(again, Failure) else None,
        total_seconds=again.timing.total_seconds,
        usd=usd,
    )


def _is_zero(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == 0
