from datetime import UTC, datetime, timedelta
from pathlib import Path

from haloy.model.health import EndpointHealth, EndpointKey, Health, HealthCheck, HttpCheck, TcpCheck
from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HTTP = HealthCheck(HttpCheck("/health"), interval=200, timeout=200, fall=2, rise=2)
HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


async def levels(proxy: Haproxy) -> dict[str, tuple[Health, str]]:
    observation = await proxy.observe()
    return {key.endpoint: (seen.health, seen.reason) for key, seen in observation.endpoints.items()}


async def reached(proxy: Haproxy, wanted: dict[str, tuple[Health, str]]) -> None:
    async def equal() -> bool:
        return await levels(proxy) == wanted

    await eventually(equal, f"{wanted}")


async def test_words_of_the_checks_and_changes_of_level(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners) as proxy:
        two.status = 503
        first, second, nobody = f"127.0.0.1:{one.port}", f"127.0.0.1:{two.port}", free_port()
        shop = cluster("shop", [local(one.port), local(two.port), local(nobody)], HTTP)
        await proxy.apply(delivery(listeners, HOSTS, [shop]))
        await reached(
            proxy,
            {
                first: (Health.HEALTHY, "L7OK"),
                second: (Health.UNHEALTHY, "L7STS/503"),
                f"127.0.0.1:{nobody}": (Health.UNHEALTHY, "L4CON"),
            },
        )
        one.status, two.status = 500, 200
        await reached(
            proxy,
            {
                first: (Health.UNHEALTHY, "L7STS/500"),
                second: (Health.HEALTHY, "L7OK"),
                f"127.0.0.1:{nobody}": (Health.UNHEALTHY, "L4CON"),
            },
        )
        observation = await proxy.observe()
        assert all(key.cluster == "web/shop" for key in observation.endpoints)
        assert all(datetime.now(UTC) - seen.since < timedelta(minutes=1) for seen in observation.endpoints.values())


async def test_what_is_known_outlasts_a_reload(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    slow = HealthCheck(TcpCheck(), interval=1_000, fall=1, rise=1)
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners) as proxy:
        nobody = free_port()
        shop = cluster("shop", [local(one.port), local(nobody)], slow)
        await proxy.apply(delivery(listeners, HOSTS, [shop]))
        wanted = {
            f"127.0.0.1:{one.port}": (Health.HEALTHY, "L4OK"),
            f"127.0.0.1:{nobody}": (Health.UNHEALTHY, "L4CON"),
        }
        await reached(proxy, wanted)
        before = await proxy.observe()
        assert isinstance(await proxy.reload(), Applied)
        after = await proxy.observe()
        assert after.endpoints == before.endpoints


async def test_no_result_yet_is_unknown(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    rare = HealthCheck(TcpCheck(), interval=60_000)
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners) as proxy:
        clusters = [cluster("shop", [local(one.port)], rare), cluster("unchecked", [local(one.port)])]
        await proxy.apply(delivery(listeners, HOSTS, clusters))
        observation = await proxy.observe()
        unchecked = observation.endpoints[EndpointKey("web/unchecked", f"127.0.0.1:{one.port}")]
        assert (unchecked.health, unchecked.reason) == (Health.UNKNOWN, "no check")
        checked = observation.endpoints[EndpointKey("web/shop", f"127.0.0.1:{one.port}")]
        assert isinstance(checked, EndpointHealth)
        assert checked.health in (Health.UNKNOWN, Health.HEALTHY)
        assert (checked.health is Health.UNKNOWN) is (checked.reason == "no result yet")


async def test_an_endpoint_that_left_is_not_observed(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners) as proxy:
        await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port), local(two.port)], HTTP)]))
        await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(two.port)], HTTP)]))
        assert list(await levels(proxy)) == [f"127.0.0.1:{two.port}"]
