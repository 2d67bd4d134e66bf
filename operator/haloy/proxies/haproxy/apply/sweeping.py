"""Entries of maps that nothing leads to any more, deleted once no request can be between them and what led to them."""

import asyncio
from collections.abc import Awaitable, Callable

from haloy.clock import Clock
from haloy.proxies.haproxy.apply.present import Present
from haloy.proxies.haproxy.plan.map_steps import CHECK_MAPS
from haloy.proxies.haproxy.plan.running import Running
from haloy.proxies.haproxy.runtime import maps_runtime
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

GRACE = 1.0
"""Seconds from the change that an entry was retired by to its deletion."""

_TOGETHER = 1_000
"""Entries deleted in one go, so that nobody waits long for the lock."""

EntryKey = tuple[str, str]
"""(map, key)."""


class Sweeping:
    """One task for all entries. What is to be deleted is `retired` of what runs, then and there: an entry that is wanted
    again meanwhile is not in it. Every deletion holds `lock`."""

    def __init__(
        self,
        api: RuntimeApi,
        lock: asyncio.Lock,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        present: Present,
        tell: Callable[[str], None],
    ) -> None:
        self._api = api
        self._lock = lock
        self._clock = clock
        self._sleep = sleep
        self._present = present
        self._tell = tell
        self._due: dict[EntryKey, float] = {}
        self._task: asyncio.Task[None] | None = None

    def begin(self, running: Running) -> None:
        """Take up what `running` has retired; what is known already is due when it was."""
        due = self._clock.monotonic() + GRACE
        self._due = {
            (name, key): self._due.get((name, key), due) for name, entries in running.retired.items() for key in entries
        }
        if self._due and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="sweep retired entries")

    def forget(self) -> None:
        """The process that had these entries serves no more."""
        self._due.clear()

    async def close(self) -> None:
        self.forget()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._due:
            await self._sleep(min(max(min(self._due.values()) - self._clock.monotonic(), 0.05), GRACE))
            async with self._lock:
                running = self._present.running
                if running is None:
                    continue
                now = self._clock.monotonic()
                some = [key for key, due in self._due.items() if due <= now and not _in_use(key, running)][:_TOGETHER]
                try:
                    await self._delete(some, running)
                except RuntimeUnavailable:
                    continue  # HAProxy is gone, and its maps with it, or it answers again later

    async def _delete(self, keys: list[EntryKey], running: Running) -> None:
        gone = [key for key in keys if key[1] in running.retired.get(key[0], {})]
        answers = await self._api.attempt(
            [one for name, key in gone for one in maps_runtime.delete_commands(name, [key])]
        )
        for (name, key), answer in zip(gone, answers, strict=True):
            if answer.failed and "not found" not in answer.text.lower():
                self._tell(f"the entry {key!r} of {name} leads nowhere but could not be deleted: {answer.text}")
        for one in keys:
            self._due.pop(one, None)
        self._present.swept(gone)


def _in_use(key: EntryKey, running: Running) -> bool:
    """What checks ask for is needed as long as the slot has servers."""
    return key[0] in CHECK_MAPS and key[1] in running.artifacts.layout.resting
