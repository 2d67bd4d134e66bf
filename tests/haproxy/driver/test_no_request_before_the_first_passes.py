"""`startUnhealthy`: an endpoint proves itself before its first request, whenever and however it comes."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from haloy.proxies.base import Applied, ReloadCause, ReloadReason
from haloy.proxies.haproxy.artifacts import Server
from tests.haproxy.driver.small import backend, small
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually, get

CHECK = "    option httpchk GET /health\n"
MAPS = {"maps/rules.map": {"shop": "shop"}}


def member(upstream: Upstream, number: int, *, start_down: bool) -> Server:
    return Server(
        f"127.0.0.1:{upstream.port}", "127.0.0.1", upstream.port, number, 100, f"127.0.0.1:{upstream.port}",
        ("check", "inter 150", "fall 2", "rise 3"), checked=True, start_down=start_down,
    )  # fmt: skip


@pytest.mark.parametrize("way", ["added at run time", "in a reload", "restored while leaving"])
async def test_it_serves_only_after_its_passes(haproxy_binary: Path, tmp_path: Path, way: str) -> None:
    async with upstreams(2) as (old, new), small(haproxy_binary, tmp_path, free_port()) as proxy:
        section = backend("shop", checks=CHECK)
        one, other = member(old, 1, start_down=False), member(new, 2, start_down=True)
        new.status = 503
        slow: list[asyncio.Task[tuple[int, str]]] = []
        alone = proxy.artifacts(replace(section, servers=(one,)), maps=MAPS)
        both = proxy.artifacts(replace(section, servers=(one, other)), maps=MAPS, revision="r2")
        await proxy.transactions.change(proxy.target(alone))
        if way == "in a reload":
            both = proxy.artifacts(replace(section, servers=(one, other)), backend("cart"), maps=MAPS, revision="r2")
        if way == "restored while leaving":
            new.status, new.delay = 200, 3.0
            await proxy.transactions.change(proxy.target(both))

            async def serves() -> bool:
                return (await proxy.api.call("show", "servers", "state", "shop")).count("127.0.0.1 2 0") == 2

            await eventually(serves, "both are up")
            slow = [asyncio.create_task(get(proxy.port, "/shop")) for _ in range(2)]

            async def busy() -> bool:
                return new.served == 1

            await eventually(busy, "a request keeps the server from being deleted")
            await proxy.transactions.change(proxy.target(replace(alone, revision="r3")))
            new.status = 503
            both = replace(both, revision="r4")
        before, checked = new.served, new.checked
        outcome = await proxy.transactions.change(proxy.target(both))
        assert isinstance(outcome, Applied)
        assert bool(outcome.reload) is (way == "in a reload")

        async def failed_often() -> bool:
            assert (await get(proxy.port, "/shop"))[1] == str(old.port)
            return new.checked >= checked + 4

        await eventually(failed_often, "some checks have failed")
        assert new.served == before
        if way == "restored while leaving":
            await asyncio.gather(*slow)
            new.delay = 0.0
        new.status, passed = 200, new.checked

        async def in_rotation() -> bool:
            answers = {(await get(proxy.port, "/shop"))[1] for _ in range(2)}
            if new.checked < passed + 2:
                assert answers == {str(old.port)}
            return str(new.port) in answers

        await eventually(in_rotation, "it is in rotation after its passes")


async def test_without_it_an_endpoint_takes_traffic_at_once(haproxy_binary: Path, tmp_path: Path) -> None:
    async with upstreams(2) as (old, new), small(haproxy_binary, tmp_path, free_port()) as proxy:
        section = backend("shop", checks=CHECK)
        one, other = member(old, 1, start_down=False), member(new, 2, start_down=False)
        await proxy.transactions.change(proxy.target(proxy.artifacts(replace(section, servers=(one,)), maps=MAPS)))
        both = proxy.artifacts(replace(section, servers=(one, other)), maps=MAPS, revision="r2")
        outcome = await proxy.transactions.change(proxy.target(both))
        assert isinstance(outcome, Applied)
        assert not outcome.reload
        assert {(await get(proxy.port, "/shop"))[1] for _ in range(4)} == {str(old.port), str(new.port)}


async def test_a_server_that_is_down_stays_down_over_a_reload(haproxy_binary: Path, tmp_path: Path) -> None:
    async with upstreams(2) as (well, ill), small(haproxy_binary, tmp_path, free_port()) as proxy:
        ill.status = 503
        section = backend("shop", checks=CHECK)
        members = member(well, 1, start_down=False), member(ill, 2, start_down=False)
        both = proxy.artifacts(replace(section, servers=members), maps=MAPS)
        await proxy.transactions.change(proxy.target(both))

        async def down() -> bool:
            return f"{ill.port} 127.0.0.1 0 0" in await proxy.api.call("show", "servers", "state", "shop")

        await eventually(down, "the ill one is down")
        before = ill.served
        for _ in range(3):
            outcome = await proxy.transactions.reload(ReloadReason(ReloadCause.REQUESTED, None, "again"))
            assert isinstance(outcome, Applied)
            assert {(await get(proxy.port, "/shop"))[1] for _ in range(6)} == {str(well.port)}
        assert ill.served == before
