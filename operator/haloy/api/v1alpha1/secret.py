"""Secrets that haloy reads: certificates with keys, and CA bundles."""

from dataclasses import dataclass
from datetime import datetime

from haloy.model.refs import ObjectRef
from haloy.model.secret import SecretBytes

TLS_TYPE = "kubernetes.io/tls"
OPAQUE_TYPE = "Opaque"


@dataclass(frozen=True, slots=True)
class TlsSecret:
    """A v1 Secret of type kubernetes.io/tls, or Opaque with `ca.crt`. PEM as given; whether the parts fit is not
    checked here.

    `certificate` and `key` (tls.crt, tls.key) are never None in one of type kubernetes.io/tls.
    """

    ref: ObjectRef
    certificate: SecretBytes | None = None
    key: SecretBytes | None = None
    ca: SecretBytes | None = None
    type: str = TLS_TYPE
    generation: int = 0
    created: datetime | None = None
