"""A HealthPolicy of kind grpc: haloy's own checker asks, and what it hears decides about traffic."""

import ssl
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.features.background import background
from tests.features.certificates import Authority
from tests.features.product import Product, backend, eventually, policy, route
from tests.health.grpc_server import NOT_SERVING, SERVING, GrpcHealth, grpc_health
from tests.support.ports import free_port

QUICK = "interval: 1s\ntimeout: 1s\nunhealthyThreshold: 2\nhealthyThreshold: 1"
SERVICE = "shop.v1.Orders"
AUTHORITY = Authority()


def tls() -> ssl.SSLContext:
    return AUTHORITY.issue("up.internal").context(alpn=["h2"])


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, GrpcHealth]]:
    with ExitStack() as stack:
        started = {name: stack.enter_context(background(grpc_health())) for name in ("a", "b")}
        started["tls"] = stack.enter_context(background(grpc_health(tls())))
        for server in started.values():
            server.statuses = {"": SERVING, SERVICE: SERVING}
        yield started


@pytest.fixture(scope="module")
def checked(product: Product, servers: dict[str, GrpcHealth]) -> Product:
    at = {name: f"{{address: 127.0.0.1, port: {server.port}}}" for name, server in servers.items()}
    secure = "protocol: h2\nhealthPolicy: service\ntls: {caSecretName: ca, serverName: up.internal}"
    product.write("policy.yaml", policy("service", f"grpc: {{service: {SERVICE}}}\n{QUICK}") + AUTHORITY.secret("ca"))
    product.write(
        "backends.yaml",
        backend("pair", at["a"], at["b"], extra="protocol: h2c\nhealthPolicy: service")
        + backend("secure", at["tls"], extra=secure)
        + backend("dead", f"{{address: 127.0.0.1, port: {free_port()}}}", extra="protocol: h2c\nhealthPolicy: service")
        + route("pair", "hosts: [pair.test]\nrules: [{backendRefs: [{name: pair}]}]"),
    )
    product.wait_condition("Backend", "pair", "Healthy", "True", "AllHealthy")
    return product


def calls(server: GrpcHealth) -> int:
    """The requests that came by way of the proxy, not as checks."""
    return sum(call[":path"] == "/traffic" for call in server.calls)


def received(product: Product, servers: dict[str, GrpcHealth], count: int = 8) -> dict[str, int]:
    """How many of `count` requests each server got. What they answer is no matter."""
    before = {name: calls(servers[name]) for name in ("a", "b")}
    for _ in range(count):
        product.get("pair.test", "/traffic", method="POST", body=b"\0\0\0\0\0")
    return {name: calls(servers[name]) - before[name] for name in ("a", "b")}


def test_what_serves_is_healthy_over_tls_as_well(checked: Product) -> None:
    checked.wait_condition("Backend", "secure", "Healthy", "True", "AllHealthy")


def test_an_endpoint_that_does_not_serve_is_unhealthy_and_gets_nothing_until_it_does(
    checked: Product, servers: dict[str, GrpcHealth]
) -> None:
    assert received(checked, servers) == {"a": 4, "b": 4}
    servers["b"].statuses[SERVICE] = NOT_SERVING
    checked.wait_condition("Backend", "pair", "Healthy", "True", "SomeUnhealthy")
    endpoints = {item["port"]: item for item in checked.object("Backend", "pair")["endpoints"]}
    assert endpoints[servers["a"].port]["health"] == "Healthy"
    assert endpoints[servers["b"].port]["health"] == "Unhealthy"
    assert "NOT_SERVING" in endpoints[servers["b"].port]["reason"]
    assert received(checked, servers) == {"a": 8, "b": 0}
    servers["b"].statuses[SERVICE] = SERVING
    checked.wait_condition("Backend", "pair", "Healthy", "True", "AllHealthy")
    assert received(checked, servers) == {"a": 4, "b": 4}


def test_when_none_serves_the_answer_is_503(checked: Product, servers: dict[str, GrpcHealth]) -> None:
    for name in ("a", "b"):
        servers[name].statuses[SERVICE] = NOT_SERVING
    checked.wait_condition("Backend", "pair", "Healthy", "False", "NoneHealthy")
    assert checked.get("pair.test").status == 503
    for name in ("a", "b"):
        servers[name].statuses[SERVICE] = SERVING
    checked.wait_condition("Backend", "pair", "Healthy", "True", "AllHealthy")


def test_an_endpoint_where_nobody_listens_is_unhealthy(checked: Product) -> None:
    checked.wait_condition("Backend", "dead", "Healthy", "False", "NoneHealthy")


def test_the_level_is_known_again_after_a_reload(checked: Product, servers: dict[str, GrpcHealth]) -> None:
    servers["a"].statuses[SERVICE] = NOT_SERVING
    checked.wait_condition("Backend", "pair", "Healthy", "True", "SomeUnhealthy")
    before = checked.reload_count()
    checked.write("more.yaml", backend("more", f"{{address: 127.0.0.1, port: {servers['a'].port}}}"))
    eventually(checked.reload_count, lambda count: count > before)
    assert received(checked, servers) == {"a": 0, "b": 8}
    servers["a"].statuses[SERVICE] = SERVING
    checked.wait_condition("Backend", "pair", "Healthy", "True", "AllHealthy")
