"""Slots that a Cluster has left: they finish what still comes, lose their servers, and are then free again.

A slot is in use as long as a request may be on its way to it: between two look-ups, in its queue, at a server. So its servers
stay in rotation for a second at least and until nothing is left of it. What is gone for good, a Cluster or one of its endpoints,
gets the drain time; a Cluster that has only moved ends nobody's download or WebSocket before a reload would (`HARD_STOP`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from haloy.clock import Clock
from haloy.proxies.base import Traffic
from haloy.proxies.haproxy.apply.one_task import OneTask
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

HARD_STOP = 600.0
"""Seconds that the worker of before has after a reload: `hard-stop-after` in render/templates/global.cfg.j2."""

_FIRST_LOOK = 0.1
_LONGEST_PAUSE = 1.0
_RARELY = 10.0
"""Seconds between looks at a slot that has been resting for long: an eighth of its age, at most so many."""

_TOGETHER = 100
"""Slots that are looked at in one go, so that nobody waits long for the lock."""


@dataclass(slots=True)
class _Rest:
    """`since`, `again` (when to look next): monotonic. `cluster`: whose it was; None: nobody knows.

    `gone`: servers whose endpoint or Cluster is no more, and when that was found. `emptied`: servers that are out of rotation;
    `Removals` sees to what is left of them.
    """

    since: float
    cluster: str | None
    again: float
    gone: dict[str, float] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)


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
        self._task = OneTask("slots come to rest", self._run)

    @property
    def slots(self) -> frozenset[str]:
        """Those that nobody may have yet."""
        return frozenset(self._slots)

    def begin(self, slots: Mapping[str, str | None]) -> None:
        """These slots were left just now, each by the Cluster of this name (None: nobody knows); nothing new for those that
        rest already."""
        now = self._clock.monotonic()
        new = {slot: _Rest(now, cluster, now + GRACE) for slot, cluster in slots.items() if slot not in self._slots}
        self._slots |= new
        for slot, servers in self._held(new).items():
            self._see_what_is_gone(new[slot], servers, now)
        if self._slots:
            self._task.wake()

    def forget(self) -> None:
        """The process that had these slots serves no more."""
        self._slots.clear()

    async def close(self) -> None:
        self.forget()
        await self._task.close()

    async def _run(self) -> None:
        pause = _FIRST_LOOK
        while self._slots:
            await self._sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            now = self._clock.monotonic()
            due = [slot for slot, rest in self._slots.items() if now >= rest.again]
            for some in (due[start : start + _TOGETHER] for start in range(0, len(due), _TOGETHER)):
                async with self._lock:
                    if await self._look([slot for slot in some if slot in self._slots]):
                        pause = _FIRST_LOOK

    async def _look(self, slots: list[str]) -> bool:
        """One look at each of `slots`; whether anything came of it."""
        if not slots or self._present.running is None:
            return False
        now, held = self._clock.monotonic(), self._held(slots)
        try:
            answers = await self._api.attempt([command("show", "stat", slot, "2", "-1") for slot in slots])
            rows = {row.proxy: row for answer in answers if not answer.failed for row in parse_stat(answer.text)}
            due: list[ServerKey] = []
            for slot in slots:
                self._see_what_is_gone(self._slots[slot], held[slot], now)
                due += [(slot, server) for server in self._due(slot, held[slot], rows.get(slot), now)]
            await self._empty(due, now)
        except RuntimeUnavailable:
            return False  # HAProxy is gone, and its slots with it, or it answers again later
        except ValueError as error:
            self._tell(f"whether slots have come to rest cannot be read: {error}")
            return False
        free = [slot for slot in slots if not held[slot] and slot in rows and _idle(rows[slot])]
        gone = [slot for slot in slots if slot not in rows]
        for slot in (*free, *gone):
            del self._slots[slot]
        for slot in slots:
            if slot in self._slots:
                self._look_again(self._slots[slot], held[slot], now)
        self._present.freed((*free, *gone))
        self._freed(section_traffic(tuple(rows[slot] for slot in free)))
        return bool(due or free or gone)

    def _held(self, slots: Iterable[str]) -> dict[str, list[str]]:
        """The servers that each of `slots` still has."""
        held: dict[str, list[str]] = {slot: [] for slot in slots}
        running = self._present.running
        for slot, server in () if running is None or not held else running.leaving:
            if slot in held:
                held[slot].append(server)
        return held

    def _see_what_is_gone(self, rest: _Rest, servers: Iterable[str], now: float) -> None:
        if rest.cluster is None:
            return
        placement = self._present.layout.placements.get(rest.cluster)
        stay = frozenset() if placement is None else {server.name for server in placement.servers}
        rest.gone = {server: rest.gone.get(server, now) for server in servers if server not in stay}

    def _deadline(self, rest: _Rest, server: str) -> float:
        """When what is left at a server is ended."""
        found = rest.gone.get(server)
        return rest.since + max(HARD_STOP, self._drain) if found is None else found + self._drain

    def _due(self, slot: str, servers: list[str], row: StatRow | None, now: float) -> list[str]:
        """The servers that go out of rotation: all of an idle slot, and those whose time is over."""
        rest = self._slots[slot]
        left = [server for server in servers if server not in rest.emptied]
        if row is None or _idle(row):
            return left
        return [server for server in left if now >= self._deadline(rest, server)]

    async def _empty(self, keys: list[ServerKey], now: float) -> None:
        """Take these servers out and delete them; `Removals` goes on with those that are not idle."""
        commands: list[Command] = []
        for key in keys:
            commands += [servers_runtime.maintenance_command(*key), servers_runtime.delete_command(*key)]
        answers = await self._api.attempt(commands)
        deleted = []
        for key, answer in zip(keys, answers[1::2], strict=True):
            rest = self._slots[key[0]]
            rest.emptied.add(key[1])
            if answer.failed and "No such server" not in answer.text:
                self._removals.begin(key, max(self._deadline(rest, key[1]) - now, 0.0))
            else:
                deleted.append(key)
        self._present.gone(*deleted)

    def _look_again(self, rest: _Rest, servers: list[str], now: float) -> None:
        """Rarely where nothing but time can help, but not after a deadline, and soon where servers are being deleted."""
        left = [server for server in servers if server not in rest.emptied]
        pause = min((now - rest.since) / 8, _RARELY) if left or not servers else 0.0
        rest.again = min([now + pause, *(self._deadline(rest, server) for server in left)])


def _idle(row: StatRow) -> bool:
    """Whether no request is at it and none waits for it."""
    return row.number("scur") == 0 and row.number("qcur") == 0
