"""The HTTP check: one HTTP/1.1 request on a connection of its own."""

import asyncio

from haloy.health.connection import connected, failed
from haloy.health.target import CheckResult, MonitorTarget
from haloy.model.health import HttpCheck

MAX_HEAD = 32 * 1024
MAX_BODY = 64 * 1024
"""Bytes of the body that are searched for the expected text."""


async def check_http(target: MonitorTarget, kind: HttpCheck) -> CheckResult:
    """Pass if status and body are as expected. Redirects are not followed: a 302 is a 302.

    Raises:
        CheckFailedError, CheckImpossibleError: as for `connected`; also when the answer is not HTTP.
    """
    async with connected(target, ("http/1.1",) if target.tls else ()) as (reader, writer):
        writer.write(_request(target, kind))
        await writer.drain()
        status, head = await _head(reader)
        if not any(low <= status <= high for low, high in kind.statuses):
            return CheckResult(False, f"L7STS/{status}")
        if kind.expected_body is None:
            return CheckResult(True, f"L7OK/{status}")
        body = await _body(reader, head, kind.expected_body.encode())
    if kind.expected_body.encode() not in body:
        return CheckResult(False, f"L7RSP/{status} without the expected text")
    return CheckResult(True, f"L7OK/{status}")


def _request(target: MonitorTarget, kind: HttpCheck) -> bytes:
    names = {header.name.lower() for header in kind.headers}
    lines = [f"{kind.method} {kind.path} HTTP/1.1", f"Host: {kind.host or target.authority}"]
    lines += [f"{header.name}: {header.value}" for header in kind.headers]
    if "user-agent" not in names:
        lines.append("User-Agent: haloy-health")
    if kind.method == "POST":
        lines.append("Content-Length: 0")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


async def _head(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and header fields of the final response; interim ones (1xx) are passed over."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError as error:
            raise failed("L7RSP", f"header larger than {MAX_HEAD} bytes") from error
        parts = head.split(b"\r\n", 1)[0].split(b" ", 2)
        if len(parts) < 2 or not parts[0].startswith(b"HTTP/1.") or not (parts[1].isdigit() and len(parts[1]) == 3):
            raise failed("L7RSP", "not an HTTP response")
        if (status := int(parts[1])) >= 200:
            return status, head.lower()


async def _body(reader: asyncio.StreamReader, head: bytes, text: bytes) -> bytes:
    """The body as far as it is needed to find `text`."""
    chunked = b"\r\ntransfer-encoding: chunked" in head
    raw, body = b"", b""
    while len(raw) < MAX_BODY and text not in body and (part := await reader.read(MAX_BODY)):
        raw += part
        body = _joined(raw) if chunked else raw
    return body


def _joined(raw: bytes) -> bytes:
    """The content of the chunks received so far (RFC 9112, 7.1)."""
    content = b""
    while raw:
        size, found, rest = raw.partition(b"\r\n")
        try:
            length = int(size.split(b";")[0], 16)
        except ValueError:
            return content
        if not found or length == 0:
            return content
        content += rest[:length]
        raw = rest[length + 2 :]
    return content
