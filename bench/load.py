"""The load: keep-alive HTTP/1.1 connections that each send the next request as soon as the answer to the last is complete.

Run as `python -m bench.load PORT HOST CONNECTIONS REQUESTS [HEADER...]`, in a process of its own; prints one JSON object, a `Result`.
The same generator serves every proxy, and only the proxy's CPU is counted, so its own slowness cancels out of the ratios.
"""

import json
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

STALLED = 10.0
"""Seconds without any answer after which the run fails instead of waiting for ever."""


@dataclass(frozen=True, slots=True)
class Result:
    """`seconds` is the wall-clock time from the first request to the last answer; `failed` answers were not 200."""

    answered: int
    failed: int
    seconds: float


def request_bytes(host: str, headers: Sequence[str] = ()) -> bytes:
    """One GET with the headers that nearly every client sends, and `headers`, lines of their own."""
    lines = (
        "GET /products/42?ref=mail HTTP/1.1",
        f"Host: {host}",
        "User-Agent: haloy-bench/1.0",
        "Accept: */*",
        "Accept-Encoding: gzip, deflate",
        *headers,
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def is_complete(response: bytes) -> bool:
    """Whether a whole answer has come. Framing is Content-Length or chunked; an answer with neither is not expected here."""
    head, separator, body = response.partition(b"\r\n\r\n")
    if not separator:
        return False
    fields = head.lower().split(b"\r\n")
    for field in fields[1:]:
        name, _, value = field.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
        if name == b"transfer-encoding":
            return body.endswith(b"0\r\n\r\n")
    raise ValueError(f"an answer without framing: {head!r}")


def run(port: int, host: str, connections: int, requests: int, headers: Sequence[str] = ()) -> Result:
    """Sends exactly `requests` requests to 127.0.0.1:`port`. Raises TimeoutError when nothing comes for `STALLED` seconds,
    ConnectionError when the proxy closes a connection."""
    request = request_bytes(host, headers)
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    partial: dict[int, bytes] = {}
    for _ in range(min(connections, requests)):
        connection = socket.create_connection(("127.0.0.1", port), timeout=STALLED)
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
    sent = answered = failed = 0
    start = time.perf_counter()
    for connection in sockets.values():
        connection.send(request)
        sent += 1
    while answered < requests:
        events = poll.poll(STALLED)
        if not events:
            raise TimeoutError(
                f"no answer from port {port} for {STALLED:.0f} s after {answered} of {requests} requests"
            )
        for fd, _ in events:
            connection = sockets[fd]
            data = connection.recv(65536)
            if not data:
                raise ConnectionError(f"port {port} closed a connection after {answered} of {requests} requests")
            if fd in partial:
                data = partial.pop(fd) + data
            if not is_complete(data):
                partial[fd] = data
                continue
            answered += 1
            if data[9:12] != b"200":
                failed += 1
            if sent < requests:
                connection.send(request)
                sent += 1
    seconds = time.perf_counter() - start
    for connection in sockets.values():
        connection.close()
    return Result(answered, failed, seconds)


if __name__ == "__main__":
    _, _port, _host, _connections, _requests, *_headers = sys.argv
    print(json.dumps(asdict(run(int(_port), _host, int(_connections), int(_requests), _headers))))
