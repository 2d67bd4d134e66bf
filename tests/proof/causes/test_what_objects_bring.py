"""Reloads that an object of the user's causes: each names its cause and the object."""

import hashlib
import socket
import ssl
from collections.abc import Callable

import pytest

from haloy.proxies.base import ReloadCause
from tests.features.certificates import Authority, Pair
from tests.features.echo import Echo
from tests.features.product import Answer, Product, backend, eventually, route
from tests.proof.causes.reloads import reasons, runtime, shown


@pytest.fixture(scope="module")
def site(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    product.write("base.yaml", backend("a", upstreams("a").endpoint) + plain("base"))
    product.wait_condition("Route", "base", "Ready", "True")
    return product


def plain(name: str, rule: str = "") -> str:
    """A Route to Backend `a`; `rule`: more of its only rule, as flow."""
    return route(name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: a}}]{rule}}}]")


def test_new_profile(site: Product, upstreams: Callable[[str], Echo]) -> None:
    before = site.reload_count()
    slow = backend("slow", upstreams("a").endpoint, extra="connections: {connectTimeout: 4321ms}")
    site.write("slow.yaml", slow + route("slow", "hosts: [slow.test]\nrules: [{backendRefs: [{name: slow}]}]"))
    assert "4321" in shown(site, ReloadCause.NEW_PROFILE, "backend/default/slow", before)["detail"]
    site.wait_answer("slow.test", "/", lambda answer: answer.upstream == "a")


def test_new_regular_expression(site: Product) -> None:
    before = site.reload_count()
    site.write("regex.yaml", plain("regex", ", matches: [{path: {type: RegularExpression, value: '/v[0-9]+'}}]"))
    assert "/v[0-9]+" in shown(site, ReloadCause.NEW_REGULAR_EXPRESSION, "route/default/regex", before)["detail"]
    site.wait_answer("regex.test", "/v12", lambda answer: answer.status == 200)
    assert site.get("regex.test", "/vx").status == 404


def test_new_affinity_cookie(site: Product, upstreams: Callable[[str], Echo]) -> None:
    before = site.reload_count()
    bound = backend("bound", upstreams("a").endpoint, extra="sessionAffinity: {cookie: {name: BOUND}}")
    refs = "[{name: bound, weight: 1}, {name: a, weight: 1}]"
    site.write("bound.yaml", bound + route("bound", f"hosts: [bound.test]\nrules: [{{backendRefs: {refs}}}]"))
    assert "BOUND" in shown(site, ReloadCause.NEW_AFFINITY_COOKIE, "backend/default/bound", before)["detail"]
    site.wait_answer("bound.test", "/", lambda answer: "BOUND=" in answer.headers.get("set-cookie", ""))


def test_certificate_too_large(site: Product) -> None:
    before, label = site.reload_count(), "x" * 60
    pair = Authority().issue("chain.test", *(f"{number:02}.{label}.{label}.{label}.test" for number in range(64)))
    site.write("chain.yaml", _secured(pair))
    shown(site, ReloadCause.CERTIFICATE_TOO_LARGE, "secret/default/chain", before)
    eventually(lambda: _fingerprint(site, "chain.test"), lambda found: found == pair.fingerprint)


def _fingerprint(site: Product, host: str) -> str:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", site.https), timeout=30) as plain_socket,
        context.wrap_socket(plain_socket, server_hostname=host) as session,
    ):
        return hashlib.sha256(session.getpeercert(binary_form=True) or b"").hexdigest()


def _secured(pair: Pair) -> str:
    spec = "hosts: [chain.test]\ntls: {secretName: chain, redirect: false}\nrules: [{backendRefs: [{name: a}]}]"
    return route("chain", spec) + pair.secret("chain")


def test_runtime_failed(fresh: Callable[..., Product], upstreams: Callable[[str], Echo]) -> None:
    """Somebody deleted an entry that haloy then sets, and a reload is due at any time."""
    product = fresh("--reload-interval=1ms")
    filters = (
        ", filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{set: [{{name: x-turn, value: '{}'}}]}}}}]"
    )
    product.write("undone.yaml", backend("a", upstreams("a").endpoint) + plain("undone", filters.format(1)))
    product.start()
    product.wait_answer("undone.test", "/", _turn("1"))
    before = product.reload_count()
    key = next(line.split()[1] for line in runtime(product, "show map maps/paths.map").splitlines() if "undone" in line)
    runtime(product, f"del map maps/paths.map {key}")
    product.write("undone.yaml", backend("a", upstreams("a").endpoint) + plain("undone", filters.format(2)))
    found = eventually(lambda: [one for one in reasons(product, before) if one["cause"] == ReloadCause.RUNTIME_FAILED])
    assert key in found[0]["detail"]
    product.wait_answer("undone.test", "/", _turn("2"))


def _turn(number: str) -> Callable[[Answer], bool]:
    return lambda answer: answer.status == 200 and answer.echo["headers"].get("x-turn") == number
