from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from haloy.clock import FakeClock
from haloy.model.routing import Target
from haloy.proxies.base import Applied, Failed, Postponed
from haloy.proxies.haproxy.driver import Haproxy
from haloy.proxies.haproxy.settings import HaproxySettings
from tests.haproxy.driver.models import cluster, delivery, fleet, host, local, novel
from tests.haproxy.driver.pem import pem
from tests.haproxy.driver.test_what_haproxy_refuses_names_the_culprit import broken_expression
from tests.haproxy.driver.upstreams import upstreams
from tests.support.binary import chosen
from tests.support.http_client import get
from tests.support.ports import free_port

TO_SHOP = {"": (Target("web/shop"),)}


@asynccontextmanager
async def slow_to_reload(directory: Path, port: int, clock: FakeClock) -> AsyncIterator[Haproxy]:
    settings = HaproxySettings(
        directory, fleet(port), binary=chosen(), min_reload_interval=5.0, access_log=Path("/dev/null")
    )
    proxy = Haproxy(settings, clock=clock)
    try:
        await proxy.start()
        yield proxy
    finally:
        await proxy.stop(0)


async def test_the_second_is_postponed_until_it_is_due(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners = fleet(port)
    async with slow_to_reload(tmp_path, port, clock) as proxy:
        first = await proxy.apply(delivery(listeners, (), [cluster("c0", [])]))
        assert isinstance(first, Applied)
        assert first.reload
        clock.advance(2)
        second = delivery(listeners, (), [novel(cluster("c1", []))])
        postponed = await proxy.apply(second)
        assert isinstance(postponed, Postponed)
        assert postponed.seconds == 3.0
        assert [reason.cause.value for reason in postponed.reasons] == ["new-profile"]
        clock.advance(postponed.seconds)
        outcome = await proxy.apply(second)
        assert isinstance(outcome, Applied)
        assert outcome.reload
        hosts = [host("a.example", {"": (Target(None),)})]
        at_once = await proxy.apply(delivery(listeners, hosts, [novel(cluster("c1", []))]))
        assert isinstance(at_once, Applied)
        assert not at_once.reload, "at run time nothing waits"


async def test_endpoints_change_while_a_reload_waits(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners, hosts = fleet(port), [host("a.example", TO_SHOP)]
    async with upstreams(2) as (one, two), slow_to_reload(tmp_path, port, clock) as proxy:
        await proxy.apply(delivery(listeners, hosts, [cluster("shop", [local(one.port)])]))
        clusters = [cluster("shop", [local(two.port)]), novel(cluster("cart", [local(one.port)]))]
        both = delivery(listeners, hosts, clusters)
        postponed = await proxy.apply(both)
        assert isinstance(postponed, Postponed)
        assert postponed.commands
        assert {(await get(port, "a.example")).body for _ in range(6)} == {str(two.port).encode()}
        again = await proxy.apply(both)
        assert isinstance(again, Postponed)
        assert again.commands == 0, "nothing is done twice"
        clock.advance(5)
        done = await proxy.apply(both)
        assert isinstance(done, Applied)
        assert [reason.cause.value for reason in done.reload] == ["new-profile"]
        assert (await get(port, "a.example")).body == str(two.port).encode()


async def test_a_certificate_is_renewed_while_a_reload_waits(tmp_path: Path) -> None:
    clock, port, tls = FakeClock(), free_port(), free_port()
    listeners, hosts = fleet(port, tls), [host("a.example", {"": (Target(None),)}, "a")]
    proxy = Haproxy(
        HaproxySettings(tmp_path, listeners, binary=chosen(), min_reload_interval=5.0, access_log=Path("/dev/null")),
        clock=clock,
    )
    try:
        await proxy.start()
        await proxy.apply(delivery(listeners, hosts, [cluster("c0", [])], {"a": pem("a.example")}))
        renewed = delivery(listeners, hosts, [novel(cluster("c1", []))], {"a": pem("a.example")})
        postponed = await proxy.apply(renewed)
        assert isinstance(postponed, Postponed)
        assert postponed.commands
        held = [path.read_bytes() for path in (tmp_path / "haproxy" / "current" / "certs").glob("web_a.pem")]
        assert held == [material.pem.reveal() for material in renewed.materials.values()]
    finally:
        await proxy.stop(0)


async def test_what_only_the_check_refused_delays_nobody(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners = fleet(port)
    async with upstreams(1) as (one,), slow_to_reload(tmp_path, port, clock) as proxy:
        shop, good = cluster("shop", [local(one.port)]), host("good.example", TO_SHOP)
        refused = await proxy.apply(delivery(listeners, [good, broken_expression("bad.example")], [shop]))
        assert isinstance(refused, Failed)
        assert refused.step == "check"
        outcome = await proxy.apply(delivery(listeners, [good], [shop]))
        assert isinstance(outcome, Applied)
        assert outcome.reload
        names = sorted(path.name for path in (tmp_path / "haproxy" / "generations").iterdir())
        assert len(names) == 2, "current and the one to fall back to; the refused one is gone"
