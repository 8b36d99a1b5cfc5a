"""Closed sets of words that are stored, sent and shown."""

from enum import StrEnum


class ArmRole(StrEnum):
    """What an arm is in its pilot."""

    INCUMBENT = "incumbent"
    CANDIDATE = "candidate"
    CONTROL = "control"


class PilotState(StrEnum):
    """Where a pilot stands; an ended pilot still forwards until it is detached."""

    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"


class FailureKind(StrEnum):
    """Why an arm gave no usable reply (CONTRACTS section 4)."""

    TIMEOUT = "timeout"
    HTTP = "http"
    CONNECTION = "connection"
    EMPTY = "empty"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"


class Source(StrEnum):
    """How a reply came into the store; only live and (if accepted) imported timings count for latency."""

    LIVE = "live"
    IMPORTED = "imported"
    REPLAY = "replay"


class Rule(StrEnum):
    """Which step of CONTRACTS section 5 decides a pair's preference."""

    FAILURE = "failure"
    INVALID = "invalid"
    EQUAL = "equal"
    GRADER = "grader"


class PairState(StrEnum):
    """`PENDING`: work to do; `SETTLED`: every grade it can get is stored, or the reason why there is none."""

    PENDING = "pending"
    SETTLED = "settled"


class CoverageReason(StrEnum):
    """The one reason of each production request, in order of precedence (CONTRACTS section 5, Ledger)."""

    MIRRORING_OFF = "mirroring_off"
    OPTED_OUT = "opted_out"
    NOT_MIRRORED_ROUTE = "not_mirrored_route"
    TOO_LARGE = "too_large"
    UNREADABLE_BODY = "unreadable_body"
    OUTSIDE_WINDOW = "outside_window"
    NOT_SAMPLED = "not_sampled"
    CLIENT_CANCELLED = "client_cancelled"
    CLIENT_ERROR = "client_error"
    LOST = "lost"
    PENDING = "pending"
    CAPTURED = "captured"


class GateName(StrEnum):
    """The conditions of a verdict."""

    QUALITY = "quality"
    LATENCY = "latency"
    RELIABILITY = "reliability"
    SAVING = "saving"
    CONSTRAINTS = "constraints"


class GateOutcome(StrEnum):
    """What a gate says; `NOT_REQUIRED` never blocks."""

    PASSES = "passes"
    FAILS = "fails"
    UNKNOWN = "unknown"
    NOT_REQUIRED = "not_required"


class Outcome(StrEnum):
    """The verdict on one candidate."""

    MIGRATE = "MIGRATE"
    DONT_MIGRATE = "DONT_MIGRATE"
    HYBRID = "HYBRID"
    EXTEND = "EXTEND"


class Role(StrEnum):
    """What an API key may do; from `VIEWER` on each role may do all that the ones before it may.

    `INGEST` is for applications: it hands in what they saw, and may nothing else. Operators and admins may do that, too.
    """

    INGEST = "ingest"
    VIEWER = "viewer"
    LABELLER = "labeller"
    OPERATOR = "operator"
    ADMIN = "admin"


OTHER_SEGMENT = "other"
