import asyncio
from dataclasses import replace
from http.client import RemoteDisconnected
from pathlib import Path

from haloy.proxies.base import Applied
from haloy.proxies.haproxy.artifacts import Server
from haloy.proxies.haproxy.events import Noted
from tests.haproxy.driver.small import Small, backend, small
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually, get

MAPS = {"maps/rules.map": {"shop": "shop"}}


def member(upstream: Upstream, number: int) -> Server:
    return Server(
        f"127.0.0.1:{upstream.port}", "127.0.0.1", upstream.port, number, 100, f"127.0.0.1:{upstream.port}"
    )  # fmt: skip


async def program(proxy: Small, revision: str, *members: Server) -> None:
    artifacts = proxy.artifacts(replace(backend("shop"), servers=members), maps=MAPS, revision=revision)
    outcome = await proxy.transactions.change(proxy.target(artifacts))
    assert isinstance(outcome, Applied)
    if revision != "r1":
        assert not outcome.reload, outcome


async def slow_request(proxy: Small, upstream: Upstream, delay: float) -> asyncio.Task[tuple[int, str]]:
    """One that is in flight at `upstream`."""
    upstream.delay, before = delay, upstream.served
    task = asyncio.create_task(get(proxy.port, "/shop"))

    async def arrived() -> bool:
        return upstream.served == before + 1

    await eventually(arrived, "the request is at the upstream")
    return task


async def held(proxy: Small, upstream: Upstream) -> bool:
    return f"127.0.0.1:{upstream.port} " in await proxy.api.call("show", "servers", "state", "shop")


async def test_requests_in_flight_end_well(haproxy_binary: Path, tmp_path: Path) -> None:
    async with upstreams(2) as (one, two), small(haproxy_binary, tmp_path, free_port()) as proxy:
        await program(proxy, "r1", member(one, 1))
        task = await slow_request(proxy, one, 1.0)
        await program(proxy, "r2", member(two, 2))
        assert {(await get(proxy.port, "/shop"))[1] for _ in range(6)} == {str(two.port)}
        assert not task.done()
        assert await held(proxy, one)
        assert await task == (200, str(one.port))

        async def gone() -> bool:
            return not await held(proxy, one)

        await eventually(gone, "the server is deleted")
        assert proxy.transactions.running is not None
        assert not proxy.transactions.running.leaving


async def test_it_ends_at_the_deadline(haproxy_binary: Path, tmp_path: Path) -> None:
    async with upstreams(2) as (one, two), small(haproxy_binary, tmp_path, free_port(), drain=0.5) as proxy:
        await program(proxy, "r1", member(one, 1))
        task = await slow_request(proxy, one, 60.0)
        await program(proxy, "r2", member(two, 2))
        try:
            status, _ = await task
        except RemoteDisconnected:  # from HAProxy 3.2 on; before, an answer of its own
            status = 503
        assert status != 200

        async def gone() -> bool:
            return not await held(proxy, one)

        await eventually(gone, "the server is deleted")
        assert not [event for event in proxy.events if isinstance(event, Noted)]


async def test_it_may_come_back_while_it_leaves(haproxy_binary: Path, tmp_path: Path) -> None:
    async with upstreams(2) as (one, two), small(haproxy_binary, tmp_path, free_port()) as proxy:
        await program(proxy, "r1", member(one, 1), member(two, 2))
        one.delay = 3.0
        tasks = [asyncio.create_task(get(proxy.port, "/shop")) for _ in range(2)]

        async def arrived() -> bool:
            return one.served == 1

        await eventually(arrived, "a request is at the first upstream")
        await program(proxy, "r2", member(two, 2))
        assert await held(proxy, one)
        await program(proxy, "r3", member(one, 1), member(two, 2))
        one.delay = 0.0
        assert {(await get(proxy.port, "/shop"))[1] for _ in range(6)} == {str(one.port), str(two.port)}
        assert {(await task)[0] for task in tasks} == {200}
        await asyncio.sleep(0.2)
        assert await held(proxy, one), "nobody deletes it any more"
