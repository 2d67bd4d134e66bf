"""How the endpoints of a Backend share its traffic: weights, backups, algorithms."""

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families as prometheus

from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, policy, route

ALGORITHMS = ("RoundRobin", "LeastConnections", "Random", "SourceIP", "URI", "First")
POLICY = policy(
    "quick",
    "http: {path: /healthz, expectedStatuses: ['200']}\ninterval: 1s\ntimeout: 1s\n"
    "unhealthyThreshold: 2\nhealthyThreshold: 1",
)


def to(name: str) -> str:
    """A Route: the host `NAME.test` leads to the Backend NAME."""
    return route(name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {name}}}]}}]")


def at(upstream: Echo, **more: object) -> str:
    return upstream.endpoint.replace("}", "".join(f", {key}: {value}" for key, value in more.items()) + "}")


@pytest.fixture(scope="module")
def served(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    a, b, c, d = (upstreams(name) for name in "abcd")
    product.write("policy.yaml", POLICY)
    objects = [
        backend(name.lower(), a.endpoint, b.endpoint, c.endpoint, extra=f"loadBalancing: {{algorithm: {name}}}")
        for name in ALGORITHMS
        if name != "First"
    ]
    objects += [
        backend(
            "first", c.endpoint, a.endpoint, b.endpoint,
            extra="loadBalancing: {algorithm: First}\nconnections: {maxPerEndpoint: 2}",
        ),
        backend(
            "header", a.endpoint, b.endpoint, c.endpoint, extra="loadBalancing: {algorithm: Header, header: x-user}"
        ),
        backend("weighted", at(a, weight=150), at(b, weight=50), at(c, weight=0)),
        backend(
            "backup", at(a), at(b, weight=0), at(c, backup="true"), at(d, backup="true"), extra="healthPolicy: quick"
        ),
        backend("strict", a.endpoint, b.endpoint, extra="healthPolicy: quick"),
        backend("lenient", a.endpoint, b.endpoint),
    ]  # fmt: skip
    names = [*map(str.lower, ALGORITHMS), "header", "weighted", "backup", "strict", "lenient"]
    product.write("backends.yaml", "".join(objects))
    product.write("routes.yaml", "".join(map(to, names)))
    for name in names:
        product.wait_condition("Route", name, "Programmed", "True")
    return product


@pytest.fixture
def closed(upstreams: Callable[[str], Echo]) -> Iterable[None]:
    """The gates of a, b and c are closed."""
    for name in "abc":
        upstreams(name).gate.clear()
    yield
    for name in "abc":
        upstreams(name).gate.set()


def shares(product: Product, host: str, count: int) -> Counter[str | None]:
    return Counter(product.get(host).upstream for _ in range(count))


def held(upstreams: Callable[[str], Echo], path: str) -> Counter[str]:
    """How many requests for `path` have arrived, by upstream."""
    return Counter({name: sum(record["path"] == path for record in upstreams(name).seen) for name in "abc"})


def counted(product: Product, upstreams: Callable[[str], Echo], name: str) -> dict[str, float]:
    """How many requests to the endpoints of a Backend HAProxy counts as under way, by upstream."""
    of = {f"127.0.0.1:{upstreams(upstream).port}": upstream for upstream in "abc"}
    return {
        of[sample.labels["endpoint"]]: sample.value
        for family in prometheus(product.view("/metrics"))
        for sample in family.samples
        if sample.name == "haloy_endpoint_sessions" and sample.labels["backend"] == f"default/{name}"
    }


def test_endpoints_share_in_proportion_to_their_weights(served: Product) -> None:
    assert shares(served, "weighted.test", 40) == {"a": 30, "b": 10}


def test_backups_take_over_when_all_others_are_down(served: Product, upstreams: Callable[[str], Echo]) -> None:
    served.wait_condition("Backend", "backup", "Healthy", "True", "AllHealthy")
    assert shares(served, "backup.test", 10) == {"a": 10}
    upstreams("a").health = upstreams("b").health = 503
    eventually(lambda: set(shares(served, "backup.test", 10)), lambda found: found == {"c", "d"})
    upstreams("a").health = upstreams("b").health = 200
    eventually(lambda: set(shares(served, "backup.test", 10)), lambda found: found == {"a"})


def test_two_backends_with_the_same_endpoints_judge_them_by_themselves(
    served: Product, upstreams: Callable[[str], Echo]
) -> None:
    served.wait_condition("Backend", "strict", "Healthy", "True", "AllHealthy")
    upstreams("a").health = 503
    served.wait_condition("Backend", "strict", "Healthy", "True", "SomeUnhealthy")
    assert set(shares(served, "strict.test", 10)) == {"b"}
    assert set(shares(served, "lenient.test", 10)) == {"a", "b"}
    upstreams("a").health = 200
    served.wait_condition("Backend", "strict", "Healthy", "True", "AllHealthy")
    assert set(shares(served, "strict.test", 10)) == {"a", "b"}


def test_round_robin_gives_each_the_same(served: Product) -> None:
    assert shares(served, "roundrobin.test", 30) == {"a": 10, "b": 10, "c": 10}


def test_least_connections_avoids_the_busy(
    served: Product, upstreams: Callable[[str], Echo], threads: ThreadPoolExecutor, closed: None
) -> None:
    """HAProxy counts a request for a moment longer than its client waits: no request follows before that is over."""
    under_way = []
    for number in range(5):
        under_way.append(threads.submit(served.get, "leastconnections.test", "/busy"))
        eventually(lambda: held(upstreams, "/busy").total(), lambda total, number=number: total == number + 1)
    *busy, (idle, count) = held(upstreams, "/busy").most_common()
    assert [of for _, of in busy] == [2, 2]
    assert count == 1
    upstreams(idle).gate.set()
    for _ in range(10):
        eventually(
            lambda: counted(served, upstreams, "leastconnections"), lambda found: found == {**dict(busy), idle: 0}
        )
        assert served.get("leastconnections.test").upstream == idle
    for name in "abc":
        upstreams(name).gate.set()
    assert all(request.result().status == 200 for request in under_way)


def test_random_uses_all(served: Product) -> None:
    found = shares(served, "random.test", 90)
    assert all(found[name] >= 10 for name in "abc"), found


def test_first_fills_in_the_listed_order(
    served: Product, upstreams: Callable[[str], Echo], threads: ThreadPoolExecutor, closed: None
) -> None:
    steps = []
    for number in range(5):
        threads.submit(served.get, "first.test", "/fill")
        eventually(lambda: held(upstreams, "/fill").total(), lambda total, number=number: total == number + 1)
        steps.append({name: count for name, count in held(upstreams, "/fill").items() if count})
    assert steps == [{"c": 1}, {"c": 2}, {"c": 2, "a": 1}, {"c": 2, "a": 2}, {"c": 2, "a": 2, "b": 1}]


def by_key(product: Product, name: str) -> dict[str, str | None]:
    """Which endpoint each of many keys leads to."""
    host, keys = f"{name}.test", [str(number) for number in range(10, 34)]
    if name == "sourceip":
        return {key: product.get(host, source=f"127.0.0.{key}").upstream for key in keys}
    return {key: product.get(host, f"/{key}", headers=[("X-User", key)]).upstream for key in keys}


def resized(product: Product, name: str, count: int) -> None:
    """Wait until so many endpoints are live."""
    eventually(
        lambda: (len(product.object("Backend", name)["endpoints"]), product.condition("Backend", name, "Programmed")),
        lambda found: found[0] == count and found[1]["status"] == "True",
    )


@pytest.mark.parametrize("name", ["sourceip", "uri", "header"])
def test_a_hash_keeps_its_key_and_moves_few_when_an_endpoint_joins(
    served: Product, upstreams: Callable[[str], Echo], name: str
) -> None:
    before = by_key(served, name)
    assert set(before.values()) == {"a", "b", "c"}
    assert by_key(served, name) == before
    reloads = served.reload_count()
    text = (served.directory / "backends.yaml").read_text()
    part = next(part for part in text.split("---\n") if f"{{name: {name}}}" in part)
    more = part.replace("endpoints: [", f"endpoints: [{upstreams('d').endpoint}, ")
    served.write("backends.yaml", text.replace(part, more))
    resized(served, name, 4)
    after = by_key(served, name)
    assert {after[key] for key in before if after[key] != before[key]} == {"d"}
    served.write("backends.yaml", text)
    resized(served, name, 3)
    assert by_key(served, name) == before
    assert served.reload_count() == reloads


def test_requests_without_the_hashed_header_are_shared(served: Product) -> None:
    assert set(shares(served, "header.test", 12)) == {"a", "b", "c"}
