"""Ports that are free now."""

import socket


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listened on a moment ago. The kernel hands out another one each time."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
