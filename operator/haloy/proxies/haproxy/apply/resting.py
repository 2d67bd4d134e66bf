"""Slots that a Cluster has left: they finish what still comes, lose their servers, and are then free again.

A slot is in use as long as a request may be on its way to it: between two look-ups, in its queue, at a server. So its servers
stay in rotation for a second at least and until nothing is left of it, at the latest until the drain time has passed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from haloy.clock import Clock
from haloy.proxies.base import Traffic
from haloy.proxies.haproxy.apply.present import Present
from haloy.proxies.haproxy.observe.measure import section_traffic
from haloy.proxies.haproxy.plan.running import ServerKey
from haloy.proxies.haproxy.runtime import servers_runtime
from haloy.proxies.haproxy.runtime.cli_commands import Command, command
from haloy.proxies.haproxy.runtime.cli_parsers import StatRow, parse_stat
from haloy.proxies.haproxy.runtime.removals import Removals
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi, RuntimeUnavailable

GRACE = 1.0
"""Seconds in which a request that has read the entry of before may still arrive."""

_FIRST_LOOK = 0.1
_LONGEST_PAUSE = 1.0
_TOGETHER = 100
"""Slots that are looked at in one go, so that nobody waits long for the lock."""


@dataclass(slots=True)
class _Rest:
    """`since`: monotonic. `emptied`: its servers are out of rotation, and `Removals` sees to what is left of them."""

    since: float
    emptied: bool = False


class Resting:
    """One task for all slots that rest. Every look holds `lock`, so none happens in the middle of a transaction.

    `freed` is called, with the lock held, when slots have come to rest, with what they have counted since HAProxy started:
    what their next users have to leave out of account.
    """

    def __init__(
        self,
        api: RuntimeApi,
        lock: asyncio.Lock,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        drain: float,
        present: Present,
        removals: Removals,
        freed: Callable[[Mapping[str, Traffic]], None],
        tell: Callable[[str], None],
    ) -> None:
        self._api = api
        self._lock = lock
        self._clock = clock
        self._sleep = sleep
        self._drain = drain
        self._present = present
        self._removals = removals
        self._freed = freed
        self._tell = tell
        self._slots: dict[str, _Rest] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def slots(self) -> frozenset[str]:
        """Those that nobody may have yet."""
        return frozenset(self._slots)

    def begin(self, slots: Iterable[str]) -> None:
        """These slots were left just now; nothing new for those that rest already."""
        for slot in slots:
            self._slots.setdefault(slot, _Rest(self._clock.monotonic()))
        if self._slots and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="slots come to rest")

    def forget(self) -> None:
        """The process that had these slots serves no more."""
        self._slots.clear()

    async def close(self) -> None:
        self.forget()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = _FIRST_LOOK
        while self._slots:
            await self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            due = [slot for slot, rest in self._slots.items() if self._age(rest) >= GRACE]
            for some in (due[start : start + _TOGETHER] for start in range(0, len(due), _TOGETHER)):
                async with self._lock:
                    if await self._look([slot for slot in some if slot in self._slots]):
                        pause = _FIRST_LOOK

    async def _look(self, slots: list[str]) -> bool:
        """One look at each of `slots`; whether anything came of it."""
        if not slots or self._present.running is None:
            return False
        try:
            answers = await self._api.attempt([command("show", "stat", slot, "2", "-1") for slot in slots])
            rows = {row.proxy: row for answer in answers if not answer.failed for row in parse_stat(answer.text)}
            held: dict[str, list[ServerKey]] = {slot: [] for slot in slots}
            for key in self._present.running.leaving:
                if key[0] in held:
                    held[key[0]].append(key)
            empty = [slot for slot in slots if held[slot] and self._may_empty(slot, rows.get(slot))]
            await self._empty([key for slot in empty for key in held[slot]], empty)
        except RuntimeUnavailable:
            return False  # HAProxy is gone, and its slots with it, or it answers again later
        except ValueError as error:
            self._tell(f"whether slots have come to rest cannot be read: {error}")
            return False
        free = [slot for slot in slots if not held[slot] and slot in rows and _idle(rows[slot])]
        gone = [slot for slot in slots if slot not in rows]
        for slot in (*free, *gone):
            del self._slots[slot]
        self._present.freed((*free, *gone))
        self._freed(section_traffic(tuple(rows[slot] for slot in free)))
        return bool(empty or free or gone)

    def _may_empty(self, slot: str, row: StatRow | None) -> bool:
        rest = self._slots[slot]
        return not rest.emptied and (row is None or _idle(row) or self._age(rest) >= self._drain)

    async def _empty(self, keys: list[ServerKey], slots: list[str]) -> None:
        """Take these servers out and delete them; `Removals` goes on with those that are not idle."""
        commands: list[Command] = []
        for key in keys:
            commands += [servers_runtime.maintenance_command(*key), servers_runtime.delete_command(*key)]
        answers = await self._api.attempt(commands)
        late = {slot: self._age(self._slots[slot]) for slot in slots}
        for slot in slots:
            self._slots[slot].emptied = True
        deleted = []
        for key, answer in zip(keys, answers[1::2], strict=True):
            if answer.failed and "No such server" not in answer.text:
                self._removals.begin(key, max(self._drain - late[key[0]], 0.0))
            else:
                deleted.append(key)
        self._present.gone(*deleted)

    def _age(self, rest: _Rest) -> float:
        return self._clock.monotonic() - rest.since


def _idle(row: StatRow) -> bool:
    """Whether no request is at it and none waits for it."""
    return row.number("scur") == 0 and row.number("qcur") == 0
