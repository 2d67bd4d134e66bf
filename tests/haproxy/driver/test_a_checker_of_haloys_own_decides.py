"""gRPC health: HAProxy asks haloy's checker by an agent check; here a stand-in answers for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from haloy.model.health import EndpointKey, GrpcCheck, Health, HealthCheck
from haloy.model.listener import Bind
from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy import names
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from tests.haproxy.driver.models import cluster, delivery, fleet, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.binary import chosen
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/shop"),)})]


@dataclass
class Checker:
    """Answers `token` with the word for it."""

    words: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        token = (await reader.readexactly(names.AGENT_TOKEN_LENGTH)).decode()
        self.asked.append(token)
        writer.write(f"{self.words.get(token, 'down')}\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def checker() -> AsyncIterator[Checker]:
    made = Checker()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize("way", ["at run time", "in a reload"])
async def test_an_endpoint_that_must_prove_itself(tmp_path: Path, way: str) -> None:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    check = HealthCheck(GrpcCheck(), interval=150, start_unhealthy=True)
    async with upstreams(2) as (one, two), checker() as agent:
        agent.words[names.agent_token("web/shop", f"127.0.0.1:{one.port}")] = "up"
        token = names.agent_token("web/shop", f"127.0.0.1:{two.port}")
        settings = HaproxySettings(
            tmp_path, listeners, binary=chosen(), min_reload_interval=0, access_log=Path("/dev/null"),
            agent_check=Bind("127.0.0.1", agent.port),
        )  # fmt: skip
        proxy = Haproxy(settings)
        try:
            await proxy.start()
            await proxy.apply(delivery(listeners, HOSTS, [cluster("shop", [local(one.port)], check)]))

            async def serves() -> bool:
                return (await get(http, "a.example")).body == str(one.port).encode()

            await eventually(serves, "the first one has proven itself")
            both = [cluster("shop", [local(one.port), local(two.port)], check)]
            more = [cluster("cart", [])] if way == "in a reload" else []
            outcome = await proxy.apply(delivery(listeners, HOSTS, both + more))
            assert isinstance(outcome, Applied)
            assert bool(outcome.reload) is (way == "in a reload")

            async def asked_often() -> bool:
                answer = await get(http, "a.example")
                assert answer.body == str(one.port).encode(), answer
                return agent.asked.count(token) > 3

            await eventually(asked_often, "the second is asked about")
            assert two.served == 0
            seen = await proxy.observe()
            assert seen.endpoints[EndpointKey("web/shop", f"127.0.0.1:{two.port}")].health is Health.UNHEALTHY
            agent.words[token] = "up"

            async def both_serve() -> bool:
                return (await get(http, "a.example")).body == str(two.port).encode()

            await eventually(both_serve, "the second is in rotation")

            async def healthy() -> bool:
                levels = (await proxy.observe()).endpoints.values()
                return {level.health for level in levels} == {Health.HEALTHY}

            await eventually(healthy, "both are healthy")
            agent.words[token] = "down"

            async def unhealthy() -> bool:
                levels = (await proxy.observe()).endpoints
                return levels[EndpointKey("web/shop", f"127.0.0.1:{two.port}")].health is Health.UNHEALTHY

            await eventually(unhealthy, "the second is unhealthy")
            before = two.served
            for _ in range(2):
                assert isinstance(await proxy.reload(), Applied)
                for _ in range(10):
                    assert (await get(http, "a.example")).body == str(one.port).encode()
            assert two.served == before
        finally:
            await proxy.stop(0)
