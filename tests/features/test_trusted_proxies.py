"""Forwarded headers of a proxy in front that is trusted, and public ports."""

from collections.abc import Callable

from tests.features.echo import Echo
from tests.features.product import Product, backend, route


def test_a_trusted_proxy_is_believed_and_appended_to(
    fresh: Callable[..., Product], upstreams: Callable[[str], Echo]
) -> None:
    product = fresh("--trusted-proxies=127.0.0.2/32", "--https-public-port=443", "--http-public-port=80")
    product.write(
        "a.yaml",
        backend("a", upstreams("a").endpoint) + route("a", "hosts: [a.test]\nrules: [{backendRefs: [{name: a}]}]"),
    )
    product.write(
        "r.yaml",
        route("r", "hosts: [r.test]\ntls: {issuer: selfSigned, redirect: true}\nrules: [{backendRefs: [{name: a}]}]"),
    )
    product.start()
    told = [
        ("X-Forwarded-For", "9.9.9.9"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "public.test"),
        ("X-Forwarded-Port", "443"),
        ("Forwarded", "for=9.9.9.9"),
    ]
    headers = product.get("a.test", "/", headers=told, source="127.0.0.2").echo["headers"]
    assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.2"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-host"] == "public.test"
    assert headers["x-forwarded-port"] == "443"
    assert headers["forwarded"].startswith("for=9.9.9.9, for=")
    headers = product.get("a.test", "/", headers=told, source="127.0.0.1").echo["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-port"] == "80"
    assert product.get("r.test:80", "/x?y=z").headers["location"] == "https://r.test/x?y=z"
