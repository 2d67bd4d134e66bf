"""Ports that are free now, and stay so: below those that the kernel hands out to clients, and another range for each test process."""

import os
import socket
from itertools import cycle

FIRST, LAST = 10_000, 32_000
"""Linux gives connecting sockets ports from 32,768 on; one of those may take a port that was free a moment ago."""
SHARE = 2_750


def _range() -> range:
    """This process's own part: pytest's workers take theirs in turn, everybody else one by its pid."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw")) if worker.startswith("gw") else os.getpid()
    first = FIRST + number % ((LAST - FIRST) // SHARE) * SHARE
    return range(first, first + SHARE)


_ports = cycle(_range())


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on; another one each time, until the range has been gone through."""
    for _ in range(SHARE):
        port = next(_ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("no port is free")
