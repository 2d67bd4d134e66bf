"""Keep-alive clients that never repeat a request, through structural reloads and run-time changes: not one failure."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from haloy.model.cluster import Endpoint
from haloy.model.health import HealthCheck, TcpCheck
from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, novel
from tests.haproxy.driver.upstreams import Upstream, upstreams
from tests.support.http_client import read_answer
from tests.support.ports import free_port

CHECK = HealthCheck(TcpCheck(), interval=1_000)
RELOADS, CHANGES = 10, 20


@dataclass
class Client:
    """One keep-alive connection. Only what HAProxy announces (`connection: close`) makes it open another one."""

    port: int
    host: str
    right: frozenset[bytes]
    pause: float
    requests: int = 0
    failures: list[str] = field(default_factory=list)

    async def run(self, enough: asyncio.Event) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while not enough.is_set():
            if streams is None:
                streams = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = streams
            writer.write(f"GET /x HTTP/1.1\r\nHost: {self.host}\r\n\r\n".encode())
            answer = await read_answer(reader)
            self.requests += 1
            if answer.status != 200 or answer.body not in self.right:
                self.failures.append(f"{self.host}: {answer.status} {answer.body!r}")
            if answer.status == 0 or (answer.one("connection") or "").lower() == "close":
                writer.close()
                streams = None
            await asyncio.sleep(self.pause)
        if streams is not None:
            streams[1].close()


async def change_everything(proxy: Haproxy, port: int, shop: list[Upstream], cart: Upstream) -> None:
    """Ten reloads, each with two run-time changes after it."""
    listeners = fleet(port)
    hosts = [host("shop.example", {"": (Target("web/shop"),)}), host("cart.example", {"": (Target("web/cart"),)})]
    reloads = changes = 0
    for turn in range(RELOADS):
        for step in range(1 + CHANGES // RELOADS):
            members: list[Endpoint] = [local(shop[0].port, weight=100 - turn)]
            members += [local(shop[1].port)] if (turn + step) % 2 else []
            members += [local(shop[2].port, weight=1 + step)] if step else []
            extra = [host(f"h{turn}-{step}.example", {"": (Target("web/shop"),)})]
            clusters = [
                cluster("shop", members, CHECK),
                cluster("cart", [local(cart.port)], CHECK),
                novel(cluster(f"more-{turn}", [local(shop[0].port)], CHECK), turn + 1),
            ]
            outcome = await proxy.apply(delivery(listeners, [*hosts, *extra], clusters))
            assert isinstance(outcome, Applied), outcome
            reloads += bool(outcome.reload)
            changes += not outcome.reload
            await asyncio.sleep(0.05)
    assert (reloads, changes) == (RELOADS, CHANGES)


@pytest.mark.slow
async def test_no_request_fails(tmp_path: Path) -> None:
    port = free_port()
    async with upstreams(4) as members, haproxy(tmp_path, fleet(port)) as proxy:
        shop, cart = members[:3], members[3]
        for one in members:
            one.delay = 0.002
        hosts = [host("shop.example", {"": (Target("web/shop"),)}), host("cart.example", {"": (Target("web/cart"),)})]
        clusters = [cluster("shop", [local(shop[0].port)], CHECK), cluster("cart", [local(cart.port)], CHECK)]
        await proxy.apply(delivery(fleet(port), hosts, clusters))
        right = {
            "shop.example": frozenset(str(one.port).encode() for one in shop),
            "cart.example": frozenset({str(cart.port).encode()}),
        }
        enough = asyncio.Event()
        clients = [Client(port, name, right[name], pause) for name in right for pause in (0.0, 0.005, 0.01, 0.02, 0.05)]
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(enough))
            await change_everything(proxy, port, shop, cart)
            enough.set()
        assert [failure for client in clients for failure in client.failures] == []
        assert sum(client.requests for client in clients) > 500
