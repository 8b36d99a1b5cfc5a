"""What the bench compares with: a real Celery worker with two processes, one judge call a task."""

import asyncio
import os

from celery import Celery

from app.domain.exchange import Reply
from app.graders.judge import pairwise_question
from app.graders.judge_client import JudgeTarget, open_judge
from app.graders.judge_prompt import Comparison
from app.jobs import make_celery
from tests.bench.judge_server import WORDS
from tests.stored_pairs import StoredPair, a_request

NAME = "bench.one_call"
celery: Celery = make_celery(os.environ.get("PILOT_REDIS_URL"))


def a_pair(number: int) -> StoredPair:
    """A question and two different replies, one to two kilobytes each."""
    return StoredPair(
        f"e-{number}",
        Reply(f"{number} " + " ".join(WORDS[(number + i) % len(WORDS)] for i in range(180))),
        Reply(f"{number} " + " ".join(WORDS[(number + 3 * i) % len(WORDS)] for i in range(200))),
        a_request(f"Question {number}: " + " ".join(WORDS * 9)),
    )


@celery.task(name=NAME)
def one_call(base_url: str, number: int) -> None:
    """Asks about one pair in one order."""
    asyncio.run(_ask(base_url, number))


async def _ask(base_url: str, number: int) -> None:
    pair = a_pair(number)
    assert pair.request is not None
    assert isinstance(pair.incumbent, Reply)
    assert isinstance(pair.other, Reply)
    async with open_judge(JudgeTarget(base_url, "judge-1")) as client:
        await client.ask(pairwise_question(Comparison(pair.request, pair.incumbent, pair.other)))
