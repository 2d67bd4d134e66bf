"""What passes through: gRPC with its trailers, WebSocket both ways and over a reload, tunnels as long as they may last."""

import asyncio
import base64
import hashlib
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from tests.features.background import background
from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route
from tests.support.h2_peers import H2Answer, H2Upstream, h2_request, h2_upstream
from tests.support.http_client import trusting_nobody
from tests.support.upstream import Received, Reply, Upstream, upstream

UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"))


def accept(request: Received) -> Reply:
    """The upstream's side of a WebSocket handshake (RFC 6455, section 4.2.2)."""
    key = request.one("sec-websocket-key")
    if key is None or request.one("upgrade") != "websocket":
        return Reply(200, body=b"plain")
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    return Reply(101, (*UPGRADE, ("Sec-WebSocket-Accept", base64.b64encode(digest).decode())), upgrade=True)


@pytest.fixture(scope="module")
def grpc() -> Iterator[H2Upstream]:
    with background(h2_upstream()) as server:
        yield server


@pytest.fixture(scope="module")
def web_socket() -> Iterator[Upstream]:
    with background(upstream("socket", accept)) as server:
        yield server


@pytest.fixture(scope="module")
def passing(product: Product, grpc: H2Upstream, web_socket: Upstream) -> Product:
    product.write(
        "backends.yaml",
        backend("grpc", f"{{address: 127.0.0.1, port: {grpc.port}}}", extra="protocol: h2c")
        + backend("socket", f"{{address: 127.0.0.1, port: {web_socket.port}}}"),
    )
    product.write(
        "routes.yaml",
        route("grpc", "hosts: [grpc.test]\ntls: {issuer: selfSigned}\nrules: [{backendRefs: [{name: grpc}]}]")
        + route(
            "socket",
            "hosts: [socket.test]\nrules:\n- backendRefs: [{name: socket}]\n  timeouts: {request: 500ms, tunnel: 1h}\n"
            "- matches: [{path: {value: /short}}]\n  backendRefs: [{name: socket}]\n  timeouts: {tunnel: 1s}\n",
        ),
    )
    product.wait_condition("Route", "grpc", "Programmed", "True")
    product.wait_condition("Route", "socket", "Programmed", "True")
    return product


def call(product: Product, body: bytes, tls: ssl.SSLContext | None, port: int) -> H2Answer:
    scheme = "http" if tls is None else "https"
    headers = [(":method", "POST"), (":path", "/shop.v1.Shop/Buy"), (":scheme", scheme), (":authority", "grpc.test")]
    headers += [("content-type", "application/grpc"), ("te", "trailers")]
    return asyncio.run(h2_request(port, headers, body, tls, "grpc.test"))


def test_grpc_passes_end_to_end_over_tls(passing: Product, grpc: H2Upstream) -> None:
    message = b"\0\0\0\x30\0" + b"m" * 0x3000
    answer = call(passing, message, trusting_nobody(), passing.https)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/grpc")
    assert answer.body == message
    assert answer.trailers == {"grpc-status": "0", "grpc-message": "fine"}
    seen = grpc.requests[-1]
    assert (seen[":path"], seen["te"], seen[":authority"]) == ("/shop.v1.Shop/Buy", "trailers", "grpc.test")


def test_grpc_passes_in_the_clear_with_prior_knowledge(passing: Product) -> None:
    assert call(passing, b"\0\0\0\0\2hi", None, passing.http).trailers["grpc-status"] == "0"


def dial(product: Product, path: str) -> socket.socket:
    """A connection that was upgraded."""
    connection = socket.create_connection(("127.0.0.1", product.http), timeout=10)
    head = f"GET {path} HTTP/1.1\r\nHost: socket.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    connection.sendall(
        (head + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()
    )
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += connection.recv(1)
    assert received.startswith(b"HTTP/1.1 101 ")
    return connection


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """What comes back of `data`, which the upstream echoes."""
    connection.sendall(data)
    received = b""
    while len(received) < len(data):
        more = connection.recv(len(data) - len(received))
        assert more, "the connection was closed"
        received += more
    return received


def test_a_web_socket_works_both_ways_and_lives_through_a_reload(
    passing: Product, upstreams: Callable[[str], Echo]
) -> None:
    with dial(passing, "/chat") as connection:
        assert exchange(connection, b"\x81\x05hello") == b"\x81\x05hello"
        reloads = passing.reload_count()
        more = backend("more", upstreams("more").endpoint)
        match = '{path: {type: RegularExpression, value: "/new/[0-9]+"}}'
        rules = f"hosts: [more.test]\nrules:\n- matches: [{match}]\n  backendRefs: [{{name: more}}]"
        passing.write("more.yaml", more + route("more", rules))
        eventually(passing.reload_count, lambda count: count > reloads)
        eventually(lambda: passing.get("more.test", "/new/1").status, lambda status: status == 200)
        assert exchange(connection, b"\x82\x7e" + b"x" * 50_000) == b"\x82\x7e" + b"x" * 50_000


def test_a_tunnel_outlasts_the_request_time_out(passing: Product) -> None:
    with dial(passing, "/quiet") as connection:
        connection.settimeout(1.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert exchange(connection, b"still here") == b"still here"


def test_a_tunnel_ends_after_its_own_silence(passing: Product) -> None:
    with dial(passing, "/short") as connection:
        assert connection.recv(1) == b""


def test_a_request_that_is_no_upgrade_is_answered_as_ever(passing: Product) -> None:
    assert passing.get("socket.test").body == b"plain"
