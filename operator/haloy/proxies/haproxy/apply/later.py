"""What of a change comes after it: servers, slots and entries that nothing needs any more."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from haloy.clock import Clock
from haloy.proxies.base import Traffic
from haloy.proxies.haproxy.apply.baselines import Baselines
from haloy.proxies.haproxy.apply.present import Present
from haloy.proxies.haproxy.apply.resting import Resting
from haloy.proxies.haproxy.apply.sweeping import Sweeping
from haloy.proxies.haproxy.events import Event, Noted
from haloy.proxies.haproxy.observe.measure import section_traffic
from haloy.proxies.haproxy.plan.running import ServerKey, is_free
from haloy.proxies.haproxy.plan.steps import RemoveServer, RestoreServer, RestSlot, RuntimeStep
from haloy.proxies.haproxy.process.run_files import identity
from haloy.proxies.haproxy.runtime.cli_parsers import parse_stat
from haloy.proxies.haproxy.runtime.removals import Removals
from haloy.proxies.haproxy.runtime.runtime_api import CommandFailed, RuntimeApi, RuntimeUnavailable


class Later:
    """Deletes what runs and is not meant, when its time has come. Everything is derived anew from what is read back, so that
    nothing is lost with a haloy that ends. Call all but `close` and `settled` with the lock held."""

    def __init__(
        self,
        api: RuntimeApi,
        lock: asyncio.Lock,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]],
        drain: float,
        present: Present,
        baselines: Path,
        notify: Callable[[Event], None],
    ) -> None:
        self._api = api
        self._present = present
        self._notify = notify
        self._baselines = Baselines(baselines)
        self._removals = Removals(api, lock, clock, sleep, drain, present.gone, self._gave_up)
        self._resting = Resting(
            api, lock, clock, sleep, drain, present, self._removals, self._freed, lambda text: notify(Noted(text))
        )
        self._sweeping = Sweeping(api, lock, clock, sleep, present, lambda text: notify(Noted(text)))

    @property
    def baselines(self) -> Mapping[str, Traffic]:
        """By slot, what its users of before have counted."""
        return self._baselines.values

    @property
    def resting(self) -> frozenset[str]:
        return self._resting.slots

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be deleted."""
        running = self._present.running
        return running is None or not (running.leaving or running.retired or running.unused or self._resting.slots)

    def restore(self, steps: Iterable[RuntimeStep]) -> None:
        """These steps bring servers back: nobody deletes them."""
        for step in steps:
            if isinstance(step, RestoreServer):
                self._removals.cancel((step.section, step.server.name))

    def after(self, steps: Iterable[RuntimeStep]) -> None:
        """These steps have been taken."""
        slots = {}
        for step in steps:
            match step:
                case RemoveServer(section, server):
                    self._removals.begin((section, server))
                case RestSlot(section, cluster):
                    slots[section] = cluster
                case _:
                    pass
        self._resting.begin(slots)
        self._sweep()

    def forget(self) -> None:
        """Another process serves."""
        self._removals.forget()
        self._resting.forget()
        self._sweeping.forget()

    async def take_up(self, former: frozenset[str] = frozenset()) -> None:
        """Whatever runs has just been read back. `former`: slots that rested, as far as an earlier haloy knew."""
        running = self._present.running
        if running is None:
            return
        resting = running.artifacts.layout.resting | former
        slots = {
            section.name
            for fragment in running.artifacts.fragments
            for section in fragment.sections
            if section.name in resting and is_free(section)
        }
        self._present.running = running.with_resting(frozenset(slots))
        self._resting.begin(dict.fromkeys(slots))
        for key in running.leaving:
            if key[0] not in slots:
                self._removals.begin(key)
        self._sweep()
        if self._present.worker is not None:
            self._told(self._baselines.open(identity(self._present.worker)))

    async def take_counters_up(self) -> None:
        """What free slots of an adopted process have counted was somebody's of whom nobody knows any more."""
        running = self._present.running
        if running is None:
            return
        try:
            counted = section_traffic(parse_stat(await self._api.call("show", "stat", "-1", "2", "-1")))
        except (RuntimeUnavailable, CommandFailed, ValueError) as error:
            self._told(f"the counters of slots that had a Backend before start too high: {error}")
            return
        free = {
            section.name
            for fragment in running.artifacts.fragments
            for section in fragment.sections
            if is_free(section)
        }
        used = {name: one for name, one in counted.items() if name in free and one != Traffic()}
        self._told(self._baselines.note({name: one for name, one in used.items() if self.baselines.get(name) != one}))

    async def close(self) -> None:
        await self._sweeping.close()
        await self._resting.close()
        await self._removals.close()

    def _sweep(self) -> None:
        if self._present.running is not None:
            self._sweeping.begin(self._present.running)

    def _freed(self, counted: Mapping[str, Traffic]) -> None:
        self._told(self._baselines.note(counted))

    def _told(self, note: str) -> None:
        if note:
            self._notify(Noted(note))

    def _gave_up(self, key: ServerKey, reason: str) -> None:
        self._notify(Noted(f"server {key[0]}/{key[1]} gets no requests but could not be deleted: {reason}"))
