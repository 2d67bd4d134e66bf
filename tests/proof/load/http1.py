"""A keep-alive client of HTTP/1.1 that never repeats a request, in the clear or over TLS."""

import asyncio
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.proof.load.history import History
from tests.proof.load.tls import TLS_HOST, fingerprint_of
from tests.proof.load.versions import Ask, Seen
from tests.support.http_client import Answer, read_answer

DEADLINE = 10.0


def seen_of(status: int, header: Callable[[str], str], body: bytes) -> Seen:
    """`header` gives the value of a header, "" without one."""
    if status == 200:
        return Seen(200, header("x-upstream"), header("x-saw-mark"), header("x-request-mark"), header("x-saw-path"))
    if status == 302:
        return Seen(302, header("x-upstream"), answered=urlsplit(header("location")).path)
    return Seen(status, header("x-upstream"), answered=body.decode() if status == 418 else header("x-request-mark"))


def seen_in(answer: Answer) -> Seen:
    return seen_of(answer.status, lambda name: ", ".join(answer.all(name)), answer.body)


def request_bytes(ask: Ask, *more: tuple[str, str]) -> bytes:
    lines = [f"{ask.method} {ask.target} HTTP/1.1", f"Host: {ask.host}"]
    lines += [f"{name}: {value}" for name, value in (*ask.headers, *more)]
    lines += ["Content-Length: 0"] if ask.method == "POST" else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@dataclass(slots=True)
class Http1Client:
    """One connection at a time. Only what HAProxy announces (`connection: close`) makes it open another one.

    Over TLS it names the one host whose certificate is renewed, whatever hosts it asks for.
    """

    port: int
    history: History
    choose: Callable[[], Ask]
    chance: random.Random
    pause: float
    tls: ssl.SSLContext | None = None
    connections: int = 0
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    _opened: float = 0.0

    @property
    def protocol(self) -> str:
        return "HTTP/1.1" if self.tls is None else "HTTP/1.1 over TLS"

    async def run(self, enough: asyncio.Event) -> None:
        try:
            while not enough.is_set():
                await self._ask()
                await asyncio.sleep(self.pause * self.chance.uniform(0.5, 1.5))
        finally:
            self._close()

    async def _ask(self) -> None:
        streams = self._streams or await self._open()
        ask, sent = self.choose(), time.monotonic()
        delay = (("x-delay", "0.2"),) if self.chance.random() < 0.02 else ()
        try:
            streams[1].write(request_bytes(ask, *delay))
            async with asyncio.timeout(DEADLINE):
                answer = await read_answer(streams[0])
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.history.fail(self.protocol, ask, f"no answer: {error!r}")
            return self._close()
        if not answer.status:
            self.history.fail(self.protocol, ask, "the connection was closed instead of an answer")
            return self._close()
        closing = (answer.one("connection") or "").lower() == "close"
        self.history.judge(self.protocol, ask, seen_in(answer), sent, self._opened, closing)
        if closing:
            self._close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._opened = time.monotonic()
        self._streams = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls, server_hostname=TLS_HOST if self.tls else None
        )
        self.connections += 1
        if self.tls is not None:
            self.history.judge_certificate(self.protocol, fingerprint_of(self._streams[1]), self._opened)
        return self._streams

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def once(port: int, ask: Ask) -> Seen:
    """One request on a connection of its own. Raises OSError without an answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request_bytes(ask))
        async with asyncio.timeout(DEADLINE):
            answer = await read_answer(reader)
    finally:
        writer.transport.abort()
    if not answer.status:
        raise ConnectionError(f"no answer to {ask}")
    return seen_in(answer)
