"""The monitor, with checks whose results the test decides and sleeps that end at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from haloy.clock import FakeClock
from haloy.health.monitor import HealthMonitor
from haloy.health.target import CheckImpossibleError, CheckResult, MonitorTarget
from haloy.model.health import EndpointHealth, EndpointKey, Health, TcpCheck
from tests.health.targets import key, target

UP, DOWN = CheckResult(True, "L4OK"), CheckResult(False, "L4CON/Connection refused")


class World:
    """`results` by port; every check and every change of level is written down."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.results: dict[int, CheckResult] = {}
        self.impossible = 0
        self.checked: list[MonitorTarget] = []
        self.changes: list[tuple[EndpointKey, EndpointHealth]] = []
        self.naps: list[float] = []
        self.monitor = HealthMonitor(self.clock, lambda *change: self.changes.append(change), self.check, self.sleep)

    async def check(self, target: MonitorTarget) -> CheckResult:
        self.checked.append(target)
        if self.impossible:
            self.impossible -= 1
            raise CheckImpossibleError("Too many open files")
        return self.results.get(target.port, UP)

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0)

    async def rounds(self, count: int) -> None:
        done = len(self.checked) + count
        await self.until(lambda: len(self.checked) >= done)

    def health(self, port: int) -> Health | None:
        level = self.monitor.level(key(port))
        return None if level is None else level.health


@asynccontextmanager
async def monitoring(*targets: MonitorTarget) -> AsyncIterator[World]:
    world = World()
    world.monitor.set_targets(targets)
    task = asyncio.create_task(world.monitor.run())
    try:
        yield world
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


async def test_levels_follow_results_and_changes_are_told_once() -> None:
    async with monitoring(target(1, TcpCheck()), target(2, TcpCheck())) as world:
        world.results[2] = DOWN
        assert (world.health(1), world.health(2)) == (Health.UNKNOWN, Health.UNKNOWN)
        await world.until(lambda: world.health(1) is Health.HEALTHY and world.health(2) is Health.UNHEALTHY)
        level = world.monitor.level(key(2))
        assert level.reason == "L4CON/Connection refused"
        await world.rounds(6)
        assert world.monitor.level(key(2)).since == level.since
        world.results[2] = UP
        await world.until(lambda: world.health(2) is Health.HEALTHY)
        assert [(found.endpoint, level.health) for found, level in world.changes if found == key(2)] == [
            (key(2).endpoint, Health.UNHEALTHY),
            (key(2).endpoint, Health.HEALTHY),
        ]


async def test_the_first_checks_are_spread_and_the_others_come_at_the_interval() -> None:
    async with monitoring(*(target(port, TcpCheck(), interval=30_000) for port in range(1, 50))) as world:
        await world.rounds(49)
        first = world.naps[:49]
        assert all(0 <= nap <= 1 for nap in first)
        assert len(set(first)) > 40
        await world.rounds(49)
        assert all(nap <= 30 for nap in world.naps[49:98])


async def test_an_equal_target_goes_on_and_others_come_and_go() -> None:
    async with monitoring(target(1, TcpCheck()), target(2, TcpCheck())) as world:
        await world.until(lambda: world.health(1) is Health.HEALTHY and world.health(2) is Health.HEALTHY)
        since = world.monitor.level(key(1)).since
        world.monitor.set_targets([target(1, TcpCheck()), target(3, TcpCheck())])
        assert (world.health(1), world.health(2), world.health(3)) == (Health.HEALTHY, None, Health.UNKNOWN)
        await world.until(lambda: world.health(3) is Health.HEALTHY)
        assert world.monitor.level(key(1)).since == since
        world.checked.clear()
        await world.rounds(10)
        assert {found.port for found in world.checked} == {1, 3}


async def test_another_way_of_checking_keeps_the_level_until_results_say_otherwise() -> None:
    async with monitoring(target(1, TcpCheck())) as world:
        await world.until(lambda: world.health(1) is Health.HEALTHY)
        world.results[1] = DOWN
        world.monitor.set_targets([target(1, TcpCheck(), fall=5)])
        assert world.health(1) is Health.HEALTHY
        world.checked.clear()
        await world.until(lambda: world.health(1) is Health.UNHEALTHY)
        assert sum(found.check.fall == 5 for found in world.checked) >= 5


async def test_what_this_machine_cannot_do_says_nothing_of_the_endpoint() -> None:
    async with monitoring(target(1, TcpCheck())) as world:
        world.impossible = 8
        await world.until(lambda: world.health(1) is not Health.UNKNOWN)
        assert world.health(1) is Health.HEALTHY
        assert len(world.checked) == 9
