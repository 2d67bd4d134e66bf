"""Without Lua a condition is part of the configuration."""

from collections.abc import Callable

from haloy.proxies.base import ReloadCause
from tests.features.echo import Echo
from tests.features.product import Product, backend, route
from tests.proof.causes.reloads import shown


def test_compiled_rules(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    product = fresh("--no-lua")
    plain = "hosts: [c.test]\nrules: [{backendRefs: [{name: a}]}]"
    product.write("a.yaml", backend("a", upstreams("a").endpoint) + route("c", plain))
    product.start()
    product.wait_answer("c.test", "/", lambda answer: answer.status == 200)
    before = product.reload_count()
    demanding = (
        "hosts: [c.test]\nrules: [{matches: [{headers: [{name: x-env, value: canary}]}], backendRefs: [{name: a}]}]"
    )
    product.write("a.yaml", backend("a", upstreams("a").endpoint) + route("c", demanding))
    shown(product, ReloadCause.COMPILED_RULES, "route/default/c", before)
    product.wait_answer("c.test", "/", lambda answer: answer.status == 404)
    assert product.get("c.test", headers=[("x-env", "canary")]).status == 200
