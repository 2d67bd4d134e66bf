"""The HTTP and TCP checks against real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from haloy.health.check import check
from haloy.health.target import CheckResult
from haloy.model.filters import Header
from haloy.model.health import HttpCheck, TcpCheck
from tests.health.targets import target
from tests.support.ports import free_port

OK = b"HTTP/1.1 200 OK\r\n\r\n"


class Answering:
    def __init__(self) -> None:
        self.port = 0
        self.requests: list[str] = []


@asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[Answering]:
    """Answers every request with these bytes and closes."""
    found = Answering()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            found.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


async def test_the_request_says_what_the_policy_says() -> None:
    async with answering(OK) as server:
        kind = HttpCheck("/healthz?full=1", "POST", "shop.internal", (Header("x-env", "canary"),))
        assert await check(target(server.port, kind)) == CheckResult(True, "L7OK/200")
        assert server.requests == [
            "POST /healthz?full=1 HTTP/1.1\r\nHost: shop.internal\r\nx-env: canary\r\nUser-Agent: haloy-health\r\n"
            "Content-Length: 0\r\nConnection: close\r\n\r\n"
        ]
        await check(target(server.port, HttpCheck()))
        assert f"\r\nHost: 127.0.0.1:{server.port}\r\n" in server.requests[1]


@pytest.mark.parametrize(
    ("status", "ranges", "passed"),
    [
        (200, ((200, 399),), True),
        (302, ((200, 399),), True),
        (400, ((200, 399),), False),
        (503, ((200, 299), (503, 503)), True),
    ],
)
async def test_statuses(status: int, ranges: tuple[tuple[int, int], ...], passed: bool) -> None:
    async with answering(b"HTTP/1.1 %d Whatever\r\n\r\n" % status) as server:
        result = await check(target(server.port, HttpCheck(statuses=ranges)))
        assert result == CheckResult(passed, f"{'L7OK' if passed else 'L7STS'}/{status}")


@pytest.mark.parametrize(
    ("body", "passed"),
    [
        (b"\r\nall ok here", True),
        (b"\r\nall is lost", False),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nall o\r\n6\r\nk here\r\n0\r\n\r\n", True),
        (b"Transfer-Encoding: chunked\r\n\r\n6\r\nall ok\r\nnonsense", True),
        (b"\r\n" + b"x" * 100_000 + b"ok", False),
    ],
)
async def test_the_expected_body(body: bytes, passed: bool) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\n" + body) as server:
        result = await check(target(server.port, HttpCheck(expected_body="ok")))
        assert result == CheckResult(passed, "L7OK/200" if passed else "L7RSP/200 without the expected text")


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"\x00" * 200_000]
)
async def test_what_is_not_http_fails(answer: bytes) -> None:
    async with answering(answer) as server:
        result = await check(target(server.port, HttpCheck()))
        assert not result.passed
        assert result.reason.startswith("L7RSP/")


async def test_interim_responses_are_passed_over() -> None:
    async with answering(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n") as server:
        assert await check(target(server.port, HttpCheck())) == CheckResult(True, "L7OK/204")


async def test_a_port_that_accepts_passes_the_tcp_check() -> None:
    async with answering(b"") as server:
        assert await check(target(server.port, TcpCheck())) == CheckResult(True, "L4OK")


@pytest.mark.parametrize("kind", [TcpCheck(), HttpCheck()])
async def test_a_port_where_nobody_listens_fails(kind: TcpCheck | HttpCheck) -> None:
    assert await check(target(free_port(), kind)) == CheckResult(False, "L4CON/Connection refused")
