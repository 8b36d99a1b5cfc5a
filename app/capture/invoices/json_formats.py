"""The JSON exports that are known: OpenAI's usage and costs API, Anthropic's usage and cost report, LiteLLM's spend logs.

A file holds one page as the API gives it, a list of pages, a list of buckets, or a list of spend logs.
"""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias

from app.capture.invoices.fields import amount, bucket_day, count, dollars_only, model_name
from app.capture.invoices.names import anthropic_model, line_item, litellm_model
from app.capture.invoices.pieces import Piece
from app.domain.invoices import ALL_MODELS as ALL
from app.errors import Problem

Json: TypeAlias = dict[str, Any]
CENTS = Decimal(100)
TOKEN_RESULTS = ("completions", "embeddings", "moderations")


class Place:
    """One object of the file and where it is; what is wrong with it is noted in `problems`."""

    def __init__(self, where: str, content: Json, problems: list[Problem]) -> None:
        self.where, self.content, self.problems = where, content, problems

    def read(self, how: Callable[[Any], Any], *names: str, required: bool = False) -> Any:
        """A value; `None` where it is absent, null or wrong. A dotted name goes into objects."""
        value, name = self._find(names)
        return self.checked(name, partial(how, value)) if value is not None or required else None

    def text(self, name: str) -> str:
        """A word; "" where there is none."""
        value = self.content.get(name)
        return value.strip() if isinstance(value, str) else ""

    def checked(self, name: str, how: Callable[[], Any]) -> Any:
        """The same for what is made of several values."""
        try:
            return how()
        except ValueError as error:
            self.problems.append(Problem(f"{name} {error}", field=f"{self.where}.{name}"))
            return None

    def _find(self, names: tuple[str, ...]) -> tuple[Any, str]:
        for name in names:
            value: Any = self.content
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
            if value is not None:
                return value, name
        return None, names[0]


def buckets_of(document: Any) -> list[tuple[str, Json]] | None:
    """All buckets of the pages in the file with their places; `None` if it holds none."""
    pages = document if isinstance(document, list) else [document]
    found: list[tuple[str, Json]] = []
    for number, page in enumerate(pages):
        where = f"[{number}]" if isinstance(document, list) else ""
        if not isinstance(page, dict):
            return None
        if isinstance(page.get("results"), list):
            found.append((where or "$", page))
        elif isinstance(page.get("data"), list):
            found += [(f"{where}{'.' if where else ''}data[{place}]", each) for place, each in enumerate(page["data"])]
        else:
            return None
    return found if all(isinstance(each, dict) and isinstance(each.get("results"), list) for _, each in found) else None


def has_more(document: Any) -> bool:
    """Whether the last page says that there are others."""
    last = document[-1] if isinstance(document, list) and document else document
    return isinstance(last, dict) and last.get("has_more") is True


def format_of(results: list[Json]) -> str | None:
    """Which API the results come from, by what they hold; `None` = none that is known."""
    known: tuple[tuple[str, Callable[[Json], bool]], ...] = (
        ("openai usage JSON", lambda r: "num_model_requests" in r),
        ("anthropic usage JSON", lambda r: "uncached_input_tokens" in r),
        ("openai costs JSON", lambda r: isinstance(r.get("amount"), dict)),
        ("anthropic cost JSON", lambda r: "amount" in r and "currency" in r),
    )
    return next((name for name, tells in known if results and all(tells(result) for result in results)), None)


def read_buckets(name: str, buckets: list[tuple[str, Json]], problems: list[Problem]) -> Iterator[Piece]:
    """What the buckets say; a bucket without results is a day without usage."""
    read = READERS[name]
    for where, content in buckets:
        bucket = Place(where, content, problems)
        day = bucket.checked("start_time", partial(_day, content)) if content["results"] else None
        for place, result in enumerate(content["results"]):
            piece = read(day or date.min, Place(f"{where}.results[{place}]", result, problems))
            if day is not None and piece is not None:
                yield piece


def _day(bucket: Json) -> date:
    start = bucket.get("start_time", bucket.get("starting_at"))
    return bucket_day(start, bucket.get("end_time", bucket.get("ending_at")))


