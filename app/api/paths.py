"""Parameters of paths that many routes have."""

from typing import Annotated

from fastapi import Path

from app.store.reports import LARGEST_ID

# The number of a row: beyond that PostgreSQL holds none, so that nothing beyond is asked of it.
Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
