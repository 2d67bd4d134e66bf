"""The monitor: checks its targets again and again, and knows the level of each."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping

from haloy.clock import Clock
from haloy.health.check import check
from haloy.health.retry import Backoff, retry
from haloy.health.state import HealthState, after
from haloy.health.target import CheckImpossibleError, CheckResult, MonitorTarget
from haloy.model.health import EndpointHealth, EndpointKey, Health

_LOG = logging.getLogger(__name__)
AT_ONCE = 100
"""Checks at the same time; those that wait for their time-out must not hold up the others."""
_IMPOSSIBLE = Backoff(first=0.5, longest=10, attempts=None)

Check = Callable[[MonitorTarget], Awaitable[CheckResult]]


class HealthMonitor:
    """Checks every target at its interval. The first checks are spread over a second, so that a thousand targets do not start at
    once; `on_change` hears of every change of level.

    `check` and `sleep` are replaced by tests, which do not wait.
    """

    def __init__(
        self,
        clock: Clock,
        on_change: Callable[[EndpointKey, EndpointHealth], None] | None = None,
        check: Check = check,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        at_once: int = AT_ONCE,
    ) -> None:
        self._clock = clock
        self._on_change = on_change
        self._check = check
        self._sleep = sleep
        self._slots = asyncio.Semaphore(at_once)
        self._targets: dict[EndpointKey, MonitorTarget] = {}
        self._states: dict[EndpointKey, HealthState] = {}
        self._levels: dict[EndpointKey, EndpointHealth] = {}
        self._changed = asyncio.Event()

    def set_targets(self, targets: Iterable[MonitorTarget]) -> None:
        """From now on these, all of them and no others. An equal target goes on undisturbed; one whose way of being checked
        changed keeps its level until results say otherwise; a new one is unknown."""
        wanted = {target.key: target for target in targets}
        if wanted == self._targets:
            return
        for key in self._targets.keys() - wanted.keys():
            self._states.pop(key, None)
            self._levels.pop(key, None)
        for key in wanted.keys() - self._states.keys():
            self._states[key] = HealthState()
            self._levels[key] = EndpointHealth(Health.UNKNOWN, self._states[key].reason, self._clock.now())
        self._targets = wanted
        self._changed.set()

    def levels(self) -> Mapping[EndpointKey, EndpointHealth]:
        """What is known of each target now."""
        return dict(self._levels)

    def level(self, key: EndpointKey) -> EndpointHealth | None:
        """What is known of one target; None if it is none."""
        return self._levels.get(key)

    async def run(self) -> None:
        """Check until cancelled."""
        running: dict[MonitorTarget, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._changed.clear()
                wanted = set(self._targets.values())
                for target in running.keys() - wanted:
                    running.pop(target).cancel()
                for target in wanted - running.keys():
                    running[target] = tasks.create_task(self._follow(target))
                await self._changed.wait()

    async def _follow(self, target: MonitorTarget) -> None:
        interval = target.check.interval / 1000
        await self._sleep(random.uniform(0, min(interval, 1)))
        while True:
            began = self._clock.monotonic()
            self._take(target, await retry(lambda: self._once(target), CheckImpossibleError, _IMPOSSIBLE, self._sleep))
            await self._sleep(max(interval - (self._clock.monotonic() - began), 0.001))

    async def _once(self, target: MonitorTarget) -> CheckResult:
        async with self._slots:
            try:
                return await self._check(target)
            except CheckImpossibleError as error:
                _LOG.warning("%s cannot be checked: %s", target.authority, error)
                raise

    def _take(self, target: MonitorTarget, result: CheckResult) -> None:
        if self._targets.get(target.key) != target:
            return  # Replaced while it was being checked.
        before = self._states[target.key]
        state = self._states[target.key] = after(before, result, target.check)
        known = self._levels[target.key]
        since = self._clock.now() if state.health is not before.health else known.since
        level = EndpointHealth(state.health, state.reason, since)
        self._levels[target.key] = level
        if state.health is not before.health and self._on_change is not None:
            self._on_change(target.key, level)
