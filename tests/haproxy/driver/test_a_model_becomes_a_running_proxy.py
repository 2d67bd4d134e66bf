import json
from pathlib import Path

from haloy.model.cluster import EndpointState
from haloy.model.health import HealthCheck, TcpCheck
from haloy.model.routing import Target
from haloy.proxies.base import Applied, Outcome
from haloy.proxies.haproxy.events import Event, Reloaded
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.pem import leaf, pem, shown
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port

CHECK = HealthCheck(TcpCheck(), interval=500)
TO_SHOP = {"": (Target("web/shop"),)}


def reasons(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Applied), outcome
    return [reason.cause.value for reason in outcome.reload]


async def test_nothing_applied_is_404_on_every_listener(tmp_path: Path) -> None:
    listeners = fleet(free_port(), free_port())
    http, https = (listener.binds[0].port for listener in listeners.listeners)
    async with haproxy(tmp_path, listeners):
        assert (await get(http, "anything.example")).status == 404
        assert await shown(https, "anything.example")


async def test_endpoints_weights_hosts_and_certificates_need_no_reload(tmp_path: Path) -> None:
    listeners = fleet(free_port(), free_port())
    http, https = (listener.binds[0].port for listener in listeners.listeners)
    events: list[Event] = []
    async with upstreams(3) as (one, two, three), haproxy(tmp_path, listeners, events) as proxy:
        first = cluster("shop", [local(one.port)], CHECK)
        assert reasons(await proxy.apply(delivery(listeners, [host("a.example", TO_SHOP)], [first]))) == ["new-profile"]

        async def apply(*endpoints: tuple[int, int], names: str = "a", **certificates: bytes) -> None:
            members = [local(port, weight=weight) for port, weight in endpoints]
            hosts = [host(f"{name}.example", TO_SHOP, name if name in certificates else None) for name in names]
            made = delivery(listeners, hosts, [cluster("shop", members, CHECK)], certificates)
            assert reasons(await proxy.apply(made)) == []

        await apply((one.port, 100), (two.port, 100))
        assert {(await get(http, "a.example")).body for _ in range(4)} == {
            f"{one.port}".encode(),
            f"{two.port}".encode(),
        }
        await apply((one.port, 0), (two.port, 100), (three.port, 0))
        assert {(await get(http, "a.example")).body for _ in range(4)} == {f"{two.port}".encode()}
        own = pem("b.example")
        await apply((three.port, 1), names="ab", b=own)
        assert (await get(http, "b.example")).body == f"{three.port}".encode()
        assert await shown(https, "b.example") == leaf(own)
        assert sum(isinstance(event, Reloaded) for event in events) == 1


async def test_an_endpoint_that_drains_gets_nothing_new(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners) as proxy:
        hosts = [host("a.example", TO_SHOP)]
        both = [local(one.port), local(two.port)]
        await proxy.apply(delivery(listeners, hosts, [cluster("shop", both, CHECK)]))
        draining = [local(one.port), local(two.port, state=EndpointState.DRAINING)]
        assert reasons(await proxy.apply(delivery(listeners, hosts, [cluster("shop", draining, CHECK)]))) == []
        assert {(await get(http, "a.example")).body for _ in range(4)} == {f"{one.port}".encode()}
        structural = [cluster("shop", draining, CHECK), cluster("cart", [])]
        assert reasons(await proxy.apply(delivery(listeners, hosts, structural))) == ["new-profile"]
        assert {(await get(http, "a.example")).body for _ in range(4)} == {f"{one.port}".encode()}, "over a reload, too"


async def test_weights_of_a_rule_change_without_a_reload(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners) as proxy:
        clusters = [cluster("one", [local(one.port)]), cluster("two", [local(two.port)])]

        async def split(first: int, second: int) -> Outcome:
            paths = {"": (Target("web/one", first), Target("web/two", second))}
            return await proxy.apply(delivery(listeners, [host("a.example", paths)], clusters))

        await split(1, 1)
        assert {(await get(http, "a.example")).body for _ in range(40)} == {
            str(one.port).encode(),
            str(two.port).encode(),
        }
        assert reasons(await split(7, 1)) == []
        assert reasons(await split(997, 3)) == []
        answers = [(await get(http, "a.example")).body for _ in range(40)]
        assert answers.count(str(one.port).encode()) > 20


async def test_reloads_are_on_record(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with haproxy(tmp_path, listeners) as proxy:
        await proxy.apply(delivery(listeners, (), [cluster("shop", [])]))
        await proxy.apply(delivery(listeners, (), []))
        await proxy.reload()
        records = proxy.reload_log.read()
    assert [[(reason.cause.value, str(reason.source)) for reason in record.reasons] for record in records] == [
        [("new-profile", "backend/web/shop")],
        [("requested", "None")],
    ]
    lines = [json.loads(line) for line in (tmp_path / "reloads.jsonl").read_text().splitlines()]
    assert [line["success"] for line in lines] == [True, True]
