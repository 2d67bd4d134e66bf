"""Records, weight sets and places are deleted a second after the last entry that led to them; hosts and paths at once."""

from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, settled
from tests.support.ports import free_port

SHOP = {"": (Target("web/shop"),)}
PAIR = {"": (Target("web/shop", 1), Target("web/cart", 2))}


def rules(keys: set[str]) -> set[str]:
    """Without the digests of their records."""
    return {key.rpartition(":")[0] for key in keys}


async def held(api: RuntimeApi, name: str) -> set[str]:
    return {line.split()[1] for line in (await api.call("show", "map", f"maps/{name}.map")).splitlines() if line}


async def test_a_route_that_goes(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with haproxy(tmp_path, listeners) as proxy:
        api = RuntimeApi(run_dir(tmp_path) / "worker.sock")
        clusters = [cluster("shop", []), cluster("cart", [])]
        await proxy.apply(delivery(listeners, [host("a.example", SHOP), host("b.example", PAIR)], clusters))
        sets = await held(api, "weights")
        assert sets
        outcome = await proxy.apply(delivery(listeners, [host("a.example", SHOP)], clusters[:1]))
        assert isinstance(outcome, Applied)
        assert not outcome.reload
        assert "b.example/" not in await held(api, "paths")
        assert "b.example" not in await held(api, "hosts.http")
        assert "web/b-example:0" in rules(await held(api, "rules")), "a request may be on its way"
        assert "web/cart" in await held(api, "clusters")
        assert await held(api, "weights") == sets
        await settled(proxy)
        assert "web/b-example:0" not in rules(await held(api, "rules"))
        assert "web/cart" not in await held(api, "clusters")
        assert not await held(api, "weights")
        await api.disconnect()


async def test_what_is_wanted_again_meanwhile_stays(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with haproxy(tmp_path, listeners) as proxy:
        api = RuntimeApi(run_dir(tmp_path) / "worker.sock")
        clusters = [cluster("shop", []), cluster("cart", [])]
        both = delivery(listeners, [host("a.example", SHOP), host("b.example", PAIR)], clusters)
        await proxy.apply(both)
        sets = await held(api, "weights")
        await proxy.apply(delivery(listeners, [host("a.example", SHOP)], clusters))
        again = await proxy.apply(both)
        assert isinstance(again, Applied)
        assert not again.reload
        await settled(proxy)
        assert await held(api, "weights") == sets
        assert "web/b-example:0" in rules(await held(api, "rules"))
        assert (await proxy.apply(both)).commands == 0  # type: ignore[union-attr]
        await api.disconnect()
