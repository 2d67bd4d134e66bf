"""TLS to the endpoints: verified by authority and name, with a certificate of haloy's own where that is asked for."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.features.background import background
from tests.features.certificates import Authority
from tests.features.echo import Echo, echo
from tests.features.product import Product, backend, policy, route
from tests.support.h2_peers import h2_upstream

OURS, THEIRS = Authority(), Authority()
SERVER = OURS.issue("up.internal")
CLIENT = OURS.issue("haloy.internal")
QUICK = "tcp: {}\ninterval: 1s\ntimeout: 1s\nunhealthyThreshold: 2\nhealthyThreshold: 1"

TLS = {
    "right": "{caSecretName: ours, serverName: up.internal}",
    "wrong-ca": "{caSecretName: theirs, serverName: up.internal}",
    "wrong-name": "{caSecretName: ours, serverName: other.internal}",
    "system": "{serverName: up.internal}",
}


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        yield {
            "https": stack.enter_context(echo("https", tls=SERVER.context(alpn=["http/1.1"]))),
            "mutual": stack.enter_context(echo("mutual", tls=SERVER.context(client_ca=OURS.pem))),
            "h2": stack.enter_context(background(h2_upstream(SERVER.context(alpn=["h2"])))),
        }


@pytest.fixture(scope="module")
def verified(product: Product, peers: dict[str, Any]) -> Product:
    product.write("secrets.yaml", OURS.secret("ours") + THEIRS.secret("theirs") + CLIENT.secret("client"))
    product.write("policy.yaml", policy("quick", QUICK))

    def tls(name: str, peer: str, settings: str, protocol: str = "https") -> str:
        endpoint = f"{{address: 127.0.0.1, port: {peers[peer].port}}}"
        return backend(name, endpoint, extra=f"protocol: {protocol}\nhealthPolicy: quick\ntls: {settings}") + route(
            name, f"hosts: [{name}.test]\nrules: [{{backendRefs: [{{name: {name}}}]}}]"
        )

    shown = "{caSecretName: ours, serverName: up.internal, clientCertificateSecretName: client}"
    missing = "{caSecretName: absent, serverName: up.internal}"
    product.write(
        "backends.yaml",
        "".join(tls(name, "https", settings) for name, settings in TLS.items())
        + tls("shown", "mutual", shown)
        + tls("anonymous", "mutual", TLS["right"])
        + tls("h2", "h2", TLS["right"], "h2")
        + tls("missing", "https", missing),
    )
    for name in (*TLS, "shown", "anonymous", "h2"):
        product.wait_condition("Backend", name, "Programmed", "True")
    return product


def test_a_certificate_of_the_right_authority_and_name_is_trusted(verified: Product) -> None:
    answer = verified.get("right.test")
    assert (answer.status, answer.upstream) == (200, "https")
    assert answer.echo["tls"] == {"alpn": "http/1.1", "client": None}
    verified.wait_condition("Backend", "right", "Healthy", "True", "AllHealthy")


@pytest.mark.parametrize("name", ["wrong-ca", "wrong-name", "system"])
def test_any_other_is_refused_and_health_says_so(verified: Product, peers: dict[str, Echo], name: str) -> None:
    before = len(peers["https"].seen)
    assert verified.get(f"{name}.test").status == 503
    assert len(peers["https"].seen) == before
    verified.wait_condition("Backend", name, "Healthy", "False", "NoneHealthy")
    (endpoint,) = verified.object("Backend", name)["endpoints"]
    assert (endpoint["health"], endpoint["reason"]) == ("Unhealthy", "L6RSP")


def test_a_client_certificate_is_shown_where_it_is_asked_for(verified: Product) -> None:
    answer = verified.get("shown.test")
    assert answer.status == 200
    assert ["DNS", "haloy.internal"] in answer.echo["tls"]["client"]["subjectAltName"]
    assert verified.get("anonymous.test").status in (502, 503)


def test_http2_over_tls_reaches_an_endpoint_that_speaks_nothing_else(verified: Product, peers: dict[str, Any]) -> None:
    answer = verified.get("h2.test", "/over-h2", method="POST", body=b"hello")
    assert (answer.status, answer.body) == (200, b"hello")
    seen = peers["h2"].requests[-1]
    assert (seen[":path"], seen[":scheme"], seen["host"]) == ("/over-h2", "https", "h2.test")


def test_a_missing_authority_is_said_and_nothing_is_sent(verified: Product) -> None:
    condition = verified.wait_condition("Backend", "missing", "ResolvedRefs", "False")
    assert "absent" in condition["message"]
    assert verified.get("missing.test").status == 500


def test_an_authority_that_changes_decides_from_then_on(verified: Product) -> None:
    text = (verified.directory / "secrets.yaml").read_text()
    verified.write("secrets.yaml", text + OURS.secret("rotating"))
    spec = "protocol: https\nhealthPolicy: quick\ntls: {caSecretName: rotating, serverName: up.internal}"
    endpoint = (verified.directory / "backends.yaml").read_text().split("endpoints: [")[1].split("]")[0]
    rotating = route("rotating", "hosts: [rotating.test]\nrules: [{backendRefs: [{name: rotating}]}]")
    verified.write("rotating.yaml", backend("rotating", endpoint, extra=spec) + rotating)
    verified.wait_condition("Backend", "rotating", "Healthy", "True", "AllHealthy")
    verified.write("secrets.yaml", text + THEIRS.secret("rotating"))
    verified.wait_condition("Backend", "rotating", "Healthy", "False", "NoneHealthy")
    assert verified.get("rotating.test").status == 503
    verified.write("secrets.yaml", text + OURS.secret("rotating"))
    verified.wait_condition("Backend", "rotating", "Healthy", "True", "AllHealthy")
    assert verified.get("rotating.test").status == 200


@pytest.mark.parametrize("check", ["tcp: {}", "http: {path: /}"], ids=["tcp", "http"])
def test_checks_of_endpoints_that_come_at_run_time_verify_as_requests_do(
    verified: Product, peers: dict[str, Echo], check: str
) -> None:
    endpoint = f"{{address: 127.0.0.1, port: {peers['https'].port}}}"
    kind = check.partition(":")[0]
    verified.write(f"{kind}.yaml", policy(kind, QUICK.replace("tcp: {}", check)))

    def tls(name: str, settings: str) -> str:
        return backend(name, endpoint, extra=f"protocol: https\nhealthPolicy: {kind}\ntls: {settings}")

    verified.write("first.yaml", tls("first", TLS["right"]))
    verified.wait_condition("Backend", "first", "Healthy", "True", "AllHealthy")
    before = verified.reload_count()
    verified.write("later.yaml", tls("later", TLS["right"]) + tls("later-wrong", TLS["wrong-ca"]))
    verified.wait_condition("Backend", "later", "Healthy", "True", "AllHealthy")
    verified.wait_condition("Backend", "later-wrong", "Healthy", "False", "NoneHealthy")
    assert verified.reload_count() == before
