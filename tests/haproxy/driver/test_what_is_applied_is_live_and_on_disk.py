from dataclasses import replace
from pathlib import Path

from haloy.model.cluster import EndpointState
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.apply.record import read_record
from haloy.proxies.haproxy.artifacts import Artifacts, Server
from tests.haproxy.driver.small import backend, small
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually, get


def member(upstream: Upstream, number: int, **changes: object) -> Server:
    made = Server(
        f"127.0.0.1:{upstream.port}", "127.0.0.1", upstream.port, number, 100, f"127.0.0.1:{upstream.port}",
        ("check", "inter 200", "fall 2", "rise 2"), checked=True,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_backend_comes_and_changes(haproxy_binary: Path, tmp_path: Path) -> None:
    async with upstreams(2) as (one, two), small(haproxy_binary, tmp_path, free_port()) as proxy:
        assert (await get(proxy.port, "/shop"))[0] == 404

        def wanted(*members: Server, revision: str, target: str = "shop") -> Artifacts:
            return proxy.artifacts(
                replace(backend("shop"), servers=members), revision=revision, maps={"maps/rules.map": {"shop": target}}
            )

        first = await proxy.transactions.change(proxy.target(wanted(member(one, 1), revision="r2")))
        assert isinstance(first, Applied)
        assert first.revision == "r2"
        assert [reason.cause.value for reason in first.reload] == ["compiled-rules"], (
            "there is no slot in this configuration"
        )
        assert await get(proxy.port, "/shop") == (200, str(one.port))

        second = await proxy.transactions.change(proxy.target(wanted(member(two, 2), revision="r3")))
        assert isinstance(second, Applied)
        assert not second.reload
        assert {(await get(proxy.port, "/shop"))[1] for _ in range(10)} == {str(two.port)}

        both = wanted(member(one, 1, weight=0), member(two, 2, state=EndpointState.DRAINING), revision="r4")
        third = await proxy.transactions.change(proxy.target(both))
        assert isinstance(third, Applied)
        assert not third.reload
        assert (await get(proxy.port, "/shop"))[0] == 503

        current = proxy.generations.current()
        assert current is not None
        assert read_record(current) == both


async def test_a_removed_server_is_deleted_once_idle(haproxy_binary: Path, tmp_path: Path) -> None:
    async with upstreams(2) as (one, two), small(haproxy_binary, tmp_path, free_port()) as proxy:
        section, maps = backend("shop"), {"maps/rules.map": {"shop": "shop"}}
        both = proxy.artifacts(replace(section, servers=(member(one, 1), member(two, 2))), maps=maps)
        await proxy.transactions.change(proxy.target(both))
        await get(proxy.port, "/shop")
        rest = proxy.artifacts(replace(section, servers=(member(two, 2),)), maps=maps, revision="r2")
        await proxy.transactions.change(proxy.target(rest))
        assert {(await get(proxy.port, "/shop"))[1] for _ in range(6)} == {str(two.port)}

        async def deleted() -> bool:
            return f":{one.port}" not in await proxy.api.call("show", "servers", "state", "shop")

        await eventually(deleted, "the server is deleted")
        back = await proxy.transactions.change(proxy.target(replace(both, revision="r3")))
        assert isinstance(back, Applied)
        assert not back.reload
        assert {(await get(proxy.port, "/shop"))[1] for _ in range(6)} == {str(one.port), str(two.port)}
