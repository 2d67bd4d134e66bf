"""A Backend that needs another slot is moved: filled, flipped, and what it leaves finishes what it has."""

import asyncio
from dataclasses import replace
from pathlib import Path

from haloy.model.health import HealthCheck, HttpCheck, TcpCheck
from haloy.model.routing import Target
from haloy.proxies.base import Applied, Outcome
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, novel, settled
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

TO_SHOP = [host("a.example", {"": (Target("web/shop"),)})]
CHECK = HealthCheck(TcpCheck(), interval=300)


def at_run_time(outcome: Outcome) -> Applied:
    assert isinstance(outcome, Applied), outcome
    assert not outcome.reload, outcome
    return outcome


async def test_no_request_fails(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners) as proxy:
        members = [local(one.port), local(two.port)]
        await proxy.apply(delivery(listeners, TO_SHOP, [cluster("shop", members, CHECK)]))
        statuses: list[int] = []
        ended = False

        async def ask() -> None:
            while not ended:
                statuses.append((await get(port, "a.example")).status)

        clients = [asyncio.create_task(ask()) for _ in range(4)]
        for number in range(10):
            check = replace(CHECK, interval=301 + number)
            at_run_time(await proxy.apply(delivery(listeners, TO_SHOP, [cluster("shop", members, check)])))
        await settled(proxy)
        ended = True
        await asyncio.gather(*clients)
        assert set(statuses) == {200}


async def test_a_request_at_the_old_slot_is_finished(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, server_drain=5.0) as proxy:
        await proxy.apply(delivery(listeners, TO_SHOP, [cluster("shop", [local(one.port)], CHECK)]))
        one.delay, before = 2.0, one.served
        slow = asyncio.create_task(get(port, "a.example"))

        async def arrived() -> bool:
            return one.served == before + 1

        await eventually(arrived, "the request is at the upstream")
        check = replace(CHECK, interval=700)
        at_run_time(await proxy.apply(delivery(listeners, TO_SHOP, [cluster("shop", [local(one.port)], check)])))
        assert not slow.done()
        assert (await slow).status == 200
        await settled(proxy)


async def test_an_endpoint_is_as_healthy_as_it_was(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    check = HealthCheck(HttpCheck(path="/health"), interval=200, fall=1, rise=1, start_unhealthy=True)
    async with upstreams(2) as (ill, well), haproxy(tmp_path, listeners) as proxy:
        ill.status = 500
        members = [local(ill.port), local(well.port)]
        await proxy.apply(delivery(listeners, TO_SHOP, [cluster("shop", members, check)]))

        async def judged() -> bool:
            return {await _up(proxy_socket, port) for port in (ill.port, well.port)} == {
                (ill.port, False),
                (well.port, True),
            }

        proxy_socket = RuntimeApi(run_dir(tmp_path) / "worker.sock")
        await eventually(judged, "one is down, one is up")
        seldom = replace(check, interval=3_600_000)
        at_run_time(await proxy.apply(delivery(listeners, TO_SHOP, [cluster("shop", members, seldom)])))
        answers = {(await get(port, "a.example")).body for _ in range(6)}
        assert answers == {str(well.port).encode()}, "up as it was, though new endpoints start down; down as it was"
        await proxy.reload()
        answers = {(await get(port, "a.example")).body for _ in range(6)}
        assert answers == {str(well.port).encode()}, "over a reload, too"
        moved = await proxy.apply(delivery(listeners, TO_SHOP, [novel(cluster("shop", members, seldom))]))
        assert isinstance(moved, Applied)
        assert [reason.cause.value for reason in moved.reload] == ["new-profile"]
        answers = {(await get(port, "a.example")).body for _ in range(6)}
        assert answers == {str(well.port).encode()}, "and over one that brings the slot it moves to"
        await proxy_socket.disconnect()


async def _up(api: RuntimeApi, port: int) -> tuple[int, bool]:
    for line in (await api.call("show", "servers", "state")).splitlines()[2:]:
        fields = line.split()
        if fields[18] == str(port):
            return port, fields[5] == "2"
    return port, False
