"""A filter may change any response header at once; answers of HAProxy's own learn a new name at the next reload."""

from collections.abc import Callable

from haloy.proxies.base import ReloadCause
from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route

NAME = "x-never-heard-of"


def test_a_response_header_nobody_heard_of(product: Product, upstreams: Callable[[str], Echo]) -> None:
    product.write("base.yaml", backend("a", upstreams("a").endpoint) + backend("gone", "{address: 127.0.0.1, port: 1}"))
    product.write("plain.yaml", site("a") + site("gone"))
    product.wait_answer("a.test", "/", lambda answer: answer.status == 200)
    product.wait_answer("gone.test", "/", lambda answer: answer.status == 503)

    before = product.reload_count()
    change = f"responseHeaderModifier: {{set: [{{name: {NAME}, value: '1'}}, {{name: server, value: '2'}}]}}"
    filters = f", filters: [{{type: ResponseHeaderModifier, {change}}}]"
    product.write("plain.yaml", site("a", filters) + site("gone", filters))
    product.wait_answer("a.test", "/", lambda answer: answer.headers.get(NAME) == "1")
    own = product.wait_answer("gone.test", "/", lambda answer: answer.headers.get("server") == "2")
    assert (own.status, own.headers.get(NAME)) == (503, None)
    assert product.reload_count() == before

    expression = ", matches: [{path: {type: RegularExpression, value: '/v[0-9]+'}}]"
    product.write("novelty.yaml", site("novelty", expression, to="a"))
    eventually(lambda: product.reload_count() > before)
    assert product.wait_answer("gone.test", "/", lambda answer: NAME in answer.headers).status == 503
    assert ReloadCause.NEW_REGULAR_EXPRESSION.value in product.view("/v1/reloads")


def site(name: str, rule: str = "", *, to: str = "") -> str:
    return route(name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {to or name}}}]{rule}}}]")
