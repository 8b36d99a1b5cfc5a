"""All tables together: what migrations are compared with."""

from app.store import (
    grading_tables,
    judge_money_tables,
    keeping_tables,
    live_tables,
    money_tables,
    reading_tables,
    sighting_tables,
    staging_tables,
    tables,
    touched_tables,
    work_tables,
)
from app.store.base import Base

# The modules register their tables on import; naming them here keeps the imports from looking unused.
MODULES = (
    tables,
    work_tables,
    staging_tables,
    live_tables,
    sighting_tables,
    touched_tables,
    grading_tables,
    judge_money_tables,
    money_tables,
    reading_tables,
    keeping_tables,
)
METADATA = Base.metadata
