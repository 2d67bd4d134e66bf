"""While the change of one object waits for a reload, whatever else is live says so at once."""

from collections.abc import Callable

import pytest

from tests.features.echo import Echo
from tests.features.product import Product, backend, route


def leading_to(name: str, path: str = "") -> str:
    matches = f"matches: [{{path: {{type: RegularExpression, value: {path!r}}}}}], " if path else ""
    return route(name, f"hosts: [{name}.test]\nrules: [{{{matches}backendRefs: [{{name: known}}]}}]")


@pytest.fixture
def slow(fresh: Callable[..., Product], upstreams: Callable[[str], Echo], request: pytest.FixtureRequest) -> Product:
    """The Backend `known` brought the first reload; the next one comes in ten minutes."""
    product = fresh("--reload-interval=10m", *getattr(request, "param", ()))
    product.write("known.yaml", backend("known", upstreams("a").endpoint) + leading_to("old"))
    product.start()
    product.wait_condition("Route", "old", "Ready", "True")
    return product


def test_a_new_route_and_backend_beside_an_expression(slow: Product, upstreams: Callable[[str], Echo]) -> None:
    reloads = slow.reload_count()
    slow.write("waits.yaml", leading_to("waits", "/y[0-9]+"))
    slow.wait_condition("Route", "waits", "Ready", "False", "Pending")
    own = backend("own", upstreams("b").endpoint) + leading_to("own").replace("name: known", "name: own")
    slow.write("new.yaml", own)
    slow.wait_condition("Route", "own", "Ready", "True")
    slow.wait_condition("Backend", "own", "Ready", "True")
    assert slow.get("own.test").upstream == "b"
    slow.write("known.yaml", backend("known", upstreams("c").endpoint) + leading_to("old"))
    slow.wait_answer("old.test", "/", lambda answer: answer.upstream == "c")
    slow.wait_condition("Backend", "known", "Ready", "True")
    pending = slow.condition("Route", "waits", "Programmed")
    assert (pending["status"], pending["reason"]) == ("False", "Pending")
    assert "waits for a reload" in pending["message"]
    assert slow.reload_count() == reloads


def test_what_a_backend_of_a_new_profile_holds_up(slow: Product, upstreams: Callable[[str], Echo]) -> None:
    odd = backend("odd", upstreams("b").endpoint, extra="connections: {connectTimeout: 1234ms}")
    slow.write("odd.yaml", odd + leading_to("odd").replace("name: known", "name: odd") + leading_to("beside"))
    slow.wait_condition("Route", "beside", "Ready", "True")
    for kind in ("Route", "Backend"):
        assert slow.condition(kind, "odd", "Ready")["reason"] == "Pending"
    assert slow.get("odd.test").status == 404


@pytest.mark.parametrize("slow", [("--no-lua",)], indirect=True, ids=["compiled"])
def test_compiled_rules_hold_up_their_own_routes_only(slow: Product) -> None:
    slow.write("waits.yaml", leading_to("waits", "/y[0-9]+"))
    slow.wait_condition("Route", "waits", "Ready", "False", "Pending")
    slow.write("plain.yaml", leading_to("plain"))
    slow.wait_condition("Route", "plain", "Ready", "True")
    assert slow.condition("Route", "waits", "Ready")["reason"] == "Pending"
