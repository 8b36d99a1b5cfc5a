"""What the entries in `golden/` say: written once by the version of their name, and read by every later one."""

from app.domain.live import (
    ArmReplyEvent,
    CountEvent,
    ExchangeEvent,
    Hints,
    MirrorEvent,
    PilotCount,
    RecordEvent,
    RepeatEvent,
    ReplyEvent,
    RequestEvent,
)

AT_US = 1_795_000_000_123_456
BODY = '{"model":"gpt-5.1","messages":[{"role":"user","content":"Grüße,\\nline two"}]}'.encode()
STREAM = b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: [DONE]\n\n'
CALL = ("support-bot", "k3v9x2m1q8", 41, AT_US)

EVENTS: dict[str, MirrorEvent | RecordEvent] = {
    "request": RequestEvent(
        *CALL, "/chat/completions", Hints(segment="extraction", conversation="c-1", content="masked", retry_count=2), BODY
    ),
    "request-without-hints": RequestEvent(*CALL, "/responses", Hints(), b""),
    "reply": ReplyEvent(
        *CALL, "/chat/completions", Hints(conversation="c-1"), 200, "text/event-stream; charset=utf-8", "gzip",
        ((0.25, 47), (0.5, 14)), 0.5, 0.0009765625, "complete", STREAM, BODY,
    ),
    "reply-without-response": ReplyEvent(
        *CALL, "/responses", Hints(), None, "", "", (), None, None, "connection", b"", None
    ),
    "count": CountEvent(
        "k3v9x2m1q8", "gateway-1", "gateway", AT_US - 9_000_000, AT_US, False,
        {
            "support-bot": PilotCount(
                41,
                {"mirroring_off": 1, "opted_out": 2, "not_mirrored_route": 3, "too_large": 4, "shed": 5, "not_sampled": 6},
            ),
            "other": PilotCount(0, {}),
        },
    ),
    "count-of-an-app": CountEvent("a1b2c3d4", "app-a1b2c3d4", "app", AT_US - 1, AT_US, True, {}),
    "exchange": ExchangeEvent(
        *CALL, "k3v9x2m1q8-41", "captured", "c-1", "extraction", 0.3125, "full", ("incumbent", "qwen"), 180.0,
        None, BODY, {"route": "/chat/completions", "body_hash": "ab" * 32, "user_hash": None, "request_chars": 18},
    ),
    "exchange-not-sampled": ExchangeEvent(
        *CALL, "k3v9x2m1q8-41", "not_sampled", "h-0", "other", 0.75, "metadata", (), 60.0, "k3v9x2m1q8-40", None, {}
    ),
    "arm-reply": ArmReplyEvent(
        *CALL, "qwen", None, False,
        {
            "failure": None, "status": 200, "finish_reason": "stop", "model": "Qwen/Qwen3-30B-A3B", "content_chars": 2,
            "input_tokens": 10, "cached_input_tokens": None, "output_tokens": 5, "reasoning_tokens": 0,
            "ttft_any_seconds": 0.25, "ttft_visible_seconds": 0.25, "total_seconds": 0.5, "lag_seconds": 0.0009765625,
            "queue_lag_seconds": 0.125, "adaptation": ["dropped logit_bias"], "caused_by_adaptation": False,
        },
        {"text_digest": "cd" * 16, "violation": "json_schema"}, "0.000125", b'{"content":"Hi"}',
    ),
    "arm-reply-skipped": ArmReplyEvent(*CALL, "qwen", "over_budget", False, {}, {}, None, None),
    "repeat": RepeatEvent(*CALL, "qwen", True, None, "timeout", 30.0, "0.01"),
}  # fmt: skip
