"""What somebody changed behind haloy's back comes to light when a change fails, and is put right by the next reload that is due."""

import asyncio
from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied, Postponed, ReloadCause
from haloy.proxies.haproxy.process.process import run_dir
from haloy.proxies.haproxy.runtime.runtime_api import RuntimeApi
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port


async def test_drift(tmp_path: Path) -> None:
    port = free_port()
    listeners = fleet(port)
    async with upstreams(2) as (one, other), haproxy(tmp_path, listeners, min_reload_interval=1.5) as proxy:
        shop = cluster("shop", [local(one.port)])
        cart = cluster("cart", [local(one.port)])
        hosts = host("shop.example", {"": (Target("web/shop"),)})
        assert isinstance(await proxy.apply(delivery(listeners, [hosts], [shop, cart])), Applied)
        api = RuntimeApi(run_dir(tmp_path) / "worker.sock")
        states = (await api.call("show", "servers", "state")).splitlines()
        section, server = next((line.split()[1], line.split()[3]) for line in states if ".0 " in line)
        await api.call("set", "server", f"{section}/{server}", "addr", "127.0.0.1", "port", str(other.port))
        paths = (await api.call("show", "map", "maps/paths.map")).splitlines()
        await api.call("del", "map", "maps/paths.map", next(line.split()[1] for line in paths if "shop" in line))
        await api.disconnect()
        elsewhere = delivery(listeners, [host("shop.example", {"": (Target("web/cart"),)})], [shop, cart])
        postponed = await proxy.apply(elsewhere)
        assert isinstance(postponed, Postponed), postponed
        while not isinstance(outcome := await proxy.apply(elsewhere), Applied):
            assert isinstance(outcome, Postponed)
            await asyncio.sleep(outcome.seconds)
        assert ReloadCause.DRIFT in {reason.cause for reason in outcome.reload}, (postponed, outcome)
        assert (await get(port, "shop.example")).body == str(one.port).encode()
