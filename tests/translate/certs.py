"""Certificates made on the spot; the slow part, the keys, once for each kind."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from haloy.api.v1alpha1 import TlsSecret
from haloy.model.refs import ObjectRef
from haloy.model.secret import SecretBytes
from tests.translate.world import NOW

Key = CertificateIssuerPrivateKeyTypes


@cache
def key(kind: str = "p256", number: int = 0) -> Key:
    """The `number`th key of a kind."""
    match kind:
        case "p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "secp256k1":
            return ec.generate_private_key(ec.SECP256K1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
        case "ed448":
            return ed448.Ed448PrivateKey.generate()
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa")))


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate and its key, in PEM."""

    certificate: x509.Certificate
    key: Key

    @property
    def crt(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, form: PrivateFormat = PrivateFormat.PKCS8, passphrase: bytes | None = None) -> bytes:
        encryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
        return self.key.private_bytes(Encoding.PEM, form, encryption)


def issue(
    *hosts: str,
    issuer: Issued | None = None,
    ca: bool = False,
    private: Key | None = None,
    since: datetime = NOW - timedelta(days=1),
    until: datetime = NOW + timedelta(days=90),
    name: str = "leaf",
) -> Issued:
    """A certificate for `hosts`, signed by `issuer` or by itself."""
    own = private if private is not None else key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer is not None else subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), False)
    signer = issuer.key if issuer is not None else own
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    return Issued(builder.sign(signer, digest), own)


def secret(name: str, issued: Issued | None = None, ca: bytes | None = None, **parts: bytes | None) -> TlsSecret:
    """The Secret web/`name`; `crt` and `key` replace what `issued` would give."""
    crt = parts.get("crt", issued.crt if issued is not None else None)
    private = parts.get("key", issued.key_pem() if issued is not None else None)
    return TlsSecret(
        ObjectRef("Secret", "web", name),
        SecretBytes(crt) if crt is not None else None,
        SecretBytes(private) if private is not None else None,
        SecretBytes(ca) if ca is not None else None,
    )
