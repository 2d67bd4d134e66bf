"""The upstream of every measured proxy: a process of its own that answers each request with the same 100-byte body.

Run as `python -m bench.upstream PORT...`: one epoll loop listens on every port (the endpoints of a Backend), so that its own CPU,
which nobody counts, takes as little as possible away from the proxy on a machine with few cores.
"""

import select
import socket
import sys
from collections.abc import Sequence

BODY = b"x" * 99 + b"\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)
_END = b"\r\n\r\n"


def listen(port: int) -> socket.socket:
    """A listening, non-blocking socket on the loopback address."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    listener.setblocking(False)
    return listener


def serve(listeners: Sequence[socket.socket]) -> None:
    """Answers until the process ends. Requests carry no body (the load sends GET, checks send GET, HEAD or OPTIONS)."""
    poll = select.epoll()
    accepting = {listener.fileno(): listener for listener in listeners}
    connections: dict[int, socket.socket] = {}
    partial: dict[int, bytes] = {}
    for fd in accepting:
        poll.register(fd, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            listener = accepting.get(fd)
            if listener is not None:
                connection, _ = listener.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            connection = connections[fd]
            try:
                data = connection.recv(65536)
                if data:
                    data = partial.pop(fd, b"") + data
                    complete, rest = data.count(_END), data.rpartition(_END)[2]
                    if rest:
                        partial[fd] = rest
                    if complete:
                        connection.send(RESPONSE * complete)
                    continue
            except ConnectionError:
                pass  # A check or a proxy that closes early; the connection is removed below.
            poll.unregister(fd)
            partial.pop(fd, None)
            connections.pop(fd).close()


if __name__ == "__main__":
    serve([listen(int(port)) for port in sys.argv[1:]])
