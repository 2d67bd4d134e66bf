"""A cookie keeps a client on its endpoint, and among weighted Backends on its Backend."""

from collections.abc import Callable
from http.cookies import SimpleCookie

import pytest

from tests.features.echo import Echo
from tests.features.product import BOTH_WAYS, Answer, Product, backend, eventually, policy, route

pytestmark = BOTH_WAYS

COOKIE = "sessionAffinity: {cookie: {name: SRV, maxAge: 1h}}"
QUICK = (
    "http: {path: /healthz, expectedStatuses: ['200']}\n"
    "interval: 1s\ntimeout: 1s\nunhealthyThreshold: 2\nhealthyThreshold: 1"
)


def pair(first: int, second: int) -> str:
    refs = f"{{name: one, weight: {first}}}, {{name: two, weight: {second}}}"
    return route("pair", f"hosts: [pair.test]\nrules: [{{backendRefs: [{refs}]}}]")


@pytest.fixture(scope="module")
def sticky(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    a, b = upstreams("a").endpoint, upstreams("b").endpoint
    product.write("policy.yaml", policy("quick", QUICK))
    product.write("sticky.yaml", backend("sticky", a, b, extra=f"{COOKIE}\nhealthPolicy: quick"))
    product.write(
        "weighted.yaml", backend("one", a, b, extra=COOKIE) + backend("two", upstreams("c").endpoint, extra=COOKIE)
    )
    product.write("pair.yaml", pair(50, 50))
    product.write("route.yaml", route("sticky", "hosts: [sticky.test]\nrules: [{backendRefs: [{name: sticky}]}]"))
    product.wait_condition("Route", "sticky", "Ready", "True")
    product.wait_condition("Route", "pair", "Programmed", "True")
    return product


def bound(product: Product, host: str, upstream: str) -> list[tuple[str, str]]:
    """The Cookie header of a client that got `upstream`."""
    answer = eventually(lambda: product.get(host), lambda answer: answer.upstream == upstream)
    return cookie(answer)


def cookie(answer: Answer) -> list[tuple[str, str]]:
    value = SimpleCookie(answer.headers["set-cookie"])["SRV"].value
    return [("Cookie", f"theme=dark; SRV={value}; lang=en")]


def test_the_cookie_is_set_once_for_scripts_unseen_and_for_as_long_as_asked(sticky: Product) -> None:
    first = sticky.get("sticky.test")
    morsel = SimpleCookie(first.headers["set-cookie"])["SRV"]
    assert morsel["path"] == "/"
    assert morsel["httponly"]
    assert morsel["max-age"] == "3600"
    assert "127.0.0.1" not in morsel.value
    again = sticky.get("sticky.test", headers=cookie(first))
    assert "set-cookie" not in again.headers


def test_a_client_stays_and_the_endpoint_sees_only_the_other_cookies(sticky: Product) -> None:
    for name in ("a", "b"):
        headers = bound(sticky, "sticky.test", name)
        answers = [sticky.get("sticky.test", headers=headers) for _ in range(10)]
        assert {answer.upstream for answer in answers} == {name}
        assert "SRV" not in answers[0].echo["headers"]["cookie"]
        assert "theme=dark" in answers[0].echo["headers"]["cookie"]


def test_it_stays_over_a_reload_and_when_other_endpoints_come_and_go(
    sticky: Product, upstreams: Callable[[str], Echo]
) -> None:
    headers = {name: bound(sticky, "sticky.test", name) for name in ("a", "b")}
    reloads = sticky.reload_count()
    sticky.write("more.yaml", backend("more", upstreams("d").endpoint))
    eventually(sticky.reload_count, lambda count: count > reloads)
    before = (sticky.directory / "sticky.yaml").read_text()
    sticky.write("sticky.yaml", before.replace("endpoints: [", f"endpoints: [{upstreams('d').endpoint}, "))
    eventually(lambda: {sticky.get("sticky.test").upstream for _ in range(10)}, lambda found: found == {"a", "b", "d"})
    for name in ("a", "b"):
        assert {sticky.get("sticky.test", headers=headers[name]).upstream for _ in range(10)} == {name}
    sticky.write("sticky.yaml", before)
    eventually(lambda: {sticky.get("sticky.test").upstream for _ in range(10)}, lambda found: found == {"a", "b"})
    assert {sticky.get("sticky.test", headers=headers["b"]).upstream for _ in range(10)} == {"b"}


def test_a_dead_endpoint_is_left_and_the_client_bound_anew(sticky: Product, upstreams: Callable[[str], Echo]) -> None:
    headers = bound(sticky, "sticky.test", "a")
    upstreams("a").health = 503
    answer = sticky.wait_answer("sticky.test", "/", lambda answer: answer.upstream == "b", headers=headers)
    moved = cookie(answer)
    assert moved != headers
    upstreams("a").health = 200
    sticky.wait_condition("Backend", "sticky", "Healthy", "True", "AllHealthy")
    assert {sticky.get("sticky.test", headers=moved).upstream for _ in range(10)} == {"b"}


def test_an_unknown_cookie_is_no_binding(sticky: Product) -> None:
    for value in ("nonsense", "aaaaaaaa.bbbbbbbb", "%", "a" * 500):
        assert sticky.get("sticky.test", headers=[("Cookie", f"SRV={value}")]).status == 200
        assert sticky.get("pair.test", headers=[("Cookie", f"SRV={value}")]).status == 200


def test_among_weighted_backends_a_client_keeps_its_backend_while_that_has_weight(sticky: Product) -> None:
    a, c = bound(sticky, "pair.test", "a"), bound(sticky, "pair.test", "c")

    def seen(headers: list[tuple[str, str]]) -> set[str | None]:
        return {sticky.get("pair.test", headers=headers).upstream for _ in range(20)}

    assert (seen(a), seen(c)) == ({"a"}, {"c"})
    reloads = sticky.reload_count()
    sticky.write("pair.yaml", pair(1000, 1))
    eventually(lambda: [sticky.get("pair.test").upstream for _ in range(12)].count("c"), lambda count: count == 0)
    assert (seen(a), seen(c)) == ({"a"}, {"c"})
    sticky.write("pair.yaml", pair(0, 1))
    eventually(lambda: seen(a), lambda found: found == {"c"})
    assert seen(c) == {"c"}
    sticky.wait_condition("Route", "pair", "Programmed", "True")
    assert sticky.reload_count() == reloads
