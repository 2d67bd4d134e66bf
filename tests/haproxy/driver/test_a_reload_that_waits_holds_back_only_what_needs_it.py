"""While a reload is not due, everything else of the same delivery is live at once."""

from dataclasses import replace
from pathlib import Path

from haloy.clock import FakeClock
from haloy.model.filters import Header, HeaderModifier, ResponseHeaderModifier
from haloy.model.routing import Candidate, Match, PathKind, PathMatch, Target, VirtualHost
from haloy.proxies.base import Applied, Failed, Outcome, Postponed
from tests.haproxy.driver.models import cluster, delivery, fleet, host, local, novel, settled
from tests.haproxy.driver.test_reloads_keep_their_distance import TO_SHOP, slow_to_reload
from tests.haproxy.driver.test_what_haproxy_refuses_names_the_culprit import broken_expression
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port


def causes(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Postponed), outcome
    return [reason.cause.value for reason in outcome.reasons]


def waiting(outcome: Outcome) -> list[str] | None:
    assert isinstance(outcome, Postponed), outcome
    return None if outcome.waiting is None else [str(ref) for ref in outcome.waiting]


async def test_new_routes_and_backends_that_find_a_slot(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners = fleet(port)
    async with upstreams(3) as (one, two, three), slow_to_reload(tmp_path, port, clock) as proxy:
        shop = cluster("shop", [local(one.port)])
        await proxy.apply(delivery(listeners, [host("a.example", TO_SHOP)], [shop]))
        hosts = [
            host("a.example", {"": (Target("web/shop"),), "/odd": (Target("web/odd"),)}),
            host("b.example", {"": (Target("web/plain"),)}),
            host("c.example", {"": (Target("web/odd"),)}),
        ]
        odd = novel(cluster("odd", [local(three.port)]))
        wanted = delivery(listeners, hosts, [shop, cluster("plain", [local(two.port)]), odd])
        postponed = await proxy.apply(wanted)
        assert causes(postponed) == ["new-profile"]
        assert waiting(postponed) == ["backend/web/odd", "route/web/a-example", "route/web/c-example"]
        assert waiting(await proxy.apply(wanted)) == waiting(postponed)
        assert (await get(port, "b.example")).body == str(two.port).encode(), "a new Backend and its Route"
        assert (await get(port, "a.example")).body == str(one.port).encode()
        assert (await get(port, "a.example", "/odd")).body == str(one.port).encode(), "as it was before"
        assert (await get(port, "c.example")).status == 404, "it leads to what is not there yet"
        clock.advance(5)
        done = await proxy.apply(wanted)
        assert isinstance(done, Applied)
        assert (await get(port, "a.example", "/odd")).body == str(three.port).encode()
        assert (await get(port, "c.example")).body == str(three.port).encode()


async def test_a_backend_that_changes_its_settings_keeps_serving_as_it_was(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners, hosts = fleet(port), [host("a.example", TO_SHOP)]
    async with upstreams(2) as (one, two), slow_to_reload(tmp_path, port, clock) as proxy:
        await proxy.apply(delivery(listeners, hosts, [cluster("shop", [local(one.port)])]))
        changed = delivery(listeners, hosts, [novel(cluster("shop", [local(two.port)]))])
        postponed = await proxy.apply(changed)
        assert causes(postponed) == ["new-profile"]
        assert waiting(postponed) == ["backend/web/shop"]
        assert (await get(port, "a.example")).body == str(two.port).encode(), "its endpoints follow at once"
        clock.advance(5)
        assert isinstance(await proxy.apply(changed), Applied)
        assert (await get(port, "a.example")).body == str(two.port).encode()


async def test_what_is_deleted_meanwhile_is_gone_for_requests(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners = fleet(port)
    async with upstreams(1) as (one,), slow_to_reload(tmp_path, port, clock) as proxy:
        both = [host("a.example", TO_SHOP), host("b.example", TO_SHOP)]
        shop = cluster("shop", [local(one.port)])
        await proxy.apply(delivery(listeners, both, [shop]))
        wanted = delivery(listeners, both[:1], [shop, novel(cluster("odd", []))])
        assert causes(await proxy.apply(wanted)) == ["new-profile"]
        assert (await get(port, "b.example")).status == 404
        clock.advance(5)
        assert isinstance(await proxy.apply(wanted), Applied)


async def test_a_route_is_wholly_as_it_was_or_wholly_as_it_will_be(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners = fleet(port)
    async with upstreams(1) as (one,), slow_to_reload(tmp_path, port, clock) as proxy:
        shop = cluster("shop", [local(one.port)])
        plain = host("a.example", {"/known": (Target("web/shop"),)})
        await proxy.apply(delivery(listeners, [plain], [shop]))
        wanted = delivery(listeners, [marked(plain), host("b.example", TO_SHOP)], [shop])
        postponed = await proxy.apply(wanted)
        assert causes(postponed) == ["new-regular-expression"]
        assert waiting(postponed) == ["route/web/a-example"]
        answer = await get(port, "a.example", "/known")
        assert (answer.status, answer.one("x-served-by")) == (200, None), "the filter waits with the match"
        assert (await get(port, "a.example", "/x1")).status == 404
        assert (await get(port, "b.example")).status == 200
        clock.advance(5)
        assert isinstance(await proxy.apply(wanted), Applied)
        assert (await get(port, "a.example", "/x1")).one("x-served-by") == "haloy"
        assert (await get(port, "a.example", "/known")).one("x-served-by") == "haloy"
        assert not proxy.rules_are_compiled


def marked(vhost: VirtualHost) -> VirtualHost:
    """Its rule gets a filter, and one more match that needs a regular expression."""
    (candidate,) = vhost.candidates
    modifier = ResponseHeaderModifier(HeaderModifier(set=(Header("x-served-by", "haloy"),)))
    rule = replace(candidate.rule, filters=(modifier,))
    more = Candidate(Match(PathMatch(PathKind.REGEX, "/x[0-9]+")), rule, candidate.source)
    return replace(vhost, candidates=(replace(candidate, rule=rule), more))


async def test_nothing_is_left_over_afterwards(tmp_path: Path) -> None:
    listeners = fleet(port := free_port())
    clock = FakeClock()
    async with upstreams(1) as (one,), slow_to_reload(tmp_path, port, clock) as proxy:
        shop = cluster("shop", [local(one.port)])
        await proxy.apply(delivery(listeners, [host("a.example", TO_SHOP)], [shop]))
        wanted = delivery(listeners, [], [novel(cluster("odd", []))])
        assert causes(await proxy.apply(wanted)) == ["new-profile"]
        clock.advance(5)
        assert isinstance(await proxy.apply(wanted), Applied)
        await settled(proxy)
        again = await proxy.apply(wanted)
        assert isinstance(again, Applied)
        assert again.unchanged


async def test_where_haproxy_refuses_the_reload_it_is_said_whose_change_is_not_live(tmp_path: Path) -> None:
    clock, port = FakeClock(), free_port()
    listeners = fleet(port)
    async with upstreams(1) as (one,), slow_to_reload(tmp_path, port, clock) as proxy:
        shop = cluster("shop", [local(one.port)])
        await proxy.apply(delivery(listeners, [host("a.example", TO_SHOP)], [shop]))
        clock.advance(5)
        hosts = [host("a.example", TO_SHOP), broken_expression("bad.example"), host("new.example", TO_SHOP)]
        refused = await proxy.apply(delivery(listeners, hosts, [shop]))
        assert isinstance(refused, Failed)
        assert (await get(port, "new.example")).status == 200
        assert [str(ref) for ref in refused.waiting or ()] == ["route/web/bad-example"]
