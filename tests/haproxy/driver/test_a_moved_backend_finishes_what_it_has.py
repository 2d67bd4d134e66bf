"""A Backend that keeps its endpoints moves to another slot: nobody ends what is under way in the one before, as a reload would
not. What is gone gets the drain time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from haloy.clock import SystemClock
from haloy.model.health import HealthCheck, TcpCheck
from haloy.model.model import Delivery
from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.apply.resting import HARD_STOP
from haloy.proxies.haproxy.driver import Haproxy
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, settled
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.http_client import Answer, get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

CHECK = HealthCheck(TcpCheck(), interval=5_000)
OTHER = replace(CHECK, interval=6_000)
DRAIN = 1.0


class Ahead:
    """The machine's clocks, and `seconds` more."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._clock = SystemClock()

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.seconds


@dataclass
class World:
    """One Backend with two endpoints, and one slow request in flight at each of them."""

    port: int
    proxy: Haproxy
    clock: Ahead
    ups: list[Upstream]
    slow: list[asyncio.Task[Answer]]

    def wanted(self, check: HealthCheck | None, ups: list[Upstream]) -> Delivery:
        listeners = fleet(self.port)
        if check is None:
            return delivery(listeners, [], [])
        hosts = [host("a.example", {"": (Target("web/a"),)})]
        return delivery(listeners, hosts, [cluster("a", [local(one.port) for one in ups], check)])

    async def apply(self, check: HealthCheck | None, ups: list[Upstream]) -> Applied:
        outcome = await self.proxy.apply(self.wanted(check, ups))
        assert isinstance(outcome, Applied)
        return outcome

    async def statuses(self) -> dict[int, int]:
        """Of the slow requests, by the port that answered; 0: an answer of HAProxy's own."""
        answers = await asyncio.gather(*self.slow)
        return {int(one.body) if one.status == 200 else 0: one.status for one in answers}


@asynccontextmanager
async def world(directory: Path, delay: float) -> AsyncIterator[World]:
    clock = Ahead()
    async with (
        upstreams(2) as ups,
        haproxy(directory, fleet(port := free_port()), clock=clock, server_drain=DRAIN) as proxy,
    ):
        made = World(port, proxy, clock, ups, [])
        await made.apply(CHECK, ups)
        for one in ups:
            one.delay = delay
        made.slow = [asyncio.create_task(get(port, "a.example")) for _ in ups]

        async def arrived() -> bool:
            return [one.served for one in ups] == [1, 1]

        await eventually(arrived, "a request is in flight at each endpoint")
        for one in ups:
            one.delay = 0.0
        yield made


async def emptied(here: World, number: int) -> None:
    """Wait until so many servers are all that is left in the slot that rests."""

    async def so_many() -> bool:
        assert here.proxy._transactions is not None
        return len(here.proxy._transactions.leaving) == number

    await eventually(so_many, "servers are deleted", 20)


async def test_requests_outlive_the_drain_time(tmp_path: Path) -> None:
    async with world(tmp_path, 4 * DRAIN) as here:
        outcome = await here.apply(OTHER, here.ups)
        assert not outcome.reload
        assert await here.statuses() == {one.port: 200 for one in here.ups}
        await settled(here.proxy)


async def test_those_at_an_endpoint_that_is_gone_do_not(tmp_path: Path) -> None:
    async with world(tmp_path, 60.0) as here:
        await here.apply(OTHER, here.ups)
        await here.apply(OTHER, here.ups[1:])
        done, pending = await asyncio.wait(here.slow, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        assert [task.result().status for task in done] != [200]
        await emptied(here, 1)
        assert len(pending) == 1, "the other one goes on"
        here.clock.seconds = HARD_STOP


async def test_those_of_a_backend_that_is_gone_do_not(tmp_path: Path) -> None:
    async with world(tmp_path, 60.0) as here:
        await here.apply(OTHER, here.ups)
        await here.apply(None, [])
        assert list(await here.statuses()) == [0]
        await settled(here.proxy)


async def test_they_end_when_those_of_a_reload_would(tmp_path: Path) -> None:
    async with world(tmp_path, 60.0) as here:
        await here.apply(OTHER, here.ups)
        settings = (tmp_path / "haproxy" / "current" / "00-global.cfg").read_text()
        assert f"hard-stop-after {HARD_STOP / 60:g}m\n" in settings
        here.clock.seconds = HARD_STOP
        assert list(await here.statuses()) == [0]
        await settled(here.proxy)
