"""Whether somebody else has reloaded HAProxy cannot be asked: nobody waits for that for long, and the worker takes changes."""

import asyncio
import os
import signal
from pathlib import Path

from haloy.model.routing import Target
from haloy.proxies.base import Applied
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port

FAR_TOO_LONG = 40.0
"""Seconds: four times what asking may take; without a bound it took minutes."""


async def test_an_ordinary_change_is_made(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    hosts = [host("a.example", {"": (Target("web/a"),)})]
    async with upstreams(2) as (one, two), haproxy(tmp_path, listeners) as proxy:
        await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(one.port)])]))
        assert proxy._supervisor is not None
        assert proxy._supervisor.process is not None
        master = proxy._supervisor.process.pid
        assert master is not None
        os.kill(master, signal.SIGSTOP)
        try:
            async with asyncio.timeout(FAR_TOO_LONG):
                outcome = await proxy.apply(delivery(listeners, hosts, [cluster("a", [local(two.port)])]))
                assert isinstance(outcome, Applied)
                assert not outcome.reload
                assert (await get(port, "a.example")).body == str(two.port).encode()
        finally:
            os.kill(master, signal.SIGCONT)
