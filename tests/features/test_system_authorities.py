"""Endpoints are verified by the system's CAs unless a Backend names others: HAProxy has them from the start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.features.certificates import Authority
from tests.features.echo import echo
from tests.features.product import Product, backend, route


def leading_to(name: str) -> str:
    return route(name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {name}}}]}}]")


def test_the_first_backend_that_speaks_tls_needs_no_reload(
    fresh: Callable[..., Product], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = Authority()
    authorities = tmp_path / "authorities.pem"
    authorities.write_bytes(ours.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(authorities))
    with echo("secure", tls=ours.issue("up.internal").context(alpn=["http/1.1"])) as up:
        product = fresh()
        product.start()
        product.write("plain.yaml", backend("plain", up.endpoint) + leading_to("plain"))
        product.wait_condition("Route", "plain", "Ready", "True")
        before = product.reload_count()
        secure = backend("secure", up.endpoint, extra="protocol: https\ntls: {serverName: up.internal}")
        product.write("secure.yaml", secure + leading_to("secure"))
        product.wait_condition("Route", "secure", "Ready", "True")
        assert product.get("secure.test").upstream == "secure"
        assert product.reload_count() == before
