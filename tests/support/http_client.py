"""Requests byte for byte, without any client's good manners."""

import asyncio
import ssl
from dataclasses import dataclass

DEADLINE = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are lower-case. `status` 0: the connection was closed without an answer."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None


def request_bytes(
    host: str, target: str = "/", method: str = "GET", headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> bytes:
    """A well-formed request on a connection that is to be closed."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8") + body


async def get(
    port: int,
    host: str,
    target: str = "/",
    method: str = "GET",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
    tls: ssl.SSLContext | None = None,
    sni: str | None = None,
) -> Answer:
    """One request on a connection of its own."""
    return await send(port, request_bytes(host, target, method, headers, body), tls=tls, sni=sni, method=method)


async def send(
    port: int, data: bytes, *, tls: ssl.SSLContext | None = None, sni: str | None = None, method: str = "GET"
) -> Answer:
    """Send exactly `data`, read the first answer."""
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname=(sni or "") if tls is not None else None
        )
        try:
            writer.write(data)
            await writer.drain()
            return await read_answer(reader, method)
        finally:
            writer.close()


async def read_answer(reader: asyncio.StreamReader, method: str = "GET") -> Answer:
    """The next answer on a connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1").split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0)
    status = int(head[0].split(" ")[1])
    headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:]))
    length = dict(headers).get("content-length")
    if method == "HEAD" or status in (101, 204, 304):
        return Answer(status, headers)
    body = await (reader.readexactly(int(length)) if length is not None else reader.read())
    return Answer(status, headers, body)


def trusting_nobody() -> ssl.SSLContext:
    """A TLS client that looks at no certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
