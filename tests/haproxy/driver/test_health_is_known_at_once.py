"""Through the driver: HAProxy's own word wakes whoever waits, and nothing else is looked at."""

import asyncio
from pathlib import Path

from haloy.model.health import EndpointKey, Health, HealthCheck, TcpCheck
from haloy.model.routing import Target
from haloy.proxies.haproxy.driver import Haproxy
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.ports import free_port

CHECK = HealthCheck(TcpCheck(), interval=100, fall=1, rise=1)
HOSTS = [host("a.example", {"": (Target("web/shop"),)})]
PATIENCE = 15.0


async def woken_until(proxy: Haproxy, key: EndpointKey, wanted: Health) -> None:
    """As `haloy serve` does between two looks at everything, of which there is none here."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await proxy.health_changed()
            seen = (await proxy.observe_changes()).endpoints.get(key)
            if seen is not None and seen.health is wanted:
                return


async def test_new_endpoints_deaths_and_recoveries_after_a_look_at_everything(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with haproxy(tmp_path, listeners) as proxy:
        assert not (await proxy.observe()).endpoints
        async with upstreams(1) as (one,):
            key = EndpointKey("web/shop", f"127.0.0.1:{one.port}")
            await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)], CHECK)]))
            await woken_until(proxy, key, Health.HEALTHY)
        await woken_until(proxy, key, Health.UNHEALTHY)
        await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [], CHECK)]))
        await proxy.health_changed()
        assert not (await proxy.observe_changes()).endpoints


async def test_a_second_start_takes_the_health_log_over(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with upstreams(1) as (one,):
        key = EndpointKey("web/shop", f"127.0.0.1:{one.port}")
        shop = [cluster("shop", [local(one.port)], CHECK)]
        async with haproxy(tmp_path, listeners) as proxy:
            await proxy.apply(delivery(listeners, HOSTS, shop))
        async with haproxy(tmp_path, listeners) as proxy:
            await proxy.apply(delivery(listeners, HOSTS, shop))
            await woken_until(proxy, key, Health.HEALTHY)
