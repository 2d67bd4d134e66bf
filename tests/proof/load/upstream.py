"""Upstreams that are fast enough for a steady load: who answered, and what arrived there."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web


@dataclass
class Upstream:
    """Speaks HTTP/1.1 with keep-alive. Requests below /healthz/ are checks, counted by path, and fail below /healthz/ill; a request
    with `x-delay` waits."""

    name: str
    port: int = 0
    checks: Counter[str] = field(default_factory=Counter)
    served: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                if length := int(headers.get("content-length", "0")):
                    await reader.readexactly(length)
                if path.startswith("/healthz/"):
                    self.checks[path] += 1
                else:
                    self.served += 1
                    if delay := headers.get("x-delay"):
                        await asyncio.sleep(float(delay))
                status = 503 if path.startswith("/healthz/ill") else 200
                writer.write(
                    f"HTTP/1.1 {status} So\r\ncontent-length: 2\r\nx-upstream: {self.name}\r\nx-saw-path: {path}\r\n"
                    f"x-saw-mark: {headers.get('x-mark', '')}\r\n\r\nok".encode("latin-1")
                )
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        finally:
            writer.close()


@asynccontextmanager
async def upstreams(*names: str) -> AsyncIterator[dict[str, Upstream]]:
    """One for each name, gone in the end with every connection."""
    made = {name: Upstream(name) for name in names}
    tasks: set[asyncio.Task[None]] = set()
    servers: list[asyncio.Server] = []

    async def open_one(one: Upstream) -> None:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(one.serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=512)
        one.port = server.sockets[0].getsockname()[1]
        servers.append(server)

    try:
        for one in made.values():
            await open_one(one)
        yield made
    finally:
        for server in servers:
            server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def websocket_upstream(name: str) -> AsyncIterator[int]:
    """Echoes each text behind its own name. Yields the port."""

    async def answer(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{name} {message.data}")
        return socket

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port: int = runner.addresses[0][1]
        yield port
    finally:
        await runner.cleanup()
