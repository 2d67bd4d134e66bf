"""A reload ends HAProxy: what was live comes back, and the same is not tried again."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from haloy.clock import FakeClock
from haloy.model.model import Delivery
from haloy.model.routing import Target
from haloy.proxies.base import Applied, Failed, Postponed
from haloy.proxies.haproxy.apply.deadly import MESSAGE
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from tests.haproxy.driver.models import cluster, delivery, fleet, host, local, novel
from tests.haproxy.driver.test_a_reload_of_unknown_outcome import between
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.binary import chosen
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


@dataclass
class Site:
    directory: Path
    proxy: Haproxy
    clock: FakeClock
    http: int
    members: list[Upstream]

    def wanted(self, member: int, number: int) -> Delivery:
        """`shop` at one of the upstreams, and a Backend whose settings no slot has."""
        clusters = [cluster("shop", [local(self.members[member].port)]), novel(cluster(f"cart{number}", []), number)]
        return delivery(fleet(self.http), HOSTS, clusters)

    async def reload_that_ends_haproxy(self, number: signal.Signals) -> None:
        deaths, master = self.proxy.deaths, (await self.proxy.measure()).info.pids[0]
        async with between(self.directory, forward=False, then=lambda: os.kill(master, number)):
            outcome = await self.proxy.apply(self.wanted(0, 1))
        assert isinstance(outcome, Failed)
        assert outcome.step == "unavailable"

        async def back() -> bool:
            return self.proxy.deaths > deaths and bool((await self.proxy.measure()).info.pids)

        await eventually(back, "HAProxy runs again")

    async def body(self) -> bytes:
        return (await get(self.http, "a.example")).body


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[Site]:
    clock, http = FakeClock(), free_port()
    settings = HaproxySettings(
        directory, fleet(http), binary=chosen(), min_reload_interval=0.0, access_log=Path("/dev/null")
    )
    proxy = Haproxy(settings, clock=clock)
    async with upstreams(2) as members:
        try:
            await proxy.start()
            first = delivery(fleet(http), HOSTS, [cluster("shop", [local(members[0].port)])])
            assert isinstance(await proxy.apply(first), Applied)
            yield Site(directory, proxy, clock, http, list(members))
        finally:
            await proxy.stop(0)


async def test_what_needs_no_reload_is_live_and_something_else_is_tried(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        await site.reload_that_ends_haproxy(signal.SIGSEGV)
        site.clock.advance(3600)
        deaths = site.proxy.deaths
        again = await site.proxy.apply(site.wanted(1, 1))
        assert isinstance(again, Failed)
        assert [refusal.message for refusal in again.refusals] == [MESSAGE]
        assert site.proxy.deaths == deaths
        assert await site.body() == str(site.members[1].port).encode()
        assert isinstance(await site.proxy.apply(site.wanted(1, 2)), Applied)


async def test_the_next_reload_waits_a_minute(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        await site.reload_that_ends_haproxy(signal.SIGSEGV)
        outcome = await site.proxy.apply(site.wanted(0, 2))
        assert isinstance(outcome, Postponed)
        assert outcome.seconds == pytest.approx(60)


async def test_a_death_that_may_have_been_chance_is_believed_the_second_time(tmp_path: Path) -> None:
    async with serving(tmp_path) as site:
        for _ in range(2):
            await site.reload_that_ends_haproxy(signal.SIGKILL)
            site.clock.advance(3600)
        outcome = await site.proxy.apply(site.wanted(0, 1))
        assert isinstance(outcome, Failed)
        assert outcome.refusals[0].message == MESSAGE
