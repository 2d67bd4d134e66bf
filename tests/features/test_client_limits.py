"""The client's side: what is too large, too slow or ambiguous, who may speak PROXY, and where is listened."""

import asyncio
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from tests.features.background import background
from tests.features.echo import Echo
from tests.features.product import Product, backend, fetch, route
from tests.support.h2_peers import H2Answer, h2_request
from tests.support.http_client import trusting_nobody
from tests.support.ports import free_port
from tests.support.upstream import Upstream, upstream

LIMITS = ("--max-header-size=8Ki", "--max-body-size=1Ki", "--request-timeout=500ms", "--max-streams=7")


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def up() -> Iterator[Upstream]:
    with background(upstream("up")) as server:
        yield server


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory, up: Upstream) -> Iterator[Product]:
    extra = free_port()
    addresses = [f"--http=127.0.0.1:{extra}"] + ([f"--http=[::1]:{extra}"] if has_ipv6() else [])
    product = Product(tmp_path_factory.mktemp("limited"), *LIMITS, *addresses)
    product.write(
        "all.yaml",
        backend("up", f"{{address: 127.0.0.1, port: {up.port}}}")
        + route("up", "hosts: [a.b]\ntls: {issuer: selfSigned}\nrules: [{backendRefs: [{name: up}]}]"),
    )
    try:
        product.start()
        product.wait_condition("Route", "up", "Programmed", "True")
        product.extra = extra
        yield product
    finally:
        if product.process is not None:
            product.stop()


