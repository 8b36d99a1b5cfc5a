"""The gateway's own HTTP/1.1 client: asyncio, httptools, and nothing that production would wait for."""
