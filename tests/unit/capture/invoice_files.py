"""Exports as the vendors document them, with values of our own."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

DAY = date(2026, 11, 2)


def epoch(day: date, hours: int = 0) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + hours * 3600


def iso(day: date) -> str:
    return f"{day}T00:00:00+00:00"


OPENAI_USAGE_COLUMNS = (
    "start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,"
    "input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens"
)
OPENAI_COST_COLUMNS = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,organization_id"
)
ANTHROPIC_USAGE_COLUMNS = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,usage_input_tokens_no_cache,"
    "usage_input_tokens_cache_write_5m,usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
    "web_search_count"
)
ANTHROPIC_COST_COLUMNS = "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,list_price_usd"
AZURE_COLUMNS = (
    "SubscriptionName,Date,ProductName,MeterCategory,MeterSubCategory,MeterName,UnitOfMeasure,Quantity,CostInBillingCurrency,"
    "BillingCurrency,ChargeType,Tags"
)


def openai_usage_row(
    day: date = DAY, *, model: str = "gpt-5.1-2025-11-13", inputs: str = "1000.0", cached: str = "400.0", output: str = "300.0",
    requests: str = "10.0", batch: str = "FALSE", tier: str = "default", start: str = "", end: str = "",
) -> str:  # fmt: skip
    start, end = start or str(epoch(day)), end or str(epoch(day + timedelta(days=1)))
    return (
        f"{start},{end},,,proj_1,{requests},user-1,key_1,{model},{batch},{tier},{inputs},{output},{cached},"
    )  # fmt: skip


def openai_cost_row(
    day: date = DAY, *, item: str = "gpt-5.1-2025-11-13, input", usd: str = "1.25", currency: str = "usd"
) -> str:
    return f'{epoch(day)},{epoch(day + timedelta(days=1))},{iso(day)},,{usd},{currency},"{item}",proj_1,org-1'


def azure_row(
    day: str = "11/02/2026", *, meter: str = "gpt-4o-0806-Inp-glbl Tokens", unit: str = "1K", quantity: str = "12.5",
    usd: str = "0.03125", currency: str = "USD", category: str = "Foundry Models", sub: str = "Azure OpenAI",
    charge: str = "Usage",
) -> str:  # fmt: skip
    about = f'Prod,{day},"Azure OpenAI, tokens",{category},{sub},{meter}'
    return f'{about},{unit},{quantity},{usd},{currency},{charge},"{{""a"": ""b""}}"'


def openai_usage_page(*results: dict[str, Any], day: date = DAY, **bucket: Any) -> dict[str, Any]:
    made = [
        {
            "object": "organization.usage.completions.result", "input_tokens": 1000, "output_tokens": 300,
            "input_cached_tokens": 400, "num_model_requests": 10, "model": "gpt-5.1-2025-11-13", "batch": False,
            "service_tier": "default", "project_id": None,
        } | result
        for result in results
    ]  # fmt: skip
    return page({"object": "bucket", "start_time": epoch(day), "end_time": epoch(day, 24), "results": made} | bucket)


def openai_cost_page(*results: dict[str, Any], day: date = DAY) -> dict[str, Any]:
    made = [
        {"object": "organization.costs.result", "amount": {"value": 1.25, "currency": "usd"}, "line_item": None} | result
        for result in results
    ]
    return page({"object": "bucket", "start_time": epoch(day), "end_time": epoch(day, 24), "results": made})


def anthropic_page(*results: dict[str, Any], day: date = DAY) -> dict[str, Any]:
    ends = day + timedelta(days=1)
    return page({"starting_at": f"{day}T00:00:00Z", "ending_at": f"{ends}T00:00:00Z", "results": list(results)})


def page(*buckets: dict[str, Any], more: bool = False) -> dict[str, Any]:
    return {"object": "page", "data": list(buckets), "has_more": more, "next_page": None}


ANTHROPIC_RESULT: dict[str, Any] = {
    "uncached_input_tokens": 1500, "cache_creation": {"ephemeral_1h_input_tokens": 1000, "ephemeral_5m_input_tokens": 500},
    "cache_read_input_tokens": 200, "output_tokens": 500, "server_tool_use": {"web_search_requests": 10},
    "model": "claude-sonnet-4-20250514", "service_tier": "standard",
}  # fmt: skip