def exchange(port: int, data: bytes, seconds: float = 10) -> bytes:
    """All that is answered to `data` until the connection is closed, or silent after an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(data)
        received = b""
        try:
            while more := connection.recv(65536):
                received += more
                connection.settimeout(0.2)
        except (TimeoutError, ConnectionError):
            pass
    return received


def statuses(answer: bytes) -> list[int]:
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]


def test_a_head_that_is_too_large_is_refused(limited: Product, up: Upstream) -> None:
    before = len(up.requests)
    assert limited.get("a.b", headers=[("X-Big", "x" * 7000)]).status == 200
    answer = exchange(limited.http, b"GET / HTTP/1.1\r\nHost: a.b\r\nX-Big: " + b"x" * 12_000 + b"\r\n\r\n")
    assert statuses(answer)[0] in (400, 431)
    assert len(up.requests) == before + 1


def test_a_head_that_comes_too_slowly_is_408(limited: Product) -> None:
    began = time.monotonic()
    assert statuses(exchange(limited.http, b"GET / HTTP/1.1\r\nHost: a.b\r\nX-Slow: ")) == [408]
    assert time.monotonic() - began >= 0.4


def test_a_body_that_is_too_large_is_413_and_not_sent_on(limited: Product, up: Upstream) -> None:
    before = len(up.requests)
    assert limited.get("a.b", method="POST", body=b"x" * 1024).status == 200
    assert limited.get("a.b", method="POST", body=b"x" * 1025).status == 413
    assert len(up.requests) == before + 1


def test_http2_works_with_as_many_streams_as_are_set(limited: Product) -> None:
    async def ask() -> H2Answer:
        headers = [(":method", "GET"), (":path", "/h2"), (":scheme", "https"), (":authority", "a.b")]
        return await h2_request(limited.https, headers, b"", trusting_nobody(), "a.b")

    assert asyncio.run(ask()).status == 200
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
    settings = exchange(limited.http, preface)
    length = int.from_bytes(settings[:3], "big")
    pairs = dict(struct.iter_unpack("!HI", settings[9 : 9 + length]))
    assert pairs[3] == 7  # SETTINGS_MAX_CONCURRENT_STREAMS


def test_every_bind_answers(limited: Product) -> None:
    assert fetch(limited.extra, "a.b").status == 200
    assert limited.get("a.b").status == 200


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_an_ipv6_bind_answers_and_tells_the_address(limited: Product, up: Upstream) -> None:
    with socket.create_connection(("::1", limited.extra), timeout=30) as connection:
        connection.sendall(b"GET /six HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    request = next(item for item in up.requests if item.target == "/six")
    assert request.one("x-forwarded-for") == "::1"
    assert 'for="[::1]"' in (request.one("forwarded") or "")


def v2(source: str) -> bytes:
    addresses = socket.inet_aton(source) + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 5555, 80)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(addresses)) + addresses


def test_the_proxy_protocol_is_believed_where_it_is_switched_on(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = fresh("--accept-proxy-protocol", "--request-timeout=500ms")
    product.write(
        "a.yaml",
        backend("a", upstreams("a").endpoint) + route("a", "hosts: [a.b]\nrules: [{backendRefs: [{name: a}]}]"),
    )
    product.start()
    request = b"GET / HTTP/1.1\r\nHost: a.b\r\nConnection: close\r\n\r\n"
    heads = {
        "203.0.113.7": b"PROXY TCP4 203.0.113.7 127.0.0.1 5555 80\r\n",
        "2001:db8::7": b"PROXY TCP6 2001:db8::7 ::1 5555 80\r\n",
        "2002:cb00:7107::1": b"PROXY TCP6 2002:cb00:7107::1 ::1 5555 80\r\n",
        "203.0.113.8": v2("203.0.113.8"),
    }
    for address, head in heads.items():
        assert statuses(exchange(product.http, head + request)) == [200]
        headers = upstreams("a").seen[-1]["headers"]
        assert headers["x-forwarded-for"] == address
        assert headers["forwarded"].startswith(f'for="[{address}]";' if ":" in address else f"for={address};")
    count = len(upstreams("a").seen)
    assert 200 not in statuses(exchange(product.http, request))
    assert len(upstreams("a").seen) == count


H = b"Host: a.b\r\n"
REFUSED = {
    "two lengths": b"POST / HTTP/1.1\r\n" + H + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a signed length": b"POST / HTTP/1.1\r\n" + H + b"Content-Length: +3\r\n\r\nabc",
    "chunked twice": b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"POST / HTTP/1.1\r\n" + H + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\n" + H + b"Content-Length : 0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + H + b"Host: c.d\r\n\r\n",
    "another authority": b"GET http://c.d/ HTTP/1.1\r\n" + H + b"\r\n",
    "dot segments": b"GET /a/%2e%2e/b HTTP/1.1\r\n" + H + b"\r\n",
    "a nul": b"GET / HTTP/1.1\r\n" + H + b"X: a\0b\r\n\r\n",
}
ONCE = {
    "length and chunked": b"POST /once HTTP/1.1\r\n"
    + H
    + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked and length": b"POST /once HTTP/1.1\r\n"
    + H
    + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST /once HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}
SECOND = b"GET /smuggled HTTP/1.1\r\n" + H + b"\r\n"


@pytest.mark.parametrize("name", REFUSED)
def test_an_ambiguous_request_is_refused(limited: Product, up: Upstream, name: str) -> None:
    before = len(up.requests)
    found = statuses(exchange(limited.http, REFUSED[name]))
    if name != "two lengths":  # From HAProxy 3.2 on that connection is closed without an answer.
        assert found
    assert all(400 <= status < 500 for status in found)
    assert len(up.requests) == before


@pytest.mark.parametrize("name", ONCE)
def test_what_is_accepted_has_one_framing_and_nothing_follows_it(limited: Product, up: Upstream, name: str) -> None:
    before = len(up.requests)
    found = statuses(exchange(limited.http, ONCE[name] + SECOND))
    assert len(found) == 1
    received = up.requests[before:]
    assert [request.target for request in received] == (["/once"] if found == [200] else [])
    for request in received:
        assert not (request.all("content-length") and request.all("transfer-encoding"))
    assert found == [200] or 400 <= found[0] < 500
