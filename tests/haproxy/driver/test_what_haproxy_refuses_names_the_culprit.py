from dataclasses import replace
from pathlib import Path

from haloy.model.filters import RequestRedirect
from haloy.model.refs import FieldRef, ObjectRef
from haloy.model.routing import Candidate, Match, PathKind, PathMatch, Rule, Target, VirtualHost
from haloy.proxies.base import Applied, Failed
from tests.haproxy.driver.models import cluster, delivery, fleet, haproxy, host, local
from tests.haproxy.driver.pem import pem
from tests.haproxy.driver.upstreams import upstreams
from tests.support.http_client import get
from tests.support.ports import free_port

TO_SHOP = {"": (Target("web/shop"),)}


def broken_expression(name: str) -> VirtualHost:
    """A host whose Route has an expression that is none. (Validation refuses it long before; here it gets through.)"""
    good = host(name, TO_SHOP)
    source = FieldRef(good.sources[0], "spec.rules[7]")
    match = Match(PathMatch(PathKind.REGEX, "/([a"))
    rule = Rule(f"{source.ref.key}:7", source, targets=(Target("web/shop"),))
    return replace(good, candidates=(Candidate(match, rule, FieldRef(source.ref, "spec.rules[7].matches[0]")),))


async def test_an_expression_that_is_none(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    http = listeners.listeners[0].binds[0].port
    async with upstreams(1) as (one,), haproxy(tmp_path, listeners) as proxy:
        shop = cluster("shop", [local(one.port)])
        good, bad = host("good.example", TO_SHOP), broken_expression("bad.example")
        outcome = await proxy.apply(delivery(listeners, [good, bad], [shop]))
        assert isinstance(outcome, Failed)
        assert outcome.step == "check"
        assert {refusal.source.ref for refusal in outcome.refusals if refusal.source is not None} == {bad.sources[0]}
        assert all(refusal.source is not None for refusal in outcome.refusals)
        assert (await get(http, "good.example")).status == 404, "the old configuration serves on"
        without = await proxy.apply(delivery(listeners, [good], [shop]))
        assert isinstance(without, Applied)
        assert (await get(http, "good.example")).body == str(one.port).encode()
        (record, _) = proxy.reload_log.read()
        assert not record.success
        assert record.alert


async def test_a_certificate_whose_key_is_another_ones(tmp_path: Path) -> None:
    listeners = fleet(free_port(), free_port())
    one, other = pem("a.example"), pem("a.example")
    mixed = one[: one.index(b"-----BEGIN PRIVATE")] + other[other.index(b"-----BEGIN PRIVATE") :]
    async with haproxy(tmp_path, listeners) as proxy:
        hosts = [host("a.example", TO_SHOP, "a"), host("b.example", TO_SHOP, "b")]
        outcome = await proxy.apply(delivery(listeners, hosts, certificates={"a": mixed, "b": pem("b.example")}))
        assert isinstance(outcome, Failed)
        assert [refusal.source for refusal in outcome.refusals] == [FieldRef(ObjectRef("Secret", "web", "a"))]
        rest = await proxy.apply(delivery(listeners, hosts[1:], certificates={"b": pem("b.example")}))
        assert isinstance(rest, Applied)


async def test_a_certificate_that_was_not_delivered(tmp_path: Path) -> None:
    listeners = fleet(free_port(), free_port())
    async with haproxy(tmp_path, listeners) as proxy:
        made = delivery(listeners, [host("a.example", TO_SHOP, "a")], certificates={"a": pem("a.example")})
        outcome = await proxy.apply(replace(made, materials={}))
        assert isinstance(outcome, Failed)
        assert outcome.step == "render"
        assert [refusal.source for refusal in outcome.refusals] == [FieldRef(ObjectRef("Secret", "web", "a"))]


async def test_a_value_that_cannot_be_written_is_a_failure_and_no_exception(tmp_path: Path) -> None:
    listeners = fleet(free_port())
    async with haproxy(tmp_path, listeners) as proxy:
        good = host("a.example", {"": ()})
        rule = replace(good.candidates[0].rule, filters=(RequestRedirect(hostname="a\nb"),))
        bad = replace(good, candidates=(replace(good.candidates[0], rule=rule),))
        outcome = await proxy.apply(delivery(listeners, [bad]))
        assert isinstance(outcome, Failed)
        assert outcome.step == "render"
        assert [refusal.source for refusal in outcome.refusals] == [bad.candidates[0].source]


async def test_a_start_that_fails_leaves_the_old_worker_and_its_generation(tmp_path: Path) -> None:
    port = free_port()
    async with upstreams(2) as (one, other), haproxy(tmp_path, fleet(port)) as proxy:
        hosts, shop = [host("a.example", TO_SHOP)], [cluster("shop", [local(one.port)])]
        assert isinstance(await proxy.apply(delivery(fleet(port), hosts, shop)), Applied)
        current = (tmp_path / "haproxy" / "current").resolve()
        outcome = await proxy.apply(delivery(fleet(other.port), hosts, shop))
        assert isinstance(outcome, Failed)
        assert outcome.step == "reload"
        assert any(str(other.port) in refusal.message for refusal in outcome.refusals), outcome
        assert (await get(port, "a.example")).body == str(one.port).encode()
        assert (tmp_path / "haproxy" / "current").resolve() == current
        more = [*shop, cluster("cart", [])]
        assert isinstance(await proxy.apply(delivery(fleet(port), hosts, more)), Applied)
        assert (await get(port, "a.example")).body == str(one.port).encode()
