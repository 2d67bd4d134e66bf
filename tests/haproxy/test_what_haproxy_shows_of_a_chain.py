"""Whatever the names in a chain are, what HAProxy shows agrees with the file it was read from, and with no other chain
as far as names can tell."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from haloy.proxies.haproxy.runtime.certificates import expected, held
from tests.support.ports import free_port
from tests.support.small_haproxy import small_haproxy

KEY = ec.generate_private_key(ec.SECP256R1())
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
LEAF = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "leaf")])

LEGIBLE = {
    "plain": [(NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "a, b + c"), (NameOID.COMMON_NAME, "R3")],
    "like attributes": [(NameOID.COMMON_NAME, "x/CN=y//O=")],
    "not ASCII": [(NameOID.COMMON_NAME, "Ünï→")],
    "rare attributes": [
        (x509.ObjectIdentifier("1.2.3.4.5.6.7.8.9.10.11"), "q"),
        (NameOID.EMAIL_ADDRESS, "a@b"),
        (NameOID.JURISDICTION_COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_IDENTIFIER, "1"),
    ],
    "empty": [],
}
ILLEGIBLE = {
    "a line in a name": [(NameOID.COMMON_NAME, "a\nChain Subject: /CN=x")],
    "too long": [(x509.ObjectIdentifier("2.5.4.13"), "d" * 9000), (NameOID.COMMON_NAME, "end")],
}


def certificate(subject: x509.Name, issuer: x509.Name) -> bytes:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(KEY.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    return builder.not_valid_after(now + timedelta(days=9)).sign(KEY, SHA256()).public_bytes(Encoding.PEM)


async def shown(binary: Path, directory: Path, content: bytes) -> str:
    path = directory / "one.pem"
    path.write_bytes(content)
    async with small_haproxy(binary, directory) as haproxy:
        await haproxy.start("r1", f"frontend f\n    bind 127.0.0.1:{free_port()} ssl crt {path}\n")
        return await haproxy.runtime.call("show", "ssl", "cert", str(path))


@pytest.mark.parametrize("kind", [*LEGIBLE, *ILLEGIBLE])
async def test_a_chain_agrees_with_itself(haproxy_binary: Path, tmp_path: Path, kind: str) -> None:
    values = (LEGIBLE | ILLEGIBLE)[kind]
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in values])
    first, second = certificate(LEAF, name), certificate(name, LEAF)
    answer = held("certs/one.pem", await shown(haproxy_binary, tmp_path, first + second + PRIVATE))
    assert answer.agrees(expected("certs/one.pem", first + second + PRIVATE))
    assert not answer.agrees(expected("certs/one.pem", second + PRIVATE)), "another leaf"
    if kind in LEGIBLE:
        assert not answer.agrees(expected("certs/one.pem", first + PRIVATE)), "no chain"
        assert not answer.agrees(expected("certs/one.pem", first + second + second + PRIVATE)), "a longer chain"
        other = certificate(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")]), LEAF)
        assert not answer.agrees(expected("certs/one.pem", first + other + PRIVATE)), "another chain"


def test_what_holds_no_certificate_agrees_with_nothing() -> None:
    empty = expected("certs/one.pem", PRIVATE)
    assert not empty.agrees(empty)
