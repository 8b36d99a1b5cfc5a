"""Settings of every process, read once at its edge from `PILOT_*` and handed down as plain values."""

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel: TypeAlias = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

SHORTEST_HANG_SECONDS = 3.0


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
    database_wait_seconds: float = Field(
        default=5.0, gt=0, description="How long a request to the API waits for a connection, before it is a 503."
    )
    api_statement_seconds: float = Field(default=600.0, gt=0, description="Longest statement of a request to the API.")
    page_statement_seconds: float = Field(default=30.0, gt=0, description="Longest statement of a page.")
    import_line_bytes: int = Field(default=4 * 1024 * 1024, ge=1024, description="Longest line of an import file.")
    import_chunk_bytes: int = Field(default=16 * 1024 * 1024, ge=64 * 1024, description="Largest body of one import call.")
    import_kept_hours: float = Field(default=72.0, gt=0, description="How long an unfinished upload can be gone on with.")
    judge_concurrency: int = Field(default=500, ge=1, description="Judge calls in flight of one worker process.")
    judge_attempts: int = Field(default=3, ge=1, description="Calls for one answer before it is `Ungraded`.")
    judge_timeout_seconds: float = Field(default=120.0, gt=0)
    grader_modules: str = Field(
        default="", description="Modules, separated by commas, whose functions may grade (`python:module:function`)."
    )
    grader_path: Path | None = Field(default=None, description="Folder where these modules lie, if they are not installed.")
    grader_seconds: float = Field(default=5.0, gt=0, le=600, description="How long one call of such a function may take.")
    lease_seconds: float = Field(default=30.0, gt=0, description="How long claimed work stays claimed without a heartbeat.")
    rehearsal_concurrency: int = Field(
        default=2000, ge=1, le=15_000, description="Calls in flight of one rehearsal; what is due beyond them is not sent."
    )
    reply_bytes: int = Field(default=8 * 1024 * 1024, ge=1024, description="Longest reply read from a model server.")

    log_level: LogLevel = Field(default="INFO", description="Log entries below it are not written.")
    metrics_folder: Path | None = Field(
        default=None, description="Where processes share their metrics; default: PILOT_HOME/metrics."
    )
    stream_key: SecretStr | None = Field(
        default=None, description="Seals events in Redis, base64 of 32 bytes; default: a file in PILOT_HOME."
    )
    stream_bytes: int = Field(default=256 * 1024**2, ge=1024**2, description="Bound of each stream; at it producers shed.")
    outbox_bytes: int = Field(default=6 * 1024**2, ge=1024**2, description="Events a process holds while Redis is away.")
    gateway_workers: int = Field(default=2, ge=1, le=64, description="Gateway processes on one port.")
    gateway_body_bytes: int = Field(default=1024**2, ge=0, description="Longest request body that is mirrored.")
    gateway_reply_bytes: int = Field(default=4 * 1024**2, ge=1024, description="Most bytes of a reply that are kept to mirror.")
    gateway_held_bytes: int = Field(
        default=32 * 1024**2, ge=1024**2, description="Bodies and replies that one gateway process holds to mirror."
    )
    gateway_head_bytes: int = Field(default=64 * 1024, ge=8192, description="Longest head of a request or a response.")
    gateway_drain_seconds: float = Field(default=30.0, gt=0, description="How long a gateway that ends finishes its requests.")
    gateway_hang_seconds: float = Field(
        default=30.0,
        ge=0,
        description="A gateway process whose event loop stands still so long is killed; 0 = never.",
    )
    gateway_connect_seconds: float = Field(default=10.0, gt=0, description="Connecting to the incumbent, before it is a 502.")
    mirror_concurrency: int = Field(default=512, ge=1, description="Calls in flight of one mirror process, all arms together.")
    mirror_held_bytes: int = Field(default=64 * 1024**2, ge=1024**2, description="Requests that one mirror process holds.")
    mirror_wait_seconds: float = Field(
        default=60.0, gt=0, description="A request that found no room for so long is `shed` for that arm."
    )
    breaker_failures: int = Field(default=10, ge=1, description="Failures in a row that open an arm's circuit breaker.")
    breaker_open_seconds: float = Field(default=10.0, gt=0, description="How long it stays open before one call tries again.")
    retry_window_seconds: float = Field(
        default=60.0, gt=0, description="A repeated request within it after a failure is an attempt of the same exchange."
    )
    conversation_seconds: float = Field(
        default=36 * 3600.0, ge=600, description="How long after its last request the mirrors know a conversation at least."
    )
    server_metrics_seconds: float = Field(
        default=60.0, gt=0, description="How often the metrics page of a running pilot's candidate is read."
    )
    record_batch: int = Field(default=500, ge=1, description="Events that the recorder stores in one transaction.")
    recorder_behind_seconds: float = Field(
        default=20.0, gt=0, description="Where the oldest event that is not stored is older, grading and the like wait."
    )
    recorder_behind_share: float = Field(
        default=0.25, gt=0, le=1, description="The same where the recorder's stream holds more than this share of its bound."
    )
    mirror_processes: int = Field(default=1, ge=1, le=64, description="Mirrors that `./run up` starts.")
    recorder_processes: int = Field(default=1, ge=1, le=64, description="Recorders that `./run up` starts.")
    worker_processes: int = Field(default=2, ge=1, le=64, description="Processes for live work of a worker.")
    batch_processes: int = Field(default=2, ge=1, le=64, description="Processes for work that may take its time.")
    worker_niceness: int = Field(
        default=10, ge=0, le=19, description="How far workers that `./run up` starts stand back for processor time (nice)."
    )
    job_redelivery_seconds: float = Field(
        default=3600.0, ge=1, description="After it, a job whose worker did not say that it is done is given to another."
    )
    ingest_bytes: int = Field(default=8 * 1024**2, ge=64 * 1024, description="Largest body of one `POST /ingest`.")

    session_seconds: float = Field(default=12 * 3600.0, ge=60, description="How long a person stays signed in at most.")
    session_idle_seconds: float = Field(default=2 * 3600.0, ge=60, description="How long without looking at a page.")
    sign_in_window_seconds: int = Field(default=300, ge=1, description="Attempts to sign in are counted over so long.")
    sign_in_name_attempts: int = Field(default=10, ge=1, description="Within it, for one name.")
    sign_in_address_attempts: int = Field(default=50, ge=1, description="Within it, from one address.")
    scorecard_seconds: float = Field(
        default=600.0, gt=0, description="The figures that pages show are computed anew so often, if anything changed."
    )
    payload_keys: SecretStr | None = Field(
        default=None, description="Keys of stored texts (Fernet), newest first, by commas; default: a file in PILOT_HOME."
    )
    gateway_bypass_every: int = Field(
        default=1000, ge=0, description="One request in so many is not mirrored, to measure the gateway without it; 0 = none."
    )
    catalogue: Path | None = Field(
        default=None, description="Own file of models, GPUs and prices; its lines go before the built-in ones."
    )

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level

    @field_validator("gateway_hang_seconds")
    @classmethod
    def _longer_than_a_beat(cls, seconds: float) -> float:
        if 0 < seconds < SHORTEST_HANG_SECONDS:
            message = f"0 (never), or at least {SHORTEST_HANG_SECONDS:g}: a process that is well says so once a second"
            raise ValueError(message)
        return seconds

    @field_validator("database_url")
    @classmethod
    def _with_the_driver(cls, url: str | None) -> str | None:
        """An address as PostgreSQL's own programs take it gets the driver that is installed."""
        scheme, separator, rest = (url or "").partition("://")
        return f"postgresql+psycopg://{rest}" if separator and scheme in ("postgres", "postgresql") else url
