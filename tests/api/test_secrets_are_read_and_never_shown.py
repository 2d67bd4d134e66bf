import base64
from typing import Any

import pytest

from haloy.api.load import InvalidObject, load_object
from haloy.api.v1alpha1 import TlsSecret
from haloy.model.refs import ObjectRef

PEM = "-----BEGIN PRIVATE KEY-----\nCANARY\n-----END PRIVATE KEY-----\n"
ENCODED = base64.b64encode(PEM.encode()).decode()


def secret(**fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "shop-tls"},
        "type": "kubernetes.io/tls",
        **fields,
    }


def test_data_and_string_data_are_read() -> None:
    loaded = load_object(secret(data={"tls.crt": ENCODED}, stringData={"tls.key": PEM}))
    assert isinstance(loaded, TlsSecret)
    assert loaded.ref == ObjectRef("Secret", "default", "shop-tls")
    assert loaded.certificate is not None
    assert loaded.key is not None
    assert loaded.certificate.reveal() == loaded.key.reveal() == PEM.encode()
    assert loaded.ca is None
    assert "CANARY" not in repr(loaded)


def test_string_data_goes_before_data() -> None:
    loaded = load_object(secret(data={"tls.crt": ENCODED, "tls.key": ENCODED}, stringData={"tls.crt": "other"}))
    assert isinstance(loaded, TlsSecret)
    assert loaded.certificate is not None
    assert loaded.certificate.reveal() == b"other"


def test_a_ca_bundle_may_be_opaque() -> None:
    loaded = load_object(secret(type="Opaque", stringData={"ca.crt": PEM, "more": "ignored"}))
    assert isinstance(loaded, TlsSecret)
    assert loaded.ca is not None
    assert loaded.certificate is None


def test_base64_may_be_folded() -> None:
    folded = "\n".join(ENCODED[start : start + 20] for start in range(0, len(ENCODED), 20))
    assert load_object(secret(data={"tls.crt": folded, "tls.key": folded})) == load_object(
        secret(stringData={"tls.crt": PEM, "tls.key": PEM})
    )


BROKEN: list[tuple[dict[str, Any], str]] = [
    (secret(data={"tls.crt": ENCODED}), "data: a Secret of type kubernetes.io/tls needs the entry tls.key; add it"),
    (secret(type="Opaque"), "data: a Secret of type Opaque needs the entry ca.crt; add it"),
    (secret(data={"tls.crt": PEM, "tls.key": PEM}), 'data["tls.crt"]: the value cannot be decoded; put PEM text under'),
    (secret(stringData={"tls.crt": 5, "tls.key": [PEM]}), 'stringData["tls.key"]: the value is not text'),
    (secret(data=PEM), "data: the value is not a mapping"),
    (secret(stringdata={"tls.key": PEM}), 'stringdata: unknown field "stringdata"; did you mean "stringData"?'),
    (secret(type="kubernetes.io/TLS"), 'type: "kubernetes.io/TLS" is not one of'),
    (secret(metadata={"name": "Bad", "annotations": {"last": {"tls.key": PEM}}}), 'metadata.name: "Bad" is not a name'),
    (secret(data={"tls.crt": "", "tls.key": ENCODED}), "the value must have 1 to 1048576 bytes"),
    (
        secret(stringData={"tls.crt": "\ud800CANARY", "tls.key": PEM}),
        "the value cannot be decoded; save the file as UTF-8",
    ),
    (secret(stringData={"tls.crt": "C" * 3_000_000, "tls.key": PEM}), "the value is too long"),
]


@pytest.mark.parametrize(("document", "expected"), BROKEN, ids=[text[:50] for _, text in BROKEN])
def test_a_broken_secret_is_explained_without_its_content(document: dict[str, Any], expected: str) -> None:
    with pytest.raises(InvalidObject) as caught:
        load_object(document)
    text = str(caught.value)
    assert expected in text
    assert "CANARY" not in text
    assert ENCODED[:12] not in text
    assert "CANARY" not in repr(caught.value)
