"""Servers on their way out: deleted once idle, ended at the deadline."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from haloy.clock import Clock
from haloy.proxies.haproxy.plan.running import ServerKey
from haloy.proxies.haproxy.runtime import servers_runtime
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

Sleep = Callable[[float], Awaitable[None]]

_FIRST_RETRY = 0.05
_LONGEST_RETRY = 1.0
_GRACE = 10.0
"""Seconds in which ended sessions may unwind."""


class Removals:
    """One task per server in maintenance. Every attempt holds `lock`, so none happens in the middle of a transaction.

    `gone` is called, with the lock held, when HAProxy has deleted a server. A server that outlives its deadline (a
    HAProxy fault) is left in maintenance, where it gets no requests; `gave_up` tells.
    """

    def __init__(
        self,
        api: RuntimeApi,
        lock: asyncio.Lock,
        clock: Clock,
        sleep: Sleep,
        drain: float,
        gone: Callable[[ServerKey], None],
        gave_up: Callable[[ServerKey, str], None],
    ) -> None:
        self._api = api
        self._lock = lock
        self._clock = clock
        self._sleep = sleep
        self._drain = drain
        self._gone = gone
        self._gave_up = gave_up
        self._tasks: dict[ServerKey, asyncio.Task[None]] = {}

    def begin(self, key: ServerKey, drain: float | None = None) -> None:
        """Delete this server as soon as it is idle; nothing new if that is under way. `drain`: seconds that are left for
        that, None: the whole drain time."""
        if key not in self._tasks:
            removal = self._remove(key, self._drain if drain is None else drain)
            task = asyncio.create_task(removal, name=f"remove {key[0]}/{key[1]}")
            self._tasks[key] = task
            task.add_done_callback(lambda done: self._finished(key, done))

    def cancel(self, key: ServerKey) -> None:
        """This server stays after all. Call with the lock held."""
        task = self._tasks.pop(key, None)
        if task is not None:
            task.cancel()

    def forget(self) -> None:
        """The process that had these servers serves no more."""
        for key in list(self._tasks):
            self.cancel(key)

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self.forget()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _remove(self, key: ServerKey, drain: float) -> None:
        """A HAProxy that does not answer is asked again: whoever finds another one in its place calls `forget`."""
        deadline = self._clock.monotonic() + drain
        ended: float | None = None
        pause = _FIRST_RETRY
        for turn in itertools.count():
            try:
                async with self._lock:
                    (answer,) = await self._api.attempt([servers_runtime.delete_command(*key)])
                    if not answer.failed or "No such server" in answer.text:
                        self._gone(key)
                        return
                    await self._api.attempt([servers_runtime.forget_connections_command(*key, turn)])
                    now = self._clock.monotonic()
                    if now >= deadline and ended is None:
                        await self._api.attempt([servers_runtime.end_sessions_command(*key)])
                        ended, pause = now, _FIRST_RETRY
            except RuntimeUnavailable:
                await self._sleep(_LONGEST_RETRY)
                continue
            if ended is not None and now >= ended + _GRACE:
                self._gave_up(key, answer.text)
                return
            await self._sleep(min(pause, max(deadline - now, _FIRST_RETRY)))
            pause = min(2 * pause, _LONGEST_RETRY)

    def _finished(self, key: ServerKey, done: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is done:
            del self._tasks[key]
        if done.cancelled():
            return
        error = done.exception()
        if error is not None:
            self._gave_up(key, str(error))
