"""Ports that are free now, and stay so: below those that the kernel hands out to clients, and another range for each test process."""

import os
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle

FIRST, LAST = 10_000, 32_000
"""Linux gives connecting sockets ports from 32,768 on; one of those may take a port that was free a moment ago."""
SHARE = 1_000


@cache
def _ports() -> tuple[socket.socket, Iterator[int]]:
    """This process's own range, and what keeps every other one on the machine from it, of other test runs too: a name that only one
    socket can have, until its process ends. Raises RuntimeError when all ranges are taken."""
    ranges = range(FIRST, LAST, SHARE)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    offset = int(worker.removeprefix("gw")) if worker.startswith("gw") else os.getpid()
    for number in range(len(ranges)):
        first = ranges[(offset + number) % len(ranges)]
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0haloy-test-ports-{first}")
        except OSError:
            claim.close()
            continue
        return claim, cycle(range(first, first + SHARE))
    raise RuntimeError("every range of ports belongs to another test process")


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on; another one each time, until the range has been gone through."""
    _, ports = _ports()
    for _ in range(SHARE):
        port = next(ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("no port is free")
