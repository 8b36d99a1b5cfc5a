"""Bodies that are not JSON, described for OpenAPI and read as bytes."""

from typing import Annotated, Any

from fastapi import Depends, Request


def text_body(media_type: str, description: str) -> dict[str, Any]:
    """`openapi_extra` of an endpoint whose body is a text."""
    content = {media_type: {"schema": {"type": "string"}}}
    return {"requestBody": {"required": True, "description": description, "content": content}}


async def raw_body(request: Request) -> bytes:
    """The body as it came; `BodyLimit` has bounded it."""
    return await request.body()


RawBody = Annotated[bytes, Depends(raw_body)]
