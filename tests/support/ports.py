"""Ports that are free now."""

import socket

_given: set[int] = set()
"""The kernel may hand out a port again that was closed a moment ago; this process's tests never get one twice."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago; another one each time."""
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port
