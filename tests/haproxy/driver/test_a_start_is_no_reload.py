import asyncio
import os
import signal
from pathlib import Path

from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from tests.haproxy.driver.models import cluster, delivery, fleet
from tests.support.binary import chosen
from tests.support.ports import free_port
from tests.support.small_haproxy import eventually


async def test_a_change_that_starts_a_dead_haproxy_counts_no_reload(tmp_path: Path) -> None:
    listeners = fleet(free_port())

    async def never(seconds: float) -> None:
        await asyncio.Event().wait()

    proxy = Haproxy(HaproxySettings(tmp_path, listeners, binary=chosen(), access_log=Path("/dev/null")), sleep=never)
    try:
        await proxy.start()
        first = await proxy.apply(delivery(listeners, (), [cluster("c0", [])]))
        assert isinstance(first, Applied)
        os.kill((await proxy.measure()).info.pids[0], signal.SIGKILL)

        async def dead() -> bool:
            return proxy.deaths == 1

        await eventually(dead, "the death is noticed")
        outcome = await proxy.apply(delivery(listeners, (), [cluster("c1", [])]))
        assert isinstance(outcome, Applied), "and it waits for no interval"
        assert outcome.reload == ()
        assert len(proxy.reload_log.read()) == 1
    finally:
        await proxy.stop(0)
