"""Labels of both arms, counted: from the facts of grades that name them."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session


class LabelCount(NamedTuple):
    """How many pairs of a day and segment have these two labels; `arm_label` None = the arm's reply is no label."""

    arm_id: int
    segment: str
    day: int
    incumbent_label: str
    arm_label: str | None
    pairs: int


# Of several versions of a grader the newest grade counts, as for the preference.
_COUNT = text("""
WITH latest AS (
    SELECT DISTINCT ON (g.exchange_id, g.arm_id) g.exchange_id, g.arm_id, e.segment, g.facts,
        floor(extract(epoch FROM e.arrived_at - :starts) / 86400)::int + 1 AS day
    FROM unnest(CAST(:segments AS text[]), CAST(:graders AS text[])) AS w(segment, grader)
    JOIN grades g ON g.pilot_id = :pilot AND g.grader = w.grader AND g.value IS NOT NULL
    JOIN exchanges e ON e.id = g.exchange_id AND e.segment = w.segment
    JOIN pairs p ON p.exchange_id = g.exchange_id AND p.arm_id = g.arm_id
    WHERE p.state = 'settled' AND p.rule IN ('grader', 'equal') AND (CAST(:as_of AS timestamptz) IS NULL OR g.at <= :as_of)
    ORDER BY g.exchange_id, g.arm_id, g.graded_at DESC, g.id DESC
)
SELECT arm_id, segment, day, facts ->> 'incumbent', facts ->> 'arm', count(*)
FROM latest
WHERE jsonb_typeof(facts -> 'incumbent') = 'string' AND jsonb_typeof(facts -> 'arm') IN ('string', 'null')
GROUP BY 1, 2, 3, 4, 5
ORDER BY 1, 2, 3, 4, 5
""")


def count_labels(
    session: Session, pilot_id: int, graders: Mapping[str, str], *, starts: datetime | None, as_of: datetime | None
) -> list[LabelCount]:
    """The labels of both arms in the pairs of these segments.

    Args:
        session: The transaction.
        pilot_id: Whose pairs.
        graders: The grader that names the labels, by segment.
        starts: The pilot's first day; without it no day is counted.
        as_of: Only grades that were made until then.
    """
    if not graders or starts is None:
        return []
    parameters = {
        "pilot": pilot_id,
        "segments": list(graders),
        "graders": list(graders.values()),
        "starts": starts,
        "as_of": as_of,
    }
    return [LabelCount(*row) for row in session.execute(_COUNT, parameters)]
