"""Entries of maps and PEM files that nothing leads to any more, deleted once no request can be between them and what led to
them, and no server on its way out names them."""

import asyncio
from collections.abc import Awaitable, Callable

from haloy.clock import Clock
from haloy.proxies.haproxy.apply.one_task import OneTask
from haloy.proxies.haproxy.apply.present import Present
from haloy.proxies.haproxy.plan.map_steps import CHECK_MAPS
from haloy.proxies.haproxy.plan.running import Running
from haloy.proxies.haproxy.runtime import certificates, maps_runtime
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

GRACE = 1.0
"""Seconds from the change that an entry was retired by to its deletion, and between attempts to drop a PEM file."""

_IN_USE, _UNKNOWN = "in use", "doesn't exist"
"""Of HAProxy's answers to `del ssl cert` and `del ssl ca-file`."""

_TOGETHER = 1_000
"""What is deleted in one go, so that nobody waits long for the lock."""

Unneeded = tuple[str, str] | str
"""An entry as (map, key), or the path of a PEM file."""


class Sweeping:
    """One task for all. What is to be deleted is `retired` and `unused` of what runs, then and there: what is wanted again
    meanwhile is not in them. Every deletion holds `lock`."""

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
        self._due: dict[Unneeded, float] = {}
        self._task = OneTask("sweep what nothing leads to", self._run)

    def begin(self, running: Running) -> None:
        """Take up what `running` no longer needs; what is known already is due when it was."""
        due = self._clock.monotonic() + GRACE
        found: list[Unneeded] = [(name, key) for name, entries in running.retired.items() for key in entries]
        found += running.unused
        self._due = {one: self._due.get(one, due) for one in found}
        if self._due:
            self._task.wake()

    def forget(self) -> None:
        """The process that had these serves no more."""
        self._due.clear()

    async def close(self) -> None:
        self.forget()
        await self._task.close()

    async def _run(self) -> None:
        while self._due:
            await self._sleep(min(max(min(self._due.values()) - self._clock.monotonic(), 0.05), GRACE))
            async with self._lock:
                running = self._present.running
                if running is None:
                    continue
                now = self._clock.monotonic()
                named = _named(running)
                some = [one for one, due in self._due.items() if due <= now and not _in_use(one, running, named)]
                del some[_TOGETHER:]
                try:
                    await self._delete([one for one in some if isinstance(one, tuple)], running)
                    await self._drop([one for one in some if isinstance(one, str)], running)
                except RuntimeUnavailable:
                    continue  # HAProxy is gone, and its maps with it, or it answers again later

    async def _delete(self, keys: list[tuple[str, str]], running: Running) -> None:
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

    async def _drop(self, paths: list[str], running: Running) -> None:
        """A file that HAProxy still needs, for a server that was read back and of which nobody knows more, is tried again."""
        gone = [path for path in paths if path in running.unused]
        answers = await self._api.attempt([certificates.drop_command(path) for path in gone])
        needed = {path for path, answer in zip(gone, answers, strict=True) if answer.failed and _IN_USE in answer.text}
        for path, answer in zip(gone, answers, strict=True):
            if answer.failed and path not in needed and _UNKNOWN not in answer.text:
                self._tell(f"nothing needs {path} any more, but HAProxy could not drop it: {answer.text}")
        for path in paths:
            self._due.pop(path, None)
        self._due |= dict.fromkeys(needed, self._clock.monotonic() + GRACE)
        self._present.dropped(path for path in gone if path not in needed)


def _named(running: Running) -> frozenset[str]:
    """What the options of servers on their way out name."""
    if not running.unused:
        return frozenset()
    return frozenset(
        word for server in running.leaving.values() for option in server.options for word in option.split()
    )


def _in_use(one: Unneeded, running: Running, named: frozenset[str]) -> bool:
    """What checks ask for is needed as long as the slot has servers, a PEM file as long as one of them names it."""
    match one:
        case str():
            return one in named
        case (name, key):
            return name in CHECK_MAPS and key in running.artifacts.layout.resting
