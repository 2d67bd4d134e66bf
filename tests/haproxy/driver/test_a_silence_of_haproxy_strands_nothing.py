"""HAProxy does not answer for longer than a command waits, and lives: what was to be deleted is deleted afterwards."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Event, Noted
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, settled
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.http_client import Answer, get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/a"),)})]


async def in_flight(port: int, one: Upstream) -> asyncio.Task[Answer]:
    """A request that the upstream answers when its delay is over."""
    task = asyncio.create_task(get(port, "a.example"))

    async def arrived() -> bool:
        return one.served == 1

    await eventually(arrived, "a request is at the upstream")
    return task


@asynccontextmanager
async def silent(proxy: Haproxy) -> AsyncIterator[None]:
    """The worker stands still until a command has been given up."""
    assert proxy._transactions is not None
    assert proxy._api is not None
    worker, api = proxy._transactions._present.worker, proxy._api
    assert worker is not None
    kept = api._streams
    assert kept is not None
    os.kill(worker, signal.SIGSTOP)
    try:

        async def given_up() -> bool:
            return api._streams is not kept

        await eventually(given_up, "a command is not answered", 20)
    finally:
        os.kill(worker, signal.SIGCONT)
    yield
    assert proxy.deaths == 0


async def test_a_server_on_its_way_out(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners, server_drain=60.0) as proxy:
        await proxy.apply(delivery(listeners, HOSTS, [cluster("a", [local(one.port)])]))
        one.delay = 3.0
        slow = await in_flight(port, one)
        await proxy.apply(delivery(listeners, HOSTS, [cluster("a", [local(two.port)])]))
        async with silent(proxy):
            assert (await slow).status == 200
            await settled(proxy)


async def test_a_slot_that_rests(tmp_path: Path) -> None:
    """Its drain time has passed: the session that is left has to be ended, too."""
    listeners, events = fleet(port := free_port()), list[Event]()
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, events, server_drain=2.0) as proxy:
        await proxy.apply(delivery(listeners, HOSTS, [cluster("a", [local(one.port)])]))
        one.delay = 60.0
        slow = await in_flight(port, one)
        await proxy.apply(delivery(listeners, [], []))
        async with silent(proxy):
            assert (await slow).status != 200
            await settled(proxy)
    assert not [event for event in events if isinstance(event, Noted) and "could not be deleted" in event.text]
