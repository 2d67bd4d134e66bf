"""A filter may change any header of requests at once; that it needs a program for that ends with the next reload."""

from collections.abc import Callable

from tests.features.echo import Echo
from tests.features.product import Answer, Product, backend, eventually, route

NAME = "x-never-heard-of"


def test_a_request_header_nobody_heard_of(product: Product, upstreams: Callable[[str], Echo]) -> None:
    product.write("base.yaml", backend("a", upstreams("a").endpoint))
    product.write("plain.yaml", site("a"))
    product.wait_answer("a.test", "/", lambda answer: answer.status == 200)
    eventually(lambda: product.reload_count() == 1)  # for the first slots

    before = product.reload_count()
    product.write("plain.yaml", site("a", filters("1")))
    product.wait_answer("a.test", "/", lambda answer: said(answer) == "1")
    product.write("plain.yaml", site("a", filters("%[src] #")))
    product.wait_answer("a.test", "/", lambda answer: said(answer) == "%[src] #")
    assert product.reload_count() == before, product.view("/v1/reloads")

    expression = ", matches: [{path: {type: RegularExpression, value: '/v[0-9]+'}}]"
    product.write("novelty.yaml", site("novelty", expression, to="a"))
    eventually(lambda: product.reload_count() > before)
    after = product.reload_count()
    assert said(product.get("a.test")) == "%[src] #"
    product.write("plain.yaml", site("a", filters("3")))
    product.wait_answer("a.test", "/", lambda answer: said(answer) == "3")
    assert product.reload_count() == after


def said(answer: Answer) -> str | None:
    found: str | None = answer.echo["headers"].get(NAME)
    return found


def filters(value: str) -> str:
    change = f"requestHeaderModifier: {{set: [{{name: {NAME}, value: '{value}'}}]}}"
    return f", filters: [{{type: RequestHeaderModifier, {change}}}]"


def site(name: str, rule: str = "", *, to: str = "") -> str:
    return route(name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {to or name}}}]{rule}}}]")
