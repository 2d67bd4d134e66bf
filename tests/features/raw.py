"""A raw upstream that remembers the first bytes of every connection, and a port that accepts nobody."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


@dataclass
class Raw:
    """`starts`: what each connection sent first, in order; connections that say nothing (checks) are left out."""

    port: int
    starts: list[bytes] = field(default_factory=list)


@contextmanager
def raw() -> Iterator[Raw]:
    """Answers every connection that sends a request's head with 200."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        upstream = Raw(listener.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    connection.settimeout(30)
                    data = b""
                    while b"HTTP/1.1\r\n" not in data or not data.endswith(b"\r\n\r\n"):
                        if not (more := connection.recv(65536)):
                            break
                        data += more
                    else:
                        upstream.starts.append(data)
                        connection.sendall(ANSWER)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield upstream
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def unaccepting() -> Iterator[int]:
    """A port whose queue of connections is full: a new one is neither accepted nor refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port: int = listener.getsockname()[1]
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        try:
            yield port
        finally:
            for filler in fillers:
                filler.close()
