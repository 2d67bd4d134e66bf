"""TLS towards the endpoints: the CA they are verified by, and the certificate haloy shows them.

Without the CA or the certificate that a Backend asks for, it is not spoken to at all: to fall back to other CAs, or to
no certificate, would be to trust somebody whom the user did not name (Gateway API, BackendTLSPolicy).
"""

from haloy.api.conditions import Finding, Reason
from haloy.api.v1alpha1 import Backend
from haloy.model.cluster import UpstreamTls
from haloy.model.refs import ObjectRef
from haloy.translate.reads import Reads
from haloy.translate.references import resolve_ref, unresolved

CA_FIELD = "spec.tls.caSecretName"
CLIENT_FIELD = "spec.tls.clientCertificateSecretName"
UNUSABLE = "The Backend is not spoken to until this is mended: requests for it answer 500."


def ca_secret(backend: Backend) -> ObjectRef | None:
    """The Secret with the CAs that endpoints are verified by; None: none is named."""
    tls = backend.spec.tls
    if tls is None or tls.ca_secret_name is None:
        return None
    return ObjectRef("Secret", backend.ref.namespace, tls.ca_secret_name)


def client_secret(backend: Backend) -> ObjectRef | None:
    """The Secret with the certificate that endpoints are shown; None: none is named."""
    tls = backend.spec.tls
    if tls is None or tls.client_certificate_secret_name is None:
        return None
    return ObjectRef("Secret", backend.ref.namespace, tls.client_certificate_secret_name)


def upstream_tls(backend: Backend, reads: Reads) -> tuple[UpstreamTls | None, tuple[Finding, ...], bool]:
    """(how TLS is spoken, what is wrong, whether the Backend may be used at all)."""
    if backend.spec.protocol not in ("h2", "https"):
        return None, (), True
    findings: list[Finding] = []
    usable = True
    ca = client = None
    if (secret := ca_secret(backend)) is not None:
        trusted = reads.bundle(secret)
        ca = trusted.bundle.name if trusted.bundle is not None else None
        usable = ca is not None
        instead = "Its last known CA certificates stay in use." if usable else UNUSABLE
        findings += _problem(reads, backend, CA_FIELD, secret, trusted.problem, instead)
    if (secret := client_secret(backend)) is not None:
        shown = reads.certificate(secret)
        client = shown.certificate.name if shown.certificate is not None else None
        usable = usable and client is not None
        instead = "The previous certificate stays in use." if client is not None else UNUSABLE
        findings += _problem(reads, backend, CLIENT_FIELD, secret, shown.problem, instead)
    server_name = backend.spec.tls.server_name if backend.spec.tls is not None else None
    return UpstreamTls(ca, server_name, client), tuple(findings), usable


def _problem(
    reads: Reads, backend: Backend, field: str, secret: ObjectRef, problem: tuple[Reason, str] | None, instead: str
) -> list[Finding]:
    found = resolve_ref(reads, backend.ref, field, secret, require_grants=True, consequence=instead)
    if isinstance(found, Finding):
        return [found]
    return (
        [unresolved(Reason.INVALID_SECRET, f"{field}: {problem[1]}. {instead}", field)] if problem is not None else []
    )
