"""A tiny HTTP/1.1 upstream that remembers every request byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in. Header names are lower-case; `head` is everything up to the empty line."""

    method: str
    target: str
    headers: Headers
    body: bytes
    head: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def one(self, name: str) -> str | None:
        """The value of a header that must not be there twice."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


@dataclass(frozen=True, slots=True)
class Reply:
    """`after` seconds of silence first; `status` None: the connection is closed without a word."""

    status: int | None = 200
    headers: Headers = ()
    body: bytes = b""
    after: float = 0
    upgrade: bool = False


@dataclass(slots=True)
class Upstream:
    """Listens on 127.0.0.1:`port`; answers with its `name` unless `reply` says otherwise."""

    name: str
    port: int = 0
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    first_bytes: list[bytes] = field(default_factory=list)
    reply: Callable[[Received], Reply] | None = None

    async def has_received(self, count: int) -> None:
        """Wait until so many requests have come."""
        async with asyncio.timeout(60):
            while True:
                if len(self.requests) >= count:
                    return
                await asyncio.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _read_request(reader)
        self.requests.append(request)
        reply = self.reply(request) if self.reply is not None else Reply(body=self.name.encode())
        if reply.after:
            await asyncio.sleep(reply.after)
        if reply.status is None:
            return False
        if reply.upgrade:
            head = f"HTTP/1.1 {reply.status} Switching Protocols\r\n"
            writer.write((head + "".join(f"{key}: {value}\r\n" for key, value in reply.headers) + "\r\n").encode())
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
            return False
        head = f"HTTP/1.1 {reply.status} Whatever\r\nContent-Length: {len(reply.body)}\r\nX-Upstream: {self.name}\r\n"
        head += "".join(f"{key}: {value}\r\n" for key, value in reply.headers)
        writer.write((head + "\r\n").encode("latin-1") + (b"" if request.method == "HEAD" else reply.body))
        await writer.drain()
        return True


async def _read_request(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head[:-4].decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ", 2)
    pairs = (line.partition(":") for line in lines[1:])
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    body = b""
    values = dict(headers)
    if "chunked" in values.get("transfer-encoding", ""):
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    elif "content-length" in values:
        body = await reader.readexactly(int(values["content-length"]))
    return Received(method, target, headers, body, head)


@asynccontextmanager
async def upstream(name: str = "up", reply: Callable[[Received], Reply] | None = None) -> AsyncIterator[Upstream]:
    """An Upstream on a free port, gone in the end."""
    one = Upstream(name, reply=reply)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, limit=1 << 20)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