def _openai_usage(day: date, result: Place) -> Piece | None:
    kind = str(result.content.get("object") or "organization.usage.completions.result").split(".")[-2:][0]
    if kind not in TOKEN_RESULTS:
        text = f"must be a result of {', '.join(TOKEN_RESULTS)}, not {kind}: it counts no tokens"
        result.checked("object", lambda: _fail(text))
        return None
    inputs, cached = result.read(count, "input_tokens", required=True), result.read(count, "input_cached_tokens")
    _cached_is_a_part(result, cached, inputs)
    return Piece(
        day, result.read(model_name, "model") or ALL,
        requests=result.read(count, "num_model_requests"), input_tokens=inputs, cached_input_tokens=cached,
        # Embeddings and moderations generate nothing.
        output_tokens=result.read(count, "output_tokens", required=True) if kind == "completions" else 0,
        tier="batch" if result.content.get("batch") is True else result.text("service_tier"),
    )  # fmt: skip


def _openai_cost(day: date, result: Place) -> Piece | None:
    result.read(dollars_only, "amount.currency", required=True)
    model, kind = line_item(result.text("line_item"))
    return Piece(day, model, usd=result.read(amount, "amount.value", required=True), kind=kind)


def _anthropic_usage(day: date, result: Place) -> Piece | None:
    fresh = result.read(count, "uncached_input_tokens", required=True) or 0
    cached = result.read(count, "cache_read_input_tokens") or 0
    names = (
        "cache_creation.ephemeral_5m_input_tokens",
        "cache_creation.ephemeral_1h_input_tokens",
        "cache_creation_input_tokens",
    )
    written = sum(result.read(count, name) or 0 for name in names)
    return Piece(
        day, anthropic_model(result.text("model")) or ALL,
        input_tokens=fresh + written + cached, cached_input_tokens=cached,
        output_tokens=result.read(count, "output_tokens", required=True),
        cache_write_tokens=written or None, tier=result.text("service_tier"),
    )  # fmt: skip


def _anthropic_cost(day: date, result: Place) -> Piece | None:
    """Amounts are in cents."""
    result.read(dollars_only, "currency", required=True)
    cents = result.read(amount, "amount", required=True)
    kind = (result.text("token_type") or result.text("cost_type")).replace("_", " ")
    model = anthropic_model(result.text("model")) or ALL
    return Piece(day, model, usd=cents / CENTS if cents is not None else None, kind=kind)


def is_spend_log(record: Any) -> bool:
    """Whether this is a row of LiteLLM's spend logs."""
    return isinstance(record, dict) and {"spend", "prompt_tokens", "completion_tokens", "startTime"} <= set(record)


def read_spend_logs(records: list[Any], problems: list[Problem]) -> Iterator[Piece]:
    """One request a record."""
    for number, record in enumerate(records):
        place = Place(f"[{number}]", record if isinstance(record, dict) else {}, problems)
        day = place.checked("startTime", partial(_utc_day, place.content.get("startTime")))
        numbers = {
            "input_tokens": place.read(count, "prompt_tokens", required=True),
            "output_tokens": place.read(count, "completion_tokens", required=True),
            "cached_input_tokens": place.read(count, "metadata.usage_object.prompt_tokens_details.cached_tokens"),
            "usd": place.read(amount, "spend", required=True),
        }
        if day is not None:
            yield Piece(day, litellm_model(place.text("model")) or ALL, requests=1, **numbers)


def _utc_day(value: Any) -> date:
    """LiteLLM's times are UTC, with or without saying so."""
    text = str(value).strip()
    return bucket_day(text if text.endswith("Z") or "+" in text else f"{text}+00:00", None)


def _cached_is_a_part(result: Place, cached: int | None, inputs: int | None) -> None:
    if cached is not None and inputs is not None and cached > inputs:
        text = f"must be a part of the input tokens, not {cached:,} of {inputs:,}"
        result.checked("input_cached_tokens", lambda: _fail(text))


def _fail(text: str) -> None:
    raise ValueError(text)


READERS: dict[str, Callable[[date, Place], Piece | None]] = {
    "openai usage JSON": _openai_usage,
    "openai costs JSON": _openai_cost,
    "anthropic usage JSON": _anthropic_usage,
    "anthropic cost JSON": _anthropic_cost,
}
