"""Secrets that haloy reads: certificates with keys, and CA bundles."""

from dataclasses import dataclass
from datetime import datetime

from haloy.model.refs import ObjectRef
from haloy.model.secret import SecretBytes

TLS_TYPE = "kubernetes.io/tls"


@dataclass(frozen=True, slots=True)
class TlsSecret:
    """A v1 Secret of type kubernetes.io/tls, or Opaque with `ca.crt`. PEM as given; whether it fits together is not checked here.

    `certificate` and `key` (tls.crt, tls.key) stand in every kubernetes.io/tls Secret, and in no Opaque one unless given.
    """

    ref: ObjectRef
    certificate: SecretBytes | None = None
    key: SecretBytes | None = None
    ca: SecretBytes | None = None
    type: str = TLS_TYPE
    generation: int = 0
    created: datetime | None = None
