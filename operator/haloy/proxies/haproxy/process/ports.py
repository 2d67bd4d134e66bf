"""Ports that somebody else holds, found before HAProxy opens them.

HAProxy opens its ports with SO_REUSEPORT, so two of them on one port do not fail: they share it, and half of the requests go astray.
"""

import errno
import socket
from collections.abc import Iterable

from haloy.model.listener import Bind


def first_taken(binds: Iterable[Bind]) -> str | None:
    """Which of `binds` cannot be opened, and why, as a sentence; None: all can. Blocking, for a moment."""
    for bind in binds:
        family = socket.AF_INET6 if ":" in bind.address else socket.AF_INET
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((bind.address, bind.port))
                probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"{bind} is in use by another process; stop that, or choose another port with --http or --https"
            return f"{bind} cannot be opened: {error.strerror}; choose another with --http or --https"
    return None
