"""What a scorecard describes without deciding by it, from the stored rows on: groups of requests, critical replies."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.integration.scorecard_pilots import qwen_of, started
from tests.integration.scorecard_rows import DAY, START, Row, Told, both


def rows(count: int) -> list[Row]:
    """Every third conversation has a second, long turn, on which the candidate is worse."""
    made = []
    for number in range(count):
        at, told = START + number * 20 * DAY / count, (Told(0.5, draw=0.25),) if number % 2 else ()
        short = {"input_tokens": 100}
        made.append(Row(at, f"c-{number}", said=both(0.5), told=told, incumbent=short, name=f"e-{number:03d}-1"))
        if not number % 3:
            long = {"input_tokens": 9000}
            made.append(Row(at + DAY / 100, f"c-{number}", said=both(0.0), incumbent=long, name=f"e-{number:03d}-2"))
    return made


def test_groups_and_critical_replies_are_read_off_what_is_stored(session: Session) -> None:
    pilot = started(session, rows(60))
    mark = "UPDATE labels SET critical = true FROM exchanges e WHERE e.id = exchange_id AND e.external_id = 'e-007-1'"
    session.execute(text(mark))
    card = qwen_of(session, pilot)
    turns = [(group.name, group.pairs, group.win_rate.value) for group in card.quality.by_turn]
    assert turns == [("1", 60, 0.5), ("2-3", 20, 0.0)]
    lengths = [(group.name, group.conversations, group.win_rate.value) for group in card.quality.by_prompt_length]
    assert lengths == [("<500", 60, 0.5), ("8k+", 20, 0.0)]
    assert (card.critical.labelled, card.critical.marked, card.critical.exchanges) == (30, 1, ["e-007-1"])
    assert (card.critical.rate.n, card.critical.rate.value) == (30, 1 / 30)
    assert not card.drift.frozen
    assert [week.week for week in card.drift.mix] == [2, 3, 4]


def test_a_turn_that_is_said_counts_for_more_than_the_order(session: Session) -> None:
    pilot = started(session, [Row(START, "c", said=both(1.0), extra={"turn": 5})])
    assert [group.name for group in qwen_of(session, pilot).quality.by_turn] == ["4-6"]
