"""Whether the process that was told is still the one that serves: a person may have reloaded HAProxy, too.

A kept connection of the Runtime API would go on talking to the old worker, which answers as if nothing had happened.
"""

from collections.abc import Awaitable, Callable

from haloy.proxies.haproxy.process.process import HaproxyProcess
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeUnavailable

_LOOKS, _PAUSE = 50, 0.1
"""How often a master that does not answer, as it does not while it reloads, is asked who serves, and the seconds between."""


async def replaced(process: HaproxyProcess, worker: int, sleep: Callable[[float], Awaitable[None]]) -> bool:
    """Whether another process than `worker` serves. False, too, if nobody says: the commands that follow will fail, then."""
    for _ in range(_LOOKS):
        try:
            found = {one.pid for one in (await process.master.processes()).workers}
        except (RuntimeUnavailable, ValueError):
            found = set()
        if found or process.pid is None:
            return bool(found) and worker not in found
        await sleep(_PAUSE)
    return False
