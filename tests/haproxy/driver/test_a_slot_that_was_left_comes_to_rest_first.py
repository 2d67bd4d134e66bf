"""Nobody gets a slot before what its last user left has finished; then somebody may."""

import asyncio
from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.process.run_files import identity
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, settled
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually


def slots(proxy: Haproxy) -> dict[str, str]:
    """By Cluster."""
    transactions = proxy._transactions
    assert transactions is not None
    return {name: placement.slot for name, placement in transactions.layout.placements.items()}


async def test_and_is_used_again(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    hosts = [host("a.example", {"": (Target("web/a"),)})]
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, server_drain=10.0) as proxy:
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)])]))
        left = slots(proxy)["web/a"]
        for _ in range(3):
            assert (await get(port, "a.example")).status == 200
        one.delay, before = 2.5, one.served
        slow = asyncio.create_task(get(port, "a.example"))

        async def arrived() -> bool:
            return one.served == before + 1

        await eventually(arrived, "a request is in the slot")
        await proxy.apply(delivery(listeners, [], []))
        second = await proxy.apply(delivery(listeners, [], [cluster("b", [])]))
        assert isinstance(second, Applied)
        assert not second.reload
        assert slots(proxy)["web/b"] != left, "it has not come to rest"
        assert not proxy.settled()
        assert (await slow).status == 200
        await settled(proxy)
        assert proxy.baselines[left].requests == 4
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)]), cluster("b", [])]))
        assert slots(proxy)["web/a"] == left
        one.delay = 0.0
        assert (await get(port, "a.example")).status == 200
        measured = await proxy.measure()
        assert measured.clusters["web/a"].requests == 1, "what the user before counted is left out"


async def test_its_sessions_are_ended_when_the_drain_time_has_passed(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    hosts = [host("a.example", {"": (Target("web/a"),)})]
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, server_drain=1.5) as proxy:
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)])]))
        one.delay, before = 60.0, one.served
        slow = asyncio.create_task(get(port, "a.example"))

        async def arrived() -> bool:
            return one.served == before + 1

        await eventually(arrived, "a request is in the slot")
        await proxy.apply(delivery(listeners, [], []))
        assert (await slow).status != 200
        await settled(proxy)


async def test_a_haloy_that_takes_over_knows_what_rests_and_what_was_counted(tmp_path: Path) -> None:
    """The first one is not stopped but forgotten, as if it had been killed."""
    listeners = fleet(port := free_port())
    hosts = [host("a.example", {"": (Target("web/a"),)})]
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners) as proxy:
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)])]))
        await get(port, "a.example")
        left = slots(proxy)["web/a"]
        await proxy.apply(delivery(listeners, [], []))
        await settled(proxy)
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)])]))
        assert slots(proxy)["web/a"] == left
        assert proxy._transactions is not None
        assert proxy._supervisor is not None
        again = type(proxy._transactions._later._baselines)(tmp_path / "haproxy" / "baselines.jsonl")
        worker = proxy._transactions._present.worker
        assert worker is not None
        assert again.open(identity(worker)) == ""
        assert again.values == proxy.baselines
        assert again.values[left].requests == 1
        assert again.open(identity(worker).replace(" ", " 1", 1)) == ""
        assert not again.values, "another process of the same pid, as containers have them, has counted nothing"
