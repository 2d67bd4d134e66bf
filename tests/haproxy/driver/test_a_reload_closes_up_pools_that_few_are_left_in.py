"""`--max-spare-slots` bounds a fleet that shrank, too: with a reload Backends come down from high slots."""

import asyncio
from pathlib import Path

import pytest

from haloy.model.health import HealthCheck, HttpCheck
from haloy.model.routing import Target
from haloy.proxies.base import Applied
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local, novel, settled
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually

HOSTS = [host("a.example", {"": (Target("web/z"),)})]
CHECK = HealthCheck(HttpCheck(path="/health"), interval=600, fall=1, rise=1, start_unhealthy=True)
"""Who is not told the health of before answers 503 until the first check."""


@pytest.mark.parametrize("asked_for", [True, False])
async def test_without_a_failed_request(tmp_path: Path, asked_for: bool) -> None:
    listeners = fleet(port := free_port())
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners, spare_slots=4, max_spare_slots=8) as proxy:
        last = cluster("z", [local(one.port)], CHECK)
        many = [cluster(f"c{number:02d}", [], CHECK) for number in range(60)]
        await proxy.apply(delivery(listeners, HOSTS, [*many, last]))

        async def answered() -> bool:
            return (await get(port, "a.example")).status == 200

        await eventually(answered, "the first check has passed")
        statuses: list[int] = []
        ended = False

        async def ask() -> None:
            while not ended:
                statuses.append((await get(port, "a.example")).status)

        clients = [asyncio.create_task(ask()) for _ in range(4)]
        few = await proxy.apply(delivery(listeners, HOSTS, [last]))
        assert isinstance(few, Applied)
        assert not few.reload
        await settled(proxy)
        assert sum((await proxy.measure()).capacity.spare.values()) > 60
        more = [] if asked_for else [novel(cluster("other", []))]
        done = await (proxy.reload() if asked_for else proxy.apply(delivery(listeners, HOSTS, [last, *more])))
        assert isinstance(done, Applied), done
        assert done.reload
        assert sum((await proxy.measure()).capacity.spare.values()) == 4 * (1 + len(more))
        before = len(statuses)

        async def asked() -> bool:
            return len(statuses) >= before + 40

        await eventually(asked, "the new process has been asked")
        ended = True
        await asyncio.gather(*clients)
        assert set(statuses) == {200}
        again = await proxy.apply(delivery(listeners, HOSTS, [last, *more]))
        assert isinstance(again, Applied)
        assert again.unchanged
