"""One look at DNS, for verbs that run once."""

import socket
from collections.abc import Collection, Mapping
from threading import Thread
from time import monotonic

from haloy.api.snapshot import Resolution

PATIENCE = 5.0
"""Seconds for all names together."""


def look_up(names: Collection[str]) -> Mapping[str, Resolution]:
    """Ask the system's resolver for every name at once. A name without an answer in time has an error, and no address."""
    answers: dict[str, Resolution] = {}

    def ask(name: str) -> None:
        answers[name] = _answer(name)

    # Daemons, because a resolver that does not answer must not keep the command from ending.
    threads = [Thread(target=ask, args=(name,), daemon=True) for name in sorted(set(names))]
    for thread in threads:
        thread.start()
    deadline = monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
    late = Resolution(error=f"no answer within {PATIENCE:g} s")
    return {name: answers.get(name, late) for name in names}


def _answer(name: str) -> Resolution:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return Resolution(error=getattr(error, "strerror", None) or str(error))
    return Resolution(tuple(sorted({str(address[0]) for _, _, _, _, address in found})))
