"""RFC 9110 allows `'` and `#` in the names of headers: wherever such a name may stand, it is one name and nothing else."""

import asyncio
from collections.abc import Iterator

import pytest

from haloy.model.cluster import Algorithm, Balance, Cluster, CookieAffinity
from haloy.model.filters import DirectResponse, Header, HeaderModifier, RequestHeaderModifier, ResponseHeaderModifier
from haloy.model.health import HealthCheck, HttpCheck
from haloy.model.routing import Candidate, Target, ValueKind, ValueMatch
from haloy.proxies.haproxy.names import cluster_cookie_id
from tests.haproxy.render.conftest import Serve
from tests.haproxy.render.models import candidate, cluster, fleet, host, model, rule
from tests.haproxy.render.ways import BOTH_WAYS
from tests.support.http_client import get
from tests.support.ports import free_port
from tests.support.upstream import Received, Upstream, upstream

WORDS = ("if", "-m", "-i", "--", "0", "add", "1.5")
"""Of the configuration's own language."""
FEW = ("!#$%", "&'*+", "-.^_", "`|~")
"""All that a token may have beside letters and digits."""


def names(characters: str) -> tuple[str, ...]:
    return tuple(name for one in characters for name in (f"x{one}y", f"x{one}{one}y"))


GROUPS = [*map(names, FEW), WORDS]


def candidates(number: int, name: str) -> Iterator[Candidate]:
    """Of one host: filters towards an endpoint and without one, conditions, a pair that a cookie decides."""
    up, down = f"web/up{number}", "web/down"
    changes = HeaderModifier(set=(Header(name, f"set {number}"),))
    response, request = ResponseHeaderModifier(changes), RequestHeaderModifier(changes)
    gone = RequestHeaderModifier(HeaderModifier(remove=(name,)))
    two = ResponseHeaderModifier(HeaderModifier(add=(Header(name, "first"), Header(name, "second"))))
    yield candidate(rule(f"set{number}", up, filters=(request, response)), "/set")
    yield candidate(rule(f"gone{number}", up, filters=(gone,)), "/gone")
    yield candidate(rule(f"down{number}", down, filters=(response,)), "/down")
    yield candidate(rule(f"two{number}", down, filters=(two,)), "/two")
    yield candidate(rule(f"pair{number}", Target(up), Target("web/other", 999)), "/pair")
    for kind, value in ((ValueKind.EXACT, "a b"), (ValueKind.REGEX, "c+ d?")):
        answer = DirectResponse(200, f"{kind.value} {number}")
        header = rule(f"header{kind.name.lower()}{number}", filters=(answer,))
        yield candidate(header, "/header", headers=(ValueMatch(name, kind, value),))


def backend(number: int, name: str, first: int, second: int) -> Cluster:
    check = HealthCheck(HttpCheck("/check", headers=(Header(name, "checked"),)), interval=500)
    return cluster(
        f"web/up{number}",
        first,
        second,
        affinity=CookieAffinity(name),
        balance=Balance(Algorithm.HEADER, name),
        health_check=check,
    )


@pytest.mark.parametrize("listed", GROUPS, ids=["".join(group) for group in GROUPS])
@BOTH_WAYS
async def test_it_means_the_header_and_nothing_else(serve: Serve, listed: tuple[str, ...]) -> None:
    port = free_port()
    async with upstream("one") as one, upstream("two") as two, upstream("other") as other:
        hosts = [host(f"h{number}.test", *candidates(number, name)) for number, name in enumerate(listed)]
        clusters = [backend(number, name, one.port, two.port) for number, name in enumerate(listed)]
        clusters += [cluster("web/down"), cluster("web/other", other.port)]
        async with serve(model(fleet(port), hosts, clusters)):
            for number, name in enumerate(listed):
                await filters(port, number, name, (one, two))
                await conditions(port, number, name)
                await destinations(port, number, name)
            await all_checked(one, listed)


async def all_checked(up: Upstream, listed: tuple[str, ...]) -> None:
    """Every name came with a check."""
    async with asyncio.timeout(20):
        while True:
            if all(any(one.all(name) == ["checked"] for one in up.requests) for name in listed):
                return
            await asyncio.sleep(0.02)


async def filters(port: int, number: int, name: str, ups: tuple[Upstream, ...]) -> None:
    at = f"h{number}.test"
    answer = await get(port, at, "/set")
    assert (answer.status, answer.all(name)) == (200, [f"set {number}"]), name
    assert last(ups, answer.body).all(name) == [f"set {number}"]
    answer = await get(port, at, "/gone", headers=((name, "there"),))
    assert (answer.status, last(ups, answer.body).all(name)) == (200, []), name
    answer = await get(port, at, "/down")
    assert (answer.status, answer.all(name)) == (503, [f"set {number}"]), name
    answer = await get(port, at, "/two")
    assert (answer.status, answer.all(name)) == (503, ["first", "second"]), name


def last(ups: tuple[Upstream, ...], name: bytes) -> Received:
    up = next(up for up in ups if up.name.encode() == name)
    return next(request for request in reversed(up.requests) if request.target != "/check")


async def conditions(port: int, number: int, name: str) -> None:
    at = f"h{number}.test"
    exact = await get(port, at, "/header", headers=((name.upper(), "a b"),))
    fitting = await get(port, at, "/header", headers=((name, "cc "), (name, "ccc d")))
    assert (exact.body, fitting.body) == (f"Exact {number}".encode(), f"RegularExpression {number}".encode()), name
    assert (await get(port, at, "/header", headers=((name, "a"),))).status == 404


async def destinations(port: int, number: int, name: str) -> None:
    at = f"h{number}.test"
    bound = (("Cookie", f"{name}={cluster_cookie_id(f'web/up{number}')}.no"),)
    answers = [await get(port, at, "/pair", headers=(*bound, (name, "same"))) for _ in range(5)]
    assert len({answer.body for answer in answers}) == 1, name
    assert answers[0].body in (b"one", b"two")
    assert (answers[0].one("set-cookie") or "").startswith(f"{name}="), name
