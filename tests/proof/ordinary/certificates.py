"""The ordinary changes of certificates."""

import hashlib
import socket
import ssl

from haloy.proxies.ordinary import OrdinaryChange
from tests.features.product import Product, backend
from tests.proof.ordinary.changes import Case, Sees, Surroundings, plain, status


def certificate_cases(near: Surroundings) -> dict[OrdinaryChange, Case]:
    def of(name: str, more: str, *secrets: str) -> dict[str, str]:
        return {name: plain(name, more=more) + near.backend(name, "a") + "".join(secrets)}

    tls = {name: f"tls: {{secretName: {name}}}\n" for name in ("new-certificate", "renewed-certificate")}
    new = near.pair("new", "new-certificate.test")
    old, renewed = near.pair("old", "renewed-certificate.test"), near.pair("renewed", "renewed-certificate.test")
    clients = "".join(near.pair(name, f"{name}.internal").secret(name) for name in ("former", "present"))
    away = near.pair("away", "https-redirect.test").secret("https-redirect")
    return {
        OrdinaryChange.NEW_CERTIFICATE: Case(
            of("new-certificate", ""),
            of("new-certificate", tls["new-certificate"], new.secret("new-certificate")),
            _shows("new-certificate.test", new.fingerprint),
        ),
        OrdinaryChange.RENEWED_CERTIFICATE: Case(
            of("renewed-certificate", tls["renewed-certificate"], old.secret("renewed-certificate")),
            of("renewed-certificate", tls["renewed-certificate"], renewed.secret("renewed-certificate")),
            _shows("renewed-certificate.test", renewed.fingerprint),
        ),
        OrdinaryChange.CLIENT_CERTIFICATE: Case(
            {"client-certificate": plain("client-certificate") + _mutual(near, "former") + clients},
            {"client-certificate": plain("client-certificate") + _mutual(near, "present") + clients},
            lambda product: "present.internal" in str(product.get("client-certificate.test").echo["tls"]),
        ),
        OrdinaryChange.HTTPS_REDIRECT: Case(
            of("https-redirect", "tls: {secretName: https-redirect, redirect: false}\n", away),
            of("https-redirect", "tls: {secretName: https-redirect, redirect: true}\n", away),
            status("https-redirect", 308),
        ),
    }


def _mutual(near: Surroundings, client: str) -> str:
    return backend(
        "client-certificate",
        near.mutual_upstream.endpoint,
        extra="protocol: https\n"
        f"tls: {{caSecretName: ca, serverName: m.internal, clientCertificateSecretName: {client}}}",
    )


def _shows(host: str, fingerprint: str) -> Sees:
    def sees(product: Product) -> bool:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", product.https), timeout=30) as plain_socket,
            context.wrap_socket(plain_socket, server_hostname=host) as session,
        ):
            return hashlib.sha256(session.getpeercert(binary_form=True) or b"").hexdigest() == fingerprint

    return sees
