"""A gRPC health server, written with h2: as much of gRPC as the health protocol needs."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.events

SERVING, NOT_SERVING = 1, 2


class GrpcHealth:
    """`statuses` by service name; other services are NOT_FOUND. `code`: a grpc-status for every call, None: by the book."""

    def __init__(self) -> None:
        self.statuses: dict[str, int] = {"": SERVING}
        self.code: str | None = None
        self.http_status = "200"
        self.raw: bytes | None = None
        self.reset = False
        self.delay: asyncio.Event | None = None
        self.calls: list[dict[str, str]] = []
        self.before: bytes = b""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.before:
                assert await reader.readexactly(len(self.before)) == self.before
            connection = h2.connection.H2Connection(
                h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
            )
            connection.initiate_connection()
            bodies: dict[int, bytes] = {}
            while True:
                writer.write(connection.data_to_send())
                await writer.drain()
                if not (data := await reader.read(65536)):
                    return
                for event in connection.receive_data(data):
                    match event:
                        case h2.events.RequestReceived():
                            self.calls.append(dict(event.headers))
                            bodies[event.stream_id] = b""
                        case h2.events.DataReceived():
                            bodies[event.stream_id] += event.data
                        case h2.events.StreamEnded():
                            if self.delay is not None:
                                await self.delay.wait()
                            self._respond(connection, event.stream_id, bodies[event.stream_id])
        except OSError:
            pass
        finally:
            writer.close()

    def _respond(self, connection: h2.connection.H2Connection, stream: int, body: bytes) -> None:
        if self.reset:
            connection.reset_stream(stream, 8)
            return
        assert body[:1] == b"\x00"
        assert int.from_bytes(body[1:5], "big") == len(body) - 5
        service = body[7:].decode()
        head = [(":status", self.http_status), ("content-type", "application/grpc")]
        code = self.code if self.code is not None else "0" if service in self.statuses else "5"
        if code != "0" or self.http_status != "200":
            connection.send_headers(stream, [*head, ("grpc-status", code)], end_stream=True)
            return
        message = b"\x08" + bytes([self.statuses[service]])
        connection.send_headers(stream, head)
        connection.send_data(stream, self.raw if self.raw is not None else b"\x00\x00\x00\x00\x02" + message)
        connection.send_headers(stream, [("grpc-status", code)], end_stream=True)


@asynccontextmanager
async def grpc_health(tls: ssl.SSLContext | None = None) -> AsyncIterator[GrpcHealth]:
    health = GrpcHealth()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        await health.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    health.port = server.sockets[0].getsockname()[1]
    try:
        yield health
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
