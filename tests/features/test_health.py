"""Health: what is checked leaves and returns, and status tells the level."""

from collections.abc import Callable

import pytest

from tests.features.echo import Echo, echo
from tests.features.product import Product, backend, eventually, policy, route
from tests.support.ports import free_port

QUICK = "http: {path: /healthz, expectedStatuses: ['200']}\ninterval: 1s\ntimeout: 1s\nunhealthyThreshold: 2\nhealthyThreshold: 1"


@pytest.fixture(scope="module")
def checked(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    product.write("policy.yaml", policy("quick", QUICK))
    product.write("b.yaml", backend("b", upstreams("a").endpoint, upstreams("b").endpoint, extra="healthPolicy: quick"))
    product.write("r.yaml", route("r", "hosts: [h.test]\nrules: [{backendRefs: [{name: b}]}]"))
    product.wait_condition("Backend", "b", "Healthy", "True", "AllHealthy")
    return product


def test_an_unhealthy_endpoint_leaves_the_rotation_and_returns(
    checked: Product, upstreams: Callable[[str], Echo]
) -> None:
    upstreams("b").health = 503
    checked.wait_condition("Backend", "b", "Healthy", "True", "SomeUnhealthy")
    assert {checked.get("h.test").upstream for _ in range(20)} == {"a"}
    endpoints = {item["port"]: item for item in checked.object("Backend", "b")["endpoints"]}
    assert endpoints[upstreams("b").port]["health"] == "Unhealthy"
    assert endpoints[upstreams("b").port]["reason"] == "L7STS/503"
    assert checked.object("Route", "r")["backends"] == "1/2"
    upstreams("b").health = 200
    checked.wait_condition("Backend", "b", "Healthy", "True", "AllHealthy")
    assert {checked.get("h.test").upstream for _ in range(20)} == {"a", "b"}


def test_when_all_are_down_the_route_stays_and_answers_503(checked: Product, upstreams: Callable[[str], Echo]) -> None:
    upstreams("a").health = upstreams("b").health = 500
    checked.wait_condition("Route", "r", "Ready", "False", "NoneHealthy")
    assert checked.get("h.test").status == 503
    upstreams("a").health = upstreams("b").health = 200
    checked.wait_condition("Route", "r", "Ready", "True")
    assert checked.get("h.test").status == 200


def test_a_reload_keeps_what_is_known_of_health(checked: Product, upstreams: Callable[[str], Echo]) -> None:
    upstreams("b").health = 503
    checked.wait_condition("Backend", "b", "Healthy", "True", "SomeUnhealthy")
    before = checked.reload_count()
    checked.write("other.yaml", backend("other", upstreams("c").endpoint))
    eventually(checked.reload_count, lambda count: count > before)
    assert {checked.get("h.test").upstream for _ in range(20)} == {"a"}
    upstreams("b").health = 200
    checked.wait_condition("Backend", "b", "Healthy", "True", "AllHealthy")


def test_an_endpoint_that_starts_unhealthy_gets_nothing_before_it_passes(checked: Product) -> None:
    port = free_port()
    checked.write("late-policy.yaml", policy("late", f"{QUICK}\nstartUnhealthy: true"))
    spec = backend("late", f"{{address: 127.0.0.1, port: {port}}}", extra="healthPolicy: late")
    checked.write("late.yaml", spec + route("late", "hosts: [late.test]\nrules: [{backendRefs: [{name: late}]}]"))
    checked.wait_answer("late.test", "/", lambda answer: answer.status != 404)
    with echo("late", port) as upstream:
        upstream.health = 503
        eventually(lambda: len(upstream.checks), lambda count: count >= 2)
        assert {checked.get("late.test").status for _ in range(10)} == {503}
        assert upstream.seen == []
        upstream.health = 200
        checked.wait_answer("late.test", "/", lambda answer: answer.upstream == "late")


def test_tcp_checks_and_bodies(checked: Product, upstreams: Callable[[str], Echo]) -> None:
    closed = free_port()
    checked.write("tcp-policy.yaml", policy("tcp", "tcp: {}\ninterval: 1s\ntimeout: 1s\nunhealthyThreshold: 1"))
    checked.write(
        "tcp.yaml",
        backend("tcp", upstreams("a").endpoint, f"{{address: 127.0.0.1, port: {closed}}}", extra="healthPolicy: tcp"),
    )
    checked.wait_condition("Backend", "tcp", "Healthy", "True", "SomeUnhealthy")
    body = "http: {path: /healthz, expectedBody: 'never there'}\ninterval: 1s\ntimeout: 1s\nunhealthyThreshold: 1"
    checked.write("body-policy.yaml", policy("body", body))
    checked.write("body.yaml", backend("body", upstreams("a").endpoint, extra="healthPolicy: body"))
    checked.wait_condition("Backend", "body", "Healthy", "False", "NoneHealthy")


def test_the_check_is_the_one_that_was_asked_for(checked: Product, upstreams: Callable[[str], Echo]) -> None:
    spec = "http: {path: '/healthz?x=%25', method: HEAD, host: checked.example, headers: [{name: x-check, value: 'a b%'}]}\ninterval: 1s\ntimeout: 1s"
    checked.write("shaped-policy.yaml", policy("shaped", spec))
    checked.write("shaped.yaml", backend("shaped", upstreams("shaped").endpoint, extra="healthPolicy: shaped"))
    seen = eventually(lambda: upstreams("shaped").checks[-1:], bool)[0]
    assert seen["method"] == "HEAD"
    assert seen["headers"]["host"] == "checked.example"
    assert seen["headers"]["x-check"] == "a b%"


def test_a_missing_policy_is_said_and_the_default_check_is_used(
    checked: Product, upstreams: Callable[[str], Echo]
) -> None:
    checked.write("nopolicy.yaml", backend("nopolicy", upstreams("a").endpoint, extra="healthPolicy: absent"))
    checked.wait_condition("Backend", "nopolicy", "ResolvedRefs", "False", "HealthPolicyNotFound")
