"""Upstreams that say who they are, count what they served and can be made ill."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Upstream:
    """An HTTP/1.1 server on loopback. `status` is what its health path (`/health`) answers; `served` counts the rest."""

    def __init__(self) -> None:
        self.served = 0
        self.checked = 0
        self.status = 200
        self.delay = 0.0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            if path == "/health":
                self.checked += 1
                status = self.status
            else:
                self.served += 1
                status = 200
                if self.delay:
                    await asyncio.sleep(self.delay)
            body = str(self.port).encode()
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()


@asynccontextmanager
async def upstreams(number: int) -> AsyncIterator[list[Upstream]]:
    """`number` upstreams that run; stopped in the end."""
    made = [Upstream() for _ in range(number)]
    try:
        for one in made:
            await one.start()
        yield made
    finally:
        for one in made:
            await one.stop()
