"""Settings of every process, read once at its edge from `PILOT_*` and handed down as plain values."""

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One frozen object a process; nothing below the edge imports it."""

    model_config = SettingsConfigDict(env_prefix="PILOT_", frozen=True, extra="ignore")

    home: Path = Path(".pilot")
    bind: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    gateway_port: int = Field(default=8081, ge=0, le=65535)
    database_url: str | None = None
    redis_url: str | None = None
    pepper: SecretStr | None = Field(
        default=None, description="Keys are stored as HMAC under it; default: a file in PILOT_HOME made at first start."
    )
    database_pool_size: int = Field(default=8, ge=1, description="Connections a process keeps to PostgreSQL.")
    import_line_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, description="Longest line of an import file.")
    import_chunk_bytes: int = Field(default=16 * 1024 * 1024, ge=64 * 1024, description="Largest body of one import call.")
    import_kept_hours: float = Field(default=72.0, gt=0, description="How long an unfinished upload can be gone on with.")
    judge_concurrency: int = Field(default=500, ge=1, description="Judge calls in flight of one worker process.")
    judge_attempts: int = Field(default=3, ge=1, description="Calls for one answer before it is `Ungraded`.")
    judge_timeout_seconds: float = Field(default=120.0, gt=0)
    lease_seconds: float = Field(default=30.0, gt=0, description="How long claimed work stays claimed without a heartbeat.")
    reply_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, description="Longest reply read from a model server.")

    @field_validator("database_url")
    @classmethod
    def _with_the_driver(cls, url: str | None) -> str | None:
        """An address as PostgreSQL's own programs take it gets the driver that is installed."""
        scheme, separator, rest = (url or "").partition("://")
        return f"postgresql+psycopg://{rest}" if separator and scheme in ("postgres", "postgresql") else url
