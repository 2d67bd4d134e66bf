from pathlib import Path

from haloy.model.routing import Target
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually


async def test_requests_by_route_backend_and_endpoint(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners) as proxy:
        hosts = [
            host("a.example", {"": (Target("web/shop"),)}),
            host("b.example", {"": (Target("web/empty"),)}),
        ]
        await proxy.apply(delivery(listeners, hosts, [cluster("shop", [local(one.port)]), cluster("empty", [])]))
        for name in ("a.example", "a.example", "a.example", "b.example"):
            await get(http, name)

        async def counted() -> bool:
            found = await proxy.measure()
            return [found.routes[f"web/{name}-example"].requests for name in "ab"] == [3, 1]

        await eventually(counted, "the requests are counted by Route")
        found = await proxy.measure()
        assert found.clusters["web/shop"].requests == 3
        assert found.clusters["web/empty"].errors_5xx == 1
        assert found.endpoints["web/shop", f"127.0.0.1:{one.port}"].requests == 3
        assert found.endpoints["web/shop", f"127.0.0.1:{one.port}"].bytes_out > 0
        assert set(found.clusters) == {"web/shop", "web/empty"}, "haloy's own sections are not shown"
        assert found.info.version[:2] in {"2.", "3."}
        assert len(found.info.pids) == 2
        assert found.info.reloads == 1
        assert found.info.max_connections == 500
        assert "OPENSSL" in found.info.features
