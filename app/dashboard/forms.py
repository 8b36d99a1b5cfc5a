"""The fields of submitted forms."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends
from starlette.requests import Request

MAX_FIELDS = 10


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a submitted form."""
    body = (await request.body()).decode("utf-8", "replace")
    return dict(parse_qsl(body, max_num_fields=MAX_FIELDS))


Form = Annotated[dict[str, str], Depends(form_fields)]
