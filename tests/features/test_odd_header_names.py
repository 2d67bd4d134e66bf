"""A header's name may have any character that RFC 9110 allows, at once and after the next reload, and hinders nobody's changes."""

from collections.abc import Callable

from tests.features.echo import Echo
from tests.features.product import Product, backend, route

HEADER = "x'y''#"


def odd(name: str) -> str:
    """The Route `odd`, which sets HEADER, towards the Backend `name`."""
    filters = f'[{{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: "{HEADER}", value: odd}}]}}}}]'
    return route("odd", f"hosts: [odd.test]\nrules: [{{filters: {filters}, backendRefs: [{{name: {name}}}]}}]")


def test_a_reload_of_somebody_else_takes_it_along(product: Product, upstreams: Callable[[str], Echo]) -> None:
    up = upstreams("a").endpoint
    product.write("up.yaml", backend("up", up) + backend("empty", "{address: 127.0.0.1, port: 1, weight: 0}"))
    product.write("odd.yaml", odd("up"))
    product.wait_answer("odd.test", "/", lambda answer: answer.headers.get(HEADER) == "odd")
    before = product.reload_count()
    product.write(
        "other.yaml",
        backend("other", up, extra="connections: {connectTimeout: 1234ms}")
        + route("other", "hosts: [other.test]\nrules: [{backendRefs: [{name: other}]}]"),
    )
    product.wait_answer("other.test", "/", lambda answer: answer.status == 200)
    product.wait_condition("Route", "other", "Ready", "True")
    assert product.reload_count() > before
    product.write("odd.yaml", odd("empty"))
    answer = product.wait_answer("odd.test", "/", lambda answer: answer.status == 503)
    assert answer.headers[HEADER] == "odd"
