"""Reading PEM: certificates with their key, and bundles of CA certificates, into one normal form.

What people put into a Secret comes in any order, with duplicates and with text between the blocks; what leaves here
loads in every proxy. The limits on keys and signatures are those of OpenSSL's security level 2
(SSL_CTX_set_security_level(3)), so that nothing that passes is refused later.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from haloy.model.secret import SecretBytes

MAX_CERTIFICATES = 200
"""Blocks read from one Secret; the system's own bundle has about 150."""

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----\s.*?-----END \1-----", re.DOTALL)
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_WEAK = (hashes.MD5, hashes.SHA1)


class PemError(ValueError):
    """What is wrong, as the end of a sentence that begins with the Secret's name."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A leaf, its chain and its key. `pem` is leaf, chain, key in normal form and `digest` its sha256.

    `names`: the DNS names of the leaf's subjectAltName, lower-case, sorted; the common name does not count (RFC 9525).
    """

    pem: SecretBytes
    digest: str
    fingerprint: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class CaBundle:
    """CA certificates in normal form: without duplicates, sorted. `digest` is their sha256."""

    pem: SecretBytes
    digest: str


def read_key_pair(certificate: bytes, key: bytes) -> KeyPair:
    """The certificate that belongs to `key`, with the part of the chain that leads up from it.

    Raises:
        PemError: one of the two is absent, unreadable, encrypted or too weak, or they do not belong together.
    """
    found = _certificates(certificate, "tls.crt")
    private = _private_key(key)
    public = _spki(private.public_key())
    leaves = [one for one in found if _public_key(one) == public]
    if not leaves:
        raise PemError("tls.key does not belong to any certificate in tls.crt; put a certificate and its own key there")
    leaf = next((one for one in leaves if not _is_ca(one)), leaves[0])
    chain = _chain(leaf, found)
    for one in chain:
        _check_strength(one)
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
    pem += private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(
        pem=SecretBytes(pem),
        digest=hashlib.sha256(pem).hexdigest(),
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        names=_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
    )


def read_ca_bundle(pem: bytes) -> CaBundle:
    """The CA certificates in `pem`.

    Raises:
        PemError: there is none, or one is unreadable.
    """
    blocks = sorted(one.public_bytes(Encoding.PEM) for one in _certificates(pem, "ca.crt"))
    normal = b"".join(blocks)
    return CaBundle(SecretBytes(normal), hashlib.sha256(normal).hexdigest())


def covers(names: tuple[str, ...], host: str) -> bool:
    """Is `host` among `names`? A wildcard stands for one label (RFC 9525, 6.3). `*`, every host, is always covered."""
    if host == "*" or host in names:
        return True
    label, _, rest = host.partition(".")
    return bool(rest) and label != "*" and f"*.{rest}" in names


def _certificates(pem: bytes, field: str) -> list[x509.Certificate]:
    """All certificates of `pem`, without duplicates, in their order; other text is ignored."""
    blocks = _CERTIFICATE.findall(pem)
    if not blocks:
        raise PemError(f"{field} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    if len(blocks) > MAX_CERTIFICATES:
        raise PemError(f"{field} holds {len(blocks)} certificates, more than {MAX_CERTIFICATES}")
    found: dict[bytes, x509.Certificate] = {}
    for position, block in enumerate(blocks, start=1):
        try:
            one = x509.load_pem_x509_certificate(block)
            found.setdefault(one.fingerprint(hashes.SHA256()), one)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise PemError(f"certificate {position} of {len(blocks)} in {field} cannot be read") from error
    return list(found.values())


def _private_key(pem: bytes) -> PrivateKeyTypes:
    block = _KEY.search(pem)
    if block is None:
        raise PemError("tls.key holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)")
    if block[1] == b"ENCRYPTED PRIVATE KEY" or b"Proc-Type: 4,ENCRYPTED" in block[0]:
        raise PemError("tls.key is encrypted with a passphrase; store the key without one")
    try:
        return load_pem_private_key(block[0], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PemError("tls.key cannot be read; it is damaged, or of an unknown kind") from error


def _spki(public: PublicKeyTypes) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public_key(certificate: x509.Certificate) -> bytes | None:
    """None for a kind of key that cannot be read, which then belongs to no private key either."""
    try:
        return _spki(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _chain(leaf: x509.Certificate, found: list[x509.Certificate]) -> list[x509.Certificate]:
    chain = [leaf]
    while (issuer := next((one for one in found if one not in chain and _issued(one, chain[-1])), None)) is not None:
        chain.append(issuer)
    return chain


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise PemError("a certificate in tls.crt has extensions that cannot be read") from error


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise PemError("the certificate in tls.crt has extensions that cannot be read") from error
    return tuple(sorted({name.lower() for name in extension.value.get_values_for_type(x509.DNSName)}))


def _check_strength(certificate: x509.Certificate) -> None:
    try:
        public = certificate.public_key()
        signed_with = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise PemError("a certificate in tls.crt has a key or signature of an unknown kind") from error
    match public:
        case rsa.RSAPublicKey() if public.key_size < 2048:
            raise PemError(f"a certificate in tls.crt has an RSA key of {public.key_size} bits; use at least 2048")
        case ec.EllipticCurvePublicKey() if public.curve.name not in _CURVES:
            raise PemError(f"a certificate in tls.crt has a key on the curve {public.curve.name}; use P-256 or P-384")
        case rsa.RSAPublicKey() | ec.EllipticCurvePublicKey() | ed25519.Ed25519PublicKey():
            pass
        case _:
            raise PemError("a certificate in tls.crt has a key that is not RSA, EC or Ed25519; use one of these")
    if isinstance(signed_with, _WEAK) and certificate.issuer != certificate.subject:
        raise PemError(
            f"a certificate in tls.crt is signed with {signed_with.name}, which clients refuse; have it reissued"
        )
