"""Whether the process that was told is still the one that serves: a person may have reloaded HAProxy, too.

A kept connection of the Runtime API would go on talking to the old worker, which answers as if nothing had happened.
"""

from collections.abc import Awaitable, Callable

from haloy.clock import Clock
from haloy.proxies.haproxy.process.process import HaproxyProcess
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeUnavailable

_PATIENCE, _PAUSE = 5.0, 0.1
"""Seconds after which a master that does not answer, as it does not while it reloads, is asked no more, and between two
questions. The last one may take its own time-out on top (`MasterApi`, 5 s)."""


async def replaced(
    process: HaproxyProcess, worker: int, clock: Clock, sleep: Callable[[float], Awaitable[None]]
) -> bool:
    """Whether another process than `worker` serves. False, too, if nobody says: the commands that follow go to whoever
    answers, and fail if nobody does."""
    deadline = clock.monotonic() + _PATIENCE
    while True:
        try:
            found = {one.pid for one in (await process.master.processes()).workers}
        except (RuntimeUnavailable, ValueError):
            found = set()
        if found or process.pid is None:
            return bool(found) and worker not in found
        if clock.monotonic() >= deadline:
            return False
        await sleep(_PAUSE)
