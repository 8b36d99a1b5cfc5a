"""A request's body that comes in pieces, as it is written to the wire."""

from collections.abc import AsyncIterator


async def framed(body: AsyncIterator[bytes], length: int | None) -> AsyncIterator[bytes]:
    """Pieces with their framing: chunks, or the announced length, which must then be right.

    Raises:
        ValueError: The body is not as long as announced; what was sent cannot be completed.
    """
    if length is None:
        async for piece in body:
            if piece:
                yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"
        return
    left = length
    async for piece in body:
        left -= len(piece)
        if left < 0:
            break
        if piece:
            yield piece
    if left:
        message = "the body is not as long as its content-length says"
        raise ValueError(message)
