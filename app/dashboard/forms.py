"""The fields of submitted forms."""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends
from starlette.requests import Request

from app.errors import InvalidInput

MAX_FIELDS = 10


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of a submitted form."""
    body = (await request.body()).decode("utf-8", "replace")
    try:
        return dict(parse_qsl(body, max_num_fields=MAX_FIELDS))
    except ValueError:
        message = f"no form of ours has more than {MAX_FIELDS} fields"
        raise InvalidInput(message) from None


Form = Annotated[dict[str, str], Depends(form_fields)]
