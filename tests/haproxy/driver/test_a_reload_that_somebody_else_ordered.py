"""A person reloads HAProxy by hand: haloy notices, reads everything and puts it right without a reload of its own."""

import os
import signal
from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.events import Event, Noted, Reloaded
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeUnavailable
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, settled
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually


async def reload_by_hand(proxy: Haproxy) -> None:
    assert proxy._supervisor is not None
    process = proxy._supervisor.process
    assert process is not None
    assert process.pid is not None
    before = (await process.master.processes()).workers[0].pid
    os.kill(process.pid, signal.SIGUSR2)

    async def another() -> bool:
        try:
            workers = (await process.master.processes()).workers
        except RuntimeUnavailable:
            return False
        return [worker.pid for worker in workers] not in ([], [before]) and await process.revision() is not None

    await eventually(another, "another worker serves")


async def test_is_noticed_before_the_next_change(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    events: list[Event] = []
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners, events) as proxy:
        hosts = [host("a.example", {"": (Target("web/a"),)}), host("b.example", {"": (Target("web/b"),)})]
        clusters = [cluster("a", [local(one.port)])]
        await proxy.apply(delivery(listeners, hosts[:1], clusters))
        clusters.append(cluster("b", [local(two.port)]))
        await proxy.apply(delivery(listeners, hosts, clusters))
        await reload_by_hand(proxy)
        outcome = await proxy.apply(delivery(listeners, hosts, [*clusters, cluster("c", [])]))
        assert isinstance(outcome, Applied)
        assert not outcome.reload
        assert (await get(port, "a.example")).body == str(one.port).encode()
        assert (await get(port, "b.example")).body == str(two.port).encode()
        await settled(proxy)
    assert any(isinstance(event, Noted) and "somebody else" in event.text for event in events)
    assert sum(isinstance(event, Reloaded) for event in events) == 1, "the first one only"


async def test_is_noticed_by_looking(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    events: list[Event] = []
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, events) as proxy:
        hosts = [host("a.example", {"": (Target("web/a"),)})]
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)])]))
        await reload_by_hand(proxy)
        observation = await proxy.observe()
        assert len(observation.endpoints) == 1
        assert (await get(port, "a.example")).body == str(one.port).encode()
    assert any(isinstance(event, Noted) and "somebody else" in event.text for event in events)
