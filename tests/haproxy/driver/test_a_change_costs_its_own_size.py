"""How many Runtime API commands each kind of change takes, reading back included."""

from dataclasses import replace
from pathlib import Path

from haloy.model.cluster import Endpoint
from haloy.model.filters import Header, HeaderModifier, RequestHeaderModifier
from haloy.model.health import HealthCheck, HttpCheck
from haloy.model.routing import Target, VirtualHost
from haloy.proxies.base import Applied
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host
from tests.support.ports import free_port

CHECK = HealthCheck(HttpCheck(path="/health"), start_unhealthy=True)


def shop(path: str = "") -> VirtualHost:
    return host("a.example", {path: (Target("web/shop", 1),)})


async def test_of_each_kind(tmp_path: Path) -> None:
    listeners = fleet(free_port(), free_port())
    members = [Endpoint("127.0.1.1", 9)]
    async with haproxy(tmp_path, listeners) as proxy:
        hosts, clusters = [shop()], [cluster("shop", members, CHECK)]
        await proxy.apply(delivery(listeners, hosts, clusters))

        async def commands() -> int:
            outcome = await proxy.apply(delivery(listeners, hosts, clusters))
            assert isinstance(outcome, Applied)
            assert not outcome.reload
            return outcome.commands

        assert await commands() == 0
        hosts.append(host("b.example", {"": (Target("web/shop"),)}))
        assert 0 < await commands() <= 10, "a new Route on a new host"
        clusters.append(cluster("cart", [Endpoint("127.0.1.2", 9)], CHECK))
        assert 0 < await commands() <= 10, "a new Backend with one checked endpoint"
        clusters[0] = cluster("shop", [Endpoint("127.0.1.1", 9, weight=3)], CHECK)
        assert 0 < await commands() <= 2, "a weight"
        clusters[0] = cluster("shop", [Endpoint("127.0.1.1", 9), Endpoint("127.0.1.3", 9)], CHECK)
        assert 0 < await commands() <= 8, "an endpoint that comes"
        clusters[0] = cluster("shop", [Endpoint("127.0.1.1", 9)], CHECK)
        assert 0 < await commands() <= 4, "an endpoint that goes"
        clusters[0] = cluster("shop", [Endpoint("127.0.1.1", 9)], replace(CHECK, kind=HttpCheck(path="/ready")))
        assert 0 < await commands() <= 2, "the path of a check"
        hosts[1] = host("b.example", {"": (Target("web/shop", 3), Target("web/cart", 1))})
        assert 0 < await commands() <= 10, "a backendRef that comes: a weight set of four draws"
        hosts[1] = host("b.example", {"": (Target("web/shop", 97), Target("web/cart", 3))})
        assert 0 < await commands() <= 10, "other weights: a set of a hundred draws"
        hosts[0] = filtered(shop())
        assert 0 < await commands() <= 6, "a filter"


def filtered(vhost: VirtualHost) -> VirtualHost:
    (candidate,) = vhost.candidates
    rule = replace(candidate.rule, filters=(RequestHeaderModifier(HeaderModifier(set=(Header("x-a", "1"),))),))
    return replace(vhost, candidates=(replace(candidate, rule=rule),))


async def test_many_at_once_are_sent_together(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    clusters = [cluster("shop", [])]
    async with haproxy(tmp_path, listeners) as proxy:
        await proxy.apply(delivery(listeners, [shop()], clusters))
        hosts = [shop(), *(host(f"h{number}.example", {"": (Target("web/shop"),)}) for number in range(1000))]
        outcome = await proxy.apply(delivery(listeners, hosts, clusters))
        assert isinstance(outcome, Applied)
        assert not outcome.reload
        assert outcome.commands < 40
