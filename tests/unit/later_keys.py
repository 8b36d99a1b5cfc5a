"""Keys of `pilot.toml` that came after the contract's example."""

# Keys that were added to those of the contract, by table; "-" is the table itself.
LATER = """
mirror: - budget_usd
segment: content
content: patterns engine language audit_reads retention_days
labels: raters_per_pair
judge: second_order max_reply_chars max_conversation_chars canary_rate panel_rate max_output_tokens
judge: budget_usd_per_day
judge_panel: -
constraints: allowed_hosts team_hours_per_month min_availability_rate legal_basis
check: -
rubric: -
option: -
capacity: - growth spare_replicas wait_p95_seconds
cost: upkeep_hours_per_month upgrades_per_year hours_per_upgrade migration_hours
candidate: metrics_url repeat_rate cache_write_usd_per_million_tokens
notify: - urls_env webhook_url webhook_secret_env figures link
alerts: - silent_minutes coverage_below candidate_down_minutes budget_shares
report: - weekly weekly_hour valid_days examples
incumbent: cache_write_usd_per_million_tokens service_tier discount_rate
"""


def added_later() -> set[str]:
    lines = [line.split(": ") for line in LATER.strip().splitlines()]
    return {f".{table}.{key}".removesuffix(".-") for table, keys in lines for key in keys.split()}
