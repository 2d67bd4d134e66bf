"""Key pairs come out in one normal form, whatever the order in the Secret; bad ones are named for what they are."""

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat

from haloy.translate.pem import PemError, covers, read_ca_bundle, read_key_pair
from tests.translate.certs import Issued, issue, key


@pytest.fixture(scope="module")
def root() -> Issued:
    return issue(ca=True, private=key("p256", 1), name="root")


@pytest.fixture(scope="module")
def intermediate(root: Issued) -> Issued:
    return issue(issuer=root, ca=True, private=key("p256", 2), name="intermediate")


@pytest.fixture(scope="module")
def leaf(intermediate: Issued) -> Issued:
    return issue("b.example", "A.example", "*.c.example", issuer=intermediate)


def test_the_chain_is_put_in_order_from_the_leaf_up(leaf: Issued, intermediate: Issued, root: Issued) -> None:
    normal = leaf.crt + intermediate.crt + root.crt + leaf.key_pem()
    for written in (
        root.crt + intermediate.crt + leaf.crt,
        leaf.crt + root.crt + intermediate.crt,
        b"a comment\n" + leaf.crt + leaf.crt + intermediate.crt + b"\r\n" + root.crt + b"-----BEGIN CERTIFICATE",
    ):
        assert read_key_pair(written, leaf.key_pem()).pem.reveal() == normal


def test_certificates_outside_the_chain_are_cut(leaf: Issued, intermediate: Issued) -> None:
    stranger = issue("other.example", private=key("p256", 3), name="stranger")
    pair = read_key_pair(stranger.crt + leaf.crt + intermediate.crt, leaf.key_pem())
    assert pair.pem.reveal() == leaf.crt + intermediate.crt + leaf.key_pem()


def test_the_form_of_the_key_does_not_matter(leaf: Issued) -> None:
    traditional = leaf.key_pem(PrivateFormat.TraditionalOpenSSL)
    assert read_key_pair(leaf.crt, traditional) == read_key_pair(leaf.crt, leaf.key_pem())


def test_certificate_and_key_may_stand_in_one_file(leaf: Issued) -> None:
    both = leaf.key_pem() + leaf.crt
    assert read_key_pair(both, both).names == ("*.c.example", "a.example", "b.example")


@pytest.mark.parametrize("kind", ["p256", "ed25519", "rsa2048"])
def test_usual_kinds_of_keys_are_taken(kind: str) -> None:
    issued = issue("a.example", private=key(kind))
    assert read_key_pair(issued.crt, issued.key_pem()).names == ("a.example",)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rsa1024", "RSA key of 1024 bits; use at least 2048"),
        ("secp256k1", "curve secp256k1; use P-256 or P-384"),
        ("ed448", "not RSA, EC or Ed25519"),
    ],
)
def test_keys_that_clients_refuse_are_refused(kind: str, words: str) -> None:
    issued = issue("a.example", private=key(kind))
    with pytest.raises(PemError, match=words):
        read_key_pair(issued.crt, issued.key_pem())


def test_a_key_of_another_certificate_is_said_to_be_one(leaf: Issued) -> None:
    with pytest.raises(PemError, match=r"tls\.key does not belong to any certificate in tls\.crt"):
        read_key_pair(leaf.crt, issue(private=key("p256", 4)).key_pem())


def test_an_encrypted_key_is_said_to_be_one(leaf: Issued) -> None:
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        with pytest.raises(PemError, match=r"tls\.key is encrypted with a passphrase"):
            read_key_pair(leaf.crt, leaf.key_pem(form, b"secret"))


def test_unreadable_parts_are_named(leaf: Issued) -> None:
    broken = leaf.crt.replace(b"-----BEGIN CERTIFICATE-----\nMII", b"-----BEGIN CERTIFICATE-----\nAAA")
    with pytest.raises(PemError, match=r"certificate 2 of 2 in tls\.crt cannot be read"):
        read_key_pair(leaf.crt + broken, leaf.key_pem())
    with pytest.raises(PemError, match=r"tls\.crt holds no certificate in PEM form"):
        read_key_pair(b"hello", leaf.key_pem())
    with pytest.raises(PemError, match=r"tls\.key holds no private key in PEM form"):
        read_key_pair(leaf.crt, b"hello")
    with pytest.raises(PemError, match=r"tls\.key cannot be read"):
        read_key_pair(leaf.crt, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(PemError, match="more than 200"):
        read_key_pair(leaf.crt * 201, leaf.key_pem())


def test_no_complaint_repeats_what_stands_in_the_secret(leaf: Issued) -> None:
    with pytest.raises(PemError) as caught:
        read_key_pair(leaf.crt, b"-----BEGIN PRIVATE KEY-----\nc3VwZXJzZWNyZXQ=\n-----END PRIVATE KEY-----\n")
    assert "c3Vw" not in str(caught.value)


def test_a_bundle_has_no_order_and_no_duplicates(leaf: Issued, root: Issued, intermediate: Issued) -> None:
    one = read_ca_bundle(root.crt + intermediate.crt)
    assert read_ca_bundle(intermediate.crt + root.crt + intermediate.crt) == one
    with pytest.raises(PemError, match=r"ca\.crt holds no certificate"):
        read_ca_bundle(b"")


@pytest.mark.parametrize(
    ("host", "covered"),
    [
        ("a.example", True),
        ("b.a.example", False),
        ("x.c.example", True),
        ("*.c.example", True),
        ("x.y.c.example", False),
        ("c.example", False),
        ("*.a.example", False),
        ("*", True),
    ],
)
def test_a_wildcard_covers_one_label(host: str, covered: bool) -> None:
    assert covers(("*.c.example", "a.example"), host) is covered
