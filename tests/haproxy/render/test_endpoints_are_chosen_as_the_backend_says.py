"""Algorithms, weights, backups, draining, affinity, limits."""

import asyncio
from collections import Counter

import pytest

from haloy.model.cluster import Algorithm, Balance, Connections, CookieAffinity, Endpoint, EndpointState
from haloy.proxies.haproxy.names import cookie_value
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import Reply, upstream

EVERYTHING = [host("a.b", candidate(rule("all", "web/up")))]


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_every_algorithm_serves(serve: Serve, algorithm: Algorithm) -> None:
    port = free_port()
    async with upstream("a") as a, upstream("b") as b:
        balance = Balance(algorithm, "x-user" if algorithm is Algorithm.HEADER else None)
        endpoints = (Endpoint("127.0.0.1", a.port, position=1), Endpoint("127.0.0.1", b.port, position=0))
        async with serve(model(fleet(port), EVERYTHING, [cluster("web/up", *endpoints, balance=balance)])):
            seen = Counter[bytes]()
            for number in range(40):
                answer = await get(port, "a.b", f"/{number}", headers=(("X-User", str(number)),))
                seen[answer.body] += 1
            stuck = {(await get(port, "a.b", "/same", headers=(("X-User", "me"),))).body for _ in range(6)}
    match algorithm:
        case Algorithm.FIRST:
            assert set(seen) == {b"b"}
        case Algorithm.SOURCE_IP:
            assert len(seen) == 1
        case Algorithm.ROUND_ROBIN:
            assert seen == {b"a": 20, b"b": 20}
        case _:
            assert set(seen) == {b"a", b"b"}
    if algorithm in (Algorithm.URI, Algorithm.HEADER):
        assert len(stuck) == 1


async def test_weights_backups_and_draining(serve: Serve) -> None:
    port = free_port()
    async with upstream("heavy") as heavy, upstream("light") as light, upstream("spare") as spare:
        gone = Endpoint("127.0.0.1", spare.port, state=EndpointState.DRAINING)
        backup = Endpoint("127.0.0.1", spare.port, backup=True)
        hosts = [host("a.b", candidate(rule("all", "web/up"))), host("c.d", candidate(rule("backup", "web/backup")))]
        clusters = [
            cluster("web/up", Endpoint("127.0.0.1", heavy.port, 150), Endpoint("127.0.0.1", light.port, 50), gone),
            cluster("web/backup", Endpoint("127.0.0.1", heavy.port, 0), backup),
        ]
        async with serve(model(fleet(port), hosts, clusters)):
            seen = Counter([(await get(port, "a.b")).body for _ in range(40)])
            assert (await get(port, "c.d")).body == b"spare"
    assert seen == {b"heavy": 30, b"light": 10}


async def test_a_cookie_binds_a_client_even_to_an_endpoint_that_drains(serve: Serve) -> None:
    port = free_port()
    async with upstream("a") as a, upstream("b") as b:
        endpoints = (Endpoint("127.0.0.1", a.port, state=EndpointState.DRAINING), Endpoint("127.0.0.1", b.port))
        sticky = cluster("web/up", *endpoints, affinity=CookieAffinity("SRV", 3_600_000))
        async with serve(model(fleet(port), EVERYTHING, [sticky])):
            fresh = await get(port, "a.b")
            bound = (("Cookie", f"SRV={cookie_value('web/up', f'127.0.0.1:{a.port}')}"),)
            old = await get(port, "a.b", headers=bound)
    assert fresh.body == b"b"
    cookie = fresh.one("set-cookie") or ""
    assert cookie.startswith(f"SRV={cookie_value('web/up', f'127.0.0.1:{b.port}')}")
    assert "HttpOnly" in cookie
    assert "Max-Age=3600" in cookie
    assert (old.body, old.all("set-cookie")) == (b"a", [])
    assert a.requests[0].one("cookie") is None


async def test_more_than_an_endpoint_bears_waits_and_then_fails(serve: Serve) -> None:
    port = free_port()
    async with upstream("slow", reply=lambda request: Reply(after=2.0)) as slow:
        narrow = cluster("web/up", slow.port, connections=Connections(max_per_endpoint=1, queue_timeout=300))
        async with serve(model(fleet(port), EVERYTHING, [narrow])) as running:
            statuses = await asyncio.gather(*(get(port, "a.b") for _ in range(2)))
            records = await running.log_records(2)
    assert sorted(answer.status for answer in statuses) == [200, 503]
    assert sorted(record["state"][0] for record in records) == ["-", "s"]
