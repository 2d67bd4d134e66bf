"""HTTP/2 at both ends: a client that sends one request, and an upstream in the clear that answers with trailers, as gRPC does."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived

DEADLINE = 60.0
Fields = list[tuple[str, str]]


@dataclass(slots=True)
class H2Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)


async def h2_request(
    port: int, headers: Fields, body: bytes = b"", tls: ssl.SSLContext | None = None, sni: str = ""
) -> H2Answer:
    """One request on a connection of its own; `headers` with the pseudo-headers."""
    if tls is not None:
        tls.set_alpn_protocols(["h2"])
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname=sni if tls is not None else None
        )
        connection = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        connection.initiate_connection()
        connection.send_headers(1, headers, end_stream=not body)
        if body:
            connection.send_data(1, body, end_stream=True)
        writer.write(connection.data_to_send())
        answer = H2Answer()
        try:
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    match event:
                        case ResponseReceived():
                            answer.headers = dict(event.headers)
                            answer.status = int(answer.headers[":status"])
                        case DataReceived():
                            answer.body += event.data
                        case TrailersReceived():
                            answer.trailers = dict(event.headers)
                        case StreamEnded() | StreamReset():
                            return answer
                writer.write(connection.data_to_send())
            return answer
        finally:
            writer.transport.abort()  # a TLS peer's goodbye is not waited for
            await asyncio.sleep(0)


@dataclass(slots=True)
class H2Upstream:
    """Listens on 127.0.0.1:`port` for HTTP/2 with prior knowledge; remembers the headers of every request."""

    port: int = 0
    requests: list[dict[str, str]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        bodies: dict[int, bytes] = {}
        try:
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, RequestReceived):
                        self.requests.append(dict(event.headers))
                        bodies[event.stream_id] = b""
                    elif isinstance(event, DataReceived):
                        bodies[event.stream_id] += event.data
                        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, StreamEnded):
                        _answer(connection, event.stream_id, bodies[event.stream_id])
                writer.write(connection.data_to_send())
        except ConnectionError:
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # the test is over, and a TLS peer need not be waited for
            raise
        finally:
            writer.close()


def _answer(connection: H2Connection, stream: int, body: bytes) -> None:
    connection.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
    connection.send_data(stream, body)
    connection.send_headers(stream, [("grpc-status", "0"), ("grpc-message", "fine")], end_stream=True)


@asynccontextmanager
async def h2_upstream(tls: ssl.SSLContext | None = None) -> AsyncIterator[H2Upstream]:
    """An H2Upstream on a free port, gone in the end."""
    one = H2Upstream()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
