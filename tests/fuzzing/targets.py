"""All targets by name."""

from tests.fuzzing import answers, captured, replies
from tests.fuzzing.running import Target

TARGETS: dict[str, Target] = {target.name: target for target in (*replies.TARGETS, *captured.TARGETS, *answers.TARGETS)}
