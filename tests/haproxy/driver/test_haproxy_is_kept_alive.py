import asyncio
import os
import signal
from pathlib import Path

import pytest

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Died, Event, Started
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeUnavailable
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


async def answers(port: int, body: str) -> None:
    async def right() -> bool:
        try:
            return (await get(port, "a.example")).body == body.encode()
        except OSError:
            return False

    await eventually(right, "requests are answered")


async def pids(proxy: Haproxy) -> tuple[int, ...]:
    return (await proxy.measure()).info.pids


@pytest.mark.parametrize("which", [0, 1], ids=["master", "worker"])
async def test_a_death_is_followed_by_a_start(tmp_path: Path, which: int) -> None:
    listeners, events = fleet(free_port()), list[Event]()
    http = listeners.listeners[0].binds[0].port
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners, events) as proxy:
        await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)])]))
        changed = delivery(listeners, HOSTS, [cluster("shop", [local(two.port)])])
        assert isinstance(await proxy.apply(changed), Applied)
        before = await pids(proxy)
        os.kill(before[which], signal.SIGKILL)

        async def noticed() -> bool:
            return proxy.deaths == 1

        await eventually(noticed, "the death is noticed")
        await answers(http, str(two.port))

        async def observed() -> bool:
            try:
                return bool((await proxy.observe()).endpoints)
            except RuntimeUnavailable:
                return False

        await eventually(observed, "haloy knows the new process")
        (died,) = [event for event in events if isinstance(event, Died)]
        assert "SIGKILL" in died.reason
        assert set(await pids(proxy)).isdisjoint(before)
        again = await proxy.apply(changed)
        assert isinstance(again, Applied)
        assert (again.reload, again.revision) == ((), (await proxy.observe()).revision)


async def test_repeated_deaths_are_followed_with_growing_pauses(tmp_path: Path) -> None:
    listeners, events = fleet(free_port()), list[Event]()
    async with haproxy(tmp_path, listeners, events) as proxy:
        for number in range(1, 4):

            async def started(number: int = number) -> bool:
                return sum(isinstance(event, Started) for event in events) == number

            await eventually(started, f"start {number}")
            (pid,) = (event.pid for event in [e for e in events if isinstance(e, Started)][-1:])
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: _later(events, 4), "the last start")
        assert [event.again_in for event in events if isinstance(event, Died)] == [0.1, 0.2, 0.4]
        assert proxy.deaths == 3


async def _later(events: list[Event], number: int) -> bool:
    return sum(isinstance(event, Started) for event in events) == number


async def test_a_change_while_haproxy_is_dead_starts_it(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners) as proxy:
        for _ in range(2):
            before = await pids(proxy)
            os.kill(before[0], signal.SIGKILL)

            async def dead(pid: int = before[0]) -> bool:
                return pid not in await pids(proxy)

            await eventually(dead, "the death is noticed")
            outcome = await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)])]))
            assert isinstance(outcome, Applied)
            await answers(http, str(one.port))
            await asyncio.sleep(0.3)
            await answers(http, str(one.port))
