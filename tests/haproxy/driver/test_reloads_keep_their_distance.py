import asyncio
from pathlib import Path

from haloy.clock import FakeClock
from haloy.model.routing import Target
from haloy.proxies.base import Applied
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from tests.haproxy.driver.models import cluster, delivery, fleet, host
from tests.support.ports import free_port


async def test_the_second_waits_for_the_interval(tmp_path: Path) -> None:
    clock, slept, listeners = FakeClock(), list[float](), fleet(free_port())

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock.advance(seconds)
        await asyncio.sleep(0)

    settings = HaproxySettings(tmp_path, listeners, min_reload_interval=5.0, access_log=Path("/dev/null"))
    proxy = Haproxy(settings, clock=clock, sleep=sleep)
    try:
        await proxy.start()
        clock.advance(6)
        for number, expected in enumerate(([], [5.0], [5.0, 5.0])):
            outcome = await proxy.apply(delivery(listeners, (), [cluster(f"c{number}", [])]))
            assert isinstance(outcome, Applied)
            assert outcome.reload
            assert slept == expected
        clock.advance(2)
        hosts = [host("a.example", {"": (Target(None),)})]
        outcome = await proxy.apply(delivery(listeners, hosts, [cluster("c2", [])]))
        assert isinstance(outcome, Applied)
        assert not outcome.reload, "at run time nothing waits"
        assert slept == [5.0, 5.0]
    finally:
        await proxy.stop(0)
