"""TLS at the client's side: which certificate, which redirect, and what happens to a bad certificate."""

import hashlib
import socket
import ssl
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from tests.features.certificates import Authority
from tests.features.echo import Echo
from tests.features.product import Product, backend, eventually, route

AUTHORITY = Authority()
SHOP = AUTHORITY.issue("shop.test")
WILD = AUTHORITY.issue("*.test")


def handshake(
    port: int, sni: str, alpn: Sequence[str] = (), highest: ssl.TLSVersion | None = None
) -> tuple[str, str | None, str | None]:
    """(SHA-256 of the served certificate, protocol version, ALPN)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if highest is not None:
        context.maximum_version = highest
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as sock,
        context.wrap_socket(sock, server_hostname=sni) as tls,
    ):
        der = tls.getpeercert(binary_form=True)
        assert der is not None
        return hashlib.sha256(der).hexdigest(), tls.version(), tls.selected_alpn_protocol()


def served(product: Product, sni: str) -> str:
    return handshake(product.https, sni)[0]


@pytest.fixture(scope="module")
def secure(product: Product, upstreams: Callable[[str], Echo]) -> Product:
    rules = "rules: [{backendRefs: [{name: a}]}]"
    product.write("backend.yaml", backend("a", upstreams("a").endpoint))
    product.write("shop.yaml", SHOP.secret("shop") + WILD.secret("wild"))
    product.write(
        "routes.yaml",
        route(
            "shop", f"hosts: [shop.test]\ntls: {{secretName: shop, redirect: true, hsts: {{maxAge: 8760h}}}}\n{rules}"
        )
        + route("wild", f"hosts: ['*.test']\ntls: {{secretName: wild}}\n{rules}")
        + route("self", f"hosts: [self.example]\ntls: {{issuer: selfSigned}}\n{rules}")
        + route("modern", f"hosts: [modern.test]\ntls: {{secretName: wild, minVersion: '1.3'}}\n{rules}")
        + route(
            "canon",
            f"hosts: [canon.test, www.canon.example]\ncanonicalHost: canon.test\ntls: {{secretName: wild, redirect: true}}\n{rules}",
        )
        + route("plain", f"hosts: [plain.example, www.plain.example]\ncanonicalHost: plain.example\n{rules}"),
    )
    product.wait_condition("Route", "shop", "Ready", "True")
    return product


def test_sni_prefers_the_exact_name_to_the_wildcard(secure: Product) -> None:
    assert served(secure, "shop.test") == SHOP.fingerprint
    assert served(secure, "other.test") == WILD.fingerprint


def test_a_host_without_a_certificate_gets_the_self_signed_one(secure: Product) -> None:
    assert served(secure, "self.example") not in (SHOP.fingerprint, WILD.fingerprint)
    assert secure.get("self.example", tls=True).status == 200
    assert secure.condition("Route", "self", "CertificateReady")["reason"] == "SelfSigned"


def test_alpn_offers_h2_and_http11(secure: Product) -> None:
    assert handshake(secure.https, "shop.test", ["h2", "http/1.1"])[2] == "h2"
    assert handshake(secure.https, "shop.test", ["http/1.1"])[2] == "http/1.1"


def test_the_least_version_is_per_host(secure: Product) -> None:
    assert handshake(secure.https, "shop.test", highest=ssl.TLSVersion.TLSv1_2)[1] == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        handshake(secure.https, "modern.test", highest=ssl.TLSVersion.TLSv1_2)
    assert handshake(secure.https, "modern.test")[1] == "TLSv1.3"


def test_plain_http_is_redirected_to_the_public_port(secure: Product) -> None:
    answer = secure.get("shop.test", "/a/b?c=d")
    assert (answer.status, answer.headers["location"]) == (308, f"https://shop.test:{secure.https}/a/b?c=d")
    assert secure.get("other.test").status == 200


def test_https_and_canonical_host_are_one_redirect(secure: Product) -> None:
    answer = secure.get("www.canon.example", "/x?y=z")
    assert (answer.status, answer.headers["location"]) == (308, f"https://canon.test:{secure.https}/x?y=z")
    answer = secure.get("www.plain.example", "/x")
    assert (answer.status, answer.headers["location"]) == (308, f"http://plain.example:{secure.http}/x")
    assert secure.get("canon.test", "/", tls=True).status == 200


def test_hsts_is_sent_over_tls_only_and_on_request_only(secure: Product) -> None:
    assert secure.get("shop.test", tls=True).headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in secure.get("other.test", tls=True).headers
    assert "strict-transport-security" not in secure.get("shop.test").headers


def test_forwarded_proto_and_port_are_those_of_tls(secure: Product) -> None:
    headers = secure.get("shop.test", tls=True).echo["headers"]
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("https", str(secure.https))


def test_certificates_come_change_and_go_without_a_reload(secure: Product) -> None:
    rules = "rules: [{backendRefs: [{name: a}]}]"
    before = secure.reload_count()
    first, second = AUTHORITY.issue("rotate.example"), AUTHORITY.issue("rotate.example")
    secure.write(
        "rotate.yaml",
        first.secret("rotate") + route("rotate", f"hosts: [rotate.example]\ntls: {{secretName: rotate}}\n{rules}"),
    )
    eventually(lambda: served(secure, "rotate.example"), lambda found: found == first.fingerprint)
    secure.write(
        "rotate.yaml",
        second.secret("rotate") + route("rotate", f"hosts: [rotate.example]\ntls: {{secretName: rotate}}\n{rules}"),
    )
    eventually(lambda: served(secure, "rotate.example"), lambda found: found == second.fingerprint)
    (secure.directory / "rotate.yaml").unlink()
    eventually(lambda: served(secure, "rotate.example"), lambda found: found != second.fingerprint)
    assert secure.reload_count() == before


BAD = {
    "CertificateExpired": lambda: AUTHORITY.issue(
        "bad.example", start=timedelta(days=-9), end=timedelta(days=-1)
    ).secret("bad"),
    "CertificateNotYetValid": lambda: AUTHORITY.issue("bad.example", start=timedelta(days=1)).secret("bad"),
    "CertificateHostMismatch": lambda: AUTHORITY.issue("else.example").secret("bad"),
    "CertificateInvalid": lambda: AUTHORITY.issue("bad.example").secret("bad", key=SHOP.key),
}


@pytest.mark.parametrize("reason", sorted(BAD))
def test_a_bad_certificate_is_a_condition_and_the_one_before_is_served(secure: Product, reason: str) -> None:
    good = AUTHORITY.issue("bad.example")
    with_route = route("bad", "hosts: [bad.example]\ntls: {secretName: bad}\nrules: [{backendRefs: [{name: a}]}]")
    secure.write("bad.yaml", good.secret("bad") + with_route)
    eventually(lambda: served(secure, "bad.example"), lambda found: found == good.fingerprint)
    secure.write("bad.yaml", BAD[reason]() + with_route)
    condition = secure.wait_condition("Route", "bad", "CertificateReady", "False", reason)
    assert "bad" in condition["message"]
    assert served(secure, "bad.example") == good.fingerprint
    assert secure.get("bad.example", tls=True).status == 200


def test_files_beside_the_manifest_are_a_certificate_too(secure: Product) -> None:
    pair = AUTHORITY.issue("files.example")
    folder = secure.directory / "files"
    folder.mkdir()
    (folder / "tls.crt").write_bytes(pair.certificate)
    (folder / "tls.key").write_bytes(pair.key)
    secure.write(
        "files/route.yaml",
        route(
            "files",
            "hosts: [files.example]\ntls: {crtFile: tls.crt, keyFile: tls.key}\nrules: [{backendRefs: [{name: a}]}]",
        ),
    )
    eventually(lambda: served(secure, "files.example"), lambda found: found == pair.fingerprint)
    other = AUTHORITY.issue("files.example")
    (folder / "tls.key").write_bytes(other.key)
    (folder / "tls.crt").write_bytes(other.certificate)
    eventually(lambda: served(secure, "files.example"), lambda found: found == other.fingerprint)


def test_files_that_are_gone_are_a_condition_and_the_certificate_stays(secure: Product) -> None:
    pair = AUTHORITY.issue("gone.example")
    secure.write("gone.crt", pair.certificate.decode())
    secure.write("gone.key", pair.key.decode())
    spec = "hosts: [gone.example]\ntls: {crtFile: gone.crt, keyFile: gone.key}\nrules: [{backendRefs: [{name: a}]}]"
    secure.write("gone.yaml", route("gone", spec))
    eventually(lambda: served(secure, "gone.example"), lambda found: found == pair.fingerprint)
    (secure.directory / "gone.key").unlink()
    found = secure.wait_condition("Route", "gone", "CertificateReady", "False", "CertificateInvalid")
    assert "gone.key cannot be read: No such file or directory; the previous certificate stays" in found["message"]
    assert served(secure, "gone.example") == pair.fingerprint
    assert "tls-files" not in str(secure.status())
    (secure.directory / "gone.yaml").unlink()


def test_a_later_route_cannot_redirect_the_requests_of_an_earlier_one(secure: Product) -> None:
    rules = "rules: [{backendRefs: [{name: a}]}]"
    secure.write("first.yaml", route("aa-first", f"hosts: [shared.example]\n{rules}"))
    secure.wait_answer("shared.example", "/", lambda answer: answer.status == 200)
    taking = "hosts: [shared.example]\ncanonicalHost: mine.example\ntls: {issuer: selfSigned, redirect: true}\n"
    later = "rules: [{matches: [{path: {value: /later}}], backendRefs: [{name: a}]}]"
    secure.write("later.yaml", route("zz-later", taking + later))
    found = secure.wait_condition("Route", "zz-later", "PartiallyInvalid", "True")
    assert "route/default/aa-first, which goes first, has none" in found["message"]
    secure.wait_condition("Route", "zz-later", "Programmed", "True")
    assert secure.get("shared.example", "/").status == 200
    assert secure.get("shared.example", "/later").status == 200
