"""Poll a condition with a deadline: nothing here waits for luck."""

import time
from collections.abc import Callable

from e2e.cluster.errors import ClusterError

INTERVAL = 0.05


class WaitedTooLongError(ClusterError):
    """The deadline passed; the message is the last reason that the condition gave."""


def until(holds: Callable[[], str | None], *, within: float) -> None:
    """Calls `holds` until it returns None; a string says why not yet. `within` in seconds. Raises WaitedTooLongError."""
    deadline = time.monotonic() + within
    while (reason := holds()) is not None:
        if time.monotonic() > deadline:
            raise WaitedTooLongError(reason)
        time.sleep(INTERVAL)
