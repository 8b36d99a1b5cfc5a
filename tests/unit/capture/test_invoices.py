"""Exports of vendors: each format by its content, every wrong line named, nothing half-read."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.capture.invoices.names import anthropic_model, azure_meter
from app.capture.invoices.reading import read_invoice
from app.domain.invoices import ALL_MODELS, InvoiceLine
from app.errors import InvalidInput
from tests.unit.capture.invoice_files import (
    ANTHROPIC_COST_COLUMNS,
    ANTHROPIC_RESULT,
    ANTHROPIC_USAGE_COLUMNS,
    AZURE_COLUMNS,
    DAY,
    OPENAI_COST_COLUMNS,
    OPENAI_USAGE_COLUMNS,
    anthropic_page,
    azure_row,
    epoch,
    openai_cost_page,
    openai_cost_row,
    openai_usage_page,
    openai_usage_row,
    page,
)

PLAIN = "day,model,requests,input_tokens,cached_input_tokens,output_tokens,usd"
GPT = "gpt-5.1-2025-11-13"


def text(*lines: str) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def line(model: str = GPT, **numbers: Any) -> InvoiceLine:
    usd = Decimal(numbers.pop("usd")).quantize(Decimal("0.00000001")) if "usd" in numbers else None
    return InvoiceLine(DAY, model, usd=usd, **numbers)


COUNTED: dict[str, Any] = {"requests": 10, "input_tokens": 1000, "cached_input_tokens": 400, "output_tokens": 300}
ANTHROPIC_COST = {"amount": "123.45", "currency": "USD", "model": "claude-x", "token_type": "output_tokens"}
SONNET = {"input_tokens": 3200, "cached_input_tokens": 200, "output_tokens": 500}
LITELLM = {
    "request_id": "r", "call_type": "acompletion", "spend": 0.5, "prompt_tokens": 100, "completion_tokens": 20,
    "startTime": "2026-11-02 23:59:59.5", "model": "openai/gpt-5.1",
}  # fmt: skip

READ: list[tuple[str, str, bytes, list[InvoiceLine]]] = [
    ("a dashboard's usage", "openai usage CSV", text(OPENAI_USAGE_COLUMNS, openai_usage_row(), openai_usage_row()),
     [line(requests=20, input_tokens=2000, cached_input_tokens=800, output_tokens=600)]),
    ("a batch", "openai usage CSV", text(OPENAI_USAGE_COLUMNS, openai_usage_row(batch="True")),
     [line(**COUNTED, facts={"tiers": ["batch"]})]),
    ("a tier", "openai usage CSV", text(OPENAI_USAGE_COLUMNS, openai_usage_row(tier="priority")),
     [line(**COUNTED, facts={"tiers": ["priority"]})]),
    ("usage not split by model", "openai usage CSV", text(OPENAI_USAGE_COLUMNS, openai_usage_row(model="")),
     [line(ALL_MODELS, **COUNTED)]),
    ("an old usage export", "openai usage CSV (before 2025)",
     text("timestamp,model,num_requests,n_context_tokens_total,n_generated_tokens_total", f"{epoch(DAY)},gpt-4,2,10,5"),
     [line("gpt-4", requests=2, input_tokens=10, output_tokens=5)]),
    ("a dashboard's costs", "openai cost CSV",
     text(OPENAI_COST_COLUMNS, openai_cost_row(), openai_cost_row(item=f"{GPT}, cached input", usd="0.0500000000000001"),
          openai_cost_row(item=f"{GPT}, output", usd="-0.3")),
     [line(usd="1", facts={"usd_by_kind": {"cached input": "0.05000000", "input": "1.25000000", "output": "-0.30000000"}})]),
    ("names in two letter cases", "openai cost CSV",
     text(OPENAI_COST_COLUMNS, openai_cost_row(item="gpt-4o, input", usd="0.3"),
          openai_cost_row(item="GPT-4o, output", usd="5")),
     [line("gpt-4o", usd="5.3", facts={"usd_by_kind": {"input": "0.30000000", "output": "5.00000000"}})]),
    ("costs not split", "openai cost CSV", text(OPENAI_COST_COLUMNS, openai_cost_row(item="")), [line(ALL_MODELS, usd="1.25")]),
    ("old costs", "openai cost CSV (before 2025)", text("date,name,cost_in_major,currency", "2026-11-02,GPT-4o mini,0.7,usd"),
     [line("GPT-4o mini", usd="0.7")]),
    ("the usage API", "openai usage JSON", json.dumps(openai_usage_page({}, {"batch": True})).encode(),
     [line(requests=20, input_tokens=2000, cached_input_tokens=800, output_tokens=600, facts={"tiers": ["batch"]})]),
    ("embeddings of the usage API", "openai usage JSON",
     json.dumps(openai_usage_page({"object": "organization.usage.embeddings.result", "output_tokens": None})).encode(),
     [line(**COUNTED | {"output_tokens": 0})]),
    ("pages of the usage API", "openai usage JSON", json.dumps([openai_usage_page({}), openai_usage_page({})]).encode(),
     [line(requests=20, input_tokens=2000, cached_input_tokens=800, output_tokens=600)]),
    ("the costs API", "openai costs JSON", json.dumps(openai_cost_page({"line_item": f"{GPT}, input"})).encode(),
     [line(usd="1.25", facts={"usd_by_kind": {"input": "1.25000000"}})]),
    ("the messages usage report", "anthropic usage JSON", json.dumps(anthropic_page(ANTHROPIC_RESULT)).encode(),
     [line("claude-sonnet-4-20250514", **SONNET, facts={"cache_write_tokens": 1500})]),
    ("the cost report, in cents", "anthropic cost JSON",
     json.dumps(anthropic_page(ANTHROPIC_COST)).encode(),
     [line("claude-x", usd="1.2345", facts={"usd_by_kind": {"output tokens": "1.23450000"}})]),
    ("the console's usage", "anthropic usage CSV",
     text(ANTHROPIC_USAGE_COLUMNS, '2026-11-02,claude-sonnet-4-20250514,"key, two",,batch,≤ 200k,1500,500,1000,200,500,0'),
     [line("claude-sonnet-4-20250514", **SONNET, facts={"tiers": ["batch"], "cache_write_tokens": 1500})]),
    ("the console's costs", "anthropic cost CSV",
     text(ANTHROPIC_COST_COLUMNS, "2026-11-02,Claude Haiku 4.5,Default,k,message,≤ 200k,input_no_cache,0.05,0.10"),
     [line("claude-haiku-4-5", usd="0.05", facts={"usd_by_kind": {"input no cache": "0.05000000"}})]),
    ("Azure's costs", "azure cost CSV",
     text(AZURE_COLUMNS, azure_row(), azure_row(meter="gpt 4o 0806 cached Inp glbl Tokens", quantity="4", usd="5E-3"),
          azure_row(meter="gpt-4o-0806-Outp-glbl Tokens", unit="1M", quantity="0.003", usd="0.03"),
          azure_row(sub="Standard HDD", category="Storage", meter="LRS", currency="EUR").replace("Azure OpenAI", "Disk")),
     [line("gpt-4o", input_tokens=16500, cached_input_tokens=4000, output_tokens=3000, usd="0.06625",
           facts={"usd_by_kind": {"cached input": "0.00500000", "input": "0.03125000", "output": "0.03000000"}})]),
    ("a refund at Azure", "azure cost CSV",
     text(AZURE_COLUMNS, azure_row(), azure_row(charge="Refund", quantity="-1", usd="-0.01")),
     [line("gpt-4o", input_tokens=12500, usd="0.02125", facts={"usd_by_kind": {"input": "0.02125000"}})]),
    ("LiteLLM's log", "litellm spend JSON", json.dumps([LITELLM, LITELLM | {"spend": "0.25"}]).encode(),
     [line("gpt-5.1", requests=2, input_tokens=200, output_tokens=40, usd="0.75")]),
    ("LiteLLM's table", "litellm spend CSV",
     text("request_id,startTime,model,spend,prompt_tokens,completion_tokens", "r,2026-11-03 01:30:00+02:00,gpt-5.1,0.5,100,20"),
     [line("gpt-5.1", requests=1, input_tokens=100, output_tokens=20, usd="0.5")]),
    ("our own", "plain CSV", text(PLAIN, "2026-11-02,m,10,1000,400,300,1.5"), [line("m", **COUNTED, usd="1.5")]),
    ("our own, partly", "plain CSV", text(PLAIN + ",remark", "2026-11-02,m,,,,,2,x"), [line("m", usd="2")]),
    ("a day of another zone", "plain CSV", text("day,model,usd", "2026-11-03T01:00:00+02:00,m,2"), [line("m", usd="2")]),
    ("dollars of all beside tokens of one", "plain CSV", text(PLAIN, "2026-11-02,m,5,,,,", "2026-11-02,(all models),,,,,2"),
     [line(ALL_MODELS, usd="2"), line("m", requests=5)]),
    ("by a spreadsheet", "plain CSV", "\ufeffDay;Model;USD\r\n2026-11-02;m;2\r\n".encode(), [line("m", usd="2")]),
    ("in UTF-16", "plain CSV", "day\tmodel\tusd\r\n2026-11-02\tm\t2\r\n".encode("utf-16"), [line("m", usd="2")]),
]  # fmt: skip


@pytest.mark.parametrize(("about", "name", "content", "lines"), READ, ids=[case[0] for case in READ])
def test_each_export_is_told_by_its_content(about: str, name: str, content: bytes, lines: list[InvoiceLine]) -> None:
    invoice = read_invoice(content)
    assert (invoice.format, list(invoice.lines)) == (name, lines)


def problems_of(content: bytes) -> list[tuple[int | None, str | None, str]]:
    with pytest.raises(InvalidInput) as refused:
        read_invoice(content)
    return [(problem.line, problem.field, problem.message) for problem in refused.value.problems]


TWO_DAYS = str(epoch(DAY, 22)), str(epoch(DAY, 46))
WRONG: list[tuple[str, bytes, int | None, str | None, str]] = [
    ("nothing", b"", None, None, "empty"),
    ("only a mark", "\ufeff \n".encode(), None, None, "empty"),
    ("only a header", text(PLAIN), None, None, "no usage"),
    ("no known columns", text("a,b", "1,2"), 1, None, "plain CSV"),
    ("no known shape", b'{"data": 3}', None, None, "known"),
    ("cut off", b'[{"data": [', 1, None, "not JSON"),
    ("no text", b"day,model,usd\n\xff\xfe,m,1\n", 2, None, "UTF-8"),
    ("too few columns", text(PLAIN, "2026-11-02,m"), 2, None, "2 columns, the header has 7"),
    ("an open quote", text(PLAIN, '2026-11-02,"m,1'), 2, None, "not CSV"),
    ("a column twice", text("day,model,usd,usd", "2026-11-02,m,1,1"), 1, "usd", "twice"),
    ("euros", text(OPENAI_COST_COLUMNS, openai_cost_row(currency="eur")), 2, "amount_currency", "US dollars"),
    ("no currency", text(OPENAI_COST_COLUMNS, openai_cost_row(currency="")), 2, "amount_currency", "US dollars"),
    ("euros at Azure", text(AZURE_COLUMNS, azure_row(currency="EUR")), 2, "billingcurrency", "US dollars"),
    ("euros in JSON", json.dumps(openai_cost_page({"amount": {"value": 1, "currency": "eur"}})).encode(), None,
     "data[0].results[0].amount.currency", "US dollars"),
    ("an amount that is none", text(PLAIN, "2026-11-02,m,,,,,free"), 2, "usd", "such as 12.34"),
    ("an amount with a mark", text(PLAIN, '2026-11-02,m,,,,,"1,234.5"'), 2, "usd", "thousands marks"),
    ("not a number", text(PLAIN, "2026-11-02,m,,,,,NaN"), 2, "usd", "decimal number"),
    ("negative tokens", text(PLAIN, "2026-11-02,m,,-5,,,"), 2, "input_tokens", "from 0 on"),
    ("half a token", text(PLAIN, "2026-11-02,m,,1.5,,,"), 2, "input_tokens", "whole number"),
    ("more cached than input", text(PLAIN, "2026-11-02,m,1,10,11,1,1"), 2, "cached_input_tokens", "part of the input"),
    ("the same in the usage", text(OPENAI_USAGE_COLUMNS, openai_usage_row(cached="2000")), 2, "input_cached_tokens", "part of"),
    ("no number", text(PLAIN, "2026-11-02,m,,,,,"), 2, "usd", "at least one"),
    ("no model", text(PLAIN, "2026-11-02,,,,,,1"), 2, "model", "a model's name"),
    ("no day", text(PLAIN, "yesterday,m,,,,,1"), 2, "day", "such as 2026-11-02"),
    ("the day first", text(PLAIN, "13/11/2026,m,,,,,1"), 2, "day", "month first"),
    ("a time without a zone", text(PLAIN, "2026-11-02T10:00:00,m,,,,,1"), 2, "day", "needs a zone"),
    ("another century", text(PLAIN, "1970-01-01,m,,,,,1"), 2, "day", "2015 to 2099"),
    ("a day of another zone", text(OPENAI_USAGE_COLUMNS, openai_usage_row(start=TWO_DAYS[0], end=TWO_DAYS[1])), 2, "start_time",
     "one UTC day"),
    ("such a bucket", json.dumps(openai_usage_page({}, start_time=epoch(DAY, -2), end_time=epoch(DAY, 22))).encode(), None,
     "data[0].start_time", "one UTC day"),
    ("an end before the start", text(OPENAI_USAGE_COLUMNS, openai_usage_row(end=str(epoch(DAY, -1)))), 2, "start_time",
     "must be after"),
    ("images", json.dumps(openai_usage_page({"object": "organization.usage.images.result"})).encode(), None,
     "data[0].results[0].object", "counts no tokens"),
    ("empty buckets", json.dumps(page({"start_time": 1, "end_time": 2, "results": []})).encode(), None, None, "no bucket"),
    ("negative usage at Azure", text(AZURE_COLUMNS, azure_row(quantity="-3")), 2, "quantity", "0 or more"),
    ("a model not to be stored", text(OPENAI_COST_COLUMNS, openai_cost_row(item="gpt\x00, input")), 2, "model", "printable"),
    ("a kind", json.dumps(openai_cost_page({"line_item": "gpt, \x00"})).encode(), None, "kind", "printable"),
    ("sums beyond measure", json.dumps([openai_usage_page({"input_tokens": 10**15})] * 1001).encode(), None, None, "add up"),
    ("a sum beside its parts", text(PLAIN, "2026-11-02,m,,,,,1", "2026-11-02,(All models),,,,,1"), 3, "model", "line 2"),
    ("parts beside their sum", text(PLAIN, "2026-11-02,(all models),,9,0,1,1", "2026-11-02,m,1,,,,"), 3, "model", "line 2"),
    ("a day twice", text(PLAIN, "2026-11-02,m,,,,,1", "2026-11-02,M,,,,,1"), 3, "day", "on line 2 already"),
]  # fmt: skip


@pytest.mark.parametrize(("about", "content", "at", "field", "words"), WRONG, ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named(about: str, content: bytes, at: int | None, field: str | None, words: str) -> None:
    ((found_at, found_field, message),) = problems_of(content)
    assert (found_at, found_field) == (at, field)
    assert words in message


def test_every_wrong_line_of_thousands_is_named_and_nothing_is_read() -> None:
    rows = [f"{DAY + timedelta(days=number % 300)},m{number // 300},1,10,,5,0.1" for number in range(3000)]
    lines = read_invoice(text(PLAIN, *rows)).lines
    assert len(lines) == 3000
    assert sum(entry.usd or 0 for entry in lines) == Decimal(300)
    rows[7], rows[1500], rows[2999] = "x,m,1,10,,5,0.1", "2026-11-02,,1,10,,5,0.1", "2027-01-01,zz,1,10,,5,y"
    assert [(at, field) for at, field, _ in problems_of(text(PLAIN, *rows))] == [(9, "day"), (1502, "model"), (3001, "usd")]


def test_only_a_hundred_problems_are_listed_and_their_number_is_said() -> None:
    with pytest.raises(InvalidInput, match="150 problems, the first 100") as refused:
        read_invoice(text(PLAIN, *["x,m,,,,,1"] * 150))
    assert len(refused.value.problems) == 100


def test_days_without_usage_are_no_lines() -> None:
    content = text(
        OPENAI_USAGE_COLUMNS, f"{epoch(DAY)},{epoch(DAY, 24)},,,,,,,,,,,,,", openai_usage_row(DAY + timedelta(days=1))
    )
    invoice = read_invoice(content)
    assert [entry.day for entry in invoice.lines] == [date(2026, 11, 3)]
    empty = {"start_time": epoch(DAY), "end_time": epoch(DAY, 24), "results": []}
    found = read_invoice(json.dumps([page(empty), openai_usage_page({})]).encode())
    assert len(found.lines) == 1


def test_hours_of_any_zone_fall_on_their_utc_day() -> None:
    starts = [f"2026-11-02T{hour:02d}:00:00+02:00" for hour in (0, 1, 2, 23)]
    rows = [openai_usage_row(start=start, end=start.replace(":00:00+", ":59:59+")) for start in starts]
    lines = read_invoice(text(OPENAI_USAGE_COLUMNS, *rows)).lines
    assert {entry.day.isoformat(): entry.requests for entry in lines} == {"2026-11-01": 20, "2026-11-02": 20}


def test_a_page_of_several_says_that_days_are_missing() -> None:
    one = openai_usage_page({}) | {"has_more": True}
    assert "has_more" in read_invoice(json.dumps(one).encode()).notes[0]


@pytest.mark.parametrize(
    ("meter", "parts"),
    [
        ("gpt-4o-0806-Inp-glbl Tokens", ("gpt-4o", "input", "")),
        ("gpt 4o 0513 Output global Tokens", ("gpt-4o", "output", "")),
        ("gpt 4.1 mini cached Inp DZone Tokens", ("gpt-4.1-mini", "cached input", "")),
        ("gpt-4o-mini-0718-Batch-Outp-glbl Tokens", ("gpt-4o-mini", "output", "batch")),
        ("5.1 pp cd inp Gl 1M Tokens", ("gpt-5.1", "cached input", "")),
        ("5 mini pp Opt Gl", ("gpt-5-mini", "output", "")),
        ("GPT 5 Inpt Glbl", ("gpt-5", "input", "")),
        ("o3 mini 0131 input glbl", ("o3-mini", "input", "")),
        ("Provisioned Managed Global Unit", ("Provisioned Managed Global Unit", "", "")),
    ],
)
def test_meters_of_azure_name_model_and_kind(meter: str, parts: tuple[str, str, str]) -> None:
    assert azure_meter(meter) == parts


def test_names_of_the_cost_export_become_the_names_of_the_api() -> None:
    assert anthropic_model("Claude Haiku 4.5") == "claude-haiku-4-5"
    assert anthropic_model("gpt-4.1") == "gpt-4.1"
